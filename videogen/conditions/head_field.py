"""The motion field of a head and shoulders: a thin plate bent by the points of the face.

The control points are those of the face, and an outline of head and hair that moves as one piece (a turn
moves the face more than the outline). The shoulders carry the trunk. Around head and trunk the motion
fades out over a distance that grows with it, so that nothing folds; the background further out stays
still. All sizes are in units of the picture's height.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor

from videogen.conditions.face_model import HeadPose, fit_head
from videogen.conditions.geometry import pixel_centres, smoothstep, within_picture
from videogen.conditions.head_trust import firmness, opened
from videogen.conditions.thin_plate import thin_plate_spline
from videogen.skeleton import BODY, FACE_SLICE

_SEEN = 0.3
_COARSE = 128  # the field is smooth: this many columns and rows are enough
_SMOOTHING = 1e-3
_CHUNK = 16  # frames at a time: small enough for the processor's cache
_ACROSS, _ALONG = 1.5, 1.95  # half axes of head and hair, in half widths of the face
# A point of each upper lid, the brow points above it, the eye's corners and where between them it lies.
_CREASES = (
    (37, (18, 19), (36, 39), 1 / 3), (38, (20, 20), (36, 39), 2 / 3),
    (43, (23, 23), (42, 45), 1 / 3), (44, (24, 25), (42, 45), 2 / 3),
)  # fmt: skip
_UPPER_FACE = [*range(17, 27), *range(36, 48)]
_NECK, _RIGHT, _LEFT = BODY["neck"], BODY["right_shoulder"], BODY["left_shoulder"]
_CHIN = FACE_SLICE.start + 8


def head_field(
    reference: Tensor, driving: Tensor, *, height: int, width: int, aspect: float
) -> tuple[Tensor, Tensor]:
    """Carry heads and shoulders: for each output pixel the place in the reference, and its visibility.

    `reference` is `b k 3`, `driving` `b t k 3`, as in `motion_field`. Returns places as fractions
    `b t h w 2` and visibility `b t h w`, 0…1.
    """
    clips, length = driving.shape[:2]
    stretch = reference.new_tensor([aspect, 1.0])
    there = repeat(reference, "b k xyc -> (b t) k xyc", t=length)
    here = rearrange(driving, "b t k xyc -> (b t) k xyc")
    places, shown = [], []
    for rows in (slice(start, start + _CHUNK) for start in range(0, clips * length, _CHUNK)):
        seen = (there[rows, :, 2] >= _SEEN) & (here[rows, :, 2] >= _SEEN)
        pair = there[rows, :, :2] * stretch, here[rows, :, :2] * stretch
        place, visibility = _carry(*pair, seen, height=height, width=width, aspect=aspect)
        places.append(place / stretch)
        shown.append(visibility)
    fractions = rearrange(torch.cat(places), "(b t) h w xy -> b t h w xy", b=clips)
    visibility = rearrange(torch.cat(shown), "(b t) h w -> b t h w", b=clips)
    return fractions, visibility * within_picture(fractions)


def _carry(
    there: Tensor, here: Tensor, seen: Tensor, *, height: int, width: int, aspect: float
) -> tuple[Tensor, Tensor]:
    """Places and visibility for points `n k 2` of reference and driving pose, `n h w 2` and `n h w`."""
    source = fit_head(there[:, FACE_SLICE], seen[:, FACE_SLICE])
    target = fit_head(here[:, FACE_SLICE], seen[:, FACE_SLICE])
    stretch = there.new_tensor([aspect, 1.0])
    rows, columns = min(height, _COARSE), min(width, _COARSE)
    centres = pixel_centres(rows, columns, like=there) * stretch
    flat = centres.reshape(1, -1, 2)
    moves = _moves(there, here, seen, source, target, flat).reshape(-1, rows, columns, 2)
    left = (_inside(_depth(source, flat)) - _inside(_depth(target, flat))).clamp_min(0)
    left = (left * target.seen[:, None]).reshape(-1, rows, columns)
    hidden = opened(there[:, FACE_SLICE], here[:, FACE_SLICE], seen[:, FACE_SLICE], centres)
    shown = firmness(centres + moves, aspect=aspect) * (1 - left) * (1 - hidden)
    if (rows, columns) != (height, width):
        tall = rearrange(moves, "n h w xy -> n xy h w")
        tall = F.interpolate(tall, (height, width), mode="bicubic", align_corners=False)
        moves = rearrange(tall, "n xy h w -> n h w xy")
        shown = F.interpolate(shown[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0]
    return pixel_centres(height, width, like=there) * stretch + moves, shown


def _moves(
    there: Tensor, here: Tensor, seen: Tensor, source: HeadPose, target: HeadPose, places: Tensor
) -> Tensor:
    """How far the places `1 q 2` of the driving frame lie from where they were, `n q 2`."""
    # Points of the outline: from the right ear over the crown to the left; below, the jaw leads.
    angles = torch.linspace(-torch.pi - 0.2, 0.2, 13, device=there.device, dtype=there.dtype)
    ring_there, ring_here = _outline(source, angles), _outline(target, angles)
    ring = ring_there - ring_here
    face = there[:, FACE_SLICE] - here[:, FACE_SLICE]
    fade = (2.0 * ring.norm(dim=-1).amax(-1) / (_ACROSS * target.size)).clamp_min(0.8)
    head = 1 - smoothstep((_depth(target, places) - 1) / fade[:, None], 0.0, 1.0)
    swayed, trunk, below = _trunk(there, here, seen, places)
    # The neck passes the motion of the head on to the shoulders, which have their own.
    chin = _shoulder_frame(here, here[:, _CHIN, None])[1].clamp_max(-0.2)
    neck = 1 - smoothstep(below, chin, -0.05 + 0 * chin)
    shoulders = (seen[:, _RIGHT] & seen[:, _LEFT])[:, None]
    head = head * torch.where(shoulders, neck, torch.ones_like(neck)) * target.seen[:, None]
    moves = ((1 - head) * trunk)[..., None] * swayed
    touched = (head > 0).any(0).nonzero()[:, 0]  # the plate is dear: bend it only where a head is
    scale = target.size[:, None, None]
    fold_there, fold_here = _creases(there[:, FACE_SLICE], here[:, FACE_SLICE])
    centres = torch.cat([here[:, FACE_SLICE], ring_here, fold_here], 1) / scale
    always = torch.ones_like(ring[..., 0], dtype=torch.bool)
    upper = seen[:, FACE_SLICE][:, _UPPER_FACE].all(-1, keepdim=True).expand(-1, len(_CREASES))
    known = torch.cat([seen[:, FACE_SLICE], always, upper], 1)
    queries = (places[:, touched] / scale).expand(here.shape[0], -1, -1)
    shifts = torch.cat([face, ring, fold_there - fold_here], 1)
    bent = thin_plate_spline(centres, shifts, queries, smoothing=_SMOOTHING, valid=known)
    moves[:, touched] += head[:, touched, None] * bent
    return moves


def _creases(there: Tensor, here: Tensor) -> tuple[Tensor, Tensor]:
    """Points of the creases above the eyes in both poses, for faces `n 70 2`, `n q 2`.

    A lid that closes unfolds below its crease; without these points it would drag the brow down.
    """
    lids = [lid for lid, _, _, _ in _CREASES]
    right, left = ([brows[n] for _, brows, _, _ in _CREASES] for n in (0, 1))
    start, end = ([corners[n] for _, _, corners, _ in _CREASES] for n in (0, 1))
    share = there.new_tensor([between for _, _, _, between in _CREASES])[:, None]

    def line_and_rise(points: Tensor) -> tuple[Tensor, Tensor]:
        line = points[:, start] + share * (points[:, end] - points[:, start])
        brow = (points[:, right] + points[:, left]) / 2
        return line, brow - line

    (line_there, rise_there), (line_here, rise_here) = line_and_rise(there), line_and_rise(here)
    lid = ((there[:, lids] - line_there) * rise_there).sum(-1) / rise_there.square().sum(-1).clamp_min(1e-8)
    height = (0.6 * lid.clamp(0, 1) + 0.4)[..., None]  # between lid and brow, nearer to the lid
    return line_there + height * rise_there, line_here + height * rise_here


def _outline(head: HeadPose, angles: Tensor) -> Tensor:
    """Points of the ellipse around head and hair at `angles` (−π/2 is the crown), `n q 2`."""
    right = torch.stack([-head.up[:, 1], head.up[:, 0]], -1)
    across = (_ACROSS * angles.cos())[:, None] * right[:, None]
    along = (-_ALONG * angles.sin())[:, None] * head.up[:, None]
    return head.centre[:, None] + head.size[:, None, None] * (across + along)


def _depth(head: HeadPose, places: Tensor) -> Tensor:
    """Distance of places `1 q 2` from the head's centre in units of that ellipse: ≤ 1 is inside, `n q`."""
    offset = (places - head.centre[:, None]) / head.size[:, None, None]
    up, right = head.up[:, None], torch.stack([-head.up[:, 1], head.up[:, 0]], -1)[:, None]
    return torch.hypot((offset * right).sum(-1) / _ACROSS, (offset * up).sum(-1) / _ALONG)


