"""Every input of the conditioned U-Net can be given, and an absent one says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.tiny import UNET, WIDTH, stir
from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.models.pose_encoder import PoseEncoder
from videogen.models.reference import AppearanceEncoder

B, T, H, W = 2, 3, 8, 8


def rand(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network() -> ConditionedUNet:
    torch.manual_seed(0)
    made = ConditionedUNet(UNET, latent_channels=8).eval().requires_grad_(False)
    stir(made)
    return made


OF_OTHERS = {"lent", "motion", "image", "keyframes", "control_text"}
TOLD = sorted(Inputs.__dataclass_fields__.keys() - OF_OTHERS - {"watched"})


def inputs() -> Inputs:
    return Inputs(
        text=rand(B, 5, WIDTH, seed=1),
        fps=torch.tensor([8.0, 12.0]),
        known=rand(B, 8, T, H, W, seed=2),
        mask=(rand(B, 1, T, H, W, seed=3) > 0).float(),
        carried=rand(B, 8, T, H, W, seed=4),
        visibility=(rand(B, 1, T, H, W, seed=5) > 0).float(),
        reference=rand(B, 8, H, W, seed=6),
        reference_present=torch.ones(B),
        pose=rand(B, 3, T, 4 * H, 4 * W, seed=7).sigmoid(),
    )


def predict(given: Inputs) -> Tensor:
    out: Tensor = network()(rand(B, 8, T, H, W, seed=8), torch.tensor(500.0), given)
    return out


def test_it_predicts_what_it_is_given_in_shape() -> None:
    assert predict(inputs()).shape == (B, 8, T, H, W)


@pytest.mark.parametrize("name", TOLD)
def test_every_input_matters(name: str) -> None:
    changed = getattr(inputs(), name).flip(0) * 0.5 + 0.1
    assert not torch.allclose(predict(replace(inputs(), **{name: changed})), predict(inputs()), atol=1e-4)


def test_poses_that_were_watched_before_stand_in_place_of_their_maps() -> None:
    given = inputs()
    assert given.pose is not None
    watched = network().watch(given.pose)
    found = predict(replace(given, pose=None, watched=watched))
    torch.testing.assert_close(found, predict(given), rtol=0, atol=0)
    half = predict(replace(given, watched=(0.5 * watched[0],)))
    assert not torch.allclose(half, found, atol=1e-4)


def test_what_is_not_known_not_visible_or_not_present_says_nothing() -> None:
    given = inputs()
    absent = replace(given, reference_present=torch.zeros(B))
    hidden = replace(
        absent,
        known=given.known + 9 * (1 - given.mask),
        carried=given.carried + 9 * (1 - given.visibility),
        reference=given.reference + 9,
    )
    torch.testing.assert_close(predict(hidden), predict(absent), rtol=0, atol=0)


def test_clips_of_a_batch_are_denoised_apart() -> None:
    given = inputs()
    fields = {name: getattr(given, name).clone() for name in TOLD}
    for value in fields.values():
        value[1] *= 0.5
    difference = (predict(Inputs(**fields)) - predict(given)).abs().flatten(1).amax(1)
    assert difference[0] < 1e-5 < 1e-3 < difference[1]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(UNET, in_channels=8), "takes 26 channels, the config says 8"),
        (replace(UNET, pose_widths=()), "the config leaves one out"),
        (replace(UNET, frame_conditioning=False), "the config leaves one out"),
    ],
)
def test_a_config_without_room_for_an_input_is_refused(config: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionedUNet(config, latent_channels=8)  # type: ignore[arg-type]


LAYERS = {"down": 1, "middle": 2, "up": 1}


def test_the_appearance_encoder_gives_each_layer_tokens_of_its_size() -> None:
    encoder = AppearanceEncoder(8, widths=(4, 6, 10), layers=LAYERS)
    tokens = encoder(rand(B, 8, H, W, seed=0), torch.ones(B))
    assert {name: value.shape for name, value in tokens.items()} == {
        "down": (B, 16, 6),
        "middle": (B, 4, 10),
        "up": (B, 16, 6),
    }
    assert tokens["down"] is tokens["up"]


def test_an_absent_reference_gives_tokens_of_zero() -> None:
    encoder = AppearanceEncoder(8, widths=(4, 6, 10), layers=LAYERS)
    stir(encoder)
    for tokens in encoder(rand(B, 8, H, W, seed=0), torch.tensor([0.0, 1.0])).values():
        assert tokens[0].abs().max() == 0
        assert tokens[1].abs().min() > 0


def test_a_fresh_pose_encoder_says_nothing_at_the_size_of_the_latents() -> None:
    encoder = PoseEncoder(12, widths=(4, 6, 8))
    maps = rand(B, 3, 32, 16, seed=0)
    assert encoder(maps).shape == (B, 12, 8, 4)
    assert encoder(maps).abs().max() == 0
    stir(encoder)
    assert encoder(maps).std() > 0
