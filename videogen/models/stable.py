"""Stable Diffusion's kind of network, told what pocket is told: as much of it as it understands.

A temporal U-Net that knows words, with any number of ControlNets for poses. Known frames, a carried picture
and frame rates mean nothing to it.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from torch import Tensor, nn

from videogen.models.conditioned import Inputs
from videogen.models.controlnet import ControlNet
from videogen.models.temporal_unet import TemporalUNet


class StableUNet(nn.Module):
    """A `TemporalUNet` of words alone, and ControlNets that read the pose maps, if any."""

    def __init__(self, unet: TemporalUNet, controlnets: tuple[ControlNet, ...] = ()) -> None:
        super().__init__()
        self.unet = unet
        self.controlnets = nn.ModuleList(controlnets)

    @property
    def reads_poses(self) -> bool:
        """Whether pose maps reach the network."""
        return len(self.controlnets) > 0

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` scalar or `b`, 0…1000."""
        told = [network(noisy, timestep, given.text, given.pose) for network in self.controlnets]
        if not told:
            return self.unet(noisy, timestep, given.text)  # type: ignore[no-any-return]
        residuals = reduce(add, told)
        out: Tensor = self.unet(
            noisy, timestep, given.text, down_residuals=residuals.down, mid_residual=residuals.mid
        )
        return out
