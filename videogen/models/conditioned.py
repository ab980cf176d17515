"""Pocket's network as sampling and training both call it: the U-Net with everything it can be told.

Concatenated to the noisy latents: known latents with their mask, the reference carried along the motion
field with its visibility. Beside them: reference tokens, pose maps, words, frame rate. What is absent is
zero, exactly as the training drops it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from videogen.models.blocks import frames_of
from videogen.models.reference import AppearanceEncoder
from videogen.models.temporal_unet import TemporalUNet, TemporalUNetConfig


@dataclass(frozen=True)
class Inputs:
    """What the network is told about a clip, for `b` clips of `t` frames; None is absent.

    `text` `b l c`, or, for our own U-Net, each frame's, `b t l c`; `fps` `b`; `known` `b c t h w` with `mask`
    `b 1 t h w` (1 = known); `carried` `b c t h w` with `visibility` `b 1 t h w`; `reference` latents
    `b c h w`, `reference_present` `b` where only some rows have one; `pose` maps 0…1 `b 3 t H W`.

    For other kinds alone: `lent` tokens of a reference network by attention layer; `image` tokens `b l c`
    beside the words; `keyframes` `b c t H W`, the hint of a SparseCtrl with its mask last; `control_text`
    `b l c`, what ControlNets read where it is not `text`; `motion` `b 2`, how much moves, 1…255, and the
    deviation of the noise that was added to the reference. `watched` are the features `b c t h w` that the
    network's own `watch` made of `pose`, in its place.
    """

    text: Tensor
    fps: Tensor
    known: Tensor | None = None
    mask: Tensor | None = None
    carried: Tensor | None = None
    visibility: Tensor | None = None
    reference: Tensor | None = None
    reference_present: Tensor | None = None
    pose: Tensor | None = None
    lent: Mapping[str, Tensor] | None = None
    motion: Tensor | None = None
    image: Tensor | None = None
    keyframes: Tensor | None = None
    control_text: Tensor | None = None
    watched: tuple[Tensor, ...] = ()


def join(rows: Sequence[Inputs]) -> Inputs:
    """What several clips are told, as one batch; all are told the same kinds of things."""
    if len(rows) == 1:
        return rows[0]
    told = {field.name: [getattr(row, field.name) for row in rows] for field in fields(Inputs)}
    return Inputs(**{name: _joined(values) for name, values in told.items()})


def _joined(values: Sequence[Any]) -> Any:
    """Tensors, or tensors in tuples and mappings, along their first axis; what is none is that of all."""
    first = values[0]
    if isinstance(first, Tensor):
        return torch.cat(list(values))
    if isinstance(first, tuple):
        return tuple(torch.cat(each) for each in zip(*values, strict=True))
    if isinstance(first, Mapping):
        return {name: torch.cat([value[name] for value in values]) for name in first}
    return first


class ConditionedUNet(nn.Module):
    """A `TemporalUNet` and its appearance encoder; `latent_channels` are those of the autoencoder.

    Raises ValueError where the config has no room for one of the inputs.
    """

    reads_poses = True
    reads_carried = True
    reads_motion = False
    needs_poses = False

    def __init__(self, config: TemporalUNetConfig, *, latent_channels: int) -> None:
        super().__init__()
        expected = 3 * latent_channels + 2
        if config.in_channels != expected:
            raise ValueError(
                f"a conditioned U-Net of {latent_channels} latent channels takes {expected} channels, "
                f"the config says {config.in_channels}"
            )
        if not (config.frame_conditioning and config.pose_widths):
            raise ValueError("a conditioned U-Net is told frame rates and poses; the config leaves one out")
        self.unet = TemporalUNet(config)
        layers = {name: level for name, (level, _) in self.unet.attention_layers().items()}
        widths = config.block_out_channels
        self.appearance_encoder = AppearanceEncoder(latent_channels, widths=widths, layers=layers)

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` scalar or `b`, 0…1000."""
        return self.evaluate(noisy, timestep, given)[0]

    def evaluate(
        self, noisy: Tensor, timestep: Tensor, given: Inputs, *, deep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, with the deep features `(b t) c h w`: see `TemporalUNet.evaluate`."""
        b, c, t, h, w = noisy.shape
        none, nowhere = noisy.new_zeros(b, c, t, h, w), noisy.new_zeros(b, 1, t, h, w)
        mask = nowhere if given.mask is None else given.mask
        known = none if given.known is None else given.known * mask
        seen = nowhere if given.visibility is None else given.visibility
        carried = none if given.carried is None else given.carried * seen
        if given.watched:
            (watched,) = given.watched
        elif given.pose is not None:
            (watched,) = self.watch(given.pose)
        else:
            scale = 2 ** (len(self.unet.config.pose_widths) - 1)
            (watched,) = self.watch(noisy.new_zeros(1, 3, 1, h * scale, w * scale))  # the same in all frames
            watched = watched.expand(b, -1, t, -1, -1)
        return self.unet.evaluate(
            torch.cat([noisy, known, mask, carried, seen], 1), timestep, given.text,
            fps=given.fps, reference=self._shown(noisy, given), first_residual=frames_of(watched), deep=deep,
        )  # fmt: skip

    def watch(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Pose maps `b 3 t H W` as `Inputs.watched`: they need to be read once, not at every step."""
        assert self.unet.pose_encoder is not None
        features = self.unet.pose_encoder(frames_of(maps))
        return (rearrange(features, "(b t) c h w -> b c t h w", b=len(maps)),)

    def _shown(self, noisy: Tensor, given: Inputs) -> dict[str, Tensor]:
        """The tokens of the reference, of zero where there is none."""
        reference, present = given.reference, given.reference_present
        if present is None:
            present = noisy.new_full((len(noisy),), 0.0 if reference is None else 1.0)
        tokens: dict[str, Tensor] = self.appearance_encoder(
            torch.zeros_like(noisy[:, :, 0]) if reference is None else reference, present
        )
        return tokens
