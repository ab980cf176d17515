"""How mouths and eyes open and close: rims that part and meet, and what lies behind them.

The skin of a face stretches as a plate does. At lips and lids it does not: what touches in one picture lies
apart in the other. So in the frame of a feature (across from corner to corner, depth below that line) each
lip, and the lid between its edge and the crease above it, is stretched between its own rims. What is behind
keeps its size: teeth stay with the upper lip, and eyes between their corners. Where the reference shows
something else there, because it was closed or less open, nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videogen.conditions.geometry import smoothstep

# Rims from corner to corner, from top to bottom, within the 70 face points; 70 to 73 are the creases.
_MOUTH = (
    (48, 49, 50, 51, 52, 53, 54),
    (48, 60, 61, 62, 63, 64, 54),
    (48, 60, 67, 66, 65, 64, 54),
    (48, 59, 58, 57, 56, 55, 54),
)
_EYES = (
    ((36, 70, 71, 39), (36, 37, 38, 39), (36, 41, 40, 39), 68),
    ((42, 72, 73, 45), (42, 43, 44, 45), (42, 47, 46, 45), 69),
)
# A point of each upper lid, the brow points above it, the eye's corners and where between them it lies.
_CREASES = (
    (37, (18, 19), (36, 39), 1 / 3), (38, (20, 20), (36, 39), 2 / 3),
    (43, (23, 23), (42, 45), 1 / 3), (44, (24, 25), (42, 45), 2 / 3),
)  # fmt: skip
PARTING = (37, 38, 43, 44, *range(60, 68))
"""The points that a plate must not be bent by: edges of upper lids, and inner lips."""
_LASHES = 0.14
"""How tall upper lashes are, over the width of the eye."""
_CORNER = 0.06
"""How far from its corners the skin goes over into the feature, over its width."""
_SEAM = 0.018
"""How wide the line between closed lips is, over half the width of the face."""
_EDGE = 0.02
"""How softly rims end, over the width of the feature."""

Found = tuple[Tensor, Tensor, Tensor]


def find_openings(there: Tensor, here: Tensor, seen: Tensor, places: Tensor, *, grown: Tensor) -> list[Found]:
    """Look up what eyes and mouth show, for places `h w 2` of driving frames.

    `there` and `here` are face points `n 70 2` of reference and driving pose, `seen` `n 70` says which
    count; `grown` `n` is the driving face's size over the reference's. All lengths in one unit. Returns for
    each feature where the places lie within it, 0…1 `n h w`, where they come from `n h w 2`, and whether
    the reference shows them, 0…1 `n h w`.
    """
    creases_there, creases_here = creases(there, here)
    there, here = torch.cat([there, creases_there], 1), torch.cat([here, creases_here], 1)
    found = [
        _eye(there, here, seen, places, crease, upper, lower, pupil) for crease, upper, lower, pupil in _EYES
    ]
    return [*found, _mouth(there, here, seen, places, grown)]


def creases(there: Tensor, here: Tensor) -> tuple[Tensor, Tensor]:
    """Points of the creases above the eyes, two for each, for faces `n 70 2`, `n 4 2`.

    In the reference they lie between lid and brow; then they follow the brow and not the lid, which unfolds
    below them when it closes.
    """
    lids = [lid for lid, _, _, _ in _CREASES]
    right, left = ([brows[n] for _, brows, _, _ in _CREASES] for n in (0, 1))
    start, end = ([corners[n] for _, _, corners, _ in _CREASES] for n in (0, 1))
    share = there.new_tensor([between for _, _, _, between in _CREASES])[:, None]

    def line_and_rise(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        line = points[:, start] + share * (points[:, end] - points[:, start])
        rise = (points[:, right] + points[:, left]) / 2 - line
        lid = ((points[:, lids] - line) * rise).sum(-1) / rise.square().sum(-1).clamp_min(1e-12)
        return line, rise, lid.clamp(0, 0.8)

    line_there, rise_there, lid_there = line_and_rise(there)
    line_here, rise_here, lid_here = line_and_rise(here)
    height_there = lid_there + 0.35 * (1 - lid_there)
    height_here = torch.maximum(height_there, lid_here + 0.1)
    return line_there + height_there[..., None] * rise_there, line_here + height_here[..., None] * rise_here


@dataclass(frozen=True)
class BetweenLips:
    """What lies between driving lips at places `n h w`.

    `across` is the share of the way from the mouth's right corner to its left, `below` how far below the
    upper lip a place lies and `gap` how far apart the lips are there, over half the width of the face. `new`
    says how surely the place is between the lips and the reference does not show it, 0…1; `seam` how dark the
    line is where lips meet that are apart in the reference, 0…1.
    """

    across: Tensor
    below: Tensor
    gap: Tensor
    new: Tensor
    seam: Tensor


def between_lips(
    there: Tensor, here: Tensor, seen: Tensor, places: Tensor, *, size: Tensor, grown: Tensor
) -> BetweenLips:
    """Say what lies between lips; arguments as for `find_openings`, `size` `n` is half the face's width."""
    lips = _Lips.at(there, here, places, grown)
    unit = size[:, None, None]
    counts = lips.inside * lips.counts(seen)
    pixel = float((places[1:, :, 1] - places[:-1, :, 1]).amax()) if len(places) > 1 else 0.0
    return BetweenLips(
        lips.across, (lips.depth - lips.upper) / unit, (lips.lower - lips.upper) / unit,
        counts * lips.parted * (1 - lips.known), counts * lips.seam(_SEAM * unit, pixel=pixel),
    )  # fmt: skip


