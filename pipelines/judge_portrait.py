"""Animate a portrait by a video of a person, beside a plain warp, and have mediapipe judge both.

Writes `figures.json`, `figures.md` and `sheet.png` (photograph, driver, plain warp, result) to --out.
Quick: python pipelines/judge_portrait.py --seconds 1 --out out/judged
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

import videogen as vg
from videogen.bench.portrait import Faces, judge, plain_warp, read_faces
from videogen.jobs.driving import read_driving, read_portrait
from videogen.media.video import read_video

SAMPLES = Path(__file__).parents[1] / "samples"
INPUTS, OUTPUTS = SAMPLES / "inputs", SAMPLES / "outputs"
COLUMNS, TALL = 8, 200


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portrait", type=Path, default=INPUTS / "portrait.png")
    parser.add_argument("--driver", type=Path, default=OUTPUTS / "portrait.gif", help="a video of a person")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--motion-scale", type=float, default=1.0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    clip = vg.animate(
        given.portrait, pose=given.driver, seconds=given.seconds, motion_scale=given.motion_scale, seed=1
    )
    clip.save(given.out / "result.mp4")
    with read_video(given.out / "result.mp4") as written:
        result = list(written)
    with read_video(given.driver) as opened:
        driver = list(islice(opened, len(result)))
    photograph, points = read_portrait(given.portrait, None)
    pose = read_driving(given.driver, rate=clip.fps, smoothing=0.0, seconds=given.seconds)
    warped = list(plain_warp(photograph, points, pose))
    faces = read_faces(driver)
    figures = {"plain warp": judge(warped, photograph, faces), "videogen": judge(result, photograph, faces)}
    (given.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    (given.out / "figures.md").write_text(table(figures, len(result)))
    rows = [[photograph] * len(result), driver, warped, result]
    sheet(rows, faces).save(given.out / "sheet.png")
    print((given.out / "figures.md").read_text())


def table(figures: dict[str, dict[str, float]], length: int) -> str:
    """The figures as a table in Markdown."""
    names = list(next(iter(figures.values())))
    lines = [f"| {length} frames | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{one[name]:.3f}' for one in figures.values())} |" for name in names]
    return "\n".join(lines) + "\n"


def sheet(rows: list[list[np.ndarray]], faces: Faces) -> Image.Image:
    """Rows of frames where the driver's mouth, eyes and head are at their ends."""
    order = [np.nan_to_num(faces.values[:, column]).argsort() for column in (0, 1, 2, 4)]
    chosen = sorted({int(o[end]) for o in order for end in (0, -1)})[:COLUMNS]
    pictures = [[Image.fromarray(row[number]) for number in chosen if number < len(row)] for row in rows]
    small = [[p.resize((max(1, p.width * TALL // p.height), TALL)) for p in row] for row in pictures]
    strips = [np.concatenate([np.asarray(picture) for picture in row], 1) for row in small]
    width = max(strip.shape[1] for strip in strips)
    return Image.fromarray(
        np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])
    )


if __name__ == "__main__":
    main()
