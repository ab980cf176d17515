"""What a clip of the world shows, read back from its pixels: things, places, people and what they do.

Image analysis only, with no network and no file of weights: all that must be known of the world (what shapes
look like, which colours there are, how places and actions differ) is measured on what the world's own code
renders, once, when it is first needed. The first call of each kind therefore takes some seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videogen.errors import RequestError
from videogen.types import Frames
from videogen.world.analysis.actions import classify_action
from videogen.world.analysis.casting import find_things
from videogen.world.analysis.clothes import clothes
from videogen.world.analysis.ground import Sight, look
from videogen.world.analysis.lens import follow_camera
from videogen.world.analysis.paths import classify_motion
from videogen.world.analysis.people import read_person
from videogen.world.analysis.places import KINDS, read_kind, read_scene
from videogen.world.analysis.things import fit_thing
from videogen.world.figure import COLOURS

__all__ = ["Reading", "Seen", "analyse", "classify_action", "classify_motion", "clothes"]


@dataclass(frozen=True)
class Seen:
    """One thing.

    `track` is `t 4`: x, y, half extent (fractions of the picture), angle (radians); NaN where it is not seen.
    """

    colour: str
    shape: str
    motion: str
    texture: str
    track: NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What a clip shows; names are those of the world's labels.

    `things` are sorted by how clearly they are seen; `count` says how many. `camera` is the name of the
    camera's motion. People have an `action`, `joints` `t 18 3` (x, y as fractions, confidence) and the
    colours of `hair`, `shirt` and, where there are legs, `trousers` (or skirt, or shorts).
    """

    kind: str
    scene: str
    camera: str
    count: int = 0
    things: tuple[Seen, ...] = ()
    action: str | None = None
    joints: NDArray[np.float64] | None = None
    hair: str | None = None
    shirt: str | None = None
    trousers: str | None = None


def analyse(frames: Frames, *, fps: float, kind: str | None = None) -> Reading:
    """Read a clip, uint8 `t h w c` of any size; `kind` (object, person or portrait) is read too if None.

    Raises RequestError for frames of another form, another kind, or a frame rate that is not positive.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise RequestError(
            f"frames are {frames.dtype} of shape {frames.shape}; give uint8 t h w 3, at least one"
        )
    if not fps > 0:
        raise RequestError(f"fps is {fps}; give a number above 0")
    if kind is not None and kind not in KINDS:
        raise RequestError(f"kind is {kind!r}; give one of {', '.join(KINDS)}, or None")
    sight = look(frames)
    kind = kind or read_kind(sight)
    scene = read_scene(sight, kind=kind)
    return (
        _read_things(sight, scene, fps=fps) if kind == "object" else _read_person(sight, scene, kind, fps=fps)
    )


def _read_things(sight: Sight, scene: str, *, fps: float) -> Reading:
    chosen = [(blob, fit_thing(blob, sight, fps=fps)) for blob in find_things(sight, scene=scene)]
    covered = np.zeros(sight.gap.shape, dtype=bool)
    for blob, _ in chosen:
        covered |= blob.masks
    camera, path = follow_camera(sight.lab[..., 0], covered)
    things = tuple(
        Seen(
            colour=COLOURS[blob.colour],
            shape=fit.template.shape,
            motion=classify_motion(fit.track, fps=fps, camera=path),
            texture=fit.texture,
            track=fit.track,
        )
        for blob, fit in chosen
    )
    return Reading("object", scene, camera, count=len(things), things=things)


def _read_person(sight: Sight, scene: str, kind: str, *, fps: float) -> Reading:
    action, points = read_person(sight, kind=kind, fps=fps)
    worn = clothes(sight.frames, points)
    return Reading(
        kind,
        scene,
        camera="still",
        count=1,
        action=action,
        joints=points[:, :18].astype(np.float64),
        hair=worn.get("hair"),
        shirt=worn.get("shirt"),
        trousers=worn.get("trousers"),
    )
