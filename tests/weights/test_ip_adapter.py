"""IP-Adapters in every layout: what diffusers predicts with them, and what is wrong said in one line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNetMotionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.golden.conftest import difference
from tests.tiny_diffusers import write
from tests.tiny_extras import SIDE, image_encoder, write_ip_adapter
from tests.weights.test_diffusers_folder import normed_per_frame
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError
from videogen.extras import Extras
from videogen.sampling import Timeline

LATENTS, AT, FRAMES = torch.randn(1, 4, 3, 4, 4, generator=torch.Generator().manual_seed(1)), 300, 3
PICTURE = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    where = tmp_path_factory.mktemp("animatediff") / "model"
    return where, write(where)


def predict(engine: Engine, picture: Tensor | None) -> Tensor:
    told = Conditions(fps=8.0, prompt="a b", picture=picture)
    denoise = engine.denoiser(told, Timeline.line(FRAMES))
    return denoise(LATENTS, torch.tensor(AT), torch.arange(FRAMES)[None])


def as_diffusers(made: dict[str, Any], adapter: Any, *, scale: float, shown: bool, whole: bool) -> Tensor:
    """The prediction of diffusers' motion U-Net with this adapter, as its pipelines call it."""
    unet = UNetMotionModel.from_unet2d(made["unet"], made["motion_adapter"]).eval()
    unet._load_ip_adapter_weights([adapter], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if hasattr(processor, "scale"):
            processor.scale = [scale]
    normed_per_frame(unet)
    encoder = image_encoder()
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    spread = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    pixels = ((PICTURE + 1) / 2 - mean) / spread if shown else torch.zeros_like(PICTURE)
    if whole:
        seen = encoder(pixels, output_hidden_states=True).hidden_states[-2]
    else:
        seen = encoder(pixels).image_embeds * float(shown)
    tokens = made["tokenizer"]("a b", padding="max_length", truncation=True, return_tensors="pt").input_ids
    words = made["text_encoder"](tokens).last_hidden_state.repeat(FRAMES, 1, 1)
    with torch.no_grad():
        out: Tensor = unet(
            LATENTS, torch.tensor(AT), words, added_cond_kwargs={"image_embeds": [seen[:, None]]}
        ).sample
    return out


@pytest.mark.parametrize("kind", ["plain", "plus", "full"])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize(("ending", "scale"), [(".bin", 1.0), (".safetensors", 0.6)])
def test_predictions_are_those_of_diffusers(
    model: Any, tmp_path: Path, kind: str, shown: bool, ending: str, scale: float
) -> None:
    where, made = model
    adapter = write_ip_adapter(tmp_path / f"ip-adapter{ending}", kind)
    engine = Engine(where, extras=Extras(ip_adapter=f"{tmp_path / f'ip-adapter{ending}'}@{scale}"))
    found = predict(engine, PICTURE if shown else None)
    expected = as_diffusers(made, adapter, scale=scale, shown=shown, whole=kind != "plain")
    assert difference(found, expected) < 1e-5
    assert difference(predict(Engine(where), None), expected) > 1e-3


def test_a_scale_of_zero_is_as_none(model: Any, tmp_path: Path) -> None:
    write_ip_adapter(tmp_path / "a.safetensors")
    off = Engine(model[0], extras=Extras(ip_adapter=f"{tmp_path / 'a.safetensors'}@0"))
    torch.testing.assert_close(predict(off, PICTURE), predict(Engine(model[0]), None), atol=0, rtol=0)


def test_the_image_encoder_may_be_the_model_s_own_and_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "model")
    write_ip_adapter(tmp_path / "models" / "a.safetensors")
    shutil.move(tmp_path / "models" / "image_encoder", tmp_path / "model" / "image_encoder")
    file = tmp_path / "models" / "a.safetensors"
    engine = Engine(tmp_path / "model", extras=Extras(ip_adapter=str(file)))
    assert difference(predict(engine, PICTURE), predict(engine, -PICTURE)) > 1e-4
    noted = engine.hashes.keys() - Engine(tmp_path / "model").hashes.keys()
    assert noted == {"ip_adapter/a.safetensors", "ip_adapter/image_encoder/model.safetensors"}


def test_of_a_wide_picture_the_middle_is_seen(model: Any, tmp_path: Path) -> None:
    write_ip_adapter(tmp_path / "a.safetensors")
    engine = Engine(model[0], extras=Extras(ip_adapter=str(tmp_path / "a.safetensors")))
    wide = torch.cat([torch.ones(1, 3, SIDE, 10), PICTURE, -torch.ones(1, 3, SIDE, 10)], -1)
    torch.testing.assert_close(predict(engine, wide), predict(engine, PICTURE))


def without(file: Path, start: str) -> None:
    save_file({name: value for name, value in load_file(file).items() if not name.startswith(start)}, file)


def wider(file: Path) -> None:
    tensors = load_file(file)
    tensors["ip_adapter.1.to_k_ip.weight"] = torch.zeros(8, 20)
    save_file(tensors, file)


def longer(file: Path) -> None:
    tensors = load_file(file)
    tensors["ip_adapter.33.to_k_ip.weight"] = torch.zeros(8, 16)
    save_file(tensors, file)


def of_faces(file: Path) -> None:
    tensors = load_file(file)
    tensors["image_proj.perceiver_resampler.proj_in.weight"] = tensors.pop("image_proj.proj.weight")
    save_file(tensors, file)


def other_encoder(file: Path) -> None:
    tensors = load_file(file)
    tensors["image_proj.proj.weight"] = torch.zeros(64, 5)
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: without(file, "ip_adapter."), "is no IP-Adapter"),
        (lambda file: without(file, "ip_adapter.3.to_v"), "lacks .*to_v_ip"),
        (wider, "has another shape of .*to_k_ip"),
        (longer, "has the unexpected 33"),
        (of_faces, "is an IP-Adapter of another kind"),
        (other_encoder, "width of what the image encoder says: 12, expected 5"),
        (lambda file: shutil.rmtree(file.parent / "image_encoder"), "needs CLIP's image encoder; put the"),
        (Path.unlink, r"a\.safetensors is not there"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(model: Any, tmp_path: Path, spoil: Any, message: str) -> None:
    file = tmp_path / "a.safetensors"
    write_ip_adapter(file)
    spoil(file)
    with pytest.raises(CheckpointError, match=message) as refused:
        Engine(model[0], extras=Extras(ip_adapter=str(file)))
    assert "\n" not in str(refused.value)
