"""What belongs to each place: clouds and trees, dunes and a cactus, firs and flakes, waves, stars, a window.

One table, so that a batch of places is painted slot by slot. Edges of the picture are left to sky and ground
where that is possible: a place is known by them.
"""

from __future__ import annotations

from typing import NamedTuple

_Span = tuple[float, float]
_Paint = tuple[int, int, int]


class Piece(NamedTuple):
    """Something that belongs to a place.

    Its middle lies at `across`, and at `down` from the horizon (from the top where `hung`); its half width
    is `wide`, its half height `tall` times that. A `joined` piece is placed by its forerunner: `across` and
    `down` are offsets, and `wide` a factor, in the forerunner's half width. `chance` is how often it occurs.
    """

    shape: str
    across: _Span
    down: _Span
    wide: _Span
    tall: float
    paint: _Paint
    opacity: float = 1.0
    hung: bool = False
    joined: bool = False
    chance: float = 1.0


def _join(shape: str, across: float, down: float, wide: float, tall: float, paint: _Paint) -> Piece:
    return Piece(shape, (across, across), (down, down), (wide, wide), tall, paint, joined=True)


_CLOUD: _Paint = (250, 252, 255)


def _cloud(across: _Span, *, chance: float) -> tuple[Piece, ...]:
    first = Piece("ellipse", across, (0.08, 0.24), (0.1, 0.15), 0.36, _CLOUD, hung=True, chance=chance)
    return (
        first,
        _join("ellipse", 0.35, -0.24, 0.58, 0.7, _CLOUD),
        _join("ellipse", -0.4, -0.14, 0.42, 0.7, _CLOUD),
    )


def _tree(across: _Span, *, chance: float) -> tuple[Piece, ...]:
    trunk = Piece("box", across, (-0.03, 0.0), (0.018, 0.024), 3.2, (116, 80, 48), chance=chance)
    return (
        trunk,
        _join("ellipse", 0, -5.0, 4.4, 1.0, (40, 124, 56)),
        _join("ellipse", -1.2, -6.2, 2.2, 0.9, (66, 148, 70)),
    )


def _fir(across: _Span, *, chance: float) -> tuple[Piece, ...]:
    low = Piece("wedge", across, (-0.05, -0.03), (0.07, 0.1), 0.75, (46, 98, 84), chance=chance)
    return (
        low,
        _join("wedge", 0, -0.75, 0.72, 0.85, (54, 108, 92)),
        _join("wedge", 0, -1.25, 0.36, 0.8, (240, 244, 250)),
    )


def _flake(across: _Span, down: _Span) -> Piece:
    return Piece("ellipse", across, down, (0.009, 0.014), 1.0, (255, 255, 255), hung=True)


def _wave(across: _Span, down: _Span) -> Piece:
    return Piece("ellipse", across, down, (0.06, 0.12), 0.09, (104, 172, 220))


def _star(across: _Span, down: _Span) -> Piece:
    return Piece("ellipse", across, down, (0.006, 0.012), 1.0, (250, 246, 214), hung=True)


_BAR: _Paint = (250, 246, 238)

