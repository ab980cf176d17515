"""Held-out photographs and textures, carried along smooth motion that is known exactly.

A picture of the network's size is given, and the motion field. Where the picture shows what a frame shows,
the frame should be as near to the truth as the plain warp is, bilinear; what comes into view anew is the
network's to draw, and should be nearer. There the plain warp repeats the picture's edge. The truth is
rendered finer and made smaller by area means, so that no way of looking pixels up has made it. Ceiling: the
true frames through the autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videogen.bench.figures import CODED, MADE, TRIVIAL, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.metrics import psnr_where, ssim_where
from videogen.conditions.guessed import guessed
from videogen.conditions.motion_field import MotionField, resample, warp
from videogen.conditions.reference import to_frame, to_picture, twice_as_large
from videogen.engine import Conditions, Engine
from videogen.enhance.detail import restore_detail
from videogen.sampling import Timeline, sample
from videogen.types import Frame, Frames
from videogen.world.clips import render_clips

FPS = 8.0
NUM_FRAMES = 8
SETS = {"photographs": 1.0, "textures": 0.0}
"""What is carried, and the share of photographs among it."""
_FINER = 4
"""How much finer than the frames their truth is rendered."""
_SHOWN = 8


@dataclass(frozen=True)
class Case:
    """A `picture` uint8 `h w c`, the `field` that carries it, and the true `frames` of the same size."""

    picture: Frame
    field: MotionField
    frames: Frames

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Where the picture shows what the frames show, `t h w`."""
        return (self.field.visibility[0] == 1).numpy()


def evaluate_photographs(
    engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None
) -> Evaluation:
    """Likeness of `clips` pictures of each of `SETS`, where they are seen and where something new is."""
    found = Evaluation()
    for name, share in SETS.items():
        for number, case in enumerate(make_cases(clips, share=share, side=engine.spec.height)):
            drawn = draw_carried(engine, case, seed=number)
            plain = to_frames(warp(to_picture(case.picture), case.field)[0])
            shown, coded = with_detail(case, drawn), through_autoencoder(engine, case.frames)
            made = {MADE: shown, CODED: coded, TRIVIAL: plain}
            for column, frames in made.items():
                seen, new = case.seen, ~case.seen
                found.add(f"{name}: PSNR where seen", column, psnr_where(frames, case.frames, seen))
                found.add(f"{name}: SSIM where seen", column, ssim_where(frames, case.frames, seen))
                found.add(f"{name}: PSNR where new", column, psnr_where(frames, case.frames, new))
                found.add(f"{name}: SSIM where new", column, ssim_where(frames, case.frames, new))
            found.add(f"{name}: share that is new", MADE, float((~case.seen).mean()))
            alone = np.stack([to_frame(each) for each in drawn])
            alone_where_seen = psnr_where(alone, case.frames, case.seen)
            found.add(f"{name}: PSNR where seen, of the drawing alone", MADE, alone_where_seen)
            if number < _SHOWN:
                found.show("photographs", case.frames, shown, plain, alone)
            progress()
    return found


def make_cases(count: int, *, share: float, side: int) -> list[Case]:
    """The first `count` held-out pictures, a `share` of them photographs, `side` pixels square."""
    clips = render_clips(
        "picture", torch.arange(count), size=_FINER * side, num_frames=NUM_FRAMES, held_out=True, fps=FPS,
        share=share,
    )  # fmt: skip
    cases = []
    for number in range(count):
        video = F.avg_pool3d(clips.video[number : number + 1], (1, _FINER, _FINER))[0]
        still = F.avg_pool2d(clips.reference[number : number + 1], _FINER)[0]
        grid = clips.source[number : number + 1] * 2 - 1
        field = smaller(MotionField(grid, clips.visible[number : number + 1], torch.ones(1)), factor=_FINER)
        cases.append(Case(to_frames(still[:, None])[0], field, to_frames(video)))
    return cases


def smaller(field: MotionField, *, factor: int) -> MotionField:
    """A field for a picture `factor` times smaller: what is not wholly visible is not visible."""
    b, t, h, w = field.visibility.shape
    grid = F.avg_pool2d(field.grid.flatten(0, 1).permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)
    visible = -F.max_pool2d(-field.visibility, factor)
    return MotionField(grid.reshape(b, t, h // factor, w // factor, 2), visible, torch.ones_like(visible))


@torch.no_grad()
def draw_carried(engine: Engine, case: Case, *, seed: int) -> list[Tensor]:
    """The frames that the network draws, −1…1 `c h w`, told the picture, and it carried, as in training."""
    spec, timeline = engine.spec, Timeline.line(len(case.frames))
    reference, seen = to_picture(case.picture), case.field.visibility[:, None]
    pictures = warp(reference, case.field)[0].transpose(0, 1)
    known = [guessed(*each) for each in zip(pictures, seen[0, 0], strict=True)]
    carried = torch.stack([picture * surely for picture, surely in known])
    surely = torch.stack([surely for _, surely in known])[None, None]
    factor = spec.vae_scale_factor
    conditions = Conditions(
        fps=FPS,
        reference=engine.encode_video(reference),
        carried=engine.encode_video(carried),
        visibility=F.avg_pool3d(surely, (1, factor, factor)),
    )
    latents = sample(
        engine.denoiser(conditions, timeline),
        timeline,
        engine.scheduler(spec.num_inference_steps),
        channels=spec.latent_channels,
        height=spec.height // factor,
        width=spec.width // factor,
        num_inference_steps=spec.num_inference_steps,
        seed=seed,
        device=engine.device,
    )
    return list(engine.decode_video(latents))


def with_detail(case: Case, drawn: list[Tensor]) -> Frames:
    """Drawn frames with the picture's own detail where it is seen, as `animate` shows heads."""
    carried = resample(twice_as_large(case.picture), case.field, mode="bicubic").clamp(-1, 1)[0]
    pictures, visible = carried.transpose(0, 1), case.field.visibility[0]
    return np.stack(
        [
            to_frame(restore_detail(each.cpu(), *guessed(picture, seen)))
            for each, picture, seen in zip(drawn, pictures, visible, strict=True)
        ]
    )
