"""The evaluation of pocket on clips it was never shown: held-out things in places, held-out people in poses.

Every score has its ceiling beside it (the true renders, and the true renders through the autoencoder) and
its trivial baseline (the reference picture repeated).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from videogen.bench.judge import judge_colour, judge_scene
from videogen.bench.metrics import joint_errors, pck, psnr, ssim
from videogen.conditions.motion_field import motion_field, warp
from videogen.engine import Conditions, Engine
from videogen.sampling import Timeline, guided, sample
from videogen.skeleton import draw_skeleton
from videogen.types import Frames, Latents
from videogen.world.clips import Clips, render_clips

Scores = dict[str, float]
_SEED = 0
_FPS = 8.0


def to_frames(video: Tensor) -> Frames:
    """A video −1…1 `c t h w` as frames uint8 `t h w c`."""
    pixels = ((video.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return rearrange(pixels, "c t h w -> t h w c").cpu().numpy()


def through_autoencoder(engine: Engine, frames: Frames) -> Frames:
    """Frames encoded and decoded."""
    return np.stack(list(engine.decode(engine.encode(frames))))


def evaluate_autoencoder(engine: Engine, *, clips: int) -> Scores:
    """PSNR of the autoencoder on held-out frames of each kind."""
    scores = {}
    for kind in ("object", "person", "portrait"):
        batch = render_clips(kind, torch.arange(clips), size=engine.spec.height, num_frames=2, held_out=True)
        pairs = [(to_frames(video), through_autoencoder(engine, to_frames(video))) for video in batch.video]
        scores[f"autoencoder psnr, {kind}"] = float(np.mean([psnr(b, a) for a, b in pairs]))
    scores["autoencoder psnr"] = float(np.mean(list(scores.values())))
    return scores


def evaluate_text(
    engine: Engine, *, clips: int, num_frames: int = 8, progress: Callable[[], None] = lambda: None
) -> Scores:
    """Colour and scene of clips made from the captions of held-out things."""
    spec = engine.spec
    batch = render_clips(
        "object", torch.arange(clips), size=spec.height, num_frames=num_frames, held_out=True, fps=_FPS
    )
    right: dict[str, list[bool]] = {}
    for number, (caption, label) in enumerate(zip(batch.captions, batch.labels, strict=True)):
        truth = to_frames(batch.video[number])
        made = _make(
            engine, Conditions(fps=_FPS, prompt=caption), num_frames, scale=spec.guidance_scale, seed=number
        )
        told = label["scene"] in _said(caption, label)
        for name, frames in (
            ("", made),
            (" of true renders", truth),
            (" of autoencoded", through_autoencoder(engine, truth)),
        ):
            right.setdefault(f"colour{name}", []).append(judge_colour(frames) == label["colour"])
            if told:
                right.setdefault(f"scene{name}", []).append(judge_scene(frames) == label["scene"])
        progress()
    return {name: float(np.mean(values)) for name, values in right.items()}


def _said(caption: str, label: dict[str, str]) -> tuple[str, ...]:
    """The scene if the caption names it (one in ten does not)."""
    from videogen.world.caption import SCENE_PHRASES

    return (label["scene"],) if any(phrase in caption for phrase in SCENE_PHRASES[label["scene"]]) else ()


def evaluate_pose(
    engine: Engine, *, clips: int, num_frames: int = 8, progress: Callable[[], None] = lambda: None
) -> Scores:
    """Held-out people in held-out motion, from a reference in another pose and keypoints only."""
    spec = engine.spec
    batch = render_clips(
        "person", torch.arange(clips), size=spec.height, num_frames=num_frames, held_out=True, fps=_FPS
    )
    scores: dict[str, list[float]] = {}
    for number, conditions in enumerate(_pose_conditions(engine, batch)):
        truth = to_frames(batch.video[number])
        points = batch.points[number, :, :18].numpy()
        still = to_frames(batch.reference[number][:, None])
        assert conditions.carried is not None
        candidates = {
            "": _make(engine, conditions, num_frames, scale=spec.pose_guidance, seed=number),
            " of autoencoded": through_autoencoder(engine, truth),
            " of true renders": truth,
            " of the repeated reference": np.repeat(still, num_frames, 0),
        }
        for name, frames in candidates.items():
            errors = joint_errors(frames, truth, points)
            scores.setdefault(f"pck@0.1{name}", []).append(pck(errors, threshold=0.1))
            scores.setdefault(f"pck@0.05{name}", []).append(pck(errors, threshold=0.05))
            if name != " of true renders":
                scores.setdefault(f"ssim{name}", []).append(ssim(frames, truth))
                scores.setdefault(f"psnr{name}", []).append(psnr(frames, truth))
        progress()
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _pose_conditions(engine: Engine, batch: Clips) -> Iterator[Conditions]:
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
            fps=_FPS,
            reference=engine.encode_video(reference),
            carried=engine.encode_video(carried),
            visibility=torch.nn.functional.avg_pool3d(seen, (1, factor, factor)),
            pose_maps=maps,
        )


def _make(engine: Engine, conditions: Conditions, num_frames: int, *, scale: float, seed: int) -> Frames:
    """Sample one clip as the jobs do."""
    spec, timeline = engine.spec, Timeline.line(num_frames)
    without = replace(conditions, prompt=None, pose_maps=None)
    denoiser = guided([engine.denoiser(without, timeline), engine.denoiser(conditions, timeline)], [scale])
    latents: Latents = sample(
        denoiser,
        timeline,
        engine.scheduler(),
        channels=spec.latent_channels,
        height=spec.height // spec.vae_scale_factor,
        width=spec.width // spec.vae_scale_factor,
        num_inference_steps=spec.num_inference_steps,
        seed=_SEED + seed,
        device=engine.device,
    )
    return np.stack(list(engine.decode(latents)))


def evaluate(engine: Engine, *, clips: int, progress: Callable[[], None] = lambda: None) -> Scores:
    """All figures of one model; `progress` is called after each generated clip."""
    scores = evaluate_autoencoder(engine, clips=clips)
    scores |= evaluate_text(engine, clips=clips, progress=progress)
    return scores | evaluate_pose(engine, clips=clips, progress=progress)


def table(scores: Scores, *, title: str) -> str:
    """Scores as a Markdown table, one row a figure."""
    rows = [f"| {name} | {value:.3f} |" for name, value in scores.items()]
    return "\n".join([f"| {title} | |", "|---|---|", *rows]) + "\n"
