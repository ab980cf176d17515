"""Pocket's network as sampling and training both call it: the U-Net with everything it can be told.

Concatenated to the noisy latents: known latents with their mask, the reference carried along the motion
field with its visibility. Beside them: reference tokens, pose maps, words, frame rate. What is absent is
zero, exactly as the training drops it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videogen.models.reference import AppearanceEncoder
from videogen.models.temporal_unet import TemporalUNet, TemporalUNetConfig


@dataclass(frozen=True)
class Inputs:
    """What the network is told about a clip, for `b` clips of `t` frames.

    `text` `b l c`; `fps` `b`; `known` `b c t h w` with `mask` `b 1 t h w` (1 = known); `carried`
    `b c t h w` with `visibility` `b 1 t h w`; `reference` latents `b c h w`, `reference_present` `b`;
    `pose` maps 0…1 `b 3 t H W`; `lent` tokens of a reference network by attention layer, for networks that
    have one.
    """

    text: Tensor
    fps: Tensor
    known: Tensor
    mask: Tensor
    carried: Tensor
    visibility: Tensor
    reference: Tensor
    reference_present: Tensor
    pose: Tensor
    lent: Mapping[str, Tensor] | None = None


class ConditionedUNet(nn.Module):
    """A `TemporalUNet` and its appearance encoder; `latent_channels` are those of the autoencoder.

    Raises ValueError where the config has no room for one of the inputs.
    """

    reads_poses = True
    reads_carried = True

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
        carried = given.carried * given.visibility
        x = torch.cat([noisy, given.known * given.mask, given.mask, carried, given.visibility], 1)
        tokens = self.appearance_encoder(given.reference, given.reference_present)
        out: Tensor = self.unet(x, timestep, given.text, fps=given.fps, reference=tokens, pose=given.pose)
        return out
