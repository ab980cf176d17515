"""What is added to a model of Stable Diffusion's kind: low-rank changes, ControlNets, an IP-Adapter.

In: the loaded parts of a model and an `Extras`. Out: the parts with everything merged or put beside the
U-Net, and the hashes of the files that it came from. Files are read as strictly as a model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from videogen.errors import CheckpointError, RequestError
from videogen.extras import Extra, Extras, parse_extra
from videogen.models.controlnet import Strength
from videogen.models.stable import StableUNet
from videogen.weights.controlnets import read_controlnet
from videogen.weights.files import PICKLES, read_tensors
from videogen.weights.formats import sha256_of
from videogen.weights.ip_adapter import read_ip_adapter
from videogen.weights.lora import bare_text_name, merge, read_lora, split_lora
from videogen.weights.parts import Networks
from videogen.weights.recognise import recognise


def add_extras(networks: Networks, extras: Extras, *, folder: Path) -> Networks:
    """The networks of the model in `folder` with everything that `extras` names.

    Weights are changed in place. Raises RequestError for models of another kind, CheckpointError for files
    that cannot be read or belong to another network.
    """
    if not extras.asked:
        return networks
    network = _stable(networks, extras.asked)
    hashes = dict(networks.hashes)
    for number, extra in enumerate(map(parse_extra, extras.lora), 1):
        file = _only_file(extra.path)
        merge_lora(networks, read_tensors(file), scale=extra.scale, source=str(file))
        hashes[f"lora/{number}/{extra.path.name}"] = sha256_of(file)
    controlnets, strengths = network.pose_controls(), list(network.strengths)
    for number, extra in enumerate(map(parse_extra, extras.controlnet), 1):
        found, read = read_controlnet(extra.path, like=network.unet.config, sparse=False)
        hashes |= {f"controlnet/{number}/{name}": digest for name, digest in read.hashes.items()}
        controlnets.append(found)
        strengths.append(_strength(extra))
    sparse, sparse_strength = network.sparse, network.sparse_strength
    if extras.sparse_control is not None:
        extra = parse_extra(extras.sparse_control)
        sparse, read = read_controlnet(extra.path, like=network.unet.config, sparse=True)
        hashes |= {f"sparse_control/{name}": digest for name, digest in read.hashes.items()}
        sparse_strength = _strength(extra)
    unet, image_prompt = network.unet, networks.image_prompt
    if extras.ip_adapter is not None:
        extra = parse_extra(extras.ip_adapter)
        image_prompt, unet, found_in = read_ip_adapter(
            _only_file(extra.path), unet=unet, scale=extra.scale, model=folder
        )
        hashes |= {f"ip_adapter/{name}": digest for name, digest in found_in.items()}
    made = StableUNet(
        unet, controlnets, strengths=strengths, sparse=sparse, sparse_strength=sparse_strength,
        guider=network.guider, reference=network.reference, lending=network.lending,
        every_step=network.every_step, share_words=network.share_words,
    )  # fmt: skip
    return replace(networks, denoiser=made.eval(), image_prompt=image_prompt, hashes=hashes)


def _strength(extra: Extra) -> Strength:
    return Strength(extra.scale, extra.start, extra.end)


def merge_lora(networks: Networks, tensors: dict[str, Tensor], *, scale: float, source: str) -> None:
    """Merge a file's low-rank changes into the U-Net and the text encoder, in place.

    Raises RequestError for models of another kind, CheckpointError where a change belongs to another network.
    """
    network, encoder = _stable(networks, ["--lora"]), networks.text_encoder
    found = recognise(tensors, source=source)
    if found.kind not in ("lora", "motion-lora"):
        raise CheckpointError(
            f"{source} is no LoRA ({found.title}); --lora takes low-rank changes of weights"
        )
    drawing, reading = split_lora(tensors)
    if drawing or not reading:
        changes = read_lora(drawing, network.unet.state_dict(), source=source)
        merge(network.unet, changes, scale=scale, source=source)
    if reading:
        if encoder is None:
            raise CheckpointError(f"{source} changes a text encoder, and this model reads no words")
        names = {bare_text_name(name): name for name in encoder.state_dict()}
        changes = read_lora(reading, names, source=source)
        own = {names[name]: change for name, change in changes.items()}
        merge(encoder, own, scale=scale, source=source)


def _stable(networks: Networks, asked: Sequence[str]) -> StableUNet:
    """The network, where something can be added to it; raises RequestError for others."""
    if not isinstance(networks.denoiser, StableUNet):
        raise RequestError(
            f"{', '.join(asked)} can only be added to a model of Stable Diffusion's kind; name one "
            f"with --model, or leave it out"
        )
    return networks.denoiser


def _only_file(path: Path) -> Path:
    """A file, or the only file of weights in a folder, whatever it is called; raises CheckpointError."""
    if not path.exists():
        raise CheckpointError(f"{path} is not there; give a file of weights")
    if not path.is_dir():
        return path
    found = [file for file in sorted(path.iterdir()) if file.suffix in (".safetensors", *PICKLES)]
    if len(found) != 1:
        raise CheckpointError(f"{path} holds {len(found)} files of weights, expected one; give a file's name")
    return found[0]
