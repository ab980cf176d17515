"""Stable Video Diffusion's network, told what pocket is told: as much of it as it understands.

diffusers' own network behind the same call (Blattmann et al. 2023). The picture comes twice: its latents,
concatenated to every frame, and CLIP's embedding of it as the only token. Words, poses and known frames
mean nothing to it.
"""

from __future__ import annotations

import torch
from diffusers import UNetSpatioTemporalConditionModel
from einops import rearrange
from torch import Tensor, nn

from videogen.models.conditioned import Inputs

USUAL_MOTION = (127.0, 0.0)
"""An average amount of motion, 1…255, from a picture without noise."""


class SvdUNet(nn.Module):
    """diffusers' network of Stable Video Diffusion; `latent_scale` is that of the autoencoder's latents.

    The network knows a picture's latents as the encoder gives them, before they are scaled.
    """

    reads_poses = False
    reads_carried = False
    reads_motion = True
    needs_poses = False

    def __init__(self, unet: UNetSpatioTemporalConditionModel, *, latent_scale: float) -> None:
        super().__init__()
        self.unet, self.latent_scale = unet, latent_scale

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` is the scheduler's own, any.

        `given.text` is the picture's token `b 1 c` and `given.reference` its latents, zeros where absent, as
        for guidance; `given.motion` is `USUAL_MOTION` where absent.
        """
        picture = torch.zeros_like(noisy[:, :, 0]) if given.reference is None else given.reference
        frames = picture.div(self.latent_scale)[:, :, None].expand_as(noisy)
        usual = noisy.new_tensor(USUAL_MOTION).expand(len(noisy), 2)
        motion = usual if given.motion is None else given.motion
        ids = torch.cat([given.fps[:, None].to(motion) - 1, motion], 1)  # it learnt rates less one
        out: Tensor = self.unet(
            rearrange(torch.cat([noisy, frames], 1), "b c t h w -> b t c h w"),
            timestep,
            encoder_hidden_states=given.text,
            added_time_ids=ids,
            return_dict=False,
        )[0]
        return rearrange(out, "b t c h w -> b c t h w")
