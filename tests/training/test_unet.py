"""The U-Net's stage: batches follow from their number, conditions are dropped, masks are of every kind."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from itertools import islice, pairwise

import pytest
import torch
from torch import Tensor

from tests.tiny import UNET, autoencoder, tokenizer
from videogen.models.conditioned import ConditionedUNet
from videogen.training import samples as sampling
from videogen.training import unet
from videogen.training.replay import Plan
from videogen.training.samples import KEEP, PHASES, SHARES, Phase, Sample, Samples, phase_at
from videogen.training.text import MAX_TOKENS
from videogen.training.unet import UNetStage, draw_masks, pocket_config
from videogen.world import WorldClips, render_clips

CPU = torch.device("cpu")


ONCE = Plan(uses=1, block=8)


def samples(phases: tuple[Phase, ...] = PHASES[-1:]) -> Samples:
    torch.manual_seed(0)
    vae = autoencoder().eval().requires_grad_(False)
    return Samples(vae, tokenizer(), batch_size=4, seed=2, device="cpu", phases=phases, plan=ONCE)


def stage(monkeypatch: pytest.MonkeyPatch, *, workers: int = 0) -> UNetStage:
    """Return the stage with a tiny U-Net."""
    monkeypatch.setattr(unet, "pocket_config", lambda: UNET)
    monkeypatch.setattr(unet, "build_text_encoder", tiny_text_encoder)
    torch.manual_seed(0)
    return UNetStage(
        autoencoder(), tokenizer(), batch_size=4, workers=workers, phases=PHASES[-1:],
        plan=Plan(uses=2, block=3),
    )  # fmt: skip


def tiny_text_encoder(vocabulary: int, *, length: int) -> torch.nn.Module:
    from transformers import CLIPTextModel

    from tests.tiny import text_config

    assert vocabulary == len(tokenizer())
    assert length == MAX_TOKENS
    return CLIPTextModel(text_config())


def assert_same(found: Sample, expected: Sample) -> None:
    for each in fields(Sample):
        ours, theirs = getattr(found, each.name), getattr(expected, each.name)
        assert torch.equal(ours, theirs) if isinstance(theirs, Tensor) else ours == theirs, each.name


def test_a_batch_follows_from_its_number() -> None:
    for number in (2, *numbers_of("person", 5)):  # which roll for the field that carries them
        assert_same(samples().batch(number), samples().batch(number))


def test_shapes_are_as_documented_and_every_fourth_batch_is_long() -> None:
    for number in (*numbers_of("portrait", 1), *range(4)):
        batch = samples().batch(number)
        b, t = (2, 16) if number % 4 == 3 else (4, 8)
        assert batch.clean.shape == (b, 8, t, 16, 16)
        if batch.carried is not None:
            assert batch.carried.shape == batch.clean.shape
            assert batch.reference.shape == (b, 8, 16, 16)
            assert batch.visibility.shape == (b, 1, t, 16, 16)
            assert 0 <= batch.visibility.min() <= batch.visibility.max() <= 1
        assert batch.pose.shape == (b, 3, t, 64, 64)
        assert batch.tokens.shape == (b, MAX_TOKENS)
        assert batch.pose.dtype == torch.uint8
        assert batch.fps.shape == (b,)


def test_a_phase_lasts_as_long_as_it_says_and_sets_lengths_and_rates() -> None:
    images, clips = replace(PHASES[0], steps=2), replace(PHASES[1], steps=3)
    phases = (images, clips, PHASES[-1])
    found = [phase_at(phases, step) for step in range(8)]
    assert found == [images] * 2 + [clips] * 3 + [PHASES[-1]] * 3
    assert phase_at(phases[:2], 99) == clips
    made = samples(phases)
    assert [tuple(made.clips(number).video.shape[:3]) for number in (1, 2, 7)] == [
        (32, 3, 1), (4, 3, 8), (2, 3, 16),
    ]  # fmt: skip
    assert PHASES[-1].keep == KEEP
    assert PHASES[-1].shares == SHARES
    assert made.batch(0).clean.shape == (32, 8, 1, 16, 16)


def numbers_of(kind: str, count: int) -> list[int]:
    found = (number for number in range(400) if number % 4 != 3 and kind_of(number) == kind)
    return list(islice(found, count))


@cache
def kind_of(number: int) -> str:
    return WorldClips(mixture=SHARES, batch_size=1, size=4, num_frames=1, seed=2).batch(number).kind


def test_maps_show_whoever_moves_and_pictures_have_none() -> None:
    for kind, there in (("object", True), ("picture", False), ("person", True), ("portrait", True)):
        pose = samples().batch(numbers_of(kind, 1)[0]).pose
        assert (pose.amax() > 127) == there, kind


def test_things_are_rarely_shown_and_people_mostly_carried_by_their_poses() -> None:
    made = samples()
    rate = sum(made.rolls(number)[1] < KEEP["object reference"] for number in range(4000)) / 4000
    assert rate == pytest.approx(KEEP["object reference"], abs=0.015)
    things = numbers_of("object", 60)
    told = [number for number in things if made.rolls(number)[1] < KEEP["object reference"]][:2]
    alone = made.batch(next(number for number in things if made.rolls(number)[1] > KEEP["object reference"]))
    assert alone.carried is alone.reference is alone.visibility is None
    people = numbers_of("person", 40)
    by_pose = [number for number in people if made.rolls(number)[0] < 0.75]
    assert 20 <= len(by_pose) < 40
    exactly = next(number for number in people if number not in by_pose)
    for number, exact in [*((number, True) for number in told), (exactly, True), (by_pose[0], False)]:
        truth = torch.nn.functional.avg_pool3d(made.clips(number).visible[:, None], (1, 4, 4))
        assert torch.equal(made.batch(number).visibility, truth.half()) == exact


def test_batches_rendered_ahead_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, here = stage(monkeypatch, workers=1), stage(monkeypatch, workers=0)
    for found, expected in zip(islice(ahead.batches(5), 2), islice(here.batches(5), 2), strict=True):
        assert_same(found, expected)


def test_the_loss_follows_from_the_step_and_reaches_every_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage(monkeypatch)
    batch = samples().batch(numbers_of("portrait", 1)[0])
    loss, figures = made.loss(batch, step=1, device=CPU)
    assert figures == {"portrait": loss}
    assert torch.equal(made.loss(batch, step=1, device=CPU)[0], loss)
    assert not torch.equal(made.loss(batch, step=2, device=CPU)[0], loss)
    for step in range(2):
        made.loss(batch, step=step, device=CPU)[0].backward()
    without = {name for name, parameter in made.model.named_parameters() if parameter.grad is None}
    assert {name.rsplit(".", 1)[0] for name in without} == {"denoiser.appearance_encoder.norms.0"}, (
        "the first size has no attention to give tokens to"
    )
    assert all(not parameter.requires_grad for parameter in made.vae.parameters())


def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Return how often each condition is there, over many clips."""
    made, clips, steps = stage(monkeypatch), 128, 24
    full = torch.ones(clips, 8, 8, 4, 4)
    tokens = torch.full((clips, MAX_TOKENS), 7)
    batch = Sample(
        "portrait", full, full, full[:, :, 0], full[:, :1], full[:, :3], tokens, torch.full((clips,), 8.0)
    )
    counts = dict.fromkeys(("text", "reference", "field", "pose", "known"), 0.0)
    for step in range(steps):
        read, given = made.drop(batch, full, keep=KEEP, generator=torch.Generator().manual_seed(step))
        counts["text"] += (read == 7).all(1).sum().item()
        counts["reference"] += given["reference_present"].sum().item()
        counts["field"] += given["visibility"].flatten(1).amax(1).sum().item()
        counts["pose"] += given["pose"].flatten(1).amax(1).sum().item()
        counts["known"] += given["mask"].flatten(1).amax(1).sum().item()
        assert (given["visibility"].flatten(1).amax(1) <= given["reference_present"]).all()
        assert ((read == 7).all(1) | (read == made.empty).all(1)).all()
    return {name: count / (clips * steps) for name, count in counts.items()}