SCENERY: dict[str, tuple[Piece, ...]] = {
    "grass": (
        Piece("dome", (-0.1, 0.3), (0.0, 0.005), (0.3, 0.45), 0.3, (120, 194, 104)),
        Piece("dome", (0.7, 1.1), (0.0, 0.005), (0.3, 0.45), 0.22, (104, 184, 92)),
        *_cloud((-0.15, 0.42), chance=0.9),
        *_cloud((0.58, 1.15), chance=0.9),
        *_tree((0.08, 0.9), chance=0.75),
        Piece("dome", (-0.2, 0.4), (0.05, 0.12), (0.06, 0.1), 0.6, (46, 132, 52), chance=0.7),
        Piece("dome", (0.6, 1.2), (0.08, 0.2), (0.06, 0.1), 0.6, (46, 132, 52), chance=0.7),
    ),
    "desert": (
        Piece("ellipse", (0.1, 0.9), (0.1, 0.2), (0.05, 0.065), 1.0, (255, 244, 200), hung=True),
        Piece("dome", (-0.1, 0.35), (0.0, 0.005), (0.3, 0.5), 0.25, (212, 170, 100)),
        Piece("dome", (0.65, 1.1), (0.0, 0.005), (0.3, 0.5), 0.2, (202, 158, 90)),
        Piece("box", (0.08, 0.92), (-0.05, 0.0), (0.026, 0.034), 4.2, (62, 130, 72)),
        _join("box", 1.7, -1.0, 1.0, 0.7, (62, 130, 72)),
        _join("box", 2.2, -1.9, 0.6, 2.2, (62, 130, 72)),
        _join("box", -1.7, 0.4, 1.0, 0.7, (62, 130, 72)),
        _join("box", -2.2, -0.5, 0.6, 2.2, (62, 130, 72)),
        Piece("ellipse", (-0.2, 0.6), (0.16, 0.26), (0.2, 0.3), 0.08, (198, 152, 86)),
    ),
    "snow": (
        Piece("dome", (0.2, 0.8), (0.0, 0.005), (0.35, 0.55), 0.22, (226, 234, 244)),
        *_fir((-0.1, 0.3), chance=0.9),
        *_fir((0.7, 1.1), chance=0.9),
        *(_flake((k / 6 - 0.2, k / 6 + 0.1), (0.04 + 0.3 * (k % 2), 0.34 + 0.3 * (k % 2))) for k in range(8)),
    ),
    "sea": (
        Piece("dome", (0.15, 0.85), (0.0, 0.0), (0.08, 0.11), 1.0, (255, 238, 190)),
        Piece("box", (0.0, 0.0), (0.24, 0.24), (0.8, 0.8), 0.1, (248, 226, 164), joined=True),
        Piece("box", (0.05, 0.05), (0.62, 0.62), (0.55, 0.55), 0.14, (220, 214, 180), joined=True),
        *_cloud((-0.15, 1.15), chance=0.8),
        _wave((-0.2, 0.35), (0.06, 0.11)),
        _wave((0.6, 1.2), (0.08, 0.14)),
        _wave((0.2, 0.8), (0.16, 0.21)),
        _wave((-0.2, 0.4), (0.22, 0.3)),
        _wave((0.55, 1.2), (0.24, 0.3)),
    ),
    "night": (
        Piece("ellipse", (0.12, 0.88), (0.1, 0.22), (0.05, 0.07), 1.0, (236, 234, 210), hung=True),
        Piece("ellipse", (-0.3, -0.3), (0.2, 0.2), (0.22, 0.22), 1.0, (222, 214, 172), joined=True),
        Piece("ellipse", (0.3, 0.3), (-0.3, -0.3), (0.16, 0.16), 1.0, (222, 214, 172), joined=True),
        Piece("dome", (-0.1, 0.4), (0.0, 0.005), (0.3, 0.5), 0.3, (22, 36, 60)),
        Piece("dome", (0.6, 1.1), (0.0, 0.005), (0.3, 0.5), 0.24, (20, 32, 52)),
        *(_star((k / 6 - 0.2, k / 6 + 0.1), (0.24 * (k % 2), 0.24 * (k % 2) + 0.24)) for k in range(9)),
    ),
    "room": (
        Piece("box", (0.5, 0.5), (0.0, 0.0), (0.9, 0.9), 0.02, (244, 236, 222)),
        Piece("square", (0.14, 0.3), (0.22, 0.3), (0.17, 0.2), 1.0, _BAR, hung=True),
        _join("square", 0, 0, 0.84, 1.0, (150, 206, 240)),
        _join("box", 0, 0, 0.05, 14.0, _BAR),
        _join("box", 0, 0, 0.72, 0.08, _BAR),
        Piece("square", (0.66, 0.9), (0.2, 0.34), (0.09, 0.13), 1.0, (120, 80, 50), hung=True, chance=0.7),
        _join("square", 0, 0, 0.8, 1.0, (246, 226, 170)),
        _join("wedge", 0, 0.18, 0.45, 0.9, (110, 160, 120)),
        Piece("box", (0.78, 0.92), (-0.1, -0.1), (0.012, 0.014), 11.0, (92, 70, 58), chance=0.6),
        _join("hull", 0, -11.0, 5.5, 0.8, (252, 222, 140)),
        Piece("ellipse", (0.35, 0.65), (0.2, 0.26), (0.3, 0.4), 0.2, (178, 128, 92), chance=0.8),
    ),
    "grey": (
        Piece("ellipse", (0.4, 0.6), (0.16, 0.2), (0.4, 0.5), 0.22, (164, 166, 168), 0.6),
    ),
}  # fmt: skip
