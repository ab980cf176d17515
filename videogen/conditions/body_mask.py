"""Where a body is in a picture, told by its keypoints and the picture's colours alone.

The boxes of limbs say roughly where. Near their outlines a pixel goes to the side whose colours around it
are more like its own (local colour models as of Bai et al. 2009, "Video SnapCut"), and so do hair and
clothes that reach beyond; what is far from every limb is background. All is looked at in a small picture.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.geometry import pixel_centres
from videogen.conditions.layers import spread
from videogen.conditions.limbs import HEAD, ORDER, SEEN, Limbs, limbs

_SIDE = 256
_OUTLINE, _SLOPE = 0.02, 0.04
"""How far beyond its box a limb's outline is expected, and how sharply, in body sizes."""
_FAR = 0.2
"""Beyond this distance from every limb nobody is, in body sizes."""
_INSIDE = 0.6
"""A place that lies so deep in a limb, 1 on its outline, is the body."""
_WINDOW = 0.8
"""How wide around a pixel colours are compared, in body sizes."""
_STEEP, _SLEEVE, _NOWHERE = 10.0, 3.0, 1e3
_TOLD, _ALONE, _LOW = 2.0, 2.0, 0.01
"""How far the log odds of a hint count, how far at most those of limbs beside it, and how sure it can be."""
_ROUNDS, _LEAST, _SURE, _STRONGEST = 3, 0.003, 20.0, 4.0


def body_mask(picture: Tensor, points: Tensor, hint: Tensor | None = None) -> Tensor | None:
    """Find where the body with keypoints `k 3` (fractions) is in a picture −1…1 `1 c h w`: `h w`, 0…1.

    `hint` `h w` is a mask that somebody else found, 0…1; it is doubted where it is unsure of itself.
    None where the keypoints show no limb.
    """
    height, width = picture.shape[-2:]
    scale = min(1.0, _SIDE / min(height, width))
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    stretch = points.new_tensor([width / height, 1.0])
    boxes = limbs(points[None, :, :2] * stretch, points[None, :, 2] >= SEEN)
    if not bool(boxes.seen.any()):
        return None
    places = (pixel_centres(rows, columns, like=points) * stretch).reshape(1, -1, 2)
    prior, deep = (value.reshape(1, 1, rows, columns) for value in _prior(boxes, places))
    if hint is None:
        prior = torch.where(deep, _SURE, prior)
    else:
        found = F.interpolate(hint[None, None].float(), (rows, columns), mode="area").clamp(_LOW, 1 - _LOW)
        prior = _TOLD * found.logit() + prior.clamp(-_ALONE, _ALONE)
    small = F.interpolate(picture.float(), (rows, columns), mode="area")
    window = max(1, round(_WINDOW * float(boxes.size) * rows / 2)) * 2 + 1
    body = torch.sigmoid(prior)
    for _ in range(_ROUNDS):
        inside, outside = (_unlike(small, share.square(), window) for share in (body, 1 - body))
        body = torch.sigmoid(prior + (outside - inside).clamp(-_STRONGEST, _STRONGEST))
    return F.interpolate(body, (height, width), mode="bilinear", align_corners=False)[0, 0]


def arms_mask(picture: Tensor, points: Tensor, person: Tensor) -> Tensor:
    """Find which of a `person`, `h w`, are arms with their sleeves and hands: `h w`, 0…1.

    `picture` and `points` as for `body_mask`. Arms are taken to be in front of everything else.
    """
    height, width = picture.shape[-2:]
    scale = min(1.0, _SIDE / min(height, width))
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    stretch = points.new_tensor([width / height, 1.0])
    boxes = limbs(points[None, :, :2] * stretch, points[None, :, 2] >= SEEN)
    places = (pixel_centres(rows, columns, like=points) * stretch).reshape(1, -1, 2)
    depth = boxes.coverage(places, pixel=1.0)[1].masked_fill(~boxes.seen[..., None], _NOWHERE)
    front = depth.new_tensor(ORDER) > 1
    arm, rest = depth[:, front].amin(1), depth[:, ~front].amin(1)
    odds = (_STEEP * (1 - arm)).clamp(-2 * _STRONGEST, _STRONGEST)
    beside = (_STEEP / 4 * (rest - arm)).clamp(-_STRONGEST, _STRONGEST)
    odds = torch.where(rest > 1, torch.maximum(odds, beside), odds)
    odds = torch.where(arm > _SLEEVE, -_SURE, odds)
    prior = odds.reshape(1, 1, rows, columns)
    small = F.interpolate(picture.float(), (rows, columns), mode="area")
    body = F.interpolate(person[None, None].float(), (rows, columns), mode="area")
    window = max(1, round(_WINDOW / 2 * float(boxes.size) * rows / 2)) * 2 + 1
    found = torch.sigmoid(prior)
    for _ in range(_ROUNDS):
        inside, outside = (_unlike(small, body * share.square(), window) for share in (found, 1 - found))
        found = torch.sigmoid(prior + (outside - inside).clamp(-_STRONGEST, _STRONGEST))
    return F.interpolate(found * body, (height, width), mode="bilinear", align_corners=False)[0, 0]


def _prior(boxes: Limbs, places: Tensor) -> tuple[Tensor, Tensor]:
    """The log odds that a body is at places `1 q 2`, by its limbs `1 p` alone, and if it must be, `1 q`."""
    # The box of a head goes down to the shoulders, where there is only a neck.
    neck = 0.6 * boxes.length[:, HEAD, None]
    start, length = boxes.start.clone(), boxes.length.clone()
    start[:, HEAD] += neck * boxes.axis[:, HEAD]
    length[:, HEAD] -= neck[:, 0]
    boxes = replace(boxes, start=start, length=length)
    depth = boxes.coverage(places, pixel=1.0)[1].masked_fill(~boxes.seen[..., None], torch.inf)
    beyond = ((depth - 1) * boxes.radius[..., None]).amin(1) / boxes.size[:, None]
    odds = ((_OUTLINE - beyond) / _SLOPE).clamp(-8, 8)
    return torch.where(beyond > _FAR, -_SURE, odds), depth.amin(1) < _INSIDE


def _unlike(picture: Tensor, share: Tensor, window: int) -> Tensor:
    """How unlike the colours of a side each pixel is, `1 1 h w`: minus their log likelihood.

    `share` `1 1 h w` says how far each pixel counts as that side, within a window around the pixel.
    """

    def mean(values: Tensor) -> Tensor:
        for size, room in (((window, 1), (window // 2, 0)), ((1, window), (0, window // 2))):
            values = F.avg_pool2d(values, size, stride=1, padding=room, count_include_pad=False)
        return values

    weight = mean(share)

    def around(values: Tensor) -> Tensor:
        return spread(mean(values * share) / weight.clamp_min(1e-6), (weight > 0.03).float())

    apart = (picture - around(picture)).square().mean(1, keepdim=True)
    varies = around(apart) + _LEAST
    return apart / (2 * varies) + varies.log() / 2
