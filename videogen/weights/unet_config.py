"""Settings of other projects' U-Nets as this project's own.

In: `config.json` of diffusers' UNet2DConditionModel, and what is known of its motion modules. Out: a
`TemporalUNetConfig`, or a CheckpointError that names what this network does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from videogen.errors import CheckpointError
from videogen.models.config import TemporalUNetConfig

_ATTENTION = {
    f"{start}DownBlock{end}": start == "CrossAttn"
    for start in ("CrossAttn", "")
    for end in ("2D", "3D", "Motion")
}
_EXPECTED: dict[str, tuple[object, ...]] = {
    "act_fn": ("silu", "swish"),
    "addition_embed_type": (None,),
    "center_input_sample": (False,),
    "class_embed_type": (None,),
    "downsample_padding": (1,),
    "dual_cross_attention": (False,),
    "encoder_hid_dim_type": (None,),
    "flip_sin_to_cos": (True,),
    "freq_shift": (0,),
    "mid_block_scale_factor": (1, 1.0),
    "mid_block_type": ("UNetMidBlock2DCrossAttn",),
    "num_class_embeds": (None,),
    "only_cross_attention": (False, [False] * 4),
    "time_embedding_type": ("positional",),
    "transformer_layers_per_block": (1, [1] * 4),
    "upcast_attention": (False,),
    "use_linear_projection": (False,),
}
"""Settings with which Stable Diffusion 1.5 and its fine-tunes come, where others exist."""


def unet_config(values: Mapping[str, Any], *, source: str, **motion: Any) -> TemporalUNetConfig:
    """The config of a U-Net with diffusers' settings `values` and `motion` settings of our own."""
    for name, allowed in _EXPECTED.items():
        if name in values and values[name] not in allowed:
            raise CheckpointError(
                f"{source} sets {name} to {values[name]!r}; this version runs U-Nets like that of Stable "
                f"Diffusion 1.5"
            )
    try:
        return TemporalUNetConfig(
            in_channels=values["in_channels"],
            out_channels=values.get("out_channels", values["in_channels"]),  # ControlNets have none
            block_out_channels=tuple(values["block_out_channels"]),
            attention_levels=tuple(_ATTENTION[kind] for kind in values["down_block_types"]),
            layers_per_block=values["layers_per_block"],
            cross_attention_dim=values["cross_attention_dim"],
            attention_heads=values.get("attention_head_dim", values.get("num_attention_heads")),
            norm_num_groups=values.get("norm_num_groups", 32),
            norm_eps=values.get("norm_eps", 1e-5),
            scale_shift=values.get("resnet_time_scale_shift", "default") == "scale_shift",
            **motion,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{source} describes a U-Net that cannot be built here ({error})") from error
