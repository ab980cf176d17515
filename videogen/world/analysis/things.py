"""Regions become things: which shape, how large, how turned and how textured, over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from videogen.world.analysis.blobs import Blob
from videogen.world.analysis.ground import SIDE, Sight
from videogen.world.analysis.templates import GRID, TURNS, Template, bank, grid, templates
from videogen.world.surface import PATTERNS

Floats = NDArray[np.float64]

_RINGS, _SPOKES = 7, 48
_LIKELY, _ABSENT = 5, 0.3
"""How many shapes are looked at closely, and what the lack of all their other parts costs."""
_SEEN = 9.0
_SPINS = np.array([sign * rate for rate in np.linspace(0.4, 2.1, 35) * math.pi for sign in (1.0, -1.0)])


@dataclass(frozen=True)
class Fit:
    """A region explained: `misfit` 0…1 is how much of it and of the shape do not coincide."""

    template: Template
    track: Floats
    misfit: float
    texture: str
    second: float


def fit_thing(blob: Blob, sight: Sight, *, fps: float) -> Fit:
    """The shape, track and texture of a region."""
    seen = np.flatnonzero(blob.masks.any((1, 2)))
    area = blob.masks[seen].sum((1, 2)).astype(np.float64)
    axis = np.arange(SIDE) + 0.5
    x = (blob.masks[seen].sum(1) * axis).sum(1) / area
    y = (blob.masks[seen].sum(2) * axis).sum(1) / area
    scores = _compare(blob, seen, x, y, area)
    spin = _spin(blob, sight, seen, x, y, area, fps=fps)
    best: tuple[float, Template, Floats] | None = None
    for number, angles, misfit in _choose(scores, spin, seen / fps):
        template = templates()[number]
        size = np.sqrt(area / template.area)
        cos, sin = np.cos(angles), np.sin(angles)
        middle_x = x - size * (cos * template.middle[0] - sin * template.middle[1])
        middle_y = y - size * (sin * template.middle[0] + cos * template.middle[1])
        track = np.full((len(blob.masks), 4), np.nan)
        track[seen] = np.stack([middle_x / SIDE, middle_y / SIDE, size / SIDE, angles], 1)
        cost = misfit + _ABSENT * _lacks(blob, sight, template, track, seen)
        if best is None or cost < best[0]:
            best = cost, template, track
    assert best is not None
    misfit, template, track = best
    texture, second = _texture(blob, sight, template, track, seen)
    return Fit(template, track, misfit, texture, second)


def _compare(blob: Blob, seen: NDArray[np.int64], x: Floats, y: Floats, area: Floats) -> Floats:
    """How little each frame's region and each template of the bank coincide, 0…1, `t n`."""
    px, py = grid()
    radius = np.sqrt(area / math.pi)
    rows = []
    for k, t in enumerate(seen):
        at = [(py * radius[k] + y[k] - 0.5).ravel(), (px * radius[k] + x[k] - 0.5).ravel()]
        rows.append(ndimage.map_coordinates(blob.masks[t].astype(np.float64), at, order=1))
    masks, covers = np.stack(rows), bank().covers
    overlap = masks @ covers.T
    norms = (masks**2).sum(1)[:, None] + (covers**2).sum(1)
    return np.asarray(1 - 2 * overlap / norms)


def _choose(scores: Floats, spin: float, time: Floats) -> list[tuple[int, Floats, float]]:
    """The likeliest templates, their angle at each moment, and the misfit: upright, or turning at `spin`."""
    cube = scores.reshape(len(scores), -1, TURNS)
    steps = np.round((time - time[0]) * spin / (2 * math.pi) * TURNS).astype(int)
    turned = np.stack([cube[k][:, (np.arange(TURNS) + step) % TURNS] for k, step in enumerate(steps)])
    costs = np.quantile(turned, 0.35, axis=0) + 0.02 * (np.arange(TURNS) != 0) * (spin == 0)
    first = costs.argmin(1)
    return [
        (int(n), 2 * math.pi * first[n] / TURNS + spin * (time - time[0]), float(costs[n, first[n]]))
        for n in np.argsort(costs.min(1))[:_LIKELY]
    ]


def _lacks(blob: Blob, sight: Sight, template: Template, track: Floats, seen: NDArray[np.int64]) -> float:
    """The share of a shape's parts of other colours (sails, wheels, eyes) where the place is seen instead."""
    u, v = _frame()
    other = (template.at(template.cover, u, v) > 0.9) & (template.at(template.own, u, v) < 0.15)
    if other.mean() < 0.01:
        return 0.0
    shares = []
    for t in seen:
        rows, columns = _on_picture(track[t], u[other], v[other])
        shares.append(np.mean(sight.gap[t][rows, columns] < _SEEN))
    return float(np.median(shares)) * min(
        float(other.sum() / (template.at(template.cover, u, v) > 0.5).sum()) * 3, 1
    )


