"""Keypoints as arrays in .npz and .npy files: COCO-WholeBody's order, DWPose's order, DWPose's dictionary.

By rows: `keypoints`, `t n k 3` (frames, people, any known count of points, x, y and confidence) or `t n k 2`
with `scores` `t n k` (or `keypoint_scores`); an .npy file is `keypoints` alone. Without the axis of people
there is one person; one of several files, a frame each, has no axis of frames. By parts: DWPose's dictionary,
`bodies_candidate`, `bodies_subset`, `bodies_score`, `hands`, `hands_score`, `faces`, `faces_score` as in
`dwpose`, with an axis of frames in front for a clip.
Beside either: `fps` (text, as 30000/1001), `width`, `height`, `coordinates` (pixels, fractions or signed).
What an order has no place for is written beside it: `neck` `t n 3`, `pupils` `t n 2 3`, `feet` `t n 6 3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from videogen.conditions.formats.dwpose import read_people, to_dictionary
from videogen.conditions.formats.points import (
    PUPILS,
    Points,
    RawFrame,
    clean,
    finite,
    from_rows,
    to_dwpose,
    to_wholebody,
)
from videogen.errors import MediaError
from videogen.skeleton import BODY

ArrayLayout: TypeAlias = Literal["wholebody", "dwpose-134", "dwpose"]
ARRAY_LAYOUTS: tuple[ArrayLayout, ...] = get_args(ArrayLayout)
Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_BODIES = {"candidate": 2, "subset": 2, "score": 2}
_PARTS = {"hands": 3, "hands_score": 2, "faces": 3, "faces_score": 2, "feet": 3, "pupils": 3}
"""How many axes each part of the dictionary has in one frame."""


def read_arrays(arrays: Arrays, *, alone: bool) -> list[RawFrame]:
    """The frames of a file's arrays by name; `alone` where it is not one of several files, a frame each."""
    people = _by_parts(arrays) if _body_part(arrays, "candidate") else _by_rows(arrays, alone=alone)
    said = {name: _scalar(arrays, name) for name in ("fps", "width", "height", "coordinates")}
    canvas = None
    if said["width"] is not None and said["height"] is not None:
        canvas = _size(said["width"]), _size(said["height"])
    stated = said["coordinates"] or ("fractions" if _body_part(arrays, "candidate") else None)
    return [RawFrame(everyone, canvas, said["fps"], stated) for everyone in people]


def to_arrays(
    frames: NDArray[np.float64], layout: ArrayLayout, *, width: int, height: int, fps: Fraction | None
) -> dict[str, NDArray[Any]]:
    """One person over time, `t k 3` in fractions, zero where absent, as arrays by name; rows are pixels."""
    said = {"width": np.array(width), "height": np.array(height)}
    said |= {} if fps is None else {"fps": np.array(str(fps))}
    if layout == "dwpose":
        return {**_stack_parts([to_dictionary(points) for points in frames]), **said}
    pixels = frames * [width, height, 1]
    rows = np.stack([(to_wholebody if layout == "wholebody" else to_dwpose)(points) for points in pixels])
    beside = {"pupils": pixels[:, PUPILS]}
    if layout == "wholebody":
        beside["neck"] = pixels[:, BODY["neck"]]
    return {
        "keypoints": rows[:, None, :, :2].astype(np.float32),
        "scores": rows[:, None, :, 2].astype(np.float32),
        **{name: values[:, None].astype(np.float32) for name, values in beside.items()},
        **said,
        "coordinates": np.array("pixels"),
    }


