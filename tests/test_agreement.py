"""What agrees with words: any pictures, words that are known, and a gradient at latents on a real engine."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from tests.tiny import export_tiny_with_clip, text_video
from videogen.agreement import Agreement
from videogen.engine import Engine
from videogen.errors import CheckpointError, RequestError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny model's folder with a text-video encoder."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    export_tiny_with_clip(path)
    return path


@pytest.fixture(scope="module")
def agreement(folder: Path) -> Agreement:
    return Agreement(CPU, folder=folder)


def test_similarity_is_the_cosine_of_a_clip_and_its_words(agreement: Agreement) -> None:
    video = torch.rand(1, 3, 6, 48, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1
    words = agreement.words("a red ball bounces", "a blue star")
    assert words.shape == (2, 12)
    both = [float(agreement.similarity(video, each[None])) for each in words]
    expected = (text_video().encode_video(video) @ words.T)[0].tolist()
    assert both == pytest.approx(expected, abs=1e-6)
    assert both[0] != both[1]
    torch.testing.assert_close(agreement.words("The red ball bounces."), words[:1])


def test_unknown_words_are_said_and_a_prompt_of_them_alone_is_refused(
    agreement: Agreement, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        agreement.words("a red zebra")
    assert "does not know 'zebra' and leads to the other words" in caplog.messages[0]
    with pytest.raises(RequestError, match="knows no word of 'zebras gallop'"):
        agreement.words("zebras gallop")
    agreement.words("")


def test_a_gradient_leads_latents_to_the_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.weights.text_video.POCKET", folder)
    engine = Engine(folder, device="cpu")
    words = engine.agreement.words("a red ball bounces")
    latents = 0.2 * torch.randn(1, 8, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    found = []
    for _ in range(4):
        latents = latents.detach().requires_grad_()
        similarity = engine.similarity(latents, words)
        (way,) = torch.autograd.grad(similarity, latents)
        found.append(float(similarity.detach()))
        latents = latents + 0.05 * way / way.square().mean().sqrt()
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.01
    assert engine.agreement is engine.agreement, "it is loaded once"


def test_without_the_part_the_engine_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.weights.text_video.POCKET", tmp_path)
    with pytest.raises(CheckpointError, match="pocket has no text-video encoder"):
        Agreement(CPU)
