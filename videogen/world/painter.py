"""Anti-aliased painting of moving layers, with the true motion of every pixel.

A layer is a simple shape (ellipse, capsule, box, …) in an affine frame that moves over time; layers are
painted back to front, each only within a patch around it. Because each layer knows its frame at every
moment, and each pixel the layer that it shows, the painter also knows where each pixel was in the first
frame (`source`), whether it could be seen there (`visible`), and where it goes next (`flow`): motion is
exact, not estimated. Positions are fractions of the picture's side, y down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from videogen.world.shapes import distance_of, reach_of
from videogen.world.surface import colours_of
from videogen.world.truth import Stage

_HALF_SEEN = 0.5
"""How opaque a layer must be at a pixel for the pixel to be the layer's own."""


@dataclass(frozen=True)
class Layer:
    """One shape over time.

    `shape` names a distance function of `shapes.py`. `centre` is `b t 2`, `angle` radians `b t`, `size`
    the half extents `b t 2`. `colour` is 0…1, `b 3`. `present` 0/1, `b`. `variant` chooses within a family
    of shapes, `b`. `shade` darkens towards the bottom of the shape. `stripes` mixes `second` in, `b`;
    `pattern` chooses a texture of `surface.PATTERNS` in that colour, `b`. `light` brightens a spot at the
    upper left (a number, or `b`), `rim` is the width of a dark outline over the shape's half width (a number,
    or `b`), `soft` blurs the edge over that share of the half width, `opacity` 0…1 is a number or `b t`.
    `thing` says whose part this is: 1 or 2, or 0 for what belongs to the background.
    """

    shape: str
    centre: Tensor
    angle: Tensor
    size: Tensor
    colour: Tensor
    present: Tensor | None = None
    variant: Tensor | None = None
    shade: float = 0.0
    stripes: Tensor | None = None
    second: Tensor | None = None
    pattern: Tensor | None = None
    light: float | Tensor = 0.0
    rim: float | Tensor = 0.0
    soft: float = 0.0
    opacity: float | Tensor = 1.0
    thing: int = 1


@dataclass(frozen=True)
class Painting:
    """What `paint` returns.

    `video` is 0…1 `b t c h w`; `source` says where each pixel was in frame 0, fractions, `b t h w 2`;
    `visible` whether it was seen there, 0/1 `b t h w`; `stage` knows the rest, where there are layers.
    """

    video: Tensor
    source: Tensor
    visible: Tensor
    stage: Stage | None = None


@dataclass(frozen=True)
class _Placed:
    """The frames in which a layer occurs and where it lies there, each `m`; `clips` and `frames` index."""

    layer: Layer
    clips: Tensor
    frames: Tensor
    centre: Tensor
    cos: Tensor
    sin: Tensor
    size: Tensor

    def only(self, chosen: Tensor) -> _Placed:
        """Some of the frames, chosen by a mask `m`."""
        rows = chosen.nonzero().squeeze(1)
        return replace(
            self, clips=self.clips[rows], frames=self.frames[rows], centre=self.centre[rows],
            cos=self.cos[rows], sin=self.sin[rows], size=self.size[rows],
        )  # fmt: skip


def paint(
    background: Tensor, layers: Sequence[Layer], *, num_frames: int, camera: Tensor | None = None
) -> Painting:
    """Paint `layers` over `background` for `num_frames` frames.

    `background` is 0…1, `b c h w` at rest, or `b t c h w` as a camera sees it whose motion is `camera`,
    `b t 3` as in `videogen.tracks`. Layers are given as they are seen.
    """
    b, (h, w), t = len(background), background.shape[-2:], num_frames
    still = background if background.dim() == 5 else background[:, None]
    planes = torch.empty(4, b * t, h, w, device=background.device)  # red, green, blue, number of the layer
    planes[:3].view(3, b, t, h, w).copy_(still.movedim(2, 0).expand(3, b, t, h, w))
    placed = _mix(planes, layers, t)
    stage = Stage.build(
        planes[3].view(b, t, h, w).long(),
        [(one.frames, one.centre, one.cos, one.sin, one.size) for one in placed],
        things=[layer.thing for layer in layers],
        camera=camera,
    )
    source, visible = stage.trace_back()
    video = planes[:3].view(3, b, t, h, w).permute(1, 2, 0, 3, 4).contiguous()
    return Painting(video, source, visible, stage)


def paint_picture(background: Tensor, layers: Sequence[Layer]) -> Tensor:
    """Paint layers of one frame over `background`, both 0…1 `b c h w`, and keep only the picture."""
    b, _, h, w = background.shape
    planes = torch.empty(4, b, h, w, device=background.device)
    planes[:3] = background.transpose(0, 1)
    _mix(planes, layers, 1)
    return planes[:3].transpose(0, 1).contiguous()


def _mix(planes: Tensor, layers: Sequence[Layer], t: int) -> list[_Placed]:
    """Paint layers into `planes` (`4 b·t h w`: colour, and the number of the layer on top), in place."""
    planes[3] = 0
    placed = [_place(layer, t) for layer in layers]
    for number, patches in enumerate(_patches(placed, *planes.shape[-2:]), start=1):
        for part, patch in patches:
            _paint_layer(planes, part, number=number, patch=patch)
    return placed


