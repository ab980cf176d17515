"""Skeletons drawn as networks know them: our own drawing, ControlNet's OpenPose, DWPose, MimicMotion.

In: keypoints of one or several people. Out: pictures in OpenPose's colours on black. "own" is
`skeleton.draw_skeleton`, which pocket has learnt from. The others draw limbs as ellipses of half-width 4 at
60 % of their colour, joints as discs of radius 4, hands as 20 lines 3 broad and blue discs of radius 4,
faces as white ones of radius 3: at whole pixels, without smooth edges. "openpose" and "dwpose" draw on
a picture of 512 pixels on the shorter side, which is then resized, so that lines are as broad as the picture
is large; "mimicmotion" on 2160. "openpose" draws one person after the other, "dwpose" all limbs, then all
joints, hands and faces, without pupils; "mimicmotion" as "dwpose", darker where confidence is less, with red
and blue exchanged. Feet are in none.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from videogen.skeleton import (
    BODY_SLICE,
    COLOURS,
    FACE_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    LIMBS,
    RIGHT_HAND_SLICE,
    draw_poses,
    draw_skeleton,
)
from videogen.types import Frame

SkeletonStyle: TypeAlias = Literal["own", "openpose", "dwpose", "mimicmotion"]
STYLES: tuple[SkeletonStyle, ...] = ("own", "openpose", "dwpose", "mimicmotion")

HAND_EDGES = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)
"""The lines of a hand: from the wrist along each finger, thumb first."""
HAND_COLOURS = tuple(colorsys.hsv_to_rgb(edge / len(HAND_EDGES), 1.0, 1.0) for edge in range(len(HAND_EDGES)))
"""The colours of these lines, 0…1."""

_HALF_WIDTH, _LINE = 4, 3
_JOINT, _DOT, _TIP = (
    np.argwhere(np.hypot(*np.indices((2 * r + 1, 2 * r + 1)) - r) <= r) - r for r in (4, 3, 1)
)
_SHADE = 0.6
_TURN = np.radians(np.arange(360))
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)])
_Person: TypeAlias = NDArray[np.float64]
_Colour: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class _Manner:
    """How a style draws: `side` of the canvas, one person `after_another`, `faded` by confidence."""

    side: int
    after_another: bool = False
    faded: bool = False


_MANNERS: dict[str, _Manner] = {
    "openpose": _Manner(side=512, after_another=True),
    "dwpose": _Manner(side=512),
    "mimicmotion": _Manner(side=2160, faded=True),
}


def draw_maps(points: Tensor, *, height: int, width: int, style: SkeletonStyle) -> Tensor:
    """Draw the poses of a clip, `t k 3`, in a style, as maps 0…1 `1 3 t height width`."""
    if style == "own":
        return draw_poses(points, height=height, width=width)
    return draw_style(points, height=height, width=width, style=style).transpose(0, 1)[None]


def draw_style(
    points: Tensor, *, height: int, width: int, style: SkeletonStyle, threshold: float = 0.3
) -> Tensor:
    """Draw poses in a style, float 0…1, `n 3 height width`.

    `points` is `n k 3`, or `n p k 3` for several people in each picture: x and y as fractions, confidence.
    Points below `threshold` are left out, and so are lines that end in one; "mimicmotion" draws hands and
    faces of any confidence. Raises ValueError for another shape or style.
    """
    people = points.detach().cpu().numpy()
    drawn = [*draw_frames(people, height=height, width=width, style=style, threshold=threshold)]
    if not drawn:
        return points.new_zeros(0, 3, height, width)
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).to(points) / 255


def draw_frames(
    people: Iterable[NDArray[np.floating[Any]]], *, height: int, width: int, style: SkeletonStyle,
    threshold: float = 0.3,
) -> Iterator[Frame]:  # fmt: skip
    """Yield a picture uint8 `height width 3` for the person `k 3`, or people `p k 3`, of each frame.

    As `draw_style`, one picture at a time, so that memory does not grow with the clip.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    for points in people:
        if points.ndim not in (2, 3) or points.shape[-2:] != (KEYPOINTS, 3):
            raise ValueError(f"points must be {KEYPOINTS} 3 or p {KEYPOINTS} 3, got {points.shape}")
        everyone = points.reshape(-1, KEYPOINTS, 3)
        if style == "own":
            yield _draw_own(everyone, height=height, width=width, threshold=threshold)
            continue
        manner = _MANNERS[style]
        scale = manner.side / min(height, width)
        size = max(int(width * scale), manner.side), max(int(height * scale), manner.side)
        canvas = _draw([_placed(one, size) for one in everyone], size, manner=manner, threshold=threshold)
        yield _resized(canvas, height=height, width=width, manner=manner)


