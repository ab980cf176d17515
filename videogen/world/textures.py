"""Textures without meaning: planes full of colour, edges and detail, for learning to carry any appearance.

Each function draws `b` square planes from dice, 0…1, `b 3 size size`; the same dice draw the same texture
at every size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from videogen.world.dice import Dice
from videogen.world.painter import Layer, paint

_FREQUENCIES = 28


def draw_dead_leaves(dice: Dice, *, size: int, leaves: int = 28) -> Tensor:
    """Overlapping ellipses of all sizes in random colours, 0…1, `b 3 size size`.

    They have the statistics of photographs: Lee, Mumford and Huang, "Occlusion models for natural images"
    (2001).
    """
    top, bottom = dice.uniforms(3), dice.uniforms(3)
    ramp = torch.linspace(0, 1, size, device=top.device)[None, None, :, None]
    background = torch.lerp(top[..., None, None], bottom[..., None, None], ramp).expand(-1, -1, -1, size)
    layers = []
    for number in range(leaves):
        scale = 0.42 * (1 - number / leaves) ** 1.5 + 0.03
        extent = torch.stack([dice.uniform(0.4, 1.0), dice.uniform(0.3, 1.0)], -1)[:, None] * scale
        layers.append(
            Layer(
                "ellipse",
                centre=dice.uniforms(2)[:, None],
                angle=dice.phase()[:, None],
                size=extent,
                colour=dice.uniforms(3),
                shade=0.3,
                stripes=dice.chance(0.3),
                second=dice.uniforms(3),
            )
        )
    return paint(background, layers, num_frames=1).video[:, 0]


def draw_clouds(dice: Dice, *, size: int) -> Tensor:
    """Coloured noise whose amplitude falls with frequency as that of photographs does (f^-0.9 … f^-1.7).

    Field, "Relations between the statistics of natural images and the response properties of cortical
    cells" (1987).
    """
    top = _FREQUENCIES
    b, rows = len(dice.uniform()), 2 * top + 1
    device = dice.uniform().device
    waves = dice.uniforms(3 * rows * (top + 1) * 2, -1, 1).view(b, 3, rows, top + 1, 2)
    slope = dice.uniform(0.9, 1.7)[:, None, None]
    down, across = torch.arange(-top, top + 1, device=device), torch.arange(top + 1, device=device)
    frequency = torch.hypot(down[:, None].float(), across[None].float()).clamp_min(1)
    waves = torch.view_as_complex(waves) * (frequency[None] ** -slope)[:, None]
    grid = (torch.arange(size, device=device) + 0.5) / size * 2 * math.pi
    # a small inverse transform as two products, so that the wave is the same at any size
    left, right = torch.polar(torch.ones_like(grid)[:, None], grid[:, None] * down), grid[:, None] * across
    lines = left @ waves  # b 3 size top+1
    noise = lines.real @ right.cos().T - lines.imag @ right.sin().T
    noise = noise / (waves.abs().square().sum((-2, -1)) / 2).sqrt()[..., None, None]
    mixing = torch.eye(3, device=device) * dice.uniform(0.2, 1.0)[:, None, None] + 0.8
    mixed = torch.einsum("b d c, b c h w -> b d h w", mixing / mixing.norm(dim=-1, keepdim=True), noise)
    middle = dice.uniforms(3, 0.3, 0.7)[..., None, None]
    return (middle + dice.uniform(0.1, 0.26)[:, None, None, None] * mixed).clamp(0, 1)


def draw_blobs(dice: Dice, *, size: int, blobs: int = 7) -> Tensor:
    """A gradient between four corners with soft round spots of light and colour."""
    corners = dice.uniforms(12).view(-1, 3, 2, 2)
    plane = torch.nn.functional.interpolate(corners, size=(size, size), mode="bilinear", align_corners=False)
    y, x = _axes(size, corners.device)
    for _ in range(blobs):
        px, py = dice.uniform()[:, None, None], dice.uniform()[:, None, None]
        wide, tall = dice.uniform(0.03, 0.3)[:, None, None], dice.uniform(0.6, 1.6)[:, None, None]
        alpha = (-(((x - px) * tall) ** 2 + ((y - py) / tall) ** 2) / wide**2).exp() * 0.95
        plane = torch.lerp(plane, dice.uniforms(3)[..., None, None], alpha[:, None])
    return plane


def draw_stripes(dice: Dice, *, size: int) -> Tensor:
    """Stripes in perspective, two colours with a thin third."""
    u, _ = _perspective(dice, size)
    rate = dice.uniform(3, 12)[:, None, None]
    low, high, thin = _paints(dice), _paints(dice), _paints(dice)
    plane = torch.lerp(low, high, _bars(u * rate, share=dice.uniform(0.3, 0.7))[:, None])
    return torch.lerp(plane, thin, _bars(u * rate + 0.31, share=dice.uniform(0.0, 0.2))[:, None])


def draw_checks(dice: Dice, *, size: int) -> Tensor:
    """A chessboard in perspective, with light falling off to one side."""
    u, v = _perspective(dice, size)
    rate = dice.uniform(2, 8)[:, None, None]
    half = torch.full_like(dice.uniform(), 0.5)
    one, two = (
        _bars(u * rate, share=half),
        _bars(v * rate * dice.uniform(0.6, 1.5)[:, None, None], share=half),
    )
    plane = torch.lerp(_paints(dice), _paints(dice), (one * (1 - two) + two * (1 - one))[:, None])
    y, x = _axes(size, plane.device)
    angle = dice.phase()[:, None, None]
    return plane * (0.8 + 0.4 * (angle.cos() * (x - 0.5) + angle.sin() * (y - 0.5)))[:, None].clamp(0.5, 1)


def draw_dots(dice: Dice, *, size: int) -> Tensor:
    """Rows of dots in perspective, each second row shifted by half."""
    u, v = _perspective(dice, size)
    rate = dice.uniform(3, 8)[:, None, None]
    u, v = u * rate, v * rate
    u = u + 0.5 * (v.floor() % 2)
    du, dv = u - u.floor() - 0.5, v - v.floor() - 0.5
    pixel = _steepness(v).clamp_min(1e-4)
    radius = dice.uniform(0.2, 0.42)[:, None, None]
    alpha = ((radius - torch.hypot(du, dv)) / pixel + 0.5).clamp(0, 1)
    alpha = torch.lerp(alpha, radius**2 * math.pi, (pixel * 2 - 0.6).clamp(0, 1))
    return torch.lerp(_paints(dice), _paints(dice), alpha[:, None])


def draw_plaid(dice: Dice, *, size: int) -> Tensor:
    """Woven bands of four colours across each other in perspective."""
    u, v = _perspective(dice, size)
    rate = dice.uniform(2, 5)[:, None, None]
    plane = _paints(dice).expand(-1, -1, size, size)
    for axis in (u, v, u, v):
        bars = _bars(axis * rate + dice.uniform()[:, None, None], share=dice.uniform(0.08, 0.5))
        plane = torch.lerp(plane, _paints(dice), 0.6 * bars[:, None])
    return plane


def draw_ripples(dice: Dice, *, size: int) -> Tensor:
    """Rings around two middles, crossing each other."""
    y, x = _axes(size, dice.uniform().device)
    height = torch.zeros(1, device=x.device)
    for _ in range(2):
        px, py = dice.uniform(-0.2, 1.2)[:, None, None], dice.uniform(-0.2, 1.2)[:, None, None]
        phase, rate = dice.phase()[:, None, None], dice.uniform(4, 11)[:, None, None]
        height = height + (torch.hypot(x - px, y - py) * rate * 2 * math.pi + phase).sin()
    return torch.lerp(_paints(dice), _paints(dice), (height * 0.35 + 0.5).clamp(0, 1)[:, None])


def _axes(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """y and x of the middles of pixels as fractions, `size 1` and `1 size`."""
    grid = (torch.arange(size, device=device) + 0.5) / size
    return grid[:, None], grid[None]


def _paints(dice: Dice) -> Tensor:
    return dice.uniforms(3)[..., None, None]


def _perspective(dice: Dice, size: int) -> tuple[Tensor, Tensor]:
    """Coordinates on a tilted floor seen at an angle, each `b size size`."""
    angle = dice.phase()[:, None, None]
    tilt_x, tilt_y = dice.uniform(-0.6, 0.6)[:, None, None], dice.uniform(-0.6, 0.6)[:, None, None]
    y, x = _axes(size, angle.device)
    x, y = x - 0.5, y - 0.5
    away = 1 + tilt_x * x + tilt_y * y
    return (angle.cos() * x + angle.sin() * y) / away, (angle.cos() * y - angle.sin() * x) / away


def _steepness(phase: Tensor) -> Tensor:
    """How much a phase changes over one pixel, `b h w`."""
    if phase.shape[-1] < 2:
        return torch.ones_like(phase)
    down, across = torch.gradient(phase, dim=(1, 2))
    return torch.hypot(down, across)


def _bars(phase: Tensor, *, share: Tensor) -> Tensor:
    """Bars of period 1 that fill `share` (`b`) of it, 0…1, with edges a pixel wide; grey where too fine."""
    pixel = _steepness(phase).clamp_min(1e-4)
    share = share[:, None, None]
    distance = share / 2 - (phase - phase.floor() - 0.5).abs()
    bars = (distance / pixel + 0.5).clamp(0, 1) * (share > 0.02)
    return torch.lerp(bars, share.expand_as(bars), (pixel * 2 - 0.6).clamp(0, 1))


TEXTURES = {
    "dead leaves": draw_dead_leaves, "clouds": draw_clouds, "blobs": draw_blobs, "stripes": draw_stripes,
    "checks": draw_checks, "dots": draw_dots, "plaid": draw_plaid, "ripples": draw_ripples,
}  # fmt: skip
HELD_OUT_TEXTURES = ("plaid", "ripples")
"""Families that training never shows."""
