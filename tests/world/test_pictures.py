"""Pictures are carried along smooth motion whose every pixel is known, and evaluation has its own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.world import pictures
from videogen.world.clips import Clips, render_clips
from videogen.world.dice import Dice
from videogen.world.pictures import draw_planes
from videogen.world.textures import HELD_OUT_TEXTURES, TEXTURES

SIZE = 64


@pytest.fixture(scope="module")
def clips() -> Clips:
    """Return pictures in motion."""
    return render_clips("picture", torch.arange(24), size=SIZE, num_frames=6, fps=8.0)


def test_the_reference_carried_along_the_flow_is_the_clip(clips: Clips) -> None:
    where = clips.source.flatten(1, 2) * 2 - 1
    carried = F.grid_sample(clips.reference, where, align_corners=False).view_as(clips.video)
    edge = 1 / SIZE
    inside = ((clips.source > edge) & (clips.source < 1 - edge)).all(-1).float()
    error = ((carried - clips.video).square().mean(1) * inside).sum() / inside.sum()
    assert error < 1e-5
    hidden = 1 - clips.visible
    assert hidden.sum() > 0
    wrong = ((carried - clips.video).square().mean(1) * hidden).sum() / hidden.sum()
    assert wrong > 100 * error, "what comes in from outside was not in the reference"


def test_visible_is_what_lay_in_the_reference(clips: Clips) -> None:
    inside = ((clips.source >= 0) & (clips.source <= 1)).all(-1)
    assert torch.equal(clips.visible, inside.float())
    assert 0.75 < clips.visible.mean() < 0.99


def test_pictures_move_as_a_whole_and_bend(clips: Clips) -> None:
    axis = (torch.arange(SIZE) + 0.5) / SIZE
    grid = torch.stack(torch.broadcast_tensors(axis[None], axis[:, None]), -1)
    moved = clips.source[:, -1] - grid
    assert 0.02 < moved.norm(dim=-1).mean() < 0.3
    ones = torch.cat([grid, torch.ones(SIZE, SIZE, 1)], -1).flatten(0, 1)
    flat = moved.flatten(1, 2)
    best = torch.linalg.lstsq(ones.expand(len(flat), -1, -1), flat).solution
    bent = (flat - ones @ best).norm(dim=-1).mean(1)
    turned = (best[:, 1, 0] - best[:, 0, 1]).abs() / 2
    assert bent.median() > 0.003
    assert turned.median() > 0.02


def test_the_motion_is_smooth_and_never_folds(clips: Clips) -> None:
    right, below = (
        clips.source.diff(dim=-2)[..., :-1, :, :] * SIZE,
        clips.source.diff(dim=-3)[..., :-1, :] * SIZE,
    )
    area = right[..., 0] * below[..., 1] - right[..., 1] * below[..., 0]
    assert area.min() > 0.1
    steps = clips.source.diff(dim=1).norm(dim=-1)
    assert steps.max() < 0.15


def kinds_of(planes: Tensor, indices: Tensor, names: list[str]) -> Tensor:
    """Which family each plane is of, by drawing it again; −1 for photographs."""
    dice = Dice(indices, seed=0)
    dice.choice(1)
    dice.chance(0.5)
    found = torch.full((len(planes),), -1)
    for number, name in enumerate(names):
        again = TEXTURES[name](dice.only(torch.arange(len(indices))), size=planes.shape[-1])
        found[(again - planes).abs().amax((1, 2, 3)) < 1e-4] = number
    return found


@pytest.mark.parametrize("held_out", [False, True])
def test_every_family_of_its_set_occurs_and_none_of_the_other(held_out: bool) -> None:
    indices = torch.arange(150)
    planes = draw_planes(Dice(indices, seed=0), size=12, held_out=held_out)
    names = sorted(TEXTURES)
    found = kinds_of(planes, indices, names)
    occurring = {names[number] for number in found.tolist() if number >= 0}
    assert occurring == {name for name in names if (name in HELD_OUT_TEXTURES) == held_out}
    photographed = (found < 0).float().mean()
    assert 0.4 < photographed < 0.6 if held_out else 0.24 < photographed < 0.44


def test_without_photographs_textures_take_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "count_photographs", lambda held_out: 0)
    indices = torch.arange(60)
    planes = draw_planes(Dice(indices, seed=0), size=12, held_out=False)
    assert kinds_of(planes, indices, sorted(TEXTURES)).min() >= 0


def test_a_clip_is_the_same_in_any_batch_and_about_the_same_at_another_size() -> None:
    many = render_clips("picture", torch.arange(12), size=32, num_frames=3)
    alone = render_clips("picture", torch.tensor([7]), size=32, num_frames=3)
    torch.testing.assert_close(many.video[7:8], alone.video, rtol=0, atol=1e-4)
    large = render_clips("picture", torch.arange(12), size=64, num_frames=3)
    shrunk = F.avg_pool3d(large.video, (1, 2, 2))
    assert (shrunk - many.video).square().mean() < 0.15 * (shrunk.roll(1, 0) - many.video).square().mean()


def test_pictures_have_no_words_and_nobody_in_them(clips: Clips) -> None:
    assert set(clips.captions) == {""}
    assert not clips.points.any()
    assert not clips.tracks.state.any()


def test_as_many_pictures_are_photographs_as_is_asked_for() -> None:
    def asked(share: float | None) -> Tensor:
        clips = render_clips("picture", torch.arange(8), size=16, num_frames=2, held_out=True, share=share)
        return clips.reference

    photographs, textures, mixed = asked(1.0), asked(0.0), asked(None)
    assert not (photographs == textures).flatten(1).all(1).any()
    same = [(mixed == each).flatten(1).all(1) for each in (photographs, textures)]
    assert torch.equal(same[0], ~same[1])
    assert 0 < same[0].sum() < 8
