"""IP-Adapters: the tokens of a picture for a U-Net, and the layers that read them.

In: a file in the layout of h94/IP-Adapter (plain, plus or full-face), and CLIP's image encoder from
`image_encoder/` beside it or in the model's folder. Out: a module that turns a picture into tokens, and the
same U-Net with keys and values for them. The file numbers its layers as diffusers orders a U-Net's attention
layers, down, up, middle, with odd numbers for those that read words; motion modules are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from torch import Tensor, nn

from videogen.errors import CheckpointError
from videogen.models.image_prompt import ImagePrompt
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.folder import Folder
from videogen.weights.formats import check_fit
from videogen.weights.keymaps import IP_ADAPTER_FULL, IP_ADAPTER_PLAIN, IP_ADAPTER_PLUS, rename
from videogen.weights.parts import check_pairs, fill, make_image_encoder, plain

_HEAD_WIDTH = 64
_ORDER = ("down_blocks", "up_blocks", "mid_block")
ENCODER = "image_encoder"


def read_ip_adapter(
    path: Path, *, unet: TemporalUNet, scale: float, model: Path
) -> tuple[ImagePrompt, TemporalUNet, dict[str, str]]:
    """What makes tokens, the U-Net that reads them at `scale`, and the hashes of the files that were read.

    `model` is the folder of the model. Raises CheckpointError.
    """
    folder = Folder(path.parent)
    tensors, file = folder.tensors(path.name)
    projecting, layers = (_under(tensors, start) for start in ("image_proj.", "ip_adapter."))
    if not projecting or not layers:
        raise CheckpointError(f"{file} is no IP-Adapter; give a file such as ip-adapter_sd15.safetensors")
    home = next((each for each in (path.parent, model) if (each / ENCODER).is_dir()), None)
    if home is None:
        raise CheckpointError(
            f"{file.name} needs CLIP's image encoder; put the folder {ENCODER} of h94/IP-Adapter's models/ "
            f"beside it"
        )
    known = Folder(home)
    settings, weights, source = known.part(ENCODER)
    encoder = fill(lambda: make_image_encoder(plain(settings)), weights, source=source)
    projection, width = _projection(projecting, file=file)
    whole = not isinstance(projection, ImageProjection)
    read = encoder.config.hidden_size if whole else encoder.config.projection_dim
    check_pairs({"width of what the image encoder says": (read, width)}, file)
    made = with_image_layers(unet, layers, scale=scale, file=file)
    return ImagePrompt(encoder, projection, whole=whole), made, folder.hashes | known.hashes


def with_image_layers(
    unet: TemporalUNet, layers: Mapping[str, Tensor], *, scale: float, file: Path
) -> TemporalUNet:
    """The U-Net, its weights shared, with an IP-Adapter's `layers`, whose answer counts `scale` times.

    The scale is put into the values, of which the answer is a sum.
    """
    names = sorted(unet.attention_layers(), key=lambda name: _ORDER.index(name.split(".")[0]))
    numbers = {f"{2 * count + 1}": name for count, name in enumerate(names)}
    own = unet.state_dict()
    added = {}
    for name, tensor in layers.items():
        number, _, rest = name.partition(".")
        added[f"{numbers.get(number, number)}.transformer_blocks.0.attn2.{rest}"] = (
            tensor.float() * scale if rest.startswith("to_v_ip") else tensor.float()
        )
    with torch.device("meta"):
        made = TemporalUNet(replace(unet.config, image_prompt=True))
    check_fit(made.state_dict(), {**own, **added}, source=file)
    made.load_state_dict({**own, **added}, assign=True)
    return made.eval().requires_grad_(False)


def _projection(tensors: Mapping[str, Tensor], *, file: Path) -> tuple[nn.Module, int]:
    """What turns CLIP's answer into tokens, filled, and the width of that answer."""
    if "proj.weight" in tensors and "norm.weight" in tensors:
        words = tensors["norm.weight"].shape[0]
        many, width = tensors["proj.weight"].shape
        return fill(
            lambda: ImageProjection(width, words, many // words),
            rename(tensors, IP_ADAPTER_PLAIN),
            source=file,
        ), width
    if "proj.3.weight" in tensors and "proj.0.weight" in tensors:
        width, words = tensors["proj.0.weight"].shape[1], tensors["proj.3.weight"].shape[0]
        full = rename(tensors, IP_ADAPTER_FULL)
        return fill(lambda: IPAdapterFullImageProjection(width, words), full, source=file), width
    if {"latents", "proj_in.weight", "proj_out.weight"} <= tensors.keys():
        return _resampler(rename(tensors, IP_ADAPTER_PLUS), file=file)
    raise CheckpointError(
        f"{file} is an IP-Adapter of another kind ({', '.join(sorted(tensors)[:2])}); plain, plus and "
        f"full-face ones for Stable Diffusion 1.5 are read"
    )


def _resampler(tensors: dict[str, Tensor], *, file: Path) -> tuple[nn.Module, int]:
    """The projection of the plus adapters, and the width that it reads."""
    split = {name: tensor for name, tensor in tensors.items() if "to_kv" not in name}
    for name in tensors.keys() - split.keys():
        keys, values = tensors[name].chunk(2)
        split |= {name.replace("to_kv", "to_k"): keys, name.replace("to_kv", "to_v"): values}
    inner, width = split["proj_in.weight"].shape
    depth = sum(name.endswith(".ln0.weight") for name in split)
    query = split.get("layers.0.attn.to_q.weight", split["proj_in.weight"])
    return fill(
        lambda: IPAdapterPlusImageProjection(
            embed_dims=width, output_dims=split["proj_out.weight"].shape[0], hidden_dims=inner, depth=depth,
            dim_head=_HEAD_WIDTH, heads=query.shape[0] // _HEAD_WIDTH, num_queries=split["latents"].shape[1],
        ),
        split,
        source=file,
    ), width  # fmt: skip


def _under(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without it."""
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
