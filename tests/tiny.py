"""A model of a few thousand random weights, exported like pocket, for tests of loading and of the engine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from videogen.models.conditioned import ConditionedUNet
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig
from videogen.models.temporal_unet import TemporalUNetConfig
from videogen.models.text_video import TextVideoConfig, TextVideoEncoder
from videogen.training.export import Trained, export, export_clip, export_planner
from videogen.training.planner import fit_bases
from videogen.training.text import MAX_TOKENS, build_tokenizer

WIDTH = 16
UNET = TemporalUNetConfig(
    in_channels=26,
    out_channels=8,
    block_out_channels=(8, 16, 16),
    attention_levels=(False, True, True),
    layers_per_block=1,
    cross_attention_dim=WIDTH,
    attention_heads=2,
    feed_forward_mult=1,
    norm_num_groups=4,
    scale_shift=True,
    temporal_convolution=True,
    motion_levels=(False, False, True),
    motion_mid_block=True,
    motion_heads=2,
    motion_attentions=1,
    motion_num_groups=4,
    motion_max_frames=16,
    frame_conditioning=True,
    pose_widths=(4, 4, 8),
)
PLANNER = MotionPlannerConfig(
    width=16, layers=1, heads=2, components=6, window=12, overlap=4, num_inference_steps=2
)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Pocket's tokenizer."""
    return build_tokenizer()


def text_config() -> CLIPTextConfig:
    """A text encoder of one layer."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer()),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def autoencoder() -> AutoencoderTiny:
    """An autoencoder of pocket's shapes and hardly any width."""
    vae = AutoencoderTiny(
        latent_channels=8,
        encoder_block_out_channels=(4, 4, 4),
        num_encoder_blocks=(0, 1, 1),
        decoder_block_out_channels=(4, 4, 4),
        num_decoder_blocks=(1, 1, 1),
    )
    vae.register_to_config(scaling_factor=1.5, shift_factor=0.25)
    return vae


def stir(network: nn.Module, *, seed: int = 0, amount: float = 0.1) -> None:
    """Move every weight a little, so that those that start at zero have an effect too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator))


def networks() -> nn.ModuleDict:
    """The denoiser and the text encoder under the names that training gives them."""
    torch.manual_seed(0)
    both = nn.ModuleDict(
        {
            "denoiser": ConditionedUNet(UNET, latent_channels=8),
            "text_encoder": CLIPTextModel(text_config()),
        }
    )
    stir(both)
    return both


def export_tiny(folder: Path) -> Trained:
    """Write the model folder and return what was exported."""
    trained = Trained(
        vae=autoencoder(),
        networks=networks().state_dict(),
        unet_config=UNET,
        text_config=text_config(),
        tokenizer=tokenizer(),
        record={"steps": 0},
    )
    export(trained, folder)
    return trained


@cache
def planner() -> MotionPlanner:
    """A motion planner with random weights and the bases of the world's poses."""
    torch.manual_seed(1)
    made = MotionPlanner(PLANNER, CLIPTextModel(text_config()))
    stir(made, amount=0.2)
    fit_bases(made, seed=0, count=64)
    return made.eval().requires_grad_(False)


def export_tiny_with_planner(folder: Path) -> MotionPlanner:
    """Write the model folder with a motion planner, and return the planner."""
    export_tiny(folder)
    export_planner(planner(), folder, record={"steps": 0})
    return planner()


TEXT_VIDEO = TextVideoConfig(side=32, frames=4, channels=(8, 8, 16), places=4, hidden=16, width=12)


@cache
def text_video() -> TextVideoEncoder:
    """A text-video encoder with random weights."""
    torch.manual_seed(2)
    made = TextVideoEncoder(TEXT_VIDEO, CLIPTextModel(text_config()))
    stir(made)
    return made.half().float().eval().requires_grad_(False)


def export_tiny_with_clip(folder: Path) -> TextVideoEncoder:
    """Write the model folder with a text-video encoder, and return the encoder."""
    export_tiny(folder)
    export_clip(text_video(), folder, record={"steps": 0})
    return text_video()
