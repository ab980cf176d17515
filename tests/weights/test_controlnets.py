"""ControlNets and SparseCtrl from files and folders: together, at their strengths, as diffusers adds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNetMotionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.golden.conftest import difference
from tests.tiny_diffusers import write
from tests.tiny_extras import controlnet, sparse_control
from tests.tiny_original import unet_name
from tests.weights.test_diffusers_folder import PerFrame, normed_per_frame
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError
from videogen.extras import Extras
from videogen.models.config import TemporalUNetConfig
from videogen.models.controlnet import Strength
from videogen.sampling import Timeline
from videogen.weights.controlnets import read_controlnet

FRAMES = 3
LATENTS = torch.randn(1, 4, FRAMES, 4, 4, generator=torch.Generator().manual_seed(1))
MAPS = torch.rand(1, 3, FRAMES, 32, 32, generator=torch.Generator().manual_seed(2))
FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A model folder, with two ControlNets `one` and `two` and two SparseCtrl beside it."""
    where = tmp_path_factory.mktemp("animatediff")
    made = write(where / "model")
    made |= {"one": controlnet(made["unet"], seed=1), "two": controlnet(made["unet"], seed=2)}
    made |= {"rgb": sparse_control(latents=True), "scribble": sparse_control(latents=False)}
    for name in ("one", "two", "rgb", "scribble"):
        made[name].save_pretrained(where / name)
    return where, made


def engine(model: Any, *names: str, sparse: str | None = None) -> Engine:
    where = model[0]
    extras = Extras(
        controlnet=tuple(f"{where}/{name}" for name in names),
        sparse_control=None if sparse is None else f"{where}/{sparse}",
    )
    return Engine(where / "model", extras=extras)


def predict(engine: Engine, *, at: int = 500, **told: Any) -> Tensor:
    conditions = Conditions(fps=8.0, prompt="a b", **told)
    denoise = engine.denoiser(conditions, Timeline.line(FRAMES))
    return denoise(LATENTS, torch.tensor(at), torch.arange(FRAMES)[None])


def words_of(made: dict[str, Any]) -> Tensor:
    tokens = made["tokenizer"]("a b", padding="max_length", truncation=True, return_tensors="pt").input_ids
    words: Tensor = made["text_encoder"](tokens).last_hidden_state.repeat(FRAMES, 1, 1)
    return words


def with_residuals(made: dict[str, Any], residuals: list[tuple[Any, Any]]) -> Tensor:
    """diffusers' prediction with the sum of these residuals of its ControlNets."""
    unet = normed_per_frame(UNetMotionModel.from_unet2d(made["unet"], made["motion_adapter"]).eval())
    down = [sum(parts) for parts in zip(*(one for one, _ in residuals), strict=True)]
    with torch.no_grad():
        out: Tensor = unet(
            LATENTS, torch.tensor(500), words_of(made), down_block_additional_residuals=down,
            mid_block_additional_residual=sum(mid for _, mid in residuals),
        ).sample  # fmt: skip
    return out


def test_two_controlnets_add_what_diffusers_adds_at_their_scales(model: Any) -> None:
    made = model[1]
    found = predict(engine(model, "one@0.5", f"two/{FILE}"), pose_maps=MAPS)
    flat = LATENTS[0].transpose(0, 1), torch.tensor(500), words_of(made), MAPS[0].transpose(0, 1)
    with torch.no_grad():
        residuals = [
            made[name](*flat, conditioning_scale=scale, return_dict=False)
            for name, scale in (("one", 0.5), ("two", 1.0))
        ]
    assert difference(found, with_residuals(made, residuals)) < 1e-5
    for fewer in (["one@0.5"], ["two"], ["one", "two"]):
        assert difference(predict(engine(model, *fewer), pose_maps=MAPS), found) > 1e-3


def test_a_scale_of_zero_is_as_none(model: Any) -> None:
    alone = predict(engine(model, "one"), pose_maps=MAPS)
    both = predict(engine(model, "one", "two@0"), pose_maps=MAPS)
    torch.testing.assert_close(both, alone, atol=0, rtol=0)


def test_a_controlnet_acts_from_its_start_to_its_end_only(model: Any) -> None:
    bare, led = engine(model), engine(model, "one")
    parted = engine(model, "one@1@0.25-0.5")
    for at, acts in ((999, False), (751, False), (750, True), (501, True), (500, False), (1, False)):
        expected = predict(led, at=at, pose_maps=MAPS) if acts else predict(bare, at=at)
        torch.testing.assert_close(predict(parted, at=at, pose_maps=MAPS), expected, atol=0, rtol=0)


def test_a_strength_without_end_acts_until_the_very_end() -> None:
    strength = Strength(0.5, start=0.5)
    assert [strength.at(torch.tensor(at)) for at in (501, 500, 0)] == [0.0, 0.5, 0.5]
    assert Strength(2.0).at(torch.tensor([999, 999])) == 2.0


def test_a_folder_of_many_controlnets_is_read_whole(tmp_path: Path, model: Any) -> None:
    made = write(tmp_path / "model")
    for name, folder in (("one", "controlnet"), ("two", "controlnet_1")):
        model[1][name].save_pretrained(tmp_path / "model" / folder)
    index = json.loads((tmp_path / "model" / "model_index.json").read_text())
    index["controlnet"] = ["pipelines.controlnet.multicontrolnet", "MultiControlNetModel"]
    (tmp_path / "model" / "model_index.json").write_text(json.dumps(index))
    assert len(made) == 6
    found, expected = Engine(tmp_path / "model"), engine(model, "one", "two")
    torch.testing.assert_close(predict(found, pose_maps=MAPS), predict(expected, pose_maps=MAPS))
    assert found.hashes.keys() >= {f"controlnet/{FILE}", f"controlnet_1/{FILE}"}


