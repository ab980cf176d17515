"""A student learns the guided teacher's mean velocity on each way, and samples in as many steps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.tiny import UNET, autoencoder, networks, tokenizer
from tests.training.test_unet import tiny_text_encoder
from videogen.engine import Conditions, Engine
from videogen.models.conditioned import Inputs
from videogen.sampling import Timeline, guided, sample
from videogen.training import unet
from videogen.training.distill import FEW, STEPS, DistillStage, _Teacher, draw_ways
from videogen.training.export import export_student
from videogen.training.replay import Plan
from videogen.training.unet import UNetStage
from videogen.weights.load import load_networks

CPU = torch.device("cpu")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> DistillStage:
    """A tiny stage, whose student is its teacher still."""
    monkeypatch.setattr(unet, "pocket_config", lambda: UNET)
    monkeypatch.setattr(unet, "build_text_encoder", tiny_text_encoder)
    base = UNetStage(
        autoencoder(), tokenizer(), batch_size=4, workers=0, phases=(FEW,), plan=Plan(uses=2, block=3)
    )
    base.model.load_state_dict(networks().state_dict())
    return DistillStage(base, guidance=2.25)


def test_ways_stay_within_their_segments_and_most_begin_with_one() -> None:
    begin, end = draw_ways(4000, generator=torch.Generator().manual_seed(0))
    segment = end * STEPS
    assert torch.equal(segment, segment.round())
    assert set(segment.tolist()) == set(range(STEPS))
    assert bool((begin > end).all())
    assert bool((begin <= end + 1 / STEPS + 1e-6).all())
    whole = torch.isclose(begin, end + 1 / STEPS)
    assert 0.7 < whole.float().mean() < 0.8


def test_the_teacher_goes_as_its_sampler_does(stage: DistillStage, tmp_path: Path) -> None:
    """From pure noise, guided, with the steps of all segments: near the clip that an engine samples."""
    from tests.tiny import export_tiny

    export_tiny(tmp_path / "teacher")
    engine = Engine(tmp_path / "teacher")
    told = Conditions(prompt="a red ball", fps=8)
    chain = [engine.denoiser(each, Timeline.line(2)) for each in (engine.without_words(told), told)]
    expected = sample(
        guided(chain, [2.25]), Timeline.line(2), engine.scheduler(),
        channels=8, height=16, width=16, num_inference_steps=24, seed=3,
    )  # fmt: skip
    from videogen.sampling.sampler import draw_noise

    noise = draw_noise(channels=8, frames=2, height=16, width=16, seed=3)
    tokens = tokenizer()(["a red ball"], padding="max_length", return_tensors="pt").input_ids
    given = nothing(noise)
    stage.substeps = 6
    teacher, latents = _Teacher(stage, tokens, given), noise
    for segment in range(STEPS, 0, -1):
        begin, end = torch.tensor([segment / STEPS]), torch.tensor([(segment - 1) / STEPS])
        velocity = teacher.mean_velocity(latents, noise, begin, end)
        latents = latents - velocity / STEPS
    spread = (expected - noise).std()
    assert (latents - expected).std() < 0.02 * spread
    unguided = sample(
        chain[1], Timeline.line(2), engine.scheduler(),
        channels=8, height=16, width=16, num_inference_steps=24, seed=3,
    )  # fmt: skip
    assert (unguided - expected).std() > 2 * (latents - expected).std()


def nothing(latents: Tensor) -> dict[str, Tensor]:
    """What is given where nothing is given."""
    b, _, t, h, w = latents.shape
    return {
        "fps": torch.full((b,), 8.0), "known": torch.zeros_like(latents),
        "mask": torch.zeros(b, 1, t, h, w), "pose": torch.zeros(b, 3, t, 4 * h, 4 * w),
        "carried": torch.zeros_like(latents), "visibility": torch.zeros(b, 1, t, h, w),
        "reference": torch.zeros_like(latents[:, :, 0]), "reference_present": torch.zeros(b),
    }  # fmt: skip


def test_words_guide_less_beside_a_picture_and_silence_not_at_all(stage: DistillStage) -> None:
    latents = torch.randn(3, 8, 2, 16, 16)
    given = nothing(latents) | {"reference_present": torch.tensor([0.0, 1.0, 0.0])}
    words = tokenizer()(["a red ball", "a red ball", ""], padding="max_length", return_tensors="pt").input_ids
    assert _Teacher(stage, words, given)._scale.tolist() == pytest.approx([2.25, 1 + 1.25 * 0.25, 1.0])


def test_known_places_stay_on_their_way_and_cost_nothing(stage: DistillStage) -> None:
    clean, noise = torch.randn(2, 1, 8, 4, 16, 16)
    mask = torch.zeros(1, 1, 4, 16, 16)
    mask[:, :, :2] = 1
    given = nothing(clean) | {"known": clean, "mask": mask}
    tokens = stage.base.empty
    teacher = _Teacher(stage, tokens, given)
    begin, end = torch.tensor([0.75]), torch.tensor([0.5])
    noisy = torch.lerp(clean, noise, 0.75)
    away = torch.where(mask == 1, torch.zeros_like(noisy), noisy)
    free = mask.expand_as(clean) == 0
    first, second = (teacher.mean_velocity(each, noise, begin, end)[free] for each in (noisy, away))
    torch.testing.assert_close(first, second)


def test_the_student_learns_and_the_teacher_stays(stage: DistillStage) -> None:
    before = {name: value.clone() for name, value in stage.base.model.state_dict().items()}
    batch = next(iter(stage.batches(0)))
    optimizer = torch.optim.Adam(stage.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss, _ = stage.loss(batch, step=0, device=CPU)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.85 * losses[0]
    for name, value in stage.base.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_batches_and_losses_follow_from_the_step(stage: DistillStage) -> None:
    one, two = (list(islice(stage.batches(3), 2)) for _ in range(2))
    losses = [float(stage.loss(each, step=3, device=CPU)[0].detach()) for each in (one[0], two[0])]
    assert losses[0] == losses[1]
    assert losses[0] != float(stage.loss(one[0], step=4, device=CPU)[0].detach())


def test_a_student_stands_on_the_other_parts_of_its_teacher(tmp_path: Path) -> None:
    from tests.tiny import export_tiny

    export_tiny(tmp_path / "teacher")
    taught = load_networks(tmp_path / "teacher")
    with torch.no_grad():
        for value in taught.pocket.parameters():
            value.mul_(0.5)
    export_student(
        taught.pocket, tmp_path / "fast", teacher=str(tmp_path / "teacher"), spec=taught.spec, record={}
    )
    assert {path.name for path in (tmp_path / "fast").iterdir() if path.is_dir()} == {"denoiser", "scheduler"}
    engine = Engine(tmp_path / "fast")
    assert engine.spec.num_inference_steps == STEPS
    assert engine.spec.guidance_scale == 1.0
    assert engine.scheduler().config.solver_order == 1
    student, teacher = engine._networks, load_networks(tmp_path / "teacher")
    assert student.hashes.keys() == teacher.hashes.keys()
    differ = {name for name, value in student.hashes.items() if value != teacher.hashes[name]}
    assert differ == {"denoiser/diffusion_pytorch_model.safetensors"}
    noisy = torch.randn(1, 8, 2, 16, 16)
    given = Inputs(text=torch.zeros(1, 3, 16), fps=torch.tensor([8.0]))
    ours, theirs = (each.pocket(noisy, torch.tensor([500.0]), given) for each in (student, teacher))
    assert not torch.allclose(ours, theirs)
