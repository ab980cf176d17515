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
from videogen.conditions.head_trust import firmness
from videogen.conditions.openings import PARTING, creases, find_openings
from videogen.conditions.thin_plate import thin_plate_spline
from videogen.skeleton import BODY, FACE_SLICE

_SEEN = 0.3
_COARSE = 128  # the field is smooth: this many columns and rows are enough
_SMOOTHING = 1e-3
_CHUNK = 16  # frames at a time: small enough for the processor's cache
_ACROSS, _ALONG = 1.5, 1.95  # half axes of head and hair, in half widths of the face
_FOREHEAD = (
    (-0.86, -0.72, 0.3), (-0.5, -0.9, 0.62), (0.0, -0.95, 0.75), (0.5, -0.9, 0.62), (0.86, -0.72, 0.3),
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
    bend = _Bend(there, here, seen, aspect)
    centres = pixel_centres(height, width, like=there) * there.new_tensor([aspect, 1.0])
    if max(height, width) <= _COARSE:
        moves, shown = bend.at(centres)
    else:
        moves, shown = bend.of_skin(centres)
        window = _around(here[:, FACE_SLICE][seen[:, FACE_SLICE]] * height, height=height, width=width)
        if window is not None:
            moves[(slice(None), *window)], shown[(slice(None), *window)] = bend.at(centres[window])
    return centres + moves, shown


def _around(places: Tensor, *, height: int, width: int) -> tuple[slice, slice] | None:
    """The rows and columns of a picture that hold places `m 2`, in pixels, with a margin; None where few."""
    if len(places) < 12:
        return None
    low, high = places.amin(0), places.amax(0)
    margin = 0.1 * (high - low).amax()
    left, top = (low - margin).floor().clamp_min(0).int().tolist()
    right, bottom = (high + margin).ceil().int().tolist()
    rows, columns = slice(top, min(bottom, height)), slice(left, min(right, width))
    if rows.stop - rows.start < 2 or columns.stop - columns.start < 2:
        return None
    return rows, columns


class _Bend:
    """The motion from driving poses to the reference, `n` frames; points `n k 2` in picture heights."""

    def __init__(self, there: Tensor, here: Tensor, seen: Tensor, aspect: float) -> None:
        self.there, self.here, self.seen, self.aspect = there, here, seen, aspect
        self.source = fit_head(there[:, FACE_SLICE], seen[:, FACE_SLICE])
        self.target = fit_head(here[:, FACE_SLICE], seen[:, FACE_SLICE])

    def at(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """How far a grid of places `h w 2` moves, `n h w 2`, and how surely they are seen, `n h w`."""
        moves, shown = self.of_skin(centres)
        faces = self.there[:, FACE_SLICE], self.here[:, FACE_SLICE], self.seen[:, FACE_SLICE]
        grown = self.target.size / self.source.size
        for inside, source, known in find_openings(*faces, centres, grown=grown):
            moves = torch.lerp(moves, source - centres, inside[..., None])
            shown = torch.lerp(shown, known, inside)
        return moves, shown

    def of_skin(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """The same without what eyes and mouth do.

        The field is smooth, so it is computed at `_COARSE` rows and columns at most, and enlarged.
        """
        height, width = centres.shape[:2]
        rows, columns = min(height, _COARSE), min(width, _COARSE)
        moves, shown = self._smooth(_resized(centres[None], rows, columns, mode="bilinear")[0])
        shown = _resized(shown[..., None], height, width, mode="bilinear")[..., 0]
        return _resized(moves, height, width, mode="bicubic"), shown

    def _smooth(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """`of_skin` where it is wanted."""
        rows, columns = centres.shape[:2]
        flat = centres.reshape(1, -1, 2)
        there, here, seen = self.there, self.here, self.seen
        moves = _moves(there, here, seen, self.source, self.target, flat).reshape(-1, rows, columns, 2)
        left = (_inside(_depth(self.source, flat)) - _inside(_depth(self.target, flat))).clamp_min(0)
        left = (left * self.target.seen[:, None]).reshape(-1, rows, columns)
        return moves, firmness(centres + moves, apart=_apart(centres)) * (1 - left)


def _apart(centres: Tensor) -> tuple[float, float]:
    """How far the rows and the columns of a grid `h w 2` lie apart."""
    rows, columns = centres.shape[:2]
    down = (centres[-1, 0, 1] - centres[0, 0, 1]) / max(rows - 1, 1)
    right = (centres[0, -1, 0] - centres[0, 0, 0]) / max(columns - 1, 1)
    return float(down), float(right)


def _resized(field: Tensor, rows: int, columns: int, *, mode: str) -> Tensor:
    """A smooth field `n h w c` with another number of rows and columns."""
    if field.shape[1:3] == (rows, columns):
        return field
    tall = rearrange(field, "n h w c -> n c h w")
    tall = F.interpolate(tall, (rows, columns), mode=mode, align_corners=False)
    return rearrange(tall, "n c h w -> n h w c")


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
    brow_there, brow_here = _forehead(source), _forehead(target)
    always = here.new_ones(len(here), ring.shape[1] + brow_here.shape[1], dtype=torch.bool)
    fold_there, fold_here = creases(there[:, FACE_SLICE], here[:, FACE_SLICE])
    centres = torch.cat([here[:, FACE_SLICE], ring_here, brow_here, fold_here], 1) / scale
    brow_there, brow_here = _forehead(source), _forehead(target)
    upper = seen[:, FACE_SLICE][:, _UPPER_FACE].all(-1, keepdim=True).expand(-1, fold_here.shape[1])
    skin = seen[:, FACE_SLICE].clone()
    skin[:, list(PARTING)] = False
    known = torch.cat([skin, always, upper], 1)
    queries = (places[:, touched] / scale).expand(here.shape[0], -1, -1)
    shifts = torch.cat([face, ring, brow_there - brow_here, fold_there - fold_here], 1)
    bent = thin_plate_spline(centres, shifts, queries, smoothing=_SMOOTHING, valid=known)
    moves[:, touched] += head[:, touched, None] * bent
    return moves


def _forehead(head: HeadPose) -> Tensor:
    """Points of forehead and temples, which no keypoint marks, as the head's turn shows them, `n q 2`."""
    return head.centre[:, None] + torch.einsum("nxz,qz->nqx", head.camera, head.camera.new_tensor(_FOREHEAD))


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
