"""The autoencoder's stage: its pictures, its loss, and latents frozen at zero mean and unit variance."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import autoencoder
from videogen.errors import CheckpointError
from videogen.training import frozen as freezing
from videogen.training.autoencoder import LATENT_CHANNELS, AutoencoderStage, build_autoencoder
from videogen.training.frozen import freeze_autoencoder, load_frozen_autoencoder

CPU = torch.device("cpu")


def stage(**options: bool) -> AutoencoderStage:
    torch.manual_seed(0)
    return AutoencoderStage(batch_size=8, model=autoencoder(), **options)  # type: ignore[arg-type]


def test_batches_are_pictures_and_follow_from_their_number() -> None:
    first, second, third = islice(stage().batches(0), 3)
    assert first.shape == (8, 3, 64, 64)
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert first.abs().max() <= 1
    assert torch.equal(next(stage().batches(2)), third)
    assert not torch.equal(first, second)


def test_the_loss_follows_from_the_step_and_falls() -> None:
    made = stage()
    batch = next(made.batches(0))
    loss, figures = made.loss(batch, step=3, device=CPU)
    again, _ = made.loss(batch, step=3, device=CPU)
    other, _ = made.loss(batch, step=4, device=CPU)
    assert torch.equal(loss, again)
    assert not torch.equal(loss, other)
    assert figures.keys() == {"psnr", "std"}
    optimizer = torch.optim.AdamW(made.model.parameters(), lr=3e-3)
    for step in range(25):
        optimizer.zero_grad()
        now, _ = made.loss(batch, step=step, device=CPU)
        now.backward()
        optimizer.step()
    assert now < loss * 0.85


def test_the_decoder_can_be_trained_alone() -> None:
    made = stage(decoder_only=True)
    made.loss(next(made.batches(0)), step=0, device=CPU)[0].backward()
    assert all(parameter.grad is None for parameter in made.model.encoder.parameters())
    assert all(parameter.grad is not None for parameter in made.model.decoder.parameters())


def test_the_pocket_autoencoder_makes_four_pixels_one_latent() -> None:
    vae = build_autoencoder().eval()
    pictures = torch.zeros(1, 3, 64, 32)
    with torch.no_grad():
        latents = vae.encode(pictures).latents
        assert latents.shape == (1, LATENT_CHANNELS, 16, 8)
        assert vae.decode(latents).sample.shape == pictures.shape


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a frozen tiny autoencoder."""
    monkeypatch.setattr(freezing, "build_autoencoder", autoencoder)
    monkeypatch.setattr(freezing, "_PICTURES", 128)
    path = tmp_path / "vae.safetensors"
    freeze_autoencoder(stage(), path)
    return path


def test_frozen_latents_have_zero_mean_and_unit_variance(frozen: Path) -> None:
    vae = load_frozen_autoencoder(frozen)
    pictures = torch.cat([stage().pictures(number) for number in range(16)])
    with torch.no_grad():
        latents = (vae.encode(pictures).latents - vae.config.shift_factor) * vae.config.scaling_factor
    assert latents.mean().item() == pytest.approx(0, abs=0.01)
    assert latents.std().item() == pytest.approx(1, abs=0.01)
    assert not list(frozen.parent.glob("*.partial"))


def test_a_frozen_autoencoder_keeps_its_weights(frozen: Path) -> None:
    expected = stage().model.state_dict()
    found = load_frozen_autoencoder(frozen).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_damaged_or_foreign_frozen_autoencoder_is_refused(frozen: Path) -> None:
    tensors = load_file(frozen)
    save_file(tensors, frozen)
    with pytest.raises(CheckpointError, match=re.escape(f"{frozen} does not say how its latents are scaled")):
        load_frozen_autoencoder(frozen)
    tensors.popitem()
    save_file(tensors, frozen)
    with pytest.raises(CheckpointError, match="lacks"):
        load_frozen_autoencoder(frozen)
    frozen.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        load_frozen_autoencoder(frozen)