def _by_rows(arrays: Arrays, *, alone: bool) -> list[list[Points]]:
    """People by frame from `keypoints` and what stands beside it."""
    if "keypoints" not in arrays:
        names = ", ".join(sorted(arrays)[:5]) or "nothing"
        raise MediaError(f"the arrays are {names}; expected 'keypoints' or 'bodies_candidate'")
    rows = finite(arrays["keypoints"], "keypoints")
    scores = arrays.get("scores", arrays.get("keypoint_scores"))
    if scores is not None:
        if scores.shape != rows.shape[:-1]:
            raise MediaError(
                f"scores have shape {scores.shape} for keypoints {rows.shape}; expected one each"
            )
        rows = np.concatenate([rows[..., :2], finite(scores, "scores")[..., None]], -1)
    rows = _by_frame_and_person(rows, axes=4, alone=alone)
    people = [[from_rows(one, f"frame {n}") for one in everyone] for n, everyone in enumerate(rows)]
    for name, part, axes in (("neck", BODY["neck"], 3), ("pupils", PUPILS, 4)):
        if name in arrays:
            beside = _by_frame_and_person(finite(arrays[name], name), axes=axes, alone=alone)
            _put(people, part, beside, name)
    return people


def _by_frame_and_person(values: NDArray[np.float64], *, axes: int, alone: bool) -> NDArray[np.float64]:
    """With an axis of frames and one of people in front, `axes` in all."""
    if values.ndim == axes - 2:
        return values[None, None]
    if values.ndim == axes - 1:
        return values[:, None] if alone else values[None]
    if values.ndim != axes:
        raise MediaError(f"keypoints have shape {values.shape}; expected t n k 3, t k 3 or k 3")
    return values


def _put(people: list[list[Points]], part: int | slice, beside: NDArray[np.float64], name: str) -> None:
    """Set points of everyone that stand in an array of their own."""
    if len(beside) != len(people) or any(
        len(one) != len(two) for one, two in zip(people, beside, strict=True)
    ):
        raise MediaError(f"{name} has shape {beside.shape}; expected that of people in {len(people)} frames")
    for everyone, places in zip(people, beside, strict=True):
        for person, place in zip(everyone, places, strict=True):
            if place.shape != person[part].shape:
                raise MediaError(f"{name} has shape {beside.shape}; expected x, y, confidence at the end")
            person[part] = place
            clean(person)


def _by_parts(arrays: Arrays) -> list[list[Points]]:
    """People by frame from DWPose's dictionary."""
    names = {name: _body_part(arrays, name) for name in _BODIES} | {name: name for name in _PARTS}
    found = {
        name: finite(arrays[stored], stored) for name, stored in names.items() if stored and stored in arrays
    }
    axes = _BODIES | _PARTS
    clip = {name: values.ndim == axes[name] + 1 for name, values in found.items()}
    if not any(clip.values()):
        return [read_people(found, "frame 0")]
    length = len(found["candidate"])
    for name, values in found.items():
        if not clip[name] or len(values) != length:
            raise MediaError(f"{name} has shape {values.shape}; expected {length} frames, as candidate has")
    return [
        read_people({name: values[number] for name, values in found.items()}, f"frame {number}")
        for number in range(length)
    ]


def _stack_parts(frames: list[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float32]]:
    """The dictionaries of all frames with an axis of frames in front."""
    return {
        (f"bodies_{name}" if name in _BODIES else name): np.stack([frame[name] for frame in frames]).astype(
            np.float32
        )
        for name in frames[0]
    }


def _body_part(arrays: Arrays, name: str) -> str | None:
    """The name under which a part of `bodies` is stored."""
    return next((stored for stored in (f"bodies_{name}", name) if stored in arrays), None)


def _scalar(arrays: Arrays, name: str) -> Any:
    """A number or text that stands alone, None where it is absent."""
    if name not in arrays:
        return None
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in "fiuU":
        raise MediaError(f"{name} is an array of {value.shape} {value.dtype}; expected one number or text")
    return value.reshape(-1)[0].item()


def _size(value: Any) -> float:
    if isinstance(value, str) or not 0 < float(value) < float("inf"):
        raise MediaError(f"width or height is {str(value)[:30]}; expected pixels")
    return float(value)
