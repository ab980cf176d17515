"""What `videogen inspect` says of files and folders, in words and without loading them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_diffusers import small_text, write_svd
from videogen.errors import CheckpointError
from videogen.weights.inspection import inspect

FIXTURES = Path(__file__).parent.parent / "golden" / "fixtures"
MODULES = "motion modules of AnimateDiff"
WHOLE = ["  missing: none", "  unexpected: none", "  of another shape: none"]


@pytest.mark.parametrize(
    ("file", "title", "more"),
    [
        (
            "animatediff_v1/motion_module",
            "motion modules of AnimateDiff",
            ["version v1", "at most 24 frames"],
        ),
        (
            "animatediff_v2/motion_module",
            "motion modules of AnimateDiff",
            ["version v2", "at most 32 frames"],
        ),
        (
            "animatediff_v3/motion_module",
            "motion modules of AnimateDiff",
            ["version v3", "at most 32 frames"],
        ),
        ("animatediff_v3/unet", "U-Net of Stable Diffusion", []),
        ("magicanimate/appearance_encoder", "reference network", []),
        ("animate_anyone/reference_unet", "reference network", []),
        ("magicanimate/densepose_controlnet", "ControlNet", []),
        ("sparsectrl_rgb/controlnet", "SparseCtrl", ["at most 32 frames"]),
        ("sparsectrl_scribble/controlnet", "SparseCtrl", ["at most 32 frames"]),
    ],
)
def test_a_whole_file_lacks_nothing(file: str, title: str, more: list[str]) -> None:
    lines = list(inspect(FIXTURES / f"{file}.safetensors"))
    assert lines[0] == f"{file.split('/')[1]}.safetensors: {title}"
    assert "float32" in lines[1]
    for found, expected in zip(lines[2 : 2 + len(more)], more, strict=True):
        assert found.strip().startswith(expected)
    assert lines[-3:] == WHOLE


def test_what_lacks_and_what_is_left_over_is_named(tmp_path: Path) -> None:
    tensors = load_file(FIXTURES / "animatediff_v2" / "motion_module.safetensors")
    name = "mid_block.motion_modules.0.temporal_transformer.proj_in"
    del tensors[f"{name}.bias"]
    tensors[f"{name}.weight"] = torch.ones(3, 3)
    tensors["mid_block.motion_modules.0.other"] = torch.ones(1)
    save_file(tensors, tmp_path / "a.safetensors")
    assert list(inspect(tmp_path / "a.safetensors"))[-3:] == [
        "  missing: mid_block.motion_modules.0.proj_in.bias",
        "  unexpected: mid_block.motion_modules.0.other",
        "  of another shape: mid_block.motion_modules.0.proj_in.weight",
    ]


def test_modules_for_sdxl_are_told_apart(tmp_path: Path) -> None:
    tensors = load_file(FIXTURES / "animatediff_v3" / "motion_module.safetensors")
    small = {name: tensor for name, tensor in tensors.items() if ".3.motion" not in name}
    save_file(small, tmp_path / "xl.safetensors")
    with pytest.raises(CheckpointError, match=r"3 sizes, as for SDXL; give those for Stable Diffusion 1\.5"):
        list(inspect(tmp_path / "xl.safetensors"))


def test_a_folder_names_its_parts_and_each_file() -> None:
    lines = list(inspect(FIXTURES / "magicanimate"))
    assert "densepose_controlnet.safetensors: ControlNet" in lines
    assert any("inputs.safetensors is of no known format" in line for line in lines)


def test_every_part_of_stable_video_diffusion_has_its_name(tmp_path: Path) -> None:
    write_svd(tmp_path)
    weights = "diffusion_pytorch_model.safetensors"
    assert [line for line in inspect(tmp_path) if not line.startswith("  ")][1:] == [
        "image_encoder/model.safetensors: image encoder of CLIP",
        f"unet/{weights}: U-Net of Stable Video Diffusion",
        f"vae/{weights}: autoencoder of Stable Video Diffusion",
    ]


def test_a_text_encoder_has_its_name(tmp_path: Path) -> None:
    small_text().save_pretrained(tmp_path)
    assert next(inspect(tmp_path)) == "model.safetensors: text encoder of CLIP"


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there; give a file or a folder"):
        list(inspect(tmp_path / "nothing"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no weights"):
        list(inspect(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "X", "unet": ["diffusers", "Y"]}')
    (tmp_path / "x.safetensors").write_bytes(b"")
    lines = list(inspect(tmp_path))
    assert lines[0].endswith("X with unet")
    assert lines[1] == "  the part unet is missing"
    assert "cannot be read" in lines[2]
