"""Make a video go on, before and after, and close it to a loop; and measure how well that is done.

Writes `extended.mp4`, `loop.mp4` and `sheet.png` to the folder --out; with --clips also `scores.json` and
`scores.md` for so many held-out clips of things (50 take a quarter of an hour on a quiet core).
Quick: python pipelines/extend_and_loop.py --seconds 0.5 --out out/continued
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import videogen as vg
from videogen.bench.continuing import evaluate_continuing
from videogen.bench.figures import contact_sheet, table
from videogen.bench.report import write_report, write_sheets
from videogen.media.image import write_image

OUTPUTS = Path(__file__).parents[1] / "samples" / "outputs"


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=OUTPUTS / "text.gif")
    parser.add_argument("--seconds", type=float, default=2.0, help="to add on each side")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--clips", type=int, default=0, help="held-out clips to measure on")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    engine = vg.Engine(given.model)
    longer = vg.Extend(given.video, before=given.seconds, after=given.seconds, seed=1)
    rows = []
    for name, request in (
        ("extended", longer),
        ("loop", vg.Loop(given.video, seconds=given.seconds, seed=1)),
    ):
        clip = vg.run(request, engine=engine)
        clip.save(given.out / f"{name}.mp4")
        rows.append(np.asarray(clip.frames))
        print(given.out / f"{name}.mp4", clip.record["numbers"])
    write_image(given.out / "sheet.png", contact_sheet(rows, columns=12)[0])
    if given.clips > 0:
        found = evaluate_continuing(engine, clips=given.clips)
        title = f"{given.model}, {given.clips} held-out clips"
        for name in ("scores.json", "scores.md"):
            write_report(given.out / name, found, title=title)
        write_sheets(given.out, found)
        print(table(found, title=title))


if __name__ == "__main__":
    main()
