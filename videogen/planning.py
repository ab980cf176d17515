"""Plans: what moves where in a clip, made by the motion planner and drawn for the network.

In: a motion planner, the tokens of a sentence, length, frame rate and seed, a path if one is given. Out:
tracks of things and the pose of a person, and their drawing as maps. The planner works at a frame rate that
it was trained at, in overlapping windows; splines take its plan to the clip's own rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from torch import Tensor

from videogen.conditions.motion_field import is_head
from videogen.conditions.pose_repair import resample
from videogen.conditions.route import Route
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig, Told
from videogen.models.plan_vectors import ANGLE, PLACE, SIZE, THING, encode_thing
from videogen.sampling import Timeline, guided, sample, windowed
from videogen.skeleton import draw_poses
from videogen.tracks import OUTLINE, Tracks, draw_tracks
from videogen.types import Denoiser, Latents, Pose

_SHORTEST = 8
_WINDOWS_AT_ONCE = 8


@dataclass(frozen=True)
class Plan:
    """What moves where in one clip of `t` frames, on the CPU.

    `tracks` of things, with a batch of one; `pose` of a person `t k 3`, None where nobody is.
    """

    tracks: Tracks
    pose: Tensor | None

    @property
    def is_empty(self) -> bool:
        """Whether neither a thing nor a person is planned."""
        return self.pose is None and not bool((self.tracks.state[..., 4] > 0).any())

    @property
    def kind(self) -> tuple[bool, ...]:
        """Whether there is a person, only a head, and each of the things."""
        head = self.pose is not None and bool(is_head(self.pose[0]))
        return self.pose is not None, head, *(self.tracks.state[0, 0, :, 4] > 0).tolist()

    def between(self, start: int, stop: int) -> Plan:
        """The frames from `start` up to before `stop`."""
        tracks = self.tracks.rows(slice(None), frames=slice(start, stop))
        return Plan(tracks, None if self.pose is None else self.pose[start:stop])


@dataclass(frozen=True)
class _Pace:
    """The planner's own frame rate for a clip's, and how many of its frames the clip needs."""

    own: Fraction
    wanted: Fraction
    count: int

    @classmethod
    def of(cls, config: MotionPlannerConfig, *, length: int, fps: Fraction) -> _Pace:
        faster = math.ceil(fps / Fraction(config.fastest))
        slower = math.ceil(Fraction(config.slowest) / fps)
        own = fps * slower / faster
        count = math.ceil((length - 1) * own / fps) + 1
        return cls(own=own, wanted=fps, count=max(count, _SHORTEST))


def draw_plan(plan: Plan, *, height: int, width: int) -> Tensor:
    """Draw a plan as maps 0…1, `1 3 t height width`: tracks as the world draws them, people as skeletons."""
    maps = draw_tracks(plan.tracks, height=height, width=width)
    if plan.pose is not None:
        maps = torch.maximum(maps, draw_poses(plan.pose, height=height, width=width))
    return maps


@torch.inference_mode()
def make_plan(
    planner: MotionPlanner, scheduler: SchedulerMixin, *, tokens: Tensor, empty: Tensor, length: int,
    fps: Fraction, seed: int, path: Route | None = None,
) -> Plan:  # fmt: skip
    """Plan a clip of `length` frames from the tokens `1 l` of its sentence and of an empty one.

    The first thing follows `path` where one is given: its place is the path's own in every frame.
    """
    config, pace = planner.config, _Pace.of(planner.config, length=length, fps=fps)
    device = planner.output.weight.device
    known, mask = _known(planner, path, pace)
    chain = [
        _denoiser(planner, words.to(device), known.to(device), mask.to(device), pace)
        for words in (empty, tokens)
    ]
    denoiser = windowed(
        guided(chain, [config.guidance_scale]),
        length=pace.count,
        window=config.window,
        overlap=config.overlap,
        batch=_WINDOWS_AT_ONCE,
    )
    vectors = sample(
        denoiser,
        Timeline.line(pace.count),
        scheduler,
        channels=planner.vectors.width,
        height=1,
        width=1,
        num_inference_steps=config.num_inference_steps,
        seed=seed + 2**63,  # the clip's own noise comes from the seed itself
        device=device,
    )
    tracks, pose = planner.vectors.decode(vectors)
    plan = _paced(tracks, pose, pace, length=length)
    return plan if path is None else _along(plan, path, fps=fps)


def _denoiser(planner: MotionPlanner, tokens: Tensor, known: Tensor, mask: Tensor, pace: _Pace) -> Denoiser:
    """The innermost denoiser: it slices what is known, and tells each frame its time.

    Windows that begin later than training ever saw are told the latest beginning that it did.
    """
    rate = float(pace.own)

    def denoise(latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        first = frames[:, :1]
        latest = max(planner.config.longest - frames.shape[1] / rate, 0.0)
        seconds = (first / rate).clamp(max=latest) + (frames - first) / rate
        b = len(frames)
        told = Told(
            tokens=tokens.expand(b, -1),
            fps=torch.full((b,), rate, device=latents.device),
            seconds=seconds,
            known=torch.cat([known[:, :, row] for row in frames]),
            mask=torch.cat([mask[:, :, row] for row in frames]),
        )
        velocity: Tensor = planner(latents, timestep, told)
        return velocity

    return denoise


def _known(planner: MotionPlanner, path: Route | None, pace: _Pace) -> tuple[Tensor, Tensor]:
    """What a path says of the vectors, and where it does, each `1 d t 1 1`."""
    known = torch.zeros(1, planner.vectors.width, pace.count, 1, 1)
    mask = torch.zeros_like(known)
    if path is None:
        return known, mask
    values = torch.from_numpy(path.at(np.arange(pace.count) / float(pace.own))).float()
    state = torch.cat([values.nan_to_num(0.2), torch.ones(pace.count, 1)], -1)
    thing = encode_thing(state[None], torch.zeros(1, OUTLINE + 1))  # 1 t THING
    known[:, :THING] = thing.transpose(1, 2)[..., None, None]
    said = torch.isfinite(values).all(0)
    mask[:, 0] = 1
    for channels, given in ((PLACE, True), (SIZE, bool(said[2])), (ANGLE, bool(said[3]))):
        mask[:, channels] = float(given)
    return known, mask


def _paced(tracks: Tracks, pose: Tensor | None, pace: _Pace, *, length: int) -> Plan:
    """A plan at the planner's rate as one of `length` frames at the clip's own."""
    at = np.arange(length) * float(pace.own / pace.wanted)
    state = tracks.state.cpu().double().numpy().copy()
    state[..., 3] = np.unwrap(state[..., 3], axis=1)
    state[..., 2] = np.log(state[..., 2])
    moved = _interpolate(state, at)
    moved[..., 2] = np.exp(moved[..., 2])
    moved[..., 4] = state[:, :1, :, 4]
    camera = _interpolate(tracks.camera.cpu().double().numpy(), at)
    made = Tracks(
        state=torch.from_numpy(moved).float(),
        outline=tracks.outline.cpu().float(),
        camera=torch.from_numpy(camera).float(),
    )
    if pose is None:
        return Plan(tracks=made, pose=None)
    shown = resample(Pose(pose.cpu().float().numpy(), fps=pace.own), pace.wanted).points
    last = np.repeat(shown[-1:], max(length - len(shown), 0), axis=0)
    return Plan(tracks=made, pose=torch.from_numpy(np.concatenate([shown, last])[:length]))


def _interpolate(values: NDArray[np.float64], at: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Values `b t …` at fractional frame numbers, by a cubic spline."""
    if np.array_equal(at, np.arange(len(at))):
        return values[:, : len(at)].copy()
    spline = make_interp_spline(np.arange(values.shape[1]), values, k=3, axis=1)
    return np.asarray(spline(np.minimum(at, values.shape[1] - 1)))


def _along(plan: Plan, path: Route, *, fps: Fraction) -> Plan:
    """The plan with its first thing exactly on the path, and as large and turned as the path says."""
    state = plan.tracks.state.clone()
    values = torch.from_numpy(path.at(np.arange(state.shape[1]) / float(fps))).float()
    said = torch.isfinite(values)
    state[0, :, 0, :4] = torch.where(said, values, state[0, :, 0, :4])
    return replace(plan, tracks=replace(plan.tracks, state=state))
