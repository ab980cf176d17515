"""Views average a prediction over transformations that undo themselves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from videogen.errors import RequestError
from videogen.sampling import IDENTITY, MIRROR, UPSIDE_DOWN, View, viewed

LATENTS = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
TIMESTEP, FRAMES = torch.tensor(5.0), torch.arange(4).expand(2, 4)


def lopsided(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
    return latents.cumsum(-1) + latents.cumsum(-2)


@pytest.mark.parametrize("view", [IDENTITY, MIRROR, UPSIDE_DOWN])
def test_a_view_is_undone_by_its_inverse(view: View) -> None:
    assert torch.equal(view.inverse(view.view(LATENTS)), LATENTS)
    assert view is IDENTITY or not torch.equal(view.view(LATENTS), LATENTS)


@pytest.mark.parametrize("view", [MIRROR, UPSIDE_DOWN])
def test_averaging_over_a_view_makes_a_denoiser_symmetric(view: View) -> None:
    both = viewed(lopsided, [IDENTITY, view])
    there = view.view(both(LATENTS, TIMESTEP, FRAMES))
    assert torch.allclose(both(view.view(LATENTS), TIMESTEP, FRAMES), there, atol=1e-5)
    assert not torch.allclose(
        lopsided(view.view(LATENTS), TIMESTEP, FRAMES),
        view.view(lopsided(LATENTS, TIMESTEP, FRAMES)),
        atol=1e-2,
    )


def test_each_view_is_asked_once_with_the_frames_untouched() -> None:
    seen = []

    def denoise(latents: Tensor, timestep: Tensor, frames: Tensor) -> Tensor:
        seen.append(latents)
        assert frames is FRAMES
        return latents

    result = viewed(denoise, [IDENTITY, MIRROR])(LATENTS, TIMESTEP, FRAMES)
    assert torch.equal(result, LATENTS)
    assert len(seen) == 2
    assert torch.equal(seen[1], LATENTS.flip(-1))


def test_the_identity_alone_changes_nothing() -> None:
    result = viewed(lopsided, [IDENTITY])(LATENTS, TIMESTEP, FRAMES)
    assert torch.equal(result, lopsided(LATENTS, TIMESTEP, FRAMES))


def test_no_view_at_all_is_refused() -> None:
    with pytest.raises(RequestError, match="at least one"):
        viewed(lopsided, [])
