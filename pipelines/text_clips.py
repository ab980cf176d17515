"""Make clips from sentences with one loaded engine, and a wall of all of them.

Writes `NUMBER.mp4` for every sentence and `wall.gif` to the folder --out.
Quick: python pipelines/text_clips.py --steps 4 --out out/text "a red ball bounces" "a blue star at night"
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import videogen as vg
from videogen.media.video import write_video

SENTENCES = (
    "a red ball bounces on green grass",
    "a yellow star spins at night",
    "a purple ring goes round and round in the snow",
    "a blue square slides to the right in the desert",
)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentences", nargs="*", default=SENTENCES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    engine = vg.Engine("pocket")
    clips = []
    for number, sentence in enumerate(given.sentences):
        request = vg.TextToVideo(sentence, seed=given.seed, num_inference_steps=given.steps)
        clip = vg.run(request, engine=engine)
        clip.save(given.out / f"{number}.mp4")
        clips.append(clip)
    pictures = [clip.frames for clip in clips]
    blank = np.full_like(pictures[0], 255)
    rows = []
    for first in range(0, len(pictures), given.columns):
        row = pictures[first : first + given.columns]
        if len(pictures) > given.columns:
            row += [blank] * (given.columns - len(row))
        rows.append(np.concatenate(row, axis=2))
    wall = np.concatenate(rows, axis=1).repeat(given.scale, 1).repeat(given.scale, 2)
    write_video(given.out / "wall.gif", iter(wall), fps=clips[0].fps, record=clips[0].record)
    print(given.out / "wall.gif")


if __name__ == "__main__":
    main()
