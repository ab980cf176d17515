"""The text-video encoder: any size, any length, every frame; motion and padding are seen as what they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tiny import TEXT_VIDEO as TINY
from tests.tiny import text_video
from videogen.models.text_video import TextVideoConfig, TextVideoEncoder, pick_frames


@pytest.fixture(scope="module")
def encoder() -> TextVideoEncoder:
    """Return a tiny encoder with random weights."""
    return text_video()


def video(frames: int = 4, height: int = 32, width: int = 32, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, frames, height, width, generator=generator) * 2 - 1


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 32, 32), (4, 48, 80), (7, 16, 24), (61, 32, 32)])
def test_clips_of_any_size_and_length_become_unit_vectors(
    encoder: TextVideoEncoder, frames: int, height: int, width: int
) -> None:
    vectors = encoder.encode_video(video(frames, height, width))
    assert vectors.shape == (2, 12)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2))


@pytest.mark.parametrize("length", [1, 3, 4, 5, 8, 15, 16, 24, 25, 70])
def test_every_frame_is_looked_at_and_looks_go_forwards(length: int) -> None:
    looks = pick_frames(length, 8)
    assert looks.shape[1] == 8
    assert set(looks.flatten().tolist()) == set(range(length))
    assert bool((looks.diff(dim=1) >= 0).all())


def test_a_clip_of_the_right_length_is_looked_at_once_as_it_is() -> None:
    assert pick_frames(8, 8).tolist() == [list(range(8))]


def test_every_frame_has_a_gradient(encoder: TextVideoEncoder) -> None:
    clip = video(7).requires_grad_()
    encoder.encode_video(clip)[:, 0].sum().backward()  # type: ignore[no-untyped-call]
    assert clip.grad is not None
    assert bool((clip.grad.flatten(3).abs().amax((0, 1, 3)) > 0).all())


def test_backwards_and_mirrored_are_others(encoder: TextVideoEncoder) -> None:
    clip = video()
    plain = encoder.encode_video(clip)
    for other in (clip.flip(2), clip.flip(4)):
        assert float((plain - encoder.encode_video(other)).abs().max()) > 1e-3


def test_padding_says_nothing_and_order_does(encoder: TextVideoEncoder) -> None:
    tokens = torch.tensor([[1, 30, 31, 32, 2, 0, 0, 0]])
    plain = encoder.encode_words(tokens)
    assert plain.shape == (1, 12)
    torch.testing.assert_close(plain, encoder.encode_words(tokens[:, :5]))
    beside = torch.cat([tokens, torch.tensor([[1, 30, 31, 32, 33, 34, 35, 2]])])
    torch.testing.assert_close(plain, encoder.encode_words(beside)[:1])
    turned = encoder.encode_words(torch.tensor([[1, 32, 31, 30, 2]]))
    assert float((plain - turned).abs().max()) > 1e-4


def test_the_temperature_is_bounded(encoder: TextVideoEncoder) -> None:
    assert 1 < float(encoder.sharpness) < 100
    hot = TextVideoEncoder(TINY, encoder.text_encoder)
    hot.temperature.data.fill_(50.0)
    assert float(hot.sharpness.detach()) == 100


def test_configs_read_what_they_write() -> None:
    assert TextVideoConfig.from_dict(TINY.to_dict()) == TINY


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"side": 40}, ValueError),
        ({"frames": 5}, ValueError),
        ({"channels": [8, 8]}, ValueError),
        ({"channels": [8, 8, 4]}, ValueError),
        ({"width": 10**6}, ValueError),
        ({"width": 1.5}, TypeError),
        ({"width": [8]}, TypeError),
        ({"channels": 8}, TypeError),
        ({"depth": 3}, TypeError),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="text-video encoder"):
        TextVideoConfig.from_dict({**TINY.to_dict(), **values})
