"""Animate a portrait by a pose sequence; write the result, and what went in and out side by side.

Writes `clip.mp4` (portrait | pose | result) and `result.mp4` to the folder --out.
Quick: python pipelines/animate_portrait.py --seconds 0.5 --out out/portrait
"""

from __future__ import annotations

import argparse
from pathlib import Path

import videogen as vg
from videogen.jobs.driving import read_driving
from videogen.jobs.side_by_side import side_by_side
from videogen.media.image import read_image
from videogen.media.video import write_video

INPUTS = Path(__file__).parents[1] / "samples" / "inputs"


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portrait", type=Path, default=INPUTS / "portrait.png")
    parser.add_argument("--pose", type=Path, default=INPUTS / "head.json")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    clip = vg.animate(given.portrait, pose=given.pose, seconds=given.seconds, seed=given.seed)
    clip.save(given.out / "result.mp4")
    pose = read_driving(given.pose, rate=clip.fps, smoothing=0.0, seconds=given.seconds)
    shown = side_by_side(clip.stream(), read_image(given.portrait), pose)
    write_video(given.out / "clip.mp4", shown, fps=clip.fps, record=clip.record, audio=clip.audio)
    print(given.out / "clip.mp4")


if __name__ == "__main__":
    main()
