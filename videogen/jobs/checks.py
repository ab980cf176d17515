"""Checks that several jobs make before they spend time: of sizes and amounts, and how poses are drawn.

Each says in one line what was given, what was expected and what to do, as a `RequestError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from videogen.errors import RequestError

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec
    from videogen.skeleton_style import SkeletonStyle

MOST_PIXELS = 1_000_000_000
"""Pixels of all frames together that one clip may have: some gigabytes of latents while denoising."""

LONGEST_SIDE = 1024
"""Pixels of the longer side of a picture's output where no size is asked for."""

SIDES = (16, 2048)
"""Pixels of the smallest and the largest side of an output."""

NARROWEST = 8
"""How many times as long as the other one side of a picture may be."""


def picture_size(height: int | None, width: int | None, *, spec: ModelSpec) -> tuple[int, int]:
    """Return height and width in pixels, the model's own where None; raises `RequestError` between steps."""
    height, width = height or spec.height, width or spec.width
    step = spec.size_multiple
    for name, size in (("height", height), ("width", width)):
        if size % step:
            below, above = size // step * step or step, -(-size // step) * step
            near = f"{above}" if below == above or size < step else f"{below} or {above}"
            raise RequestError(f"--{name} {size} is not a multiple of {step}; give {near}")
    return height, width


def output_size(height: int | None, width: int | None, *, picture: tuple[int, ...]) -> tuple[int, int]:
    """Return the output's height and width in pixels for a picture's; it is never stretched.

    One side given, the other follows; none given, the picture's own, at most `LONGEST_SIDE`. Raises
    `RequestError` where both are given and do not have the picture's proportions, where a side falls outside
    `SIDES`, and for pictures narrower than `NARROWEST` allows.
    """
    own_height, own_width = picture
    if max(picture) > NARROWEST * min(picture):
        raise RequestError(
            f"a picture of {own_width}x{own_height} is too narrow; one side may be at most {NARROWEST} times "
            f"the other: crop it"
        )
    if height is not None and width is not None:
        fitting = round(width * own_height / own_width)
        if abs(fitting - height) > 1:
            raise RequestError(
                f"--width {width} and --height {height} would stretch a picture of {own_width}x{own_height}; "
                f"give one of them, or --height {fitting}"
            )
        return height, width
    if height is not None:
        scale = height / own_height
    elif width is not None:
        scale = width / own_width
    else:
        scale = min(1.0, LONGEST_SIDE / max(picture))
    sides = height or round(own_height * scale), width or round(own_width * scale)
    if not SIDES[0] <= min(sides) <= max(sides) <= SIDES[1]:
        asked = f"--height {height}" if width is None else f"--width {width}"
        made = f"{sides[1]}x{sides[0]}"
        raise RequestError(f"{asked} makes {made} pixels; each side must be {SIDES[0]} to {SIDES[1]}")
    return sides


def drawing_style(asked: SkeletonStyle | None, engine: Engine) -> SkeletonStyle:
    """Return how poses are drawn for the model; raises `RequestError` where it knows only its own way."""
    if asked is not None and engine.reads_carried:
        raise RequestError(
            f"--skeleton-style has no effect on the model {engine.model}, which has a drawing of its own; "
            f"leave it out"
        )
    return asked or engine.spec.skeleton_style


def check_amount(length: int, height: int, width: int) -> None:
    """Raise `RequestError` where a clip of so many frames of that size would not fit in memory."""
    pixels = length * height * width
    if pixels > MOST_PIXELS:
        raise RequestError(
            f"{length} frames of {width}x{height} are {pixels / 1e9:.1f} thousand million pixels; "
            f"the limit is {MOST_PIXELS / 1e9:g}: make it shorter or smaller"
        )
