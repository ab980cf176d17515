"""videogen turns text, pictures and poses into video, on any machine.

    import videogen as vg
    clip = vg.text_to_video("a red ball bounces", seed=1)
    clip.save("ball.mp4")

Public names are imported when first used, so that `import videogen` is quick.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

# Threads of OpenMP that wait by spinning starve each other where cores are shared or virtual: measured, a
# small convolution on two such cores took 6.9 ms spinning and 0.5 ms sleeping. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from videogen.clip import Clip, render, resume, run
    from videogen.engine import Engine
    from videogen.errors import CheckpointError, MediaError, MissingExtra, RequestError, VideogenError
    from videogen.jobs.animate import Animate, animate
    from videogen.jobs.detecting import detect_pose
    from videogen.jobs.edit import Edit, edit
    from videogen.jobs.extend import Extend, extend
    from videogen.jobs.illusion import Illusion, illusion
    from videogen.jobs.image_to_video import ImageToVideo, image_to_video
    from videogen.jobs.interpolate import Interpolate, interpolate
    from videogen.jobs.loop import Loop, loop
    from videogen.jobs.text_to_video import TextToVideo, text_to_video
    from videogen.jobs.transition import Transition, transition
    from videogen.jobs.upscale import Upscale, upscale
    from videogen.poses import all_people, read_pose, write_pose
    from videogen.request import Request
    from videogen.several import remix, sweep, variations

__all__ = [
    "Animate",
    "CheckpointError",
    "Clip",
    "Edit",
    "Engine",
    "Extend",
    "Illusion",
    "ImageToVideo",
    "Interpolate",
    "Loop",
    "MediaError",
    "MissingExtra",
    "Request",
    "RequestError",
    "TextToVideo",
    "Transition",
    "Upscale",
    "VideogenError",
    "__version__",
    "all_people",
    "animate",
    "detect_pose",
    "edit",
    "extend",
    "illusion",
    "image_to_video",
    "interpolate",
    "loop",
    "read_pose",
    "remix",
    "render",
    "resume",
    "run",
    "sweep",
    "text_to_video",
    "transition",
    "upscale",
    "variations",
    "write_pose",
]

_HOMES = {
    "videogen.engine": ("Engine",),
    "videogen.errors": ("CheckpointError", "MediaError", "MissingExtra", "RequestError", "VideogenError"),
    "videogen.clip": ("Clip", "render", "resume", "run"),
    "videogen.jobs.animate": ("Animate", "animate"),
    "videogen.jobs.detecting": ("detect_pose",),
    "videogen.jobs.extend": ("Extend", "extend"),
    "videogen.jobs.illusion": ("Illusion", "illusion"),
    "videogen.jobs.edit": ("Edit", "edit"),
    "videogen.jobs.image_to_video": ("ImageToVideo", "image_to_video"),
    "videogen.jobs.interpolate": ("Interpolate", "interpolate"),
    "videogen.jobs.loop": ("Loop", "loop"),
    "videogen.jobs.text_to_video": ("TextToVideo", "text_to_video"),
    "videogen.jobs.transition": ("Transition", "transition"),
    "videogen.jobs.upscale": ("Upscale", "upscale"),
    "videogen.poses": ("all_people", "read_pose", "write_pose"),
    "videogen.request": ("Request",),
    "videogen.several": ("remix", "sweep", "variations"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'videogen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
