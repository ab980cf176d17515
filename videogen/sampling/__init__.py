"""Sampling: mathematics only; it knows no network, no text and no file.

A `Denoiser` is made of others by `guided`, `windowed` and `agreeing`; `sample` steps the result over a
`Timeline` with any diffusers scheduler.
"""

from videogen.sampling.clip_guidance import Aim, clip_guided
from videogen.sampling.denoiser import cast, predict
from videogen.sampling.guidance import Scale, guided
from videogen.sampling.levels import Levels
from videogen.sampling.sampler import FreeNoise, draw_noise, sample
from videogen.sampling.steps import FrameStore, When, always, every, step_numbers, switched, within
from videogen.sampling.timeline import Timeline
from videogen.sampling.views import IDENTITY, VIEWS, Reading, View, agreeing, average
from videogen.sampling.windows import plan_windows, windowed

__all__ = [
    "IDENTITY",
    "VIEWS",
    "Aim",
    "FrameStore",
    "FreeNoise",
    "Levels",
    "Reading",
    "Scale",
    "Timeline",
    "View",
    "When",
    "agreeing",
    "always",
    "average",
    "cast",
    "clip_guided",
    "draw_noise",
    "every",
    "guided",
    "plan_windows",
    "predict",
    "sample",
    "step_numbers",
    "switched",
    "windowed",
    "within",
]