def test_every_condition_is_dropped_as_often_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = kept(monkeypatch), 1 - KEEP["words only"]
    alone = 1 - KEEP["reference"] * told
    beside = KEEP["reference"] * told * KEEP["text with reference"]
    assert found["text"] == pytest.approx(KEEP["text"] * (alone + beside), abs=0.04)
    assert found["reference"] == pytest.approx(KEEP["reference"] * told, abs=0.04)
    assert found["field"] == pytest.approx(KEEP["reference"] * told * KEEP["field"], abs=0.04)
    assert found["pose"] == pytest.approx(KEEP["pose"] * told, abs=0.04)
    assert found["known"] == pytest.approx(KEEP["known"], abs=0.04)


def test_what_has_no_reference_is_told_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made, full = stage(monkeypatch), torch.ones(3, 8, 4, 4, 4)
    tokens = torch.full((3, MAX_TOKENS), 7)
    maps = torch.full((3, 3, 4, 16, 16), 255, dtype=torch.uint8)
    batch = Sample("object", full.half(), None, None, None, maps, tokens, torch.full((3,), 8.0))
    always = dict.fromkeys(KEEP, 1.0) | {"words only": 0.0}
    _, given = made.drop(batch, full, keep=always, generator=torch.Generator().manual_seed(0))
    for name in ("carried", "visibility", "reference", "reference_present"):
        assert not given[name].any(), name
    assert (given["pose"] == 1).all()
    loss, _ = made.loss(samples().batch(numbers_of("object", 1)[0]), step=0, device=CPU)
    assert loss.isfinite()


