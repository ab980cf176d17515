"""Held-out people in held-out motion, from a reference in another pose and keypoints only.

Ceiling: the true render, plain and through the autoencoder. Trivial baseline: the reference repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from einops import rearrange

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.metrics import joint_errors, pck, psnr, ssim
from videogen.conditions.motion_field import motion_field, warp
from videogen.engine import Conditions, Engine
from videogen.sampling import Timeline, guided, sample
from videogen.skeleton import draw_skeleton
from videogen.types import Frames, Latents
from videogen.world.analyse import clothes
from videogen.world.clips import render_clips
from videogen.world.script import Clips

FPS = 8.0
NUM_FRAMES = 8
_SHOWN = 12


def evaluate_pose(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Evaluation:
    """Joints, likeness and clothes' colours of people moved by keypoints."""
    found = Evaluation()
    batch = render_clips(
        "person", torch.arange(clips), size=engine.spec.height, num_frames=NUM_FRAMES, held_out=True, fps=FPS
    )
    for number, conditions in enumerate(_conditions(engine, batch)):
        truth = to_frames(batch.video[number])
        still = to_frames(batch.reference[number][:, None])
        candidates = {
            MADE: make_posed(engine, conditions, seed=number),
            CODED: through_autoencoder(engine, truth),
            TRUE: truth,
            TRIVIAL: np.repeat(still, NUM_FRAMES, 0),
        }
        for column, frames in candidates.items():
            _score(found, column, frames, batch, number, truth)
        if number < _SHOWN:
            found.show("pose", truth, candidates[MADE])
        progress()
    return found


def _score(found: Evaluation, column: str, frames: Frames, batch: Clips, number: int, truth: Frames) -> None:
    points, label = batch.points[number], batch.labels[number]
    errors = joint_errors(frames, truth, points[:, :18].numpy())
    found.add("pose: PCK@0.1", column, pck(errors, threshold=0.1))
    found.add("pose: PCK@0.05", column, pck(errors, threshold=0.05))
    if column != TRUE:
        found.add("pose: SSIM", column, ssim(frames, truth))
        found.add("pose: PSNR", column, psnr(frames, truth))
    if column != TRIVIAL:
        for part, colour in clothes(frames, points.numpy()).items():
            if part in label:
                found.add("pose: clothes' and hair's colours", column, colour == label[part])


def _conditions(engine: Engine, batch: Clips) -> Iterator[Conditions]:
    """What `animate` would tell the network about each clip: everything from keypoints and the reference."""
    height, width = batch.video.shape[-2:]
    factor = engine.spec.vae_scale_factor
    for number in range(len(batch.video)):
        reference, points = batch.reference[number : number + 1], batch.points[number : number + 1]
        field = motion_field(batch.reference_points[number : number + 1], points, height=height, width=width)
        seen = field.visibility[:, None]
        carried = rearrange(warp(reference, field) * seen, "1 c t h w -> t c h w")
        maps = rearrange(draw_skeleton(points[0], height=height, width=width), "t c h w -> 1 c t h w")
        yield Conditions(
            fps=FPS,
            reference=engine.encode_video(reference),
            carried=engine.encode_video(carried),
            visibility=torch.nn.functional.avg_pool3d(seen, (1, factor, factor)),
            pose_maps=maps,
        )


def make_posed(engine: Engine, conditions: Conditions, *, seed: int) -> Frames:
    """Sample one clip as `animate` does, at the network's own size."""
    spec, timeline = engine.spec, Timeline.line(NUM_FRAMES)
    without = replace(conditions, pose_maps=None)
    chain = [engine.denoiser(without, timeline), engine.denoiser(conditions, timeline)]
    latents: Latents = sample(
        guided(chain, [spec.pose_guidance]),
        timeline,
        engine.scheduler(),
        channels=spec.latent_channels,
        height=spec.height // spec.vae_scale_factor,
        width=spec.width // spec.vae_scale_factor,
        num_inference_steps=spec.num_inference_steps,
        seed=seed,
        device=engine.device,
    )
    return np.stack(list(engine.decode(latents)))
