"""A model of tiny random parts, written by diffusers and transformers as users have them on their disks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    MotionAdapter,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tests.tiny import stir

WIDTHS, WORDS, GROUPS = (8, 16, 16, 16), 16, 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over single letters."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    made = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=12)
    made.save_pretrained(folder)
    return made


def parts(*, controlnet: bool = False, mid: bool = True, length: int = 32) -> dict[str, Any]:
    """The networks of such a model by the names of their folders."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=4, block_out_channels=WIDTHS, cross_attention_dim=WORDS, attention_head_dim=2,
        norm_num_groups=GROUPS,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )  # fmt: skip
    motion = MotionAdapter(
        block_out_channels=WIDTHS, motion_num_attention_heads=2, motion_norm_num_groups=GROUPS,
        motion_max_seq_length=length, use_motion_mid_block=mid,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(4, 4, 8, 8), norm_num_groups=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=54, hidden_size=WORDS, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    made = {"unet": unet, "motion_adapter": motion, "vae": vae, "text_encoder": text}
    if controlnet:
        made["controlnet"] = ControlNetModel.from_unet(
            unet, conditioning_embedding_out_channels=(4, 4, 8, 8), load_weights_from_unet=False
        )
    for network in made.values():
        stir(network)
        network.eval().requires_grad_(False)
    return made


def write(folder: Path, *, safe: bool = True, **which: bool) -> dict[str, Any]:
    """Write a model folder and return its networks, tokenizer and scheduler."""
    made = parts(**which)
    for name, network in made.items():
        network.save_pretrained(folder / name, safe_serialization=safe)
    made["tokenizer"] = tokenizer(folder / "tokenizer")
    made["scheduler"] = DDIMScheduler(
        beta_schedule="linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    made["scheduler"].save_pretrained(folder / "scheduler")
    index = {name: ["diffusers", type(value).__name__] for name, value in made.items()}
    kind = "AnimateDiffControlNetPipeline" if which.get("controlnet") else "AnimateDiffPipeline"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, **index}))
    return made
