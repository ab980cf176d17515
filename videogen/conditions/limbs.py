"""A body as rounded boxes, one per limb: where they are, and how much of each place they cover.

Shapes are `… p` over any leading dimensions, with p = `len(ORDER)` limbs: torso, head, the eight long
bones of arms and legs, then hands and feet. All sizes are in units of the picture's height.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.skeleton import BODY

SEEN = 0.3
_R_SHOULDER, _L_SHOULDER = BODY["right_shoulder"], BODY["left_shoulder"]
_R_HIP, _L_HIP = BODY["right_hip"], BODY["left_hip"]
_TRUNK = [_R_SHOULDER, _L_SHOULDER, _R_HIP, _L_HIP]
_HEAD = [BODY[name] for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
# Two keypoints and half the width in body sizes.
_BONES = (
    ("right_hip", "right_knee", 0.17), ("left_hip", "left_knee", 0.17),
    ("right_knee", "right_ankle", 0.14), ("left_knee", "left_ankle", 0.14),
    ("right_shoulder", "right_elbow", 0.13), ("left_shoulder", "left_elbow", 0.13),
    ("right_elbow", "right_wrist", 0.105), ("left_elbow", "left_wrist", 0.105),
)  # fmt: skip
_FIRST = [BODY[bone[0]] for bone in _BONES]
_SECOND = [BODY[bone[1]] for bone in _BONES]
# Hands and feet go on from the ends of these bones; their lengths and half widths in body sizes.
_CARRIERS = [6, 7, 2, 3]
_ENDS = ((0.16, 0.12), (0.16, 0.12), (0.1, 0.14), (0.1, 0.14))

ORDER = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0)
"""What lies in front of what: the greater hides the smaller."""

HEAD = 1
"""Which of the limbs is the head."""

SIDE = (0, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1)
"""The side of the body that a limb belongs to: −1 right, 1 left, 0 neither."""


@dataclass(frozen=True)
class Limbs:
    """Boxes `… p` that run from `start` along `axis`, with a core and a rounding around it."""

    start: Tensor  # … p 2
    axis: Tensor  # … p 2, unit
    length: Tensor  # … p
    core: Tensor  # … p, half width before the rounding
    radius: Tensor  # … p, the rounding
    seen: Tensor  # … p, bool
    size: Tensor  # …
    facing: Tensor  # …, how the shoulders run across the picture, negative from behind

    def coverage(self, places: Tensor, *, pixel: float) -> tuple[Tensor, Tensor]:
        """How much each limb covers places `… q 2`, and how deep they lie in it, both `… p q`.

        Coverage is 0…1 with an edge about one `pixel` wide; depth is 1 on a limb's outline, less inside.
        """
        dx = places[..., None, :, 0] - self.start[..., 0, None]
        dy = places[..., None, :, 1] - self.start[..., 1, None]
        u, v = self.axis[..., 0, None], self.axis[..., 1, None]
        along, side = dx * u + dy * v, dy.mul_(u).sub_(dx.mul_(v)).abs_()
        out = torch.maximum(-along, along - self.length[..., None]).clamp_min_(0)
        side = side.sub_(self.core[..., None]).clamp_min_(0)
        depth = out.square_().add_(side.square_()).sqrt_().div_(self.radius[..., None])
        edge = (pixel / self.radius).clamp_min(0.15)[..., None]
        covered = ((1 - depth) / edge).add_(0.5).clamp_(0, 1).mul_(self.seen[..., None])
        return covered, depth


def limbs(points: Tensor, seen: Tensor) -> Limbs:
    """Build the boxes of points `… k 2` (k in the order of `skeleton`), given which are seen, `… k`."""
    points, seen = _with_hips(points, seen)
    shoulders = points[..., _L_SHOULDER, :] - points[..., _R_SHOULDER, :]
    hips = points[..., _L_HIP, :] - points[..., _R_HIP, :]
    top = (points[..., _R_SHOULDER, :] + points[..., _L_SHOULDER, :]) / 2
    bottom = (points[..., _R_HIP, :] + points[..., _L_HIP, :]) / 2
    # Leaning shortens the trunk and turning narrows the shoulders; the larger one tells the size.
    size = torch.maximum((top - bottom).norm(dim=-1), 1.25 * shoulders.norm(dim=-1)).clamp_min(1e-4)
    weight = seen[..., _HEAD].float()
    head = (points[..., _HEAD, :] * weight[..., None]).sum(-2) / weight.sum(-1, keepdim=True).clamp_min(1)
    head_seen = (weight.sum(-1) > 0) & seen[..., [_R_SHOULDER, _L_SHOULDER]].all(-1)
    head_radius = 0.7 * torch.maximum((head - top).norm(dim=-1), 0.35 * size)
    half = torch.maximum(shoulders.norm(dim=-1) / 2, hips.norm(dim=-1) / 2 + 0.08 * size)
    half = torch.maximum(half, 0.3 * size)  # a body seen from the side still has depth

    first, second = points[..., _FIRST, :], points[..., _SECOND, :]
    start = torch.stack([bottom, top, *first.unbind(-2)], -2)
    end = torch.stack([top, head, *second.unbind(-2)], -2)
    end[..., 1, :] = top + 1.15 * (head - top)  # the crown lies above the middle of the face
    length = (end - start).norm(dim=-1).clamp_min(1e-4)
    axis = (end - start) / length[..., None]
    carriers = [2 + index for index in _CARRIERS]
    ends = points.new_tensor(_ENDS)
    widths = points.new_tensor([bone[2] for bone in _BONES] + [width for _, width in _ENDS])
    both = torch.stack([seen[..., _TRUNK].all(-1), head_seen], -1)
    both = torch.cat([both, seen[..., _FIRST] & seen[..., _SECOND]], -1)
    radius = torch.cat([(0.12 * size)[..., None], head_radius[..., None], widths * size[..., None]], -1)
    core = torch.zeros_like(radius)
    core[..., 0] = half - 0.12 * size
    return Limbs(
        start=torch.cat([start, end[..., carriers, :]], -2),
        axis=torch.cat([axis, axis[..., carriers, :]], -2),
        length=torch.cat([length, ends[:, 0] * size[..., None]], -1),
        core=core,
        radius=radius,
        seen=torch.cat([both, both[..., carriers]], -1),
        size=size,
        facing=shoulders[..., 0] / size,
    )


def _with_hips(points: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Put hips that are out of the picture straight below the shoulders."""
    across = points[..., _L_SHOULDER, :] - points[..., _R_SHOULDER, :]
    reach = across.norm(dim=-1)
    down = torch.stack([torch.zeros_like(reach), 1.4 * reach], -1)
    shoulders = seen[..., [_R_SHOULDER, _L_SHOULDER]].all(-1)
    points, seen = points.clone(), seen.clone()
    for hip, shoulder, inward in ((_R_HIP, _R_SHOULDER, 0.2), (_L_HIP, _L_SHOULDER, -0.2)):
        guess = points[..., shoulder, :] + down + inward * across
        points[..., hip, :] = torch.where(seen[..., hip, None], points[..., hip, :], guess)
        seen[..., hip] |= shoulders
    return points, seen
