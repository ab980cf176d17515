"""The names in full-size files: each is recognised, and loads with none missing and none left over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet3DConditionModel, UNetSpatioTemporalConditionModel
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding

from tests.golden.conftest import OWN
from videogen.models.controlnet import ControlNet
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.keymaps import rename
from videogen.weights.lora import read_lora
from videogen.weights.recognise import config_of, motion_settings, motion_version, recognise, unet_settings

LISTS = sorted((OWN / "keys").glob("*.json"))
PREFIXES = ("", "module.", "unet.", "module.unet.")


def shapes_of(name: str) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    found = json.loads((OWN / "keys" / f"{name}.json").read_text(encoding="utf-8"))
    return found, {key: tuple(shape) for key, shape in found["tensors"].items()}


def own_shapes(make: Any) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}


KINDS = {
    "INFERRED_v2_lora": "motion-lora", "INFERRED_v3_sd15_adapter": "lora",
    "control_v11p_sd15_openpose": "controlnet", "magicanimate_appearance_encoder": "reference",
    "mm_sd_v14": "motion", "mm_sd_v15_v2": "motion", "v3_sd15_mm": "motion", "modelscope_unet": "modelscope",
    "moore_pose_guider": "pose-guider", "moore_reference_unet": "reference", "sd15_unet": "unet",
    "svd_unet": "svd", "v3_sd15_sparsectrl_rgb": "sparsectrl", "v3_sd15_sparsectrl_scribble": "sparsectrl",
}  # fmt: skip


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_list_is_recognised(path: Path) -> None:
    _, shapes = shapes_of(path.stem)
    for prefix in PREFIXES:
        assert recognise([prefix + name for name in shapes], source="x").kind == KINDS[path.stem]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("name", "version"), [("mm_sd_v14", "v1"), ("mm_sd_v15_v2", "v2"), ("v3_sd15_mm", "v3")]
)
def test_motion_modules_fill_a_unet(name: str, version: str, prefix: str) -> None:
    _, unet = shapes_of("sd15_unet")
    _, plain = shapes_of(name)
    motion = {prefix + key: shape for key, shape in plain.items()}
    assert motion_version(motion_settings(motion, source=name)) == version
    config = config_of(unet, motion, source=name)
    expected = own_shapes(lambda: TemporalUNet(config))
    assert unet | rename(motion, recognise(motion, source=name).rules) == expected


def test_motion_modules_among_other_names_are_found() -> None:
    _, unet = shapes_of("sd15_unet")
    _, motion = shapes_of("mm_sd_v14")
    whole = {f"module.{name}": shape for name, shape in (unet | motion).items()}
    found = rename(whole, recognise(whole, source="x").rules)
    assert found == rename(motion, recognise(motion, source="x").rules)


@pytest.mark.parametrize("name", ["moore_reference_unet", "magicanimate_appearance_encoder"])
def test_reference_networks(name: str) -> None:
    _, shapes = shapes_of(name)
    config = config_of(shapes, source=name, only_read=True)
    found = rename(shapes, recognise(shapes, source=name).rules)
    assert found == own_shapes(lambda: TemporalUNet(config))


@pytest.mark.parametrize(
    ("name", "channels", "widths"),
    [
        ("control_v11p_sd15_openpose", 3, (16, 32, 96, 256)),
        ("v3_sd15_sparsectrl_rgb", 5, ()),
        ("v3_sd15_sparsectrl_scribble", 4, (16, 32, 96, 256)),
    ],
)
def test_control_nets(name: str, channels: int, widths: tuple[int, ...]) -> None:
    _, shapes = shapes_of(name)
    moves = recognise(shapes, source=name).kind == "sparsectrl"
    config = config_of(shapes, shapes if moves else None, source=name)
    made = own_shapes(lambda: ControlNet(config, hint_channels=channels, hint_widths=widths))
    assert rename(shapes, recognise(shapes, source=name).rules) == made


@pytest.mark.parametrize(
    ("name", "motion"), [("INFERRED_v2_lora", "mm_sd_v15_v2"), ("INFERRED_v3_sd15_adapter", None)]
)
def test_low_rank_changes(name: str, motion: str | None) -> None:
    _, unet = shapes_of("sd15_unet")
    _, shapes = shapes_of(name)
    config = config_of(unet, shapes_of(motion)[1] if motion else None, source=name)
    with torch.device("meta"):
        weights = dict(TemporalUNet(config).named_parameters())
        changes = read_lora({key: torch.empty(shape) for key, shape in shapes.items()}, weights, source=name)
    assert 2 * len(changes) == len(shapes)
    for target, change in changes.items():
        assert change.product(weights[target]).shape == weights[target].shape


def test_the_pose_guider() -> None:
    _, shapes = shapes_of("moore_pose_guider")
    assert shapes == own_shapes(lambda: ControlNetConditioningEmbedding(320, 3, (16, 32, 96, 256)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("svd_unet", UNetSpatioTemporalConditionModel), ("modelscope_unet", UNet3DConditionModel)],
)
def test_what_diffusers_runs(name: str, kind: Any) -> None:
    found, shapes = shapes_of(name)
    assert shapes == own_shapes(lambda: kind(**found["config"]))


def test_sizes_follow_from_shapes() -> None:
    _, shapes = shapes_of("sd15_unet")
    assert unet_settings(shapes, source="x") == {
        "in_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_levels": (True, True, True, False),
        "layers_per_block": 2,
        "cross_attention_dim": 768,
    }
