"""The stage of own clips: which windows it draws, at which rates, what it trains, and what it tells."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.tiny import UNET, export_tiny, stir
from videogen.skeleton import KEYPOINTS
from videogen.training.folder import OwnClip
from videogen.training.folder_stage import ROWS, FolderStage, Modules, is_motion
from videogen.weights.load import load_networks

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's stage makes networks of its own before it is given the model's."""
    monkeypatch.setattr("videogen.training.unet.pocket_config", lambda: UNET)


def clip(
    count: int, *, fps: float = 8.0, caption: str = "zorp waves", points: torch.Tensor | None = None
) -> OwnClip:
    """Return pictures that are each of one brightness, one-sided."""
    pictures = torch.linspace(-1, 0.5, count)[:, None, None, None].repeat(1, 3, 64, 64)
    pictures[..., :32] += 0.5
    return OwnClip("clip.mp4", pictures, fps, caption, points)


def stage(tmp_path: Path, clips: list[OwnClip], *, modules: Modules = "all") -> FolderStage:
    if not (tmp_path / "model").exists():
        export_tiny(tmp_path / "model")
    return FolderStage(
        load_networks(tmp_path / "model"), clips, modules=modules, learning_rate=1e-3, seed=3, device="cpu",
        workers=0,
    )  # fmt: skip


def draws(made: FolderStage, count: int = 40) -> list[tuple[torch.Tensor, ...]]:
    return [made.draw(generator=torch.Generator().manual_seed(seed)) for seed in range(count)]


def test_windows_of_a_long_clip_are_of_8_or_16_frames_and_lie_anywhere(tmp_path: Path) -> None:
    made = stage(tmp_path, [clip(60)])
    found = draws(made)
    assert {latents.shape for latents, *_ in found} == {(ROWS, 8, 8, 16, 16), (ROWS, 8, 16, 16, 16)}
    whole = torch.cat(made.own[0].views, 1)
    starts = {
        int((whole - row[:, :1]).abs().amax((0, 2, 3)).argmin()) for latents, *_ in found for row in latents
    }
    assert len(starts) > 40, "mirrored and not, from the first moment to the last"


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (8, [1, 2]),
        (30, [2, 3, 4, 5, 6, 7]),
        (25, [2, 3, 4, 5, 6]),
        (3, [1]),
        (60, list(range(4, 16))),
        (15, [1, 2, 3]),
    ],
)
def test_strides_lead_to_rates_near_the_models_own(tmp_path: Path, fps: float, expected: list[int]) -> None:
    made = stage(tmp_path, [clip(64, fps=fps)])
    assert made.strides(made.own[0]) == expected
    rates = {round(rate, 4) for *_, told in draws(made) for rate in told.tolist()}
    assert rates <= {round(fps / stride, 4) for stride in expected}
    assert len(rates) >= min(len(expected), 4)


def test_the_rate_told_is_that_of_the_frames_taken(tmp_path: Path) -> None:
    made = stage(tmp_path, [clip(40, caption="turns left")])
    (view,) = made.own[0].views
    for latents, _, _, rates in draws(made, 10):
        for row, rate in zip(latents, rates.tolist(), strict=True):
            moments = [int((view - frame[:, None]).abs().amax((0, 2, 3)).argmin()) for frame in row.unbind(1)]
            assert torch.tensor(moments).diff().unique().tolist() == [round(8 / rate)]


def test_short_clips_and_pictures_stand_beside_long_ones(tmp_path: Path) -> None:
    lengths = {latents.shape[2] for latents, *_ in draws(stage(tmp_path, [clip(1), clip(5), clip(40)]), 60)}
    assert lengths == {1, 3, 5, 8, 16}


def test_mirror_images_are_kept_unless_words_or_keypoints_tell_the_sides(tmp_path: Path) -> None:
    nobody = torch.zeros(4, KEYPOINTS, 3)
    clips = [clip(4), clip(4, caption="looks LEFT"), clip(4, points=nobody), clip(4, caption="a cleft")]
    assert [len(kept.views) for kept in stage(tmp_path, clips).own] == [2, 1, 1, 2]


def test_a_pose_is_told_half_of_the_time(tmp_path: Path) -> None:
    points = torch.zeros(20, KEYPOINTS, 3)
    points[:, :18] = torch.rand(18, 3)
    points[:, :18, 2] = 1
    told = torch.cat(
        [maps.flatten(1).amax(1) > 0.1 for _, maps, *_ in draws(stage(tmp_path, [clip(20, points=points)]))]
    )
    assert told.float().mean() == pytest.approx(0.5, abs=0.12)
    without = torch.cat([maps for _, maps, *_ in draws(stage(tmp_path, [clip(8)]), 3)])
    assert without.eq(0).all()


def test_only_what_mixes_frames_is_trained_for_motion(tmp_path: Path) -> None:
    for modules in ("motion", "all"):
        made = stage(tmp_path, [clip(9)], modules=modules)  # type: ignore[arg-type]
        trained = {name for name, value in made.model.named_parameters() if value.requires_grad}
        everything = {name for name, _ in made.model.named_parameters()}
        assert trained == (
            everything if modules == "all" else {name for name in everything if is_motion(name)}
        )
        assert all(not value.requires_grad for value in made.world.vae.parameters())
    parts = {part for name in everything if is_motion(name) for part in name.split(".")}
    assert {"temporal", "motion_modules", "frame_embedding"} <= parts
    assert not parts & {"text_encoder", "attentions", "conv_in", "pose_encoder", "appearance_encoder"}


def test_the_loss_follows_from_the_step_and_reaches_what_is_trained(tmp_path: Path) -> None:
    made = stage(tmp_path, [clip(9)], modules="motion")
    stir(made.model)
    batch = next(iter(made.batches(0)))
    loss, figures = made.loss(batch, step=0, device=CPU)
    assert loss.item() == pytest.approx((figures["own"] + figures["world"]).item() / 2)
    assert torch.equal(made.loss(batch, step=0, device=CPU)[0], loss)
    assert not torch.equal(made.loss(batch, step=1, device=CPU)[0], loss)
    loss.backward()
    for name, value in made.model.named_parameters():
        assert (value.grad is not None) == is_motion(name), name


def test_words_of_own_clips_are_never_dropped(tmp_path: Path) -> None:
    made = stage(tmp_path, [clip(9)])
    for _, _, tokens, _ in draws(made, 20):
        assert (tokens == made.own[0].tokens).all()
        assert not (tokens == made.world.empty).all(1).any()


def test_the_world_beside_the_clips_changes_from_step_to_step(tmp_path: Path) -> None:
    made = stage(tmp_path, [clip(9)])
    first = list(islice(made.batches(0), 5))
    again = next(iter(made.batches(3)))
    assert torch.equal(first[3].clean, again.clean)
    assert len({batch.clean.double().sum().item() for batch in first}) == 5
