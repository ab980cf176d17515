"""Things of one part or many: their outlines and their looks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.tracks import Tracks, draw_tracks
from videogen.world.creatures import CREATURES, SHAPES, build_thing, outlines
from videogen.world.painter import Stage, paint

SIZE = 96


def paint_thing(shape: int, *, mirrored: bool = False, angle: float = 0.0) -> tuple[Tensor, Stage, Tracks]:
    kind, turn = torch.tensor([shape]), torch.full((1, 1), angle)
    radius, centre = torch.full((1, 1), 0.3), torch.full((1, 1, 2), 0.5)
    layers = build_thing(
        kind, torch.tensor([[0.8, 0.1, 0.1]]), centre, turn, radius, mirrored=torch.tensor([mirrored]),
        pattern=torch.zeros(1, dtype=torch.int64), thing=1, present=torch.tensor([True]),
    )  # fmt: skip
    painting = paint(torch.full((1, 3, SIZE, SIZE), 0.5), layers, num_frames=1)
    assert painting.stage is not None
    tracks = Tracks.none(1, 1)
    tracks.state[0, 0, 0] = torch.tensor([0.5, 0.5, 0.3, angle, 1.0])
    tracks.outline[:, 0] = outlines(kind, torch.tensor([mirrored]))
    return painting.video[0, 0], painting.stage, tracks


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=SHAPES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_an_outline_is_the_silhouette_of_what_is_painted(shape: int, mirrored: bool) -> None:
    _, stage, tracks = paint_thing(shape, mirrored=mirrored, angle=0.4)
    drawn, mask = draw_tracks(tracks, height=SIZE, width=SIZE)[0, 0, 0] > 0.5, stage.mask()[0, 0] == 1
    overlap = (drawn & mask).sum() / (drawn | mask).sum()
    assert overlap > (0.93 if shape < 6 else 0.75)


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=SHAPES)
def test_a_thing_fills_its_half_extent(shape: int) -> None:
    _, stage, _ = paint_thing(shape)
    rows, columns = (stage.mask()[0, 0] == 1).nonzero(as_tuple=True)
    reach = max(float((rows + 0.5 - SIZE / 2).abs().max()), float((columns + 0.5 - SIZE / 2).abs().max()))
    assert 0.75 < reach / (0.3 * SIZE) < 1.2


@pytest.mark.parametrize("name", CREATURES)
def test_a_creature_looks_both_ways_and_is_mostly_of_its_colour(name: str) -> None:
    shape = SHAPES.index(name)
    left, stage, _ = paint_thing(shape, mirrored=True)
    right, other, _ = paint_thing(shape)
    assert torch.equal(stage.mask()[0, 0], other.mask()[0, 0].flip(1))
    if name != "rocket":
        assert (left - right).abs().amax() > 0.3
    red = (right[0] > 1.8 * right[1]) & (right[0] > 1.8 * right[2])
    assert (red & (other.mask()[0, 0] == 1)).sum() / (other.mask() == 1).sum() > 0.4


def test_an_absent_thing_has_no_layers_to_show() -> None:
    layers = build_thing(
        torch.tensor([8]), torch.ones(1, 3), torch.full((1, 1, 2), 0.5), torch.zeros(1, 1), torch.ones(1, 1),
        mirrored=torch.tensor([False]), pattern=torch.zeros(1, dtype=torch.int64), thing=2,
        present=torch.tensor([False]),
    )  # fmt: skip
    assert not any(bool(layer.present.any()) for layer in layers if layer.present is not None)
