"""Held-out people in held-out motion, from a reference in another pose and keypoints only.

Ceiling: the true render, plain and through the autoencoder. Trivial baseline: the reference repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from videogen.bench.figures import CODED, MADE, TRIVIAL, TRUE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.metrics import joint_errors, pck, psnr, ssim
from videogen.carried import CarriedPicture
from videogen.engine import Conditions, Engine
from videogen.jobs.cutting_out import find_ground, find_person
from videogen.sampling import Timeline, guided, sample
from videogen.types import Frame, Frames, Latents
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
    for number in range(clips):
        truth = to_frames(batch.video[number])
        still = to_frames(batch.reference[number][:, None])
        drawn, carried, made = make_posed(
            engine,
            still[0],
            batch.reference_points[number].numpy(),
            batch.points[number].numpy(),
            seed=number,
        )
        candidates = {
            MADE: made,
            CODED: through_autoencoder(engine, truth),
            TRUE: truth,
            TRIVIAL: np.repeat(still, NUM_FRAMES, 0),
        }
        for column, frames in candidates.items():
            _score(found, column, frames, batch, number, truth)
        for name, frames in (("drawing", drawn), ("carried picture", carried)):
            found.add(f"pose: SSIM of the {name} alone", MADE, ssim(frames, truth))
            found.add(f"pose: SSIM of the {name} alone", CODED, ssim(candidates[CODED], truth))
            found.add(f"pose: SSIM of the {name} alone", TRIVIAL, ssim(candidates[TRIVIAL], truth))
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


def make_posed(
    engine: Engine, picture: Frame, still: NDArray[np.float32], moving: NDArray[np.float32], *, seed: int
) -> tuple[Frames, Frames, Frames]:
    """One clip as `animate` makes it, from a picture with keypoints `k 3` and a fitted pose `t k 3`.

    The network's drawing; the carried picture with the reference where it is not seen; and the output.
    """
    spec, timeline = engine.spec, Timeline.line(len(moving))
    person = find_person(picture, still, None)
    carried = CarriedPicture.along(
        picture, still, moving, size=(spec.height, spec.width), spec=spec,
        mask=person, ground=find_ground(picture, still, person),
    )  # fmt: skip
    conditions = Conditions(
        fps=FPS,
        reference=engine.encode_video(carried.reference),
        carried=engine.encode_video(carried.frames),
        visibility=carried.visibility,
        pose_maps=carried.pose_maps,
    )
    chain = [engine.denoiser(given, timeline) for given in (engine.without(conditions), conditions)]
    latents: Latents = sample(
        guided(chain, [spec.pose_guidance]),
        timeline,
        engine.scheduler(spec.num_inference_steps),
        channels=spec.latent_channels,
        height=spec.height // spec.vae_scale_factor,
        width=spec.width // spec.vae_scale_factor,
        num_inference_steps=spec.num_inference_steps,
        seed=seed,
        device=engine.device,
    )
    drawn = list(engine.decode_video(latents))
    made, alone = (
        np.stack([carried.sharpen(at, frame) for at, frame in enumerate(pictures)])
        for pictures in (drawn, [carried.reference[0]] * len(moving))
    )
    return to_frames(torch.stack(drawn, 1)), alone, made