def _mouth(there: Tensor, here: Tensor, seen: Tensor, places: Tensor, grown: Tensor) -> Found:
    lips = _Lips.at(there, here, places, grown)
    source = torch.lerp(lips.skin, lips.behind, lips.parted)
    known = torch.lerp(torch.ones_like(lips.known), lips.known, lips.parted)
    return lips.inside * lips.counts(seen), lips.own.place(lips.across, source), known


@dataclass(frozen=True)
class _Lips:
    """A driving mouth at places: its rims, and depths in the reference's mouth, `n h w`.

    `skin` is where the lips come from and `behind` what is between them; `parted` says where that is,
    `inside` where the mouth is, `closed` how far lips meet that are apart in the reference, and `known` if it
    shows what is between.
    """

    own: _Feature
    across: Tensor
    depth: Tensor
    top: Tensor
    upper: Tensor
    lower: Tensor
    bottom: Tensor
    edge: Tensor
    skin: Tensor
    behind: Tensor
    parted: Tensor
    inside: Tensor
    closed: Tensor
    known: Tensor

    @classmethod
    def at(cls, there: Tensor, here: Tensor, places: Tensor, grown: Tensor) -> _Lips:
        now, own = _Feature.of(here, _MOUTH[0]), _Feature.of(there, _MOUTH[0])
        across, depth = now.locate(places)
        top, upper, lower, bottom = (now.rim(rim, across) for rim in _MOUTH)
        top_own, upper_own, lower_own, bottom_own = (own.rim(rim, across) for rim in _MOUTH)
        edge, edge_own = now.edge(), own.edge()
        # Of lips that close a trace is left out: a keypoint beside the lip would show teeth in the seam.
        wider = (lower - upper) / grown[:, None, None] - (lower_own - upper_own)
        closing = smoothstep(-wider, 0 * edge_own, 3 * edge_own)
        lip_upper = torch.lerp(upper_own, top_own, 0.3 * closing)
        lip_lower = torch.lerp(lower_own, bottom_own, 0.3 * closing)
        above = top_own + (depth - top) * _ratio(lip_upper - top_own, upper - top, edge)
        below = bottom_own - (bottom - depth) * _ratio(bottom_own - lip_lower, bottom - lower, edge)
        behind = upper_own + (depth - upper) / grown[:, None, None]
        known = 1 - smoothstep(behind, lower_own, lower_own + 1.5 * edge_own)
        known = known * smoothstep(lower_own - upper_own, edge_own, 3 * edge_own)
        return cls(
            own=own, across=across, depth=depth, top=top, upper=upper, lower=lower, bottom=bottom, edge=edge,
            skin=torch.where(depth < (upper + lower) / 2, above, below),
            behind=behind,
            parted=_within(depth, upper, lower, edge / 2) * smoothstep(lower - upper, edge, 3 * edge),
            inside=_within(depth, top, bottom, edge),
            closed=closing * (1 - smoothstep(lower - upper, edge, 3 * edge)),
            known=1 - (1 - known) * smoothstep(wider, 0 * edge_own, 2 * edge_own),
        )  # fmt: skip

    def seam(self, wide: Tensor, *, pixel: float) -> Tensor:
        """The line where lips meet, about `wide`, that the reference lacks; it ends before the corners.

        Where it is thinner than a `pixel` it is fainter instead.
        """
        drawn = wide.clamp_min(0.6 * pixel)
        off = (self.depth - (self.upper + self.lower) / 2) / drawn
        ends = smoothstep(1 - (2 * self.across - 1).square(), 0.1, 0.5)
        return self.closed * (wide / drawn) * (-off.square()).exp() * ends

    def counts(self, seen: Tensor) -> Tensor:
        """Where this is a mouth at all, `n h w`."""
        points = [*_MOUTH[0], *_MOUTH[1]]
        return _counts(self.across, self.top, self.bottom, seen, points, self.edge)


