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
    """What the network is told about a clip, for `b` clips of `t` frames; None is absent.

    `text` `b l c`; `fps` `b`; `known` `b c t h w` with `mask` `b 1 t h w` (1 = known); `carried`
    `b c t h w` with `visibility` `b 1 t h w`; `reference` latents `b c h w`, `reference_present` `b` where
    only some rows have one; `pose` maps 0…1 `b 3 t H W`.

    For Stable Diffusion's kind alone: `lent` tokens of a reference network by attention layer; `image`
    tokens `b l c` beside the words; `keyframes` `b c t H W`, the hint of a SparseCtrl with its mask last;
    `control_text` `b l c`, what ControlNets read where it is not `text`.
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
    image: Tensor | None = None
    keyframes: Tensor | None = None
    control_text: Tensor | None = None


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
        b, c, t, h, w = noisy.shape
        none, nowhere = noisy.new_zeros(b, c, t, h, w), noisy.new_zeros(b, 1, t, h, w)
        mask = nowhere if given.mask is None else given.mask
        known = none if given.known is None else given.known * mask
        seen = nowhere if given.visibility is None else given.visibility
        carried = none if given.carried is None else given.carried * seen
        pose = given.pose
        if pose is None:
            scale = 2 ** (len(self.unet.config.pose_widths) - 1)
            pose = noisy.new_zeros(b, 3, t, h * scale, w * scale)
        out: Tensor = self.unet(
            torch.cat([noisy, known, mask, carried, seen], 1), timestep, given.text,
            fps=given.fps, reference=self._shown(noisy, given), pose=pose,
        )  # fmt: skip
        return out

    def _shown(self, noisy: Tensor, given: Inputs) -> dict[str, Tensor]:
        """The tokens of the reference, of zero where there is none."""
        reference, present = given.reference, given.reference_present
        if present is None:
            present = noisy.new_full((len(noisy),), 0.0 if reference is None else 1.0)
        tokens: dict[str, Tensor] = self.appearance_encoder(
            torch.zeros_like(noisy[:, :, 0]) if reference is None else reference, present
        )
        return tokens
