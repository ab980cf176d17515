"""What people add to a model of tiny random parts, in the layouts that they have on their disks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, SparseControlNetModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.tiny import stir
from tests.tiny_diffusers import GROUPS, WIDTHS, WORDS

SEEN, EMBEDDED, SIDE = 16, 12, 28
ORDER = [WIDTHS[level] for level in (0, 0, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1, 0, 0, 0, 3)]
"""Widths of the attention layers in diffusers' order: down, up, middle."""


def rand(*shape: int, seed: int, scale: float = 0.3) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def image_encoder() -> CLIPVisionModelWithProjection:
    """CLIP's encoder of pictures of 28 x 28."""
    torch.manual_seed(3)
    made = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=SEEN, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
            image_size=SIDE, patch_size=14, projection_dim=EMBEDDED,
        )
    )  # fmt: skip
    stir(made)
    return made.eval().requires_grad_(False)


def _plain() -> dict[str, tuple[int, ...]]:
    return {"proj.weight": (4 * WORDS, EMBEDDED), "proj.bias": (4 * WORDS,), "norm.weight": (WORDS,),
            "norm.bias": (WORDS,)}  # fmt: skip


def _full() -> dict[str, tuple[int, ...]]:
    return {"proj.0.weight": (SEEN, SEEN), "proj.0.bias": (SEEN,), "proj.2.weight": (WORDS, SEEN),
            "proj.2.bias": (WORDS,), "proj.3.weight": (WORDS,), "proj.3.bias": (WORDS,)}  # fmt: skip


def _plus() -> dict[str, tuple[int, ...]]:
    inner, heads = 24, 2 * 64
    made: dict[str, tuple[int, ...]] = {
        "latents": (1, 3, inner), "proj_in.weight": (inner, SEEN), "proj_in.bias": (inner,),
        "proj_out.weight": (WORDS, inner), "proj_out.bias": (WORDS,), "norm_out.weight": (WORDS,),
        "norm_out.bias": (WORDS,),
    }  # fmt: skip
    for number in range(4):
        start = f"layers.{number}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            made |= {f"{start}.{norm}.weight": (inner,), f"{start}.{norm}.bias": (inner,)}
        made |= {
            f"{start}.0.to_q.weight": (heads, inner), f"{start}.0.to_kv.weight": (2 * heads, inner),
            f"{start}.0.to_out.weight": (inner, heads), f"{start}.1.1.weight": (4 * inner, inner),
            f"{start}.1.3.weight": (inner, 4 * inner),
        }  # fmt: skip
    return made


KINDS = {"plain": _plain, "plus": _plus, "full": _full}


def ip_adapter(kind: str) -> dict[str, dict[str, Tensor]]:
    """An adapter's two halves under h94/IP-Adapter's names."""
    projection = {
        name: rand(*shape, seed=5 + count) for count, (name, shape) in enumerate(KINDS[kind]().items())
    }
    layers = {
        f"{2 * count + 1}.to_{half}_ip.weight": rand(width, WORDS, seed=100 + 2 * count + (half == "v"))
        for count, width in enumerate(ORDER)
        for half in ("k", "v")
    }
    return {"image_proj": projection, "ip_adapter": layers}


def write_ip_adapter(file: Path, kind: str = "plain") -> dict[str, dict[str, Tensor]]:
    """Write an adapter, flattened or as torch's archive, with CLIP's encoder beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = ip_adapter(kind)
    if file.suffix == ".safetensors":
        save_file(
            {f"{half}.{name}": value for half, part in made.items() for name, value in part.items()}, file
        )
    else:
        torch.save(made, file)
    image_encoder().save_pretrained(file.parent / "image_encoder")
    return made


def controlnet(unet: Any, *, seed: int = 0) -> ControlNetModel:
    """A ControlNet for a U-Net."""
    torch.manual_seed(seed)
    made = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(4, 4, 8, 8), load_weights_from_unet=False
    )
    stir(made, seed=seed)
    return made.eval().requires_grad_(False)


def sparse_control(*, latents: bool) -> SparseControlNetModel:
    """A SparseCtrl that reads latents (as the published rgb one) or pixels (as the scribble one)."""
    torch.manual_seed(4)
    made = SparseControlNetModel(
        conditioning_channels=4 if latents else 3, use_simplified_condition_embedding=latents,
        conditioning_embedding_out_channels=(4, 4, 8, 8), block_out_channels=WIDTHS,
        cross_attention_dim=WORDS, attention_head_dim=2, norm_num_groups=GROUPS, motion_num_attention_heads=2,
    )  # fmt: skip
    stir(made)
    return made.eval().requires_grad_(False)
