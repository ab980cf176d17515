"""A model of tiny random parts, written by diffusers and transformers as users have them on their disks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLTemporalDecoder,
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    MotionAdapter,
    UNet2DConditionModel,
    UNet3DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from tests.tiny import stir
from videogen.bench.peer_pipelines import letter_tokenizer

WIDTHS, WORDS, GROUPS = (8, 16, 16, 16), 16, 4


def tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over single letters."""
    made = letter_tokenizer(folder, length=12)
    made.save_pretrained(folder)
    return made


def small_vae() -> AutoencoderKL:
    """Stable Diffusion's autoencoder."""
    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8), norm_num_groups=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip


def small_text() -> CLIPTextModel:
    """CLIP's text encoder."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=54, hidden_size=WORDS, intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=12, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip


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
    made = {"unet": unet, "motion_adapter": motion, "vae": small_vae(), "text_encoder": small_text()}
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


def svd_parts() -> dict[str, Any]:
    """The networks of Stable Video Diffusion, of two sizes so that norms of 32 groups see enough values."""
    torch.manual_seed(0)
    unet = UNetSpatioTemporalConditionModel(
        sample_size=4, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=WORDS,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        num_attention_heads=(2, 4), addition_time_embed_dim=8, projection_class_embeddings_input_dim=24,
        num_frames=5,
    )  # fmt: skip
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(32,) * 4, latent_channels=4, down_block_types=("DownEncoderBlock2D",) * 4
    )
    pictures = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16, intermediate_size=16, projection_dim=WORDS, num_hidden_layers=1,
            num_attention_heads=2, image_size=224, patch_size=56,
        )
    )  # fmt: skip
    return settled({"unet": unet, "vae": vae, "image_encoder": pictures})


def modelscope_parts() -> dict[str, Any]:
    """The networks of ModelScope."""
    torch.manual_seed(0)
    unet = UNet3DConditionModel(
        sample_size=4, block_out_channels=WIDTHS, layers_per_block=1, cross_attention_dim=WORDS,
        norm_num_groups=GROUPS, attention_head_dim=4,
    )  # fmt: skip
    return settled({"unet": unet, "vae": small_vae(), "text_encoder": small_text()})


def settled(networks: dict[str, Any]) -> dict[str, Any]:
    """Networks whose weights all have an effect, ready for use."""
    for network in networks.values():
        stir(network, amount=0.05)
        network.eval().requires_grad_(False)
    return networks


def write_svd(folder: Path) -> dict[str, Any]:
    """Write a folder of Stable Video Diffusion and return its parts."""
    made = svd_parts()
    made["feature_extractor"] = CLIPImageProcessor()
    made["scheduler"] = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="v_prediction",
        use_karras_sigmas=True, timestep_type="continuous", timestep_spacing="leading", steps_offset=1,
        sigma_min=0.002, sigma_max=700.0,
    )  # fmt: skip
    write_parts(folder, made, kind="StableVideoDiffusionPipeline")
    return made


def write_modelscope(folder: Path) -> dict[str, Any]:
    """Write a folder of ModelScope and return its parts."""
    made = modelscope_parts()
    made["scheduler"] = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False,
        set_alpha_to_one=False,
    )  # fmt: skip
    write_parts(folder, made, kind="TextToVideoSDPipeline")
    made["tokenizer"] = tokenizer(folder / "tokenizer")
    return made


def write_parts(folder: Path, made: dict[str, Any], *, kind: str) -> None:
    """Write parts and the index that names them."""
    for name, part in made.items():
        part.save_pretrained(folder / name)
    index = {name: ["diffusers", type(part).__name__] for name, part in made.items()}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, **index}))
