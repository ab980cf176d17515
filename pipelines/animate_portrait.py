"""Animate a portrait by a pose sequence and show what went in and out, side by side.

Writes `clip.mp4` (portrait | pose | result) and `result.mp4` to the folder --out.
Quick: python pipelines/animate_portrait.py --seconds 0.5 --out out/portrait
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import videogen as vg
from videogen.conditions.pose import read_pose
from videogen.conditions.pose_repair import resample
from videogen.media.image import read_image
from videogen.media.video import write_video
from videogen.skeleton import draw_skeleton

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
    frames = clip.frames
    height, width = frames.shape[1:3]
    portrait = read_image(given.portrait)
    pose = resample(read_pose(given.pose, fps=Fraction(clip.fps)), clip.fps).points[: len(frames)]
    drawn = draw_skeleton(torch.from_numpy(pose), height=height, width=width)
    skeletons = (drawn * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    still = (
        np.broadcast_to(portrait, frames.shape)
        if portrait.shape == frames.shape[1:]
        else frames[:1].repeat(len(frames), 0)
    )
    side_by_side = np.concatenate([still, skeletons, frames], axis=2)
    write_video(given.out / "clip.mp4", iter(side_by_side), fps=clip.fps, record=clip.record)
    print(given.out / "clip.mp4")


if __name__ == "__main__":
    main()
