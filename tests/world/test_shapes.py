"""Signed distances against distances measured by brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from videogen.world.shapes import OBJECT_SHAPES, PRIMITIVES, distance_of, reach_of

SIDE, REACH = 161, 1.6
AXIS = torch.linspace(-REACH, REACH, SIDE)
V, U = torch.meshgrid(AXIS, AXIS, indexing="ij")
STEP = float(AXIS[1] - AXIS[0])


def distance(shape: str, *, sx: float = 1.0, sy: float = 1.0, variant: int = 0) -> Tensor:
    half = (torch.full((1, 1, 1), size) for size in (sx, sy))
    return distance_of(shape, U[None], V[None], *half, torch.tensor([variant]))[0]


def measured(signed: Tensor) -> Tensor:
    """Return the distance of every grid point to the nearest place where the sign changes."""
    points = []
    for ahead, across in ((signed[:, 1:], 0), (signed[1:, :], 1)):
        here = signed[:, :-1] if across == 0 else signed[:-1, :]
        rows, columns = torch.nonzero((here < 0) != (ahead < 0), as_tuple=True)
        share = here[rows, columns] / (here[rows, columns] - ahead[rows, columns])
        x = AXIS[columns] + (share * STEP if across == 0 else 0)
        y = AXIS[rows] + (share * STEP if across == 1 else 0)
        points.append(torch.stack([x, y], -1))
    boundary = torch.cat(points)
    grid = torch.stack([U, V], -1).reshape(-1, 2)
    return torch.cdist(grid, boundary).amin(1).view(SIDE, SIDE)


@pytest.mark.parametrize("variant", range(len(OBJECT_SHAPES)), ids=OBJECT_SHAPES)
def test_the_distance_to_an_object_is_what_a_ruler_says(variant: int) -> None:
    signed = distance("object", variant=variant)
    error = (signed.abs() - measured(signed)).abs()
    near = measured(signed) < 0.3
    assert error[near].max() < 1.5 * STEP


@pytest.mark.parametrize("shape", ["capsule", "box"])
def test_the_distance_to_a_limb_is_what_a_ruler_says(shape: str) -> None:
    signed = distance(shape, sx=0.7, sy=0.3)
    assert (signed.abs() - measured(signed)).abs().max() < 1.5 * STEP


@pytest.mark.parametrize("shape", ["ellipse", "taper", "skirt"])
def test_the_edge_of_a_bent_shape_is_about_as_soft_as_a_straight_one(shape: str) -> None:
    signed = distance(shape, sx=0.8, sy=0.5)
    true = measured(signed)
    close = (true > STEP) & (true < 0.1)
    slope = (signed.abs() / true)[close]
    assert slope.min() > 0.6
    assert slope.max() < (2.3 if shape == "skirt" else 1.3)  # a skirt's waist is steep


def area(signed: Tensor) -> float:
    return float((0.5 - signed / STEP).clamp(0, 1).sum()) * STEP**2


def test_shapes_have_the_areas_of_geometry() -> None:
    assert area(distance("ellipse", sx=0.8, sy=0.5)) == pytest.approx(math.pi * 0.4, rel=0.01)
    assert area(distance("capsule", sx=0.7, sy=0.3)) == pytest.approx(1.4 * 0.6 + math.pi * 0.09, rel=0.01)
    assert area(distance("object", variant=0)) == pytest.approx(math.pi, rel=0.01)
    ring = math.pi * (1.0**2 - 0.44**2)
    assert area(distance("object", variant=OBJECT_SHAPES.index("ring"))) == pytest.approx(ring, rel=0.01)


def test_objects_scale_with_their_size() -> None:
    for variant in range(len(OBJECT_SHAPES)):
        small = area(distance("object", variant=variant, sx=0.5))
        assert small == pytest.approx(area(distance("object", variant=variant)) / 4, rel=0.03)


def test_a_batch_holds_every_object() -> None:
    half = torch.ones(6, 1, 1)
    batch = distance_of("object", U.expand(6, -1, -1), V.expand(6, -1, -1), half, half, torch.arange(6))
    for variant in range(6):
        torch.testing.assert_close(batch[variant], distance("object", variant=variant))


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown shape 'blob'"):
        distance("blob")


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_is_its_own_mirror_image(name: str) -> None:
    signed = distance("object", sx=0.9, sy=0.6, variant=PRIMITIVES.index(name))
    torch.testing.assert_close(signed, signed.flip(1))
    assert (signed < 0).any()


@pytest.mark.parametrize("name", ["wedge", "hull", "dome"])
def test_a_part_has_the_area_and_width_of_geometry(name: str) -> None:
    signed = distance("object", sx=0.9, sy=0.6, variant=PRIMITIVES.index(name))
    expected = {"wedge": 0.9 * 1.2, "hull": 1.2 * (1.8 - 0.36 * 0.9), "dome": math.pi * 0.9 * 0.6 / 2}[name]
    assert area(signed) == pytest.approx(expected, rel=0.02)
    inside = (signed < 0).any(0).nonzero()
    assert AXIS[inside.max()] == pytest.approx(0.9, abs=2 * STEP)


@pytest.mark.parametrize("shape", ["ellipse", "capsule", "taper", "box", "skirt", *PRIMITIVES])
def test_a_shape_lies_within_its_reach(shape: str) -> None:
    variant = torch.tensor([PRIMITIVES.index(shape)]) if shape in PRIMITIVES[:6] else None
    family = "object" if variant is not None or shape in ("wedge", "hull", "dome") else shape
    variant = torch.tensor([PRIMITIVES.index(shape)]) if family == "object" else None
    for angle in (0.0, 0.5, 1.4):
        cos, sin = math.cos(angle), math.sin(angle)
        half = torch.tensor([[0.5, 0.5 if shape in PRIMITIVES[:6] else 0.2]])
        sx, sy = half[:, :1, None], half[:, 1:, None]
        u, v = cos * U + sin * V, cos * V - sin * U
        inside = distance_of(family, u[None], v[None], sx, sy, variant)[0] < 0
        across, down = reach_of(family, half, torch.tensor([cos]), torch.tensor([sin]))
        assert U[inside].abs().max() <= across + STEP
        assert V[inside].abs().max() <= down + STEP


def test_a_thin_ellipse_ends_where_it_ends() -> None:
    signed = distance("ellipse", sx=0.5, sy=0.02)
    assert signed[:, AXIS.abs() > 0.75].min() >= 0.25 - 1e-5
