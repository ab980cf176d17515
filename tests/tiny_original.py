"""Tiny networks of Stable Diffusion's kind, written under the names that their files were published with.

Widths are multiples of 32 and heads 8, as nothing in a single file says otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, MotionAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from tests.tiny import stir

WIDTHS, WORDS = (32, 64, 64, 64), 64
State = dict[str, Tensor]

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
}  # fmt: skip
_MOTION = {
    "attn1": "attention_blocks.0", "attn2": "attention_blocks.1", "norm1": "norms.0", "norm2": "norms.1",
    "norm3": "ff_norm",
}  # fmt: skip
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def networks() -> dict[str, Any]:
    """A U-Net, a ControlNet, an autoencoder and a text encoder with random weights."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=4, block_out_channels=WIDTHS, cross_attention_dim=WORDS, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 32, 64), latent_channels=4, layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=54, hidden_size=WORDS, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=1, max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    control = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(4, 4, 8, 8), load_weights_from_unet=False
    )
    made = {"unet": unet, "vae": vae, "text_encoder": text, "controlnet": control}
    for network in made.values():
        stir(network)
        network.eval().requires_grad_(False)
    return made


def adapter(*, mid: bool = False, length: int = 32) -> MotionAdapter:
    """Motion modules with random weights."""
    torch.manual_seed(1)
    made = MotionAdapter(
        block_out_channels=WIDTHS, motion_max_seq_length=length, use_motion_mid_block=mid,
        motion_num_attention_heads=8,
    )  # fmt: skip
    stir(made)
    return made.eval().requires_grad_(False)


def unet_name(name: str) -> str:
    """The first implementation's name of a tensor of a U-Net or ControlNet."""
    for new, old in _ENDS.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if found := re.match(r"controlnet_cond_embedding\.blocks\.(\d+)\.(.*)", name):
        return f"input_hint_block.{2 * int(found[1]) + 2}.{found[2]}"
    if found := re.match(r"controlnet_down_blocks\.(\d+)\.(.*)", name):
        return f"zero_convs.{found[1]}.0.{found[2]}"
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block.{place}.{_inner(found[1], found[3])}"
    found = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name)
    assert found, name
    way, level, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.{rest.replace('conv', 'op')}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.{rest}"
    block = (
        f"input_blocks.{3 * level + number + 1}" if way == "down" else f"output_blocks.{3 * level + number}"
    )
    return f"{block}.{int(kind == 'attentions')}.{_inner(kind, rest)}"


def _inner(kind: str, rest: str) -> str:
    first, _, last = rest.partition(".")
    return f"{_RESNET[first]}.{last}" if kind == "resnets" else rest


def vae_state(vae: AutoencoderKL) -> State:
    """An autoencoder's tensors under the first implementation's names, attention as convolutions."""
    made = {}
    for name, value in vae.state_dict().items():
        old = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        old = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", old)
        old = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", old)
        old = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", old)
        old = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", old)
        old = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", old)
        if found := re.match(r"(.*)mid_block\.attentions\.0\.(.*)\.(weight|bias)$", old):
            old = f"{found[1]}mid.attn_1.{_ATTENTION[found[2]]}.{found[3]}"
            value = value[:, :, None, None] if value.ndim == 2 else value
        made[old] = value
    return made


def single_state(made: dict[str, Any]) -> State:
    """What Stable Diffusion's single file holds, what nobody needs among it."""
    state = {f"model.diffusion_model.{unet_name(k)}": v for k, v in made["unet"].state_dict().items()}
    state |= {f"first_stage_model.{k}": v for k, v in vae_state(made["vae"]).items()}
    words = {k.removeprefix("text_model."): v for k, v in made["text_encoder"].state_dict().items()}
    words["embeddings.position_ids"] = torch.arange(12)[None]
    state |= {f"cond_stage_model.transformer.text_model.{k}": v for k, v in words.items()}
    return state | {"betas": torch.ones(4), "model_ema.decay": torch.tensor(0.5)}


def control_state(network: ControlNetModel) -> State:
    """What the single file of a ControlNet holds."""
    return {f"control_model.{unet_name(k)}": v for k, v in network.state_dict().items()}


def motion_state(network: MotionAdapter, *, length: int | None = 32) -> State:
    """What a file of AnimateDiff holds; AnimateLCM's holds no positions."""
    made = {}
    for name, value in network.state_dict().items():
        if name.endswith("pos_embed.pe"):
            continue
        old = re.sub(r"motion_modules\.(\d)\.", r"motion_modules.\1.temporal_transformer.", name)
        old = old.replace(".attn1.", ".attention_blocks.0.").replace(".attn2.", ".attention_blocks.1.")
        old = (
            old.replace(".norm1.", ".norms.0.")
            .replace(".norm2.", ".norms.1.")
            .replace(".norm3.", ".ff_norm.")
        )
        made[old] = value
        if length is not None and old.endswith("to_q.weight"):
            made[old.replace("to_q.weight", "pos_encoder.pe")] = torch.zeros(1, length, len(value))
    return made


def save(state: State, path: Path) -> Path:
    """Write a file of weights in the form that its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous().clone() for name, value in state.items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path)
    return path
