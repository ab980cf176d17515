"""The upscaler's stage: batches follow from numbers, clips move and get worse as said, training helps."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.models.upscaler import UpscalerConfig
from videogen.training import sharp_planes
from videogen.training.degradations import add_noise, blur, degrade, film, h264, jpeg, make_smaller
from videogen.training.sharp_clips import draw_clip
from videogen.training.sharp_planes import draw_set, load_photographs
from videogen.training.upscaler import UpscalerStage
from videogen.world.photographs import HELD_OUT_PHOTOGRAPHS

CPU = torch.device("cpu")
TINY = UpscalerConfig(width=8, inner=16, blocks=1)


@pytest.fixture(scope="module")
def stage() -> UpscalerStage:
    """Return a stage of a tiny upscaler."""
    return UpscalerStage(config=TINY, batch_size=2, size=24)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clip_of(seed: int = 0, *, size: int = 64) -> Tensor:
    return draw_clip(draw_planes(), generator(seed), size=size)


def draw_planes() -> list[Tensor]:
    return [
        torch.randint(256, (3, 1, 40, 40), generator=generator(9))
        .byte()
        .repeat_interleave(6, 2)
        .repeat_interleave(6, 3)
    ]


def error(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


def test_the_same_number_gives_the_same_batch(stage: UpscalerStage) -> None:
    third = next(iter(stage.batches(3)))
    again = UpscalerStage(config=TINY, batch_size=2, size=24).batch(3)
    assert torch.equal(third.given, again.given)
    assert torch.equal(third.truth, again.truth)
    assert not torch.equal(third.truth, stage.batch(4).truth)
    assert third.given.shape == (2, 4, 3, 24, 24)
    assert third.truth.shape == (2, 2, 3, 48, 48)


def test_every_set_of_planes_is_another_and_follows_from_its_number() -> None:
    first, again, other = (draw_set(number, seed=1, count=6) for number in (0, 0, 1))
    assert len(first) == 6 + 3 + 3
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not any(
        one.shape == two.shape and torch.equal(one, two) for one, two in zip(first, other, strict=True)
    )


def test_held_out_photographs_are_not_among_the_planes() -> None:
    names = {*sharp_planes.TRAINED, *sharp_planes._MORE}
    assert not names & set(HELD_OUT_PHOTOGRAPHS)
    assert len(load_photographs()) == len(names)


def test_clips_move_by_fractions_of_a_pixel_and_stay_in_range() -> None:
    moves = []
    for seed in range(12):
        clip = clip_of(seed)
        assert clip.shape == (4, 3, 64, 64)
        assert 0 <= float(clip.min()) <= float(clip.max()) <= 1
        moves.append(error(clip[1], clip[2]))
    assert sum(move > 0.005 for move in moves) >= 6


def test_over_half_of_the_clips_are_only_made_smaller() -> None:
    clip = clip_of(2, size=32)
    clean = (make_smaller(clip, 2, kind="bicubic").clamp(0, 1) * 255).round() / 255
    kept = sum(torch.equal(degrade(clip, generator(seed), scale=2), clean) for seed in range(60))
    assert 24 <= kept <= 42


def test_what_is_made_smaller_keeps_its_mean_and_place() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    for kind in ("bicubic", "bilinear", "area"):
        small = make_smaller(ramp, 2, kind=kind)
        assert small.shape[-2:] == (16, 16)
        torch.testing.assert_close(small[..., 2:-2], F.avg_pool2d(ramp, 2)[..., 2:-2])


def test_blur_takes_edges_and_leaves_flat_ground() -> None:
    edge = (torch.arange(32) >= 16).float().expand(1, 3, 32, 32)
    soft = blur(edge, sigma=1.0)
    assert float(soft.diff(dim=-1).max()) == pytest.approx(0.399, abs=0.02)
    torch.testing.assert_close(soft[..., :8], edge[..., :8], atol=1e-5, rtol=0)


def test_noise_is_as_strong_as_asked_and_new_in_every_frame() -> None:
    flat = torch.full((2, 3, 64, 64), 0.5)
    noisy = add_noise(flat, generator(), deviation=0.02)
    assert float((noisy - flat).std()) == pytest.approx(0.02, rel=0.05)
    assert error(noisy[0], noisy[1]) == pytest.approx(0.02 * 2**0.5, rel=0.1)


def test_codecs_harm_more_the_harder_they_press_and_keep_frames_in_order() -> None:
    clip = (clip_of(5) * 255).round() / 255
    for fine, rough in (
        (h264(clip, crf=17), h264(clip, crf=33)),
        (jpeg(clip, quality=95), jpeg(clip, quality=35)),
    ):
        assert fine.shape == rough.shape == clip.shape
        assert 0 < error(fine, clip) < error(rough, clip) < 0.2
    levels = torch.linspace(0.2, 0.8, 4)[:, None, None, None].expand(4, 3, 32, 32)
    torch.testing.assert_close(
        h264(levels, crf=20).mean((1, 2, 3)), levels.mean((1, 2, 3)), atol=0.02, rtol=0
    )


def test_half_of_what_is_true_is_as_videos_hold_it() -> None:
    clip = clip_of(3, size=32)
    kept = sum(torch.equal(film(clip, generator(seed)), clip) for seed in range(60))
    assert 20 <= kept <= 40
    assert error(film(clip, generator(1)).mean(1), clip.mean(1)) < 0.05  # colours are halved in size


def test_a_little_training_on_one_clip_beats_bicubic(stage: UpscalerStage) -> None:
    batch, optimizer = stage.batch(0), torch.optim.AdamW(stage.model.parameters(), lr=4e-3)
    figures = []
    for _ in range(40):
        loss, figure = stage.loss(batch, step=0, device=CPU)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        figures.append(float(figure["psnr"]))
    bicubic = F.interpolate(batch.given[:, 1:3].flatten(0, 1), scale_factor=2, mode="bicubic")
    plain = -20 * torch.log10(torch.tensor(error(bicubic, batch.truth.flatten(0, 1))))
    assert figures[0] < figures[-1]
    assert figures[-1] > float(plain) + 0.3


def test_the_adversary_learns_to_tell_and_is_heard() -> None:
    stage = UpscalerStage(config=TINY, batch_size=2, size=24, adversarial=0.01)
    batch = stage.batch(1)
    adversary = stage._adversary
    assert adversary is not None
    before = adversary.network[0].bias.detach().clone()  # type: ignore[union-attr,operator]
    loss, _ = stage.loss(batch, step=0, device=CPU)
    loss.backward()  # type: ignore[no-untyped-call]
    assert not torch.equal(before, adversary.network[0].bias.detach())  # type: ignore[arg-type,operator]
    assert float(stage.model.head.weight.grad.abs().max()) > 0  # type: ignore[union-attr]
    plain = UpscalerStage(config=TINY, batch_size=2, size=24)
    assert not torch.equal(loss, plain.loss(batch, step=0, device=CPU)[0])