def _frame() -> tuple[Floats, Floats]:
    """Points of a shape's own frame on a square grid, in half extents, each `GRID GRID`."""
    axis = (np.arange(GRID) + 0.5) / GRID * 2.2 - 1.1
    u, v = np.meshgrid(axis, axis)
    return u, v


def _on_picture(state: Floats, u: Floats, v: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels at which points of a thing's frame lie."""
    x, y, size, angle = state
    cos, sin = math.cos(angle), math.sin(angle)
    columns, rows = x + size * (cos * u - sin * v), y + size * (sin * u + cos * v)
    row, column = ((value * SIDE).astype(np.int64).clip(0, SIDE - 1) for value in (rows, columns))
    return row, column


def _spin(
    blob: Blob, sight: Sight, seen: NDArray[np.int64], x: Floats, y: Floats, area: Floats, *, fps: float
) -> float:
    """How fast what is on the region turns, radians a second; 0 where that explains it as well."""
    if len(seen) < 3:
        return 0.0
    angle = np.arange(_SPOKES) * 2 * math.pi / _SPOKES
    share = (np.arange(_RINGS) + 0.5) / _RINGS * 1.7
    pictures = []
    for k, t in enumerate(seen):
        radius = share[:, None] * math.sqrt(area[k] / math.pi)
        at = [(y[k] - 0.5 + radius * np.sin(angle)).ravel(), (x[k] - 0.5 + radius * np.cos(angle)).ravel()]
        mask = blob.masks[t]
        light = sight.lab[t, ..., 0]
        picture = np.where(mask, 1 + (light - light[mask].mean()) / 25, 0.0)
        polar = ndimage.map_coordinates(picture, at, order=1).reshape(_RINGS, _SPOKES)
        pictures.append((polar - polar.mean(1, keepdims=True)) * np.sqrt(share)[:, None])
    waves = np.fft.rfft(np.stack(pictures), axis=2)
    energy = np.sqrt((np.abs(waves) ** 2).sum((1, 2)))
    number = np.arange(waves.shape[2])
    first, last = np.triu_indices(len(seen), 1)
    cross = (waves[last] * waves[first].conj()).sum(1) / (energy[last] * energy[first])[:, None]
    apart = (seen[last] - seen[first]) / fps

    rates = np.concatenate([[0.0], _SPINS])
    values = (cross * np.exp(1j * number * (rates[:, None] * apart)[..., None])).real.sum(-1).mean(-1)
    best = int(values.argmax())
    return float(rates[best]) if values[best] > values[0] + 0.04 else 0.0


def _texture(
    blob: Blob, sight: Sight, template: Template, track: Floats, seen: NDArray[np.int64]
) -> tuple[str, float]:
    """The pattern whose second colour lies where the region is paler or darker, and how much there is."""
    u, v = _frame()
    inside = (template.at(template.own, u, v) > 0.8) & (template.at(template.region, u, v) > 0.9)
    pictures = []
    for t in seen:
        x, y, size, angle = track[t] * [SIDE, SIDE, SIDE, 1]
        cos, sin = math.cos(angle), math.sin(angle)
        at = [(y + size * (sin * u + cos * v) - 0.5).ravel(), (x + size * (cos * u - sin * v) - 0.5).ravel()]
        pictures.append(ndimage.map_coordinates(sight.lab[t, ..., 0], at, order=1, mode="nearest"))
    light = np.mean(pictures, 0).reshape(GRID, GRID)
    if inside.sum() < 20:
        return PATTERNS[0], 0.0
    basis = [np.ones(int(inside.sum())), v[inside], template.at(template.shine, u, v)[inside]]
    plain = _leftover(np.stack(basis, 1), light[inside])
    best, least = 0, plain
    for number in range(1, len(PATTERNS)):
        mixture = template.at(template.mixture[number], u, v)[inside]
        left = _leftover(np.stack([*basis, mixture], 1), light[inside])
        if left < least:
            best, least = number, left
    gain = 1 - least / max(plain, 1e-9)
    return PATTERNS[best if gain > 0.3 else 0], gain


def _leftover(basis: Floats, values: Floats) -> float:
    fitted = basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return float(((values - fitted) ** 2).sum())
