"""What is added to a model: low-rank changes in every layout, what is noted, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.tiny_diffusers import write
from tests.tiny_extras import rand
from videogen.engine import Engine
from videogen.errors import CheckpointError, RequestError
from videogen.extras import Extras
from videogen.weights.recognise import recognise

SPACE = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"
TIME = "up_blocks.0.motion_modules.0.transformer_blocks.0.attn1.to_v"
READ = "encoder.layers.0.self_attn.q_proj"
UP, DOWN = rand(16, 2, seed=1), rand(2, 16, seed=2)
CHANGE = UP @ DOWN


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("animatediff") / "model"
    write(where)
    return where


@pytest.fixture(scope="module")
def plain(model: Path) -> dict[str, Tensor]:
    return weights(Engine(model))


def weights(engine: Engine) -> dict[str, Tensor]:
    """The weights of the U-Net and the text encoder, whatever this version calls its text model."""
    networks = engine._networks
    assert networks.text_encoder is not None
    parts = (networks.denoiser.unet, networks.text_encoder)
    return {
        name.replace("text_model.", "", 1): tensor
        for part in parts
        for name, tensor in part.state_dict().items()
    }


def pair(up: str, down: str) -> dict[str, Tensor]:
    return {up: UP.clone(), down: DOWN.clone()}


def kohya(layer: str, start: str = "lora_unet") -> dict[str, Tensor]:
    bare = f"{start}_{layer.replace('.', '_')}"
    made = pair(f"{bare}.lora_up.weight", f"{bare}.lora_down.weight")
    return {**made, f"{bare}.alpha": torch.tensor(1.0)}


def processor(layer: str) -> str:
    head, _, tail = layer.removesuffix(".0").rpartition(".")
    return f"{head}.processor.{tail}_lora"


LAYOUTS: dict[str, tuple[dict[str, Tensor], str, float]] = {
    "domain adapter": (
        pair(f"module.{processor(SPACE)}.up.weight", f"module.{processor(SPACE)}.down.weight"), SPACE, 1.0,
    ),
    "domain adapter, out": (
        pair(f"{processor(OUT)}.up.weight", f"{processor(OUT)}.down.weight"), OUT, 1.0,
    ),
    "motion LoRA": (
        pair(*(
            "up_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor."
            f"to_v_lora.{half}.weight" for half in ("up", "down")
        )), TIME, 1.0,
    ),
    "kohya": (kohya(SPACE), SPACE, 0.5),
    "kohya, text": (kohya(f"text_model.{READ}", "lora_te"), READ, 0.5),
    "kohya, text of two": (kohya(f"text_model.{READ}", "lora_te1"), READ, 0.5),
    "peft": (pair(f"unet.{SPACE}.lora_B.weight", f"unet.{SPACE}.lora_A.weight"), SPACE, 1.0),
    "peft, motion": (pair(f"unet.{TIME}.lora_B.weight", f"unet.{TIME}.lora_A.weight"), TIME, 1.0),
    "peft, raw": (
        pair(*(f"base_model.model.{OUT}.lora_{half}.default.weight" for half in "BA")), OUT, 1.0,
    ),
    "peft, text": (
        pair(*(f"text_encoder.text_model.{READ}.lora_{half}.weight" for half in "BA")), READ, 1.0,
    ),
    "diffusers": (pair(f"unet.{SPACE}.lora.up.weight", f"unet.{SPACE}.lora.down.weight"), SPACE, 1.0),
    "diffusers, alpha": (
        {**pair(f"unet.{SPACE}.lora.up.weight", f"unet.{SPACE}.lora.down.weight"),
         f"unet.{SPACE}.alpha": torch.tensor(4.0)}, SPACE, 2.0,
    ),
    "diffusers, text": (
        pair(*(f"text_encoder.text_model.{READ}.lora_linear_layer.{half}.weight" for half in ("up", "down"))),
        READ, 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_low_rank_changes_of_every_layout_are_merged_at_their_scale(
    model: Path, plain: dict[str, Tensor], tmp_path: Path, layout: str
) -> None:
    tensors, layer, factor = LAYOUTS[layout]
    save_file(tensors, tmp_path / "a.safetensors")
    found = weights(Engine(model, extras=Extras(lora=(f"{tmp_path / 'a.safetensors'}@0.5",))))
    changed = {name for name in plain if not torch.equal(found[name], plain[name])}
    assert changed == {f"{layer}.weight"}
    expected = plain[f"{layer}.weight"] + 0.5 * factor * CHANGE
    torch.testing.assert_close(found[f"{layer}.weight"], expected)


def test_a_folder_with_one_file_of_changes_is_read(model: Path, plain: Any, tmp_path: Path) -> None:
    tensors, layer, _ = LAYOUTS["peft"]
    save_file(tensors, tmp_path / "pytorch_lora_weights.safetensors")
    found = weights(Engine(model, extras=Extras(lora=(str(tmp_path),))))
    torch.testing.assert_close(found[f"{layer}.weight"], plain[f"{layer}.weight"] + CHANGE)
    save_file(tensors, tmp_path / "another.safetensors")
    with pytest.raises(CheckpointError, match="holds 2 files of weights, expected one"):
        Engine(model, extras=Extras(lora=(str(tmp_path),)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inspect_knows_every_layout(layout: str) -> None:
    titles = {"kohya": "kohya", "peft": "diffusers", "diffusers": "diffusers"}
    title = titles.get(layout.split(",")[0], "AnimateDiff")
    found = recognise(LAYOUTS[layout][0], source="x")
    assert found.kind in ("lora", "motion-lora")
    assert title in found.title


def test_many_changes_add_up_and_both_halves_of_a_file_count(
    model: Path, plain: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(kohya(SPACE) | kohya(f"text_model.{READ}", "lora_te"), tmp_path / "a.safetensors")
    torch.save(LAYOUTS["domain adapter"][0], tmp_path / "b.ckpt")
    engine = Engine(model, extras=Extras(lora=(str(tmp_path / "a.safetensors"), f"{tmp_path / 'b.ckpt'}@-1")))
    found = weights(engine)
    torch.testing.assert_close(found[f"{READ}.weight"], plain[f"{READ}.weight"] + 0.5 * CHANGE)
    torch.testing.assert_close(found[f"{SPACE}.weight"], plain[f"{SPACE}.weight"] - 0.5 * CHANGE)
    noted = engine.hashes.keys() - Engine(model).hashes.keys()
    assert noted == {"lora/1/a.safetensors", "lora/2/b.ckpt"}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (kohya("down_blocks_9_nowhere"), "changes lora_unet_down_blocks_9_nowhere.* which this network does"),
        (kohya("text_model.nowhere", "lora_te"), "changes .*nowhere.* which this network does not have"),
        (pair("unet.x.lora_magnitude", "unet.x.dora_scale"), "is of no known format"),
        ({f"unet.{SPACE}.lora_A.weight": DOWN}, "is not whole"),
        (
            {f"unet.{SPACE}.lora_A.weight": DOWN[:, :4].clone(), f"unet.{SPACE}.lora_B.weight": UP},
            "does not fit",
        ),
    ],
)
def test_changes_for_another_network_are_refused(
    model: Path, tmp_path: Path, tensors: dict[str, Tensor], message: str
) -> None:
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=message) as refused:
        Engine(model, extras=Extras(lora=(str(tmp_path / "a.safetensors"),)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "extras",
    [Extras(lora=("a",)), Extras(controlnet=("a",)), Extras(ip_adapter="a"), Extras(sparse_control="a")],
    ids=lambda extras: extras.asked[0],
)
def test_nothing_can_be_added_to_pocket(extras: Extras) -> None:
    with pytest.raises(RequestError, match=f"{extras.asked[0]} can only be added to a model of Stable"):
        Engine("pocket", extras=extras)


@pytest.mark.parametrize("name", ["lora", "controlnet", "ip_adapter", "sparse_control"])
def test_a_file_that_is_not_there_is_named(model: Path, name: str, tmp_path: Path) -> None:
    path = str(tmp_path / "gone.safetensors")
    given: Any = (path,) if name in ("lora", "controlnet") else path
    with pytest.raises(CheckpointError, match=r"gone\.safetensors is (not there|missing)"):
        Engine(model, extras=Extras(**{name: given}))
