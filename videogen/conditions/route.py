"""The path that a thing shall take, out of a line of text or a file, as places over time.

Text: points `x,y` in fractions of the picture, separated by spaces, spread evenly over the clip. A file: a
JSON list of points, each an object with `x` and `y`, and if wanted `time` (seconds) or `frame`, `size`
(half extent, as a fraction of the picture's shorter side) and `angle` (degrees, clockwise). Between points
the path runs smoothly and never beyond them (PCHIP, Fritsch & Butland 1984).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from videogen.errors import MediaError, RequestError

_LIMITS = {
    "x": (-1.0, 2.0), "y": (-1.0, 2.0), "size": (0.02, 1.0), "angle": (-36000.0, 36000.0),
    "time": (0.0, 600.0), "frame": (0.0, 4800.0),
}  # fmt: skip
_CHANNELS = ("x", "y", "size", "angle")
_LARGEST_FILE = 1 << 20
_MOST_POINTS = 1000
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_INLINE = re.compile(rf"\s*{_NUMBER},{_NUMBER}(?:\s+{_NUMBER},{_NUMBER})*\s*")


@dataclass(frozen=True)
class Route:
    """Points of a path: `seconds` `n`, rising, and `values` `n 4`.

    Values are x and y as fractions of the picture, half extent as one of its shorter side, and the angle in
    radians, clockwise; NaN where a point does not say, and throughout where no point does.
    """

    seconds: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values `m 4` at these moments; before the first point and after the last they stay."""
        found = np.full((len(seconds), len(_CHANNELS)), np.nan)
        for channel in range(len(_CHANNELS)):
            said = np.isfinite(self.values[:, channel])
            knots, values = self.seconds[said], self.values[said, channel]
            if len(knots) == 1:
                found[:, channel] = values[0]
            elif len(knots) > 1:
                found[:, channel] = PchipInterpolator(knots, values)(np.clip(seconds, knots[0], knots[-1]))
        return found


def read_route(given: str, *, num_frames: int, fps: float) -> Route:
    """Read a path for a clip from text, or from the file that the text names.

    Raises RequestError for points that make no path and MediaError for files that cannot be read.
    """
    if _INLINE.fullmatch(given):
        pairs = [pair.split(",") for pair in given.split()]
        points: list[Any] = [{"x": float(x), "y": float(y)} for x, y in pairs]
        return _route(points, source="--path", num_frames=num_frames, fps=fps)
    file = Path(given)
    return _route(_load(file), source=str(file)[:300], num_frames=num_frames, fps=fps)


def _load(file: Path) -> list[Any]:
    shown = str(file)[:300]
    expected = 'expected points such as "0.2,0.5 0.8,0.5", or a JSON file of them'
    try:
        if not file.is_file():
            raise MediaError(f"--path {shown!r} is neither a path nor a file; {expected}")
        if file.stat().st_size > _LARGEST_FILE:
            raise MediaError(f"{shown}: {file.stat().st_size >> 20} MiB is too large for a path; {expected}")
        values = json.loads(file.read_text(encoding="utf-8-sig"))
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"{shown}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise MediaError(f"{shown}: not JSON text; {expected}") from None
    if not isinstance(values, list):
        raise RequestError(f"{shown}: holds a {type(values).__name__}; expected a JSON list of points")
    return values


def _route(points: list[Any], *, source: str, num_frames: int, fps: float) -> Route:
    """Check points and put them in time."""
    if not 1 <= len(points) <= _MOST_POINTS:
        raise RequestError(f"{source}: {len(points)} points; give 1 to {_MOST_POINTS}")
    checked = [_point(point, where=f"{source}: point {number}") for number, point in enumerate(points, 1)]
    timed = {name: sum(name in point for point in checked) for name in ("time", "frame")}
    if any(timed.values()) and len(checked) not in timed.values():
        raise RequestError(
            f"{source}: some points say when and some do not; give time or frame to all or none"
        )
    if timed["time"]:
        seconds = np.array([point["time"] for point in checked])
    elif timed["frame"]:
        seconds = np.array([point["frame"] for point in checked]) / fps
    else:
        seconds = np.linspace(0, max(num_frames - 1, 1) / fps, len(checked))
    if (np.diff(seconds) <= 0).any():
        raise RequestError(f"{source}: the points are not in the order of time; sort them, each moment once")
    rows = [[point.get(name, math.nan) for name in _CHANNELS] for point in checked]
    values = np.array(rows, dtype=np.float64)
    values[:, 3] = np.radians(values[:, 3])
    return Route(seconds=seconds, values=values)


def _point(point: object, *, where: str) -> dict[str, float]:
    """The numbers of one point; raises RequestError."""
    if not isinstance(point, dict) or not {"x", "y"} <= point.keys():
        raise RequestError(f'{where} is {str(point)[:60]}; expected an object such as {{"x": 0.2, "y": 0.5}}')
    unknown = sorted(str(name) for name in point.keys() - _LIMITS.keys())
    if unknown:
        raise RequestError(f"{where} has {unknown[0][:60]!r}; expected only {', '.join(_LIMITS)}")
    if "time" in point and "frame" in point:
        raise RequestError(f"{where} has both time and frame; give one of them")
    for name, value in point.items():
        low, high = _LIMITS[name]
        if type(value) not in (int, float) or not low <= value <= high:
            raise RequestError(f"{where}: {name} is {str(value)[:60]}; expected {low:g} to {high:g}")
    return {str(name): float(value) for name, value in point.items()}