def test_a_state_is_bound_to_its_words_and_its_encoder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage(monkeypatch)
    before = made.settings
    made.vae.decoder.layers[0].weight.data += 1
    assert made.settings == before
    made.vae.encoder.layers[0].weight.data += 1
    assert made.settings["autoencoder"] != before["autoencoder"]
    made.tokenizer = deepcopy(made.tokenizer)
    made.tokenizer.add_tokens(["zzz"])
    assert made.settings["vocabulary"] != before["vocabulary"]


def masks() -> Tensor:
    return draw_masks(torch.zeros(500, 8, 8, 16, 16), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("num_frames", [1, 2, 3, 8, 16])
def test_masks_always_leave_something_to_make(num_frames: int) -> None:
    found = draw_masks(torch.zeros(500, 8, num_frames, 16, 16), generator=torch.Generator().manual_seed(0))
    assert found.flatten(1).amin(1).max() == 0
    assert found.flatten(1).amax(1).min() == 1


def test_masks_are_of_every_kind() -> None:
    found = masks()
    assert found.shape == (500, 1, 8, 16, 16)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    whole = found.flatten(3).amin(3) == found.flatten(3).amax(3)
    frames = [tuple(row.flatten(2).amin(2)[0].int().tolist()) for row in found[whole.all(2)[:, 0]]]
    starts = sum(row[0] == 1 and row[-1] == 0 for row in frames)
    ends = sum(row[0] == 0 and row[-1] == 1 for row in frames)
    both = sum(row[0] == 1 and row[-1] == 1 for row in frames)
    inside = sum(row[0] == 0 and row[-1] == 0 and sum(row) == 1 for row in frames)
    boxes = 500 - len(frames)
    assert min(starts, ends, both, inside, boxes) > 40
    for row in frames:
        edges = sum(first != second for first, second in pairwise(row))
        assert edges <= 2


def test_a_box_is_the_same_rectangle_in_every_frame() -> None:
    for row in masks()[:, 0]:
        if row[0].min() == row[0].max() and row.flatten(1).amin(1).equal(row.flatten(1).amax(1)):
            continue
        assert torch.equal(row, row[:1].expand_as(row))
        rows, columns = (row[0] == 0).any(1), (row[0] == 0).any(0)
        assert (row[0] == 0).sum() == rows.sum() * columns.sum()


def test_masks_follow_from_their_generator() -> None:
    assert torch.equal(masks(), masks())


def test_the_true_field_carries_the_reference() -> None:
    clips = render_clips("object", torch.arange(3), num_frames=4)
    field = sampling.exact_field(clips)
    carried = sampling.warp(clips.reference, field)
    seen = field.visibility[:, None].expand_as(carried) > 0
    assert (carried - clips.video)[seen].square().mean() < 0.002


def test_pocket_is_small_enough_to_ship() -> None:
    with torch.device("meta"):
        denoiser = ConditionedUNet(pocket_config(), latent_channels=8)
    assert 2 * sum(parameter.numel() for parameter in denoiser.parameters()) < 36e6