def normed(sparse: Any) -> Any:
    """diffusers' SparseCtrl with the norm of its motion modules frame by frame, as the original has it."""
    modules = [each for each in sparse.modules() if type(each).__name__ == "AnimateDiffTransformer3D"]
    assert len(modules) == 8
    for module in modules:
        module.norm = PerFrame(module.norm)
    return sparse


@pytest.mark.parametrize("kind", ["rgb", "scribble"])
@pytest.mark.parametrize("form", ["folder", "file", "original", "pipeline"])
def test_keyframes_are_hints_as_in_diffusers(tmp_path: Path, model: Any, kind: str, form: str) -> None:
    where, made = model
    tensors = load_file(where / kind / FILE)
    if form == "original":
        torch.save(
            {"controlnet": {f"module.{name}": value for name, value in tensors.items()}}, tmp_path / "s.ckpt"
        )
        found = Engine(where / "model", extras=Extras(sparse_control=str(tmp_path / "s.ckpt")))
    elif form == "pipeline":
        write(tmp_path / "model")
        made[kind].save_pretrained(tmp_path / "model" / "controlnet")
        index = json.loads((tmp_path / "model" / "model_index.json").read_text())
        index |= {"_class_name": "AnimateDiffSparseControlNetPipeline",
                  "controlnet": ["diffusers", "SparseControlNetModel"]}  # fmt: skip
        (tmp_path / "model" / "model_index.json").write_text(json.dumps(index))
        found = Engine(tmp_path / "model")
    else:
        found = engine(model, sparse=kind if form == "folder" else f"{kind}/{FILE}")
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(6)) * 2 - 1
    hint = found.keyframe_hint(pictures, frames=[0, 2], length=FRAMES)
    predicted = predict(found, keyframes=hint)

    shown = (pictures + 1) / 2
    if kind == "rgb":
        shown = made["vae"].encode(pictures).latent_dist.mode() * made["vae"].config.scaling_factor
    cond = torch.zeros(1, shown.shape[1], FRAMES, *shown.shape[2:])
    mask = torch.zeros(1, 1, FRAMES, *shown.shape[2:])
    cond[:, :, [0, 2]], mask[:, :, [0, 2]] = shown.transpose(0, 1)[None], 1
    sparse = normed(sparse_control(latents=kind == "rgb"))
    with torch.no_grad():
        residuals = sparse(
            LATENTS, torch.tensor(500), words_of(made), cond, conditioning_mask=mask, return_dict=False
        )
    assert difference(predicted, with_residuals(made, [residuals])) < 2e-5
    assert difference(predict(found), predicted) > 1e-3


def test_the_first_layout_is_renamed(tmp_path: Path, model: Any) -> None:
    where, made = model
    tensors = load_file(where / "one" / FILE)
    save_file(
        {f"control_model.{unet_name(name)}": tensor.contiguous() for name, tensor in tensors.items()},
        tmp_path / "c.safetensors",
    )
    found = Engine(where / "model", extras=Extras(controlnet=(str(tmp_path / "c.safetensors"),)))
    expected = engine(model, "one")
    torch.testing.assert_close(predict(found, pose_maps=MAPS), predict(expected, pose_maps=MAPS))
    assert len(tensors) == len(made["one"].state_dict())


@pytest.mark.parametrize("name", ["conv_in.weight", "controlnet_down_blocks.1.bias",
                                  "controlnet_cond_embedding.conv_in.weight"])  # fmt: skip
@pytest.mark.parametrize("layout", ["controlnet", "controlnet-single"])
def test_a_file_that_is_not_whole_is_refused_in_one_line(
    tmp_path: Path, model: Any, name: str, layout: str
) -> None:
    tensors = load_file(model[0] / "one" / FILE)
    del tensors[name]
    if layout == "controlnet-single":
        tensors = {f"control_model.{unet_name(name)}": tensor for name, tensor in tensors.items()}
    torch.save(tensors, tmp_path / "c.pth")
    config = Engine(model[0] / "model")._networks.denoiser.unet.config
    with pytest.raises(CheckpointError, match=r"c\.pth") as refused:
        read_controlnet(tmp_path / "c.pth", like=config, sparse=False)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "sparse", "message"),
    [
        ("nothing", False, "is not there; give a file or folder"),
        (f"rgb/{FILE}", False, r"\(SparseCtrl\); --controlnet takes ControlNets"),
        (f"one/{FILE}", True, r"\(ControlNet\); --controlnet takes ControlNets"),
        ("one", True, "is no SparseCtrl"),
        (f"model/unet/{FILE}", False, "U-Net of Stable Diffusion"),
        ("model", False, "holds no weights"),
    ],
)
def test_what_is_no_controlnet_is_refused(model: Any, name: str, sparse: bool, message: str) -> None:
    config = Engine(model[0] / "model")._networks.denoiser.unet.config
    with pytest.raises(CheckpointError, match=message) as refused:
        read_controlnet(model[0] / name, like=config, sparse=sparse)
    assert "\n" not in str(refused.value)


def test_a_controlnet_for_another_unet_is_refused(model: Any) -> None:
    other = TemporalUNetConfig(block_out_channels=(8, 16, 16, 32), norm_num_groups=4, attention_heads=2)
    with pytest.raises(CheckpointError, match=r"is for another U-Net \(words: 16, expected 768\)"):
        read_controlnet(model[0] / "one", like=other, sparse=False)
