"""Names of tensors: from the layouts of the field to this project's own, by one ordered table per layout.

A rule is a regular expression and what its match becomes; None drops the tensor. All rules are tried in
their order, each on what the one before has left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

Rules = tuple[tuple[str, str | None], ...]
Value = TypeVar("Value")

WRAPPERS: Rules = ((r"^(?:module\.|unet\.)+", ""),)
"""What training code puts before every name."""

_ANIMATEDIFF: Rules = (
    (r"\.pos_encoder\.pe$", None),  # follows from its length
    (r"\.temporal_transformer\.", "."),
    (r"\.attention_blocks\.0\.", ".attn1."),
    (r"\.attention_blocks\.1\.", ".attn2."),
    (r"\.norms\.0\.", ".norm1."),
    (r"\.norms\.1\.", ".norm2."),
    (r"\.ff_norm\.", ".norm3."),
)
MOTION_MODULES: Rules = (
    *WRAPPERS,
    (r"^(?!.*\bmotion_modules\.).*$", None),  # some files carry the layers of the picture as well
    *_ANIMATEDIFF,
)
"""AnimateDiff's motion modules as they were published."""

LORA: Rules = (
    (r"^base_model\.model\.", ""),
    *WRAPPERS,
    *_ANIMATEDIFF,
    (r"\.processor\.to_out_lora\.", ".to_out.0."),
    (r"\.(?:processor\.)?to_([qkv])_lora\.", r".to_\1."),
    (r"\.lora_A(?:\.default)?\.weight$", ".down.weight"),
    (r"\.lora_B(?:\.default)?\.weight$", ".up.weight"),
    (r"\.lora(?:_linear_layer)?\.(up|down)\.weight$", r".\1.weight"),
)
"""Each half under the layer that it changes, in AnimateDiff's layout and in those of diffusers and peft."""

_POSITIONS = (r"\.pos_embed\.pe$", None)  # follows from its length

CONTROLNET: Rules = (*WRAPPERS, *_ANIMATEDIFF, _POSITIONS)
"""ControlNets as diffusers names them, SparseCtrl's motion modules as AnimateDiff or diffusers does."""

MOTION_ADAPTER: Rules = (*WRAPPERS, _POSITIONS)
"""Motion modules as diffusers writes them."""

REFERENCE_UNET: Rules = (
    *WRAPPERS,
    (r"^up_blocks\.3\.attentions\.2\.proj_out\.", None),  # after the last tokens that anything reads
    (r"^up_blocks\.3\.attentions\.2\.transformer_blocks\.0\.(?!norm1\.)", None),
)
"""Networks of which only the tokens are read; AnimateAnyone's file holds more than that."""


OTHER_NAMES: Rules = (
    (r"(^|\.)text_model\.", r"\1"),
    (r"(^|\.)position_ids$", None),  # counted by the libraries themselves by now
    (r"(\.attentions\.\d+)\.query\.", r"\1.to_q."),
    (r"(\.attentions\.\d+)\.key\.", r"\1.to_k."),
    (r"(\.attentions\.\d+)\.value\.", r"\1.to_v."),
    (r"(\.attentions\.\d+)\.proj_attn\.", r"\1.to_out.0."),
)
"""What other versions of transformers and diffusers call the same tensors."""
IP_ADAPTER_PLAIN: Rules = ((r"^proj\.", "image_embeds."),)
"""Projections of IP-Adapters as diffusers names them: of the picture's embedding."""

IP_ADAPTER_FULL: Rules = (
    (r"^proj\.0\.", "ff.net.0.proj."),
    (r"^proj\.2\.", "ff.net.2."),
    (r"^proj\.3\.", "norm."),
)
"""Of every token of the picture, one by one."""

IP_ADAPTER_PLUS: Rules = (
    (r"^(layers\.\d+)\.0\.norm1\.", r"\1.ln0."),
    (r"^(layers\.\d+)\.0\.norm2\.", r"\1.ln1."),
    (r"^(layers\.\d+)\.0\.to_out\.", r"\1.attn.to_out.0."),
    (r"^(layers\.\d+)\.0\.to_", r"\1.attn.to_"),
    (r"^(layers\.\d+)\.1\.0\.", r"\1.ff.0."),
    (r"^(layers\.\d+)\.1\.1\.", r"\1.ff.1.net.0.proj."),
    (r"^(layers\.\d+)\.1\.3\.", r"\1.ff.1.net.2."),
)
"""Of every token of the picture, asked by a few of its own."""


RIFE: Rules = (
    (r"^(?:module\.|flownet\.)+", ""),
    (r"^(?:teacher|caltime|block_tea)\.", None),  # of training alone
)
"""RIFE's interpolators, as Practical-RIFE writes them."""


def rename(tensors: Mapping[str, Value], rules: Rules) -> dict[str, Value]:
    """The same tensors under their new names, without those that are dropped.

    Raises ValueError where two become one.
    """
    renamed: dict[str, Value] = {}
    for old, value in tensors.items():
        new = follow(old, rules)
        if new in renamed:
            raise ValueError(f"two tensors are called {new}")
        if new is not None:
            renamed[new] = value
    return renamed


def follow(name: str, rules: Rules) -> str | None:
    """One name under the rules, None where it is dropped."""
    for pattern, becomes in rules:
        if becomes is None:
            if re.search(pattern, name):
                return None
        else:
            name = re.sub(pattern, becomes, name)
    return name
