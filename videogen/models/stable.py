"""Stable Diffusion's kind of network, told what pocket is told: as much of it as it understands.

A temporal U-Net that knows words, with any number of ControlNets or a pose guider for poses, and a reference
network for a picture. Known frames, a carried picture and frame rates mean nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from videogen.models.blocks import frames_of
from videogen.models.conditioned import Inputs
from videogen.models.controlnet import ControlNet
from videogen.models.temporal_unet import TemporalUNet


class StableUNet(nn.Module):
    """A `TemporalUNet` and what tells it poses and a reference, if anything does.

    `controlnets` and a `guider` (`n 3 H W` to `n c h w`) read pose maps. The `reference` network lends the
    tokens of the attention layers that begin with one of `lending`: anew at `every_step` (MagicAnimate), or
    once, at timestep 0 (AnimateAnyone).
    """

    reads_carried = False
    reads_motion = False

    def __init__(
        self, unet: TemporalUNet, controlnets: Sequence[ControlNet] = (), *, guider: nn.Module | None = None,
        reference: TemporalUNet | None = None, lending: tuple[str, ...] = ("",), every_step: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.unet, self.guider, self.reference = unet, guider, reference
        self.controlnets = nn.ModuleList(controlnets)
        self.lending, self.every_step = lending, every_step
        self.to(memory_format=torch.channels_last)

    @property
    def reads_poses(self) -> bool:
        """Whether pose maps reach the network."""
        return len(self.controlnets) > 0 or self.guider is not None

    @property
    def needs_poses(self) -> bool:
        """Whether it was made to move a reference by poses, and nothing else."""
        return self.reference is not None

    def reading_time(self, timestep: Tensor) -> Tensor:
        """The timestep at which the reference is read, to denoise at this one."""
        return timestep if self.every_step else timestep.new_zeros(())

    def lend(self, latents: Tensor, timestep: Tensor, text: Tensor) -> dict[str, Tensor] | None:
        """The tokens that a reference `b c h w` lends at a timestep, None without a reference network."""
        if self.reference is None:
            return None
        tokens = self.reference.read(latents[:, :, None], timestep, text)
        return {name: lent for name, lent in tokens.items() if name.startswith(self.lending)}

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` scalar or `b`, 0…1000."""
        return self.evaluate(noisy, timestep, given)[0]

    def evaluate(
        self, noisy: Tensor, timestep: Tensor, given: Inputs, *, deep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, with the deep features `(b t) c h w`: see `TemporalUNet.evaluate`."""
        first, told, pose = None, [], given.pose
        if pose is not None:
            first = None if self.guider is None else self.guider(frames_of(pose))
            told = [network(noisy, timestep, given.text, pose) for network in self.controlnets]
        residuals = reduce(add, told) if told else None
        return self.unet.evaluate(
            noisy,
            timestep,
            given.text,
            reference=given.lent,
            first_residual=first,
            down_residuals=() if residuals is None else residuals.down,
            mid_residual=None if residuals is None else residuals.mid,
            deep=deep,
        )
