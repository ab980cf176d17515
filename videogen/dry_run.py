"""What `--dry-run` prints: the shapes, windows, costs and inputs of a job, with nothing loaded or written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from videogen.errors import RequestError
from videogen.jobs import jobs
from videogen.jobs.inputs import describe_inputs
from videogen.jobs.outline import Outline
from videogen.media.sprites import ENDING as SHEET
from videogen.media.video import suffix_of
from videogen.model_request import ModelRequest
from videogen.request import Request
from videogen.weights.ahead import Ahead, look_ahead

MOST_ROWS = 40
BITS = {
    ".mp4": (1.3, 0.7), ".webm": (0.9, 0.7), ".gif": (8.0, 0.3), ".webp": (2.4, 0.3), SHEET: (13.0, 0.0),
    "": (13.0, 0.0),
}  # fmt: skip
"""Bits per pixel of frames of 64x64, and by which power of the side they fall: measured on pocket's clips."""
_PROGRAM = 1_050_000_000
"""Bytes that Python and its packages take before anything is loaded."""
_MAPS = 48
"""Maps of the network's first width that a window takes per frame; see `devices.windows_that_fit`."""

_BETTERED = 1000
"""Bytes for each pixel of a frame while the networks work on it that better frames."""
_PICTURES = 48
"""Bytes for each pixel of those frames that are worked on together."""


def describe(request: Request, output: Path) -> Iterator[str]:
    """The lines; raises `RequestError`, `MediaError` or `CheckpointError`, as the job itself would."""
    outline_of = jobs()[request.job].outline
    if outline_of is None:
        raise RequestError(f"{request.job} cannot be outlined ahead; leave --dry-run out")
    ahead = None
    if isinstance(request, ModelRequest):
        ahead = look_ahead(request.model, weights=request.weights)
    outline = outline_of(request, ahead and ahead.spec)
    last = finished_outline(request, outline)
    seconds = float(last.length / last.fps)
    yield (
        f"{output}: {last.length} frames of {last.width}x{last.height} at {last.fps} frames a "
        f"second, {seconds:.2f} s, about {_shown(_output_size(last, output))}"
    )
    if ahead is not None:
        rows, columns = (side // ahead.spec.vae_scale_factor for side in outline.grid)
        yield (
            f"latents {ahead.spec.latent_channels} x {outline.length} x {rows} x {columns} (c t h w), drawn "
            f"on {outline.grid[1]}x{outline.grid[0]} pixels"
        )
    count = len(outline.rows)
    kind = ("piece" if outline.in_pieces else "window") + "s" * (count != 1)
    yield f"{count} {kind} (# made, = known), about {outline.calls} calls of the network"
    lines = list(outline.picture())
    yield from lines[:MOST_ROWS]
    if len(lines) > MOST_ROWS:
        yield f"and {len(lines) - MOST_ROWS} more"
    yield f"memory at its peak about {_shown(_memory(request, outline, last, ahead, output))}"
    for name, found in describe_inputs(request).items():
        yield f"reads {name} ({_shown(found['bytes'])})"


def _output_size(outline: Outline, output: Path) -> int:
    bits, power = BITS[suffix_of(output)]
    area = outline.height * outline.width
    return round(outline.length * area * bits / 8 * math.pow(min(1.0, 64 / math.sqrt(area)), power))


def finished_outline(request: Request, outline: Outline) -> Outline:
    """What becomes of the frames that a job makes: the outline of the output."""
    if not isinstance(request, ModelRequest):
        return outline
    times, scale = request.interpolate, request.upscale
    return replace(
        outline, length=times * outline.length, fps=times * outline.fps, height=scale * outline.height,
        width=scale * outline.width,
    )  # fmt: skip


def _memory(request: Request, outline: Outline, last: Outline, ahead: Ahead | None, output: Path) -> int:
    """Bytes: the program, the weights, one window's maps, the latents a few times, frames that are held."""
    area = last.height * last.width
    held = last.length if suffix_of(output) in (".webp", SHEET) else 8
    if ahead is None:
        return _PROGRAM + _BETTERED * area + held * area * 3
    spec, places = ahead.spec, outline.grid[0] * outline.grid[1] // ahead.spec.vae_scale_factor**2
    frames = min(getattr(request, "window", None) or spec.window, outline.length)
    window = _MAPS * frames * places * ahead.width * 4
    window *= getattr(request, "window_batch", None) or 1
    pictures = _PICTURES * min(outline.length, 64) * outline.height * outline.width
    latents = 8 * outline.length * places * spec.latent_channels * 4
    finishing = _BETTERED * area if last != outline else 0
    return _PROGRAM + ahead.size + window + latents + pictures + finishing + held * area * 3


def _shown(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
