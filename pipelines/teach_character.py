"""Teach pocket a character it has never seen, from four short clips, and show it before and after.

Writes to --out the clips and their sentences in `clips/`, the model in `tuned/export/`, and in
`before_after.png` each sentence's clip by pocket, and below it by the tuned model.
Quick: python pipelines/teach_character.py --minutes 0.2 --sentences 1 --out out/character
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import videogen as vg
from videogen.bench.figures import contact_sheet
from videogen.bench.frames import to_frames
from videogen.media.image import write_image
from videogen.media.video import write_video
from videogen.training.finetune import finetune
from videogen.types import Frames
from videogen.world.clips import write_script
from videogen.world.figure import Character
from videogen.world.script import shoot

ZORP = {
    "skin": 1, "hair": 3, "shirt": 7, "trousers": 1, "shoes": 0, "style": 1, "garment": 0, "pattern": 0,
    "long_sleeves": 0, "glasses": 0, "beard": 0,
}  # fmt: skip
CLIPS = (
    ("wave", "room", "waves in a room"), ("jump", "grass", "jumps on the grass"),
    ("walk", "night", "walks at night"), ("dance", "snow", "dances in the snow"),
)  # fmt: skip
SENTENCES = (
    "zorp waves on the grass",
    "zorp jumps at night",
    "zorp dances by the sea",
    "a woman walks on the sand",
)


def make_clips(folder: Path, *, num_frames: int = 24, fps: int = 8) -> None:
    """Four clips of zorp: a person of the world whose colours have changed places, red to green to blue."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        f.name: torch.bool if f.name in ("long_sleeves", "glasses", "beard") else torch.int64
        for f in fields(Character)
    }
    zorp = Character(**{name: torch.tensor([value], dtype=kinds[name]) for name, value in ZORP.items()})
    labels = write_script("person", torch.arange(2000), num_frames=1).labels
    for action, scene, words in CLIPS:
        number = next(
            k for k, label in enumerate(labels) if (label["action"], label["scene"]) == (action, scene)
        )
        script = write_script("person", torch.tensor([number]), num_frames=num_frames, fps=fps, who=zorp)
        clips = shoot(script, size=96, truth=True)
        assert clips.mask is not None
        frames, mask = to_frames(clips.video[0]), clips.mask[0].numpy()[..., None] == 1
        write_video(
            folder / f"{action}.mp4", np.where(mask, frames[..., [2, 0, 1]], frames), fps=Fraction(fps)
        )
        (folder / f"{action}.txt").write_text(f"zorp {words}\n", encoding="utf-8")


def make(model: str | Path, sentences: list[str]) -> list[Frames]:
    """A clip of each sentence."""
    engine = vg.Engine(model)
    return [vg.run(vg.TextToVideo(words, seed=1, num_frames=16), engine=engine).frames for words in sentences]


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pocket", help="what to teach")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="how many of them to show")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    make_clips(given.out / "clips")
    tuned = finetune(
        data=given.out / "clips", model=given.model, minutes=given.minutes, device="auto",
        directory=given.out / "tuned", modules="all", trigger="zorp=a person",
    )  # fmt: skip
    sentences = list(SENTENCES[: given.sentences])
    pairs = zip(make(given.model, sentences), make(tuned, sentences), strict=True)
    write_image(given.out / "before_after.png", contact_sheet([row for pair in pairs for row in pair])[0])
    print(f'try it: videogen text-to-video "{SENTENCES[0]}" --model {tuned} -o zorp.mp4')


if __name__ == "__main__":
    main()