def _draw_own(everyone: NDArray[np.floating[Any]], *, height: int, width: int, threshold: float) -> Frame:
    if len(everyone) == 0:
        return np.zeros((height, width, 3), np.uint8)
    points = torch.from_numpy(everyone.astype(np.float32))
    drawn = draw_skeleton(points, height=height, width=width, threshold=threshold).amax(0)
    return drawn.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _placed(person: NDArray[np.floating[Any]], size: tuple[int, int]) -> _Person:
    """The points in pixels; absent ones, which may hold NaN, at zero."""
    placed = np.where(person[:, 2:] > 0, person, 0.0).astype(np.float64)
    placed[:, :2] *= size
    return np.clip(placed, -1e6, 1e6)


def _draw(people: list[_Person], size: tuple[int, int], *, manner: _Manner, threshold: float) -> Image.Image:
    canvas = Image.new("RGB", size)
    brush = _Brush(ImageDraw.Draw(canvas), manner.faded, threshold)
    groups = [[person] for person in people] if manner.after_another else [people]
    for group in groups:
        for limb in range(len(LIMBS)):
            for person in group:
                brush.limb(person, limb)
        for joint in range(len(COLOURS)):
            for person in group:
                brush.joint(person, joint)
        for person in group:
            brush.hand(person[LEFT_HAND_SLICE])
            brush.hand(person[RIGHT_HAND_SLICE])
        for person in group:
            brush.face(person[FACE_SLICE][: 70 if manner.after_another else 68])
    return canvas


def _resized(canvas: Image.Image, *, height: int, width: int, manner: _Manner) -> Frame:
    if not manner.faded:
        return np.array(canvas.resize((width, height), Image.Resampling.BILINEAR))
    large = torch.from_numpy(np.array(canvas)).permute(2, 0, 1)[None]
    # Without a filter against aliasing, as the network has seen it.
    small = F.interpolate(large, (height, width), mode="bilinear", align_corners=False)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).flip(-1).numpy())


@dataclass(frozen=True)
class _Brush:
    """Draws the parts of people in pixels, `k 3`; what is hardly seen is left out, or paler if `faded`."""

    draw: ImageDraw.ImageDraw
    faded: bool
    threshold: float

    def limb(self, person: _Person, limb: int) -> None:
        """An ellipse from joint to joint, its middle, length and angle cut to whole numbers."""
        first, second = person[BODY_SLICE][list(LIMBS[limb])]
        if min(first[2], second[2]) < self.threshold:
            return
        middle = np.trunc((first[:2] + second[:2]) / 2)
        dx, dy = first[:2] - second[:2]
        half, angle = int(math.hypot(dx, dy) / 2), math.radians(int(math.degrees(math.atan2(dy, dx))))
        along, across = _ROUND * np.array([[half], [_HALF_WIDTH]])
        x = middle[0] + along * math.cos(angle) - across * math.sin(angle)
        y = middle[1] + along * math.sin(angle) + across * math.cos(angle)
        outline = np.rint(np.stack([x, y], -1)).astype(int).reshape(-1).tolist()
        paint = self._paint(COLOURS[limb], first[2] * second[2])
        self.draw.polygon(outline, fill=tuple(int(value * _SHADE) for value in paint))

    def joint(self, person: _Person, joint: int) -> None:
        """A disc in full colour."""
        place = person[joint]
        if place[2] >= self.threshold:
            self._disc(place, _JOINT, self._paint(COLOURS[joint], place[2]))

    def hand(self, hand: _Person) -> None:
        """Lines from the wrist along each finger, then blue points."""
        for (start, end), colour in zip(HAND_EDGES, HAND_COLOURS, strict=True):
            first, second = hand[start], hand[end]
            if self._in_sight(first) and self._in_sight(second):
                ends = [int(first[0]), int(first[1]), int(second[0]), int(second[1])]
                red, green, blue = (255 * value for value in colour)
                paint = self._paint((red, green, blue), first[2] * second[2])
                self.draw.line(ends, fill=paint, width=_LINE)
                self._disc(first, _TIP, paint)
                self._disc(second, _TIP, paint)
        for place in hand:
            if self._in_sight(place):
                self._disc(place, _JOINT, self._paint((0, 0, 255), place[2]))

    def face(self, face: _Person) -> None:
        """White points."""
        for place in face:
            if self._in_sight(place):
                self._disc(place, _DOT, self._paint((255, 255, 255), place[2]))

    def _in_sight(self, place: _Person) -> bool:
        """Whether a point of a hand or face is seen, and not beyond the upper or left edge."""
        seen = place[2] > 0 if self.faded else place[2] >= self.threshold
        return bool(seen and place[0] >= 1 and place[1] >= 1)

    def _paint(self, colour: _Colour, confidence: float) -> tuple[int, int, int]:
        strength = confidence if self.faded else 1.0
        red, green, blue = (int(value * strength + 1e-6) for value in colour)
        return red, green, blue

    def _disc(self, place: _Person, disc: NDArray[np.intp], paint: tuple[int, int, int]) -> None:
        self.draw.point((disc + np.trunc(place[:2]).astype(int)).reshape(-1).tolist(), fill=paint)