def _inside(depth: Tensor) -> Tensor:
    return 1 - smoothstep(depth, 0.75, 0.95)


def _shoulder_frame(points: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Places `n q 2` along and below the line of the shoulders, in its lengths from its middle, `n q`."""
    span = points[:, _LEFT] - points[:, _RIGHT]
    offset = places - (points[:, _LEFT, None] + points[:, _RIGHT, None]) / 2
    square = span.square().sum(-1)[:, None].clamp_min(1e-6)
    x, y, u, v = offset[..., 0], offset[..., 1], span[:, None, 0], span[:, None, 1]
    return (x * u + y * v) / square, (y * u - x * v) / square


def _trunk(there: Tensor, here: Tensor, seen: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How the shoulders carry places `1 q 2`: a similarity `n q 2`, its share and the depth below, `n q`."""
    across, below = _shoulder_frame(here, places)
    span = there[:, None, _LEFT] - there[:, None, _RIGHT]
    down = torch.stack([-span[..., 1], span[..., 0]], -1)
    middle = (there[:, None, _LEFT] + there[:, None, _RIGHT]) / 2
    moves = middle + across[..., None] * span + below[..., None] * down - places
    out = torch.hypot((across.abs() - 0.65).clamp_min(0), (-below - 0.2).clamp_min(0))
    swayed = (there - here)[:, [_NECK, _RIGHT, _LEFT]].norm(dim=-1).amax(-1)
    reach = (here[:, _LEFT] - here[:, _RIGHT]).norm(dim=-1).clamp_min(1e-3)
    fade = (2.0 * swayed / reach).clamp_min(0.3)
    share = 1 - smoothstep(out / fade[:, None], 0.0, 1.0)
    return moves, share * (seen[:, _RIGHT] & seen[:, _LEFT])[:, None], below