def _place(layer: Layer, t: int) -> _Placed:
    """Leave out the clips in which a layer is absent and lay the frames of the others in one row."""
    b, device = len(layer.centre), layer.centre.device
    rows = torch.arange(b, device=device)
    if layer.present is not None:
        rows = layer.present.nonzero().squeeze(1)
    angle = layer.angle[rows].reshape(-1)
    return _Placed(
        layer=layer,
        clips=rows.repeat_interleave(t),
        frames=(rows[:, None] * t + torch.arange(t, device=device)).reshape(-1),
        centre=layer.centre[rows].reshape(-1, 2),
        cos=angle.cos(),
        sin=angle.sin(),
        size=layer.size[rows].reshape(-1, 2).clamp_min(1e-4),
    )


def _patches(placed: list[_Placed], h: int, w: int) -> list[list[tuple[_Placed, tuple[int, int]]]]:
    """For each layer, patches (height and width in pixels) that hold it, and the frames that they serve.

    Where most frames need less than half of what the largest needs, they are painted by themselves.
    """
    needs, rows = [], []
    for one in placed:
        across, down = reach_of(one.layer.shape, one.size, one.cos, one.sin)
        blur = one.layer.soft * one.size[:, 0]
        need = torch.stack([(down + blur) * (2 * h) + 4, (across + blur) * (2 * w) + 4])
        need = torch.cat([need, need.new_zeros(2, 1)], 1)  # so that there is a largest
        small = need.prod(0) < need.prod(0).max() / 2
        needs.append(small[:-1])
        rows.append(torch.cat([need.amax(1), (need * small).amax(1), small.sum()[None].float()]))
    plans: list[list[tuple[_Placed, tuple[int, int]]]] = []
    stats = torch.stack(rows).tolist() if rows else []
    for one, small, (high, wide, less_high, less_wide, count) in zip(placed, needs, stats, strict=True):
        if not len(one.frames):
            plans.append([])
        elif count - 1 > len(one.frames) / 2:
            parts = [(one.only(~small), high, wide), (one.only(small), less_high, less_wide)]
            plans.append([(part, _whole(y, x, h, w)) for part, y, x in parts])
        else:
            plans.append([(one, _whole(high, wide, h, w))])
    return plans


def _whole(high: float, wide: float, h: int, w: int) -> tuple[int, int]:
    """A patch in whole pixels, at most the picture."""
    return min(math.ceil(high / 4) * 4, h), min(math.ceil(wide / 4) * 4, w)


def _paint_layer(planes: Tensor, one: _Placed, *, number: int, patch: tuple[int, int]) -> None:
    """Mix a layer into its patches of `planes`, in place."""
    layer, (h, w), (high, wide) = one.layer, planes.shape[-2:], patch
    top = (one.centre[:, 1] * h - high / 2).round().clamp(0, h - high)
    left = (one.centre[:, 0] * w - wide / 2).round().clamp(0, w - wide)
    down, across = (torch.arange(side, device=planes.device) for side in patch)
    dy = (top[:, None] + down + 0.5) / h - one.centre[:, 1:]
    dx = (left[:, None] + across + 0.5) / w - one.centre[:, :1]
    cos, sin = one.cos[:, None], one.sin[:, None]
    u = (cos * dx)[:, None, :] + (sin * dy)[:, :, None]
    v = (-sin * dx)[:, None, :] + (cos * dy)[:, :, None]
    sx, sy = one.size[:, 0, None, None], one.size[:, 1, None, None]
    variant = None if layer.variant is None else layer.variant[one.clips]
    distance = distance_of(layer.shape, u, v, sx, sy, variant)
    alpha = _cover(layer, one, distance, sx, h)
    colour = colours_of(layer, one.clips, u, v, one.size, distance, h)

    rows = (one.frames * (h * w))[:, None, None] + (top.long()[:, None] + down)[:, :, None] * w
    index = (rows + (left.long()[:, None] + across)[:, None, :]).reshape(-1)
    flat = planes.view(4, -1)
    found = flat.index_select(1, index).view(4, -1, high, wide)
    found[:3] += (colour - found[:3]).mul_(alpha)
    found[3].masked_fill_(alpha > _HALF_SEEN, number)
    flat.scatter_(1, index.expand(4, -1), found.view(4, -1))


def _cover(layer: Layer, one: _Placed, distance: Tensor, sx: Tensor, h: int) -> Tensor:
    """How much of each pixel a layer covers, 0…1."""
    alpha = 0.5 - distance * h if not layer.soft else 0.5 - distance / (2 * layer.soft * sx)
    alpha = alpha.clamp_(0, 1)
    if isinstance(layer.opacity, Tensor):
        return alpha * layer.opacity.reshape(-1)[one.frames][:, None, None]
    return alpha if layer.opacity == 1.0 else alpha * layer.opacity