def _eye(
    there: Tensor, here: Tensor, seen: Tensor, places: Tensor,
    crease: tuple[int, ...], upper: tuple[int, ...], lower: tuple[int, ...], pupil: int,
) -> Found:  # fmt: skip
    now, own = _Feature.of(here, upper), _Feature.of(there, upper)
    across, depth = now.locate(places)
    fold, lid, under = (now.rim(rim, across) for rim in (crease, upper, lower))
    fold_own, lid_own, under_own = (own.rim(rim, across) for rim in (crease, upper, lower))
    edge, edge_own = now.edge(), own.edge()
    # The lashes keep their size, and the skin above them is stretched.
    lashes, lashes_own = (
        torch.minimum(_LASHES * one.wide[:, None, None], 0.6 * (edge_of - top))
        for one, edge_of, top in ((now, lid, fold), (own, lid_own, fold_own))
    )
    skin = fold_own + (depth - fold) * _ratio(lid_own - lashes_own - fold_own, lid - lashes - fold, edge)
    lash = lid_own - (lid - depth) * lashes_own / lashes.clamp_min(1e-6)
    skin = torch.where(depth > lid - lashes, lash, skin)
    # The ball turns behind the lids: most where the pupil is, and not at the corners.
    gaze_now, height_now = now.locate(here[:, None, [pupil]])
    gaze_own, height_own = own.locate(there[:, None, [pupil]])
    scale = (own.wide / now.wide)[:, None, None]
    bulge = (1 - (2 * across - 1).square()).clamp(0, 1)
    aside = across + bulge * (gaze_own - gaze_now).clamp(-0.25, 0.25)
    level = depth * scale + bulge * (height_own - height_now * scale).clamp(-0.1, 0.1)
    known = _within(level, lid_own, under_own, edge_own)
    wider = (under - lid) * scale - (under_own - lid_own)
    known = 1 - (1 - known) * smoothstep(wider, 0 * edge_own, 2 * edge_own)
    opened = _within(depth, lid, under, edge / 2) * smoothstep(under - lid, edge, 4 * edge)
    source = torch.lerp(own.place(across, skin), own.place(aside, level), opened[..., None])
    inside = _within(depth, fold, under, edge) * _counts(
        across, fold, under, seen, [*upper, *lower, pupil], edge
    )
    return inside, source, torch.lerp(torch.ones_like(known), known, opened)


def _within(depth: Tensor, top: Tensor, bottom: Tensor, edge: Tensor) -> Tensor:
    """1 between two rims, falling to 0 at an edge's distance outside."""
    return smoothstep(depth, top - edge, top + edge) * (1 - smoothstep(depth, bottom - edge, bottom + edge))


def _counts(
    across: Tensor, top: Tensor, bottom: Tensor, seen: Tensor, points: list[int], edge: Tensor
) -> Tensor:
    """Where a feature is wide open enough to be one, between its corners, and all its points are seen."""
    ends = smoothstep(torch.minimum(across, 1 - across), 0.0, _CORNER)
    return smoothstep(bottom - top, edge, 4 * edge) * ends * seen[:, points].all(-1)[:, None, None]


def _ratio(first: Tensor, second: Tensor, edge: Tensor) -> Tensor:
    return ((first.clamp_min(0) + edge / 4) / (second.clamp_min(0) + edge / 4)).clamp(0.05, 5.0)


@dataclass(frozen=True)
class _Feature:
    """The frame of a feature.

    Its right corner `n 2`, unit vectors along and below it `n 2`, width `n`, and all points `n k 2`.
    """

    corner: Tensor
    along: Tensor
    down: Tensor
    wide: Tensor
    points: Tensor

    @classmethod
    def of(cls, points: Tensor, rim: tuple[int, ...]) -> _Feature:
        corner, span = points[:, rim[0]], points[:, rim[-1]] - points[:, rim[0]]
        wide = span.norm(dim=-1).clamp_min(1e-6)
        along = span / wide[:, None]
        return cls(corner, along, torch.stack([-along[:, 1], along[:, 0]], -1), wide, points)

    def edge(self) -> Tensor:
        """How softly the rims end, `n 1 1`."""
        return _EDGE * self.wide[:, None, None]

    def locate(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Places `h w 2` or `n h w 2` as shares of the way across and depths below the corners, `n h w`."""
        offset = places - self.corner[:, None, None]
        across = (offset * self.along[:, None, None]).sum(-1) / self.wide[:, None, None]
        return across, (offset * self.down[:, None, None]).sum(-1)

    def place(self, across: Tensor, depth: Tensor) -> Tensor:
        """The inverse of `locate`, `n h w 2`."""
        way = (across * self.wide[:, None, None])[..., None] * self.along[:, None, None]
        return self.corner[:, None, None] + way + depth[..., None] * self.down[:, None, None]

    def rim(self, rim: tuple[int, ...], across: Tensor) -> Tensor:
        """How deep a rim lies at shares `n h w` of the way across, straight from point to point."""
        knots, depths = (value[:, 0] for value in self.locate(self.points[:, None, list(rim)]))
        # Points that a turn has folded over each other come in their order, a trace apart.
        knots = torch.cummax(knots, 1).values + torch.arange(len(rim), device=knots.device) * 1e-4
        flat = across.flatten(1).contiguous()
        after = torch.searchsorted(knots.contiguous(), flat).clamp(1, len(rim) - 1)
        x0, x1 = knots.gather(1, after - 1), knots.gather(1, after)
        y0, y1 = depths.gather(1, after - 1), depths.gather(1, after)
        share = ((flat - x0) / (x1 - x0)).clamp(0, 1)
        return (y0 + share * (y1 - y0)).view_as(across)
