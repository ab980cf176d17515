"""Stable Diffusion's kind of network, told what pocket is told: as much of it as it understands.

A temporal U-Net that knows words, with any number of ControlNets or a pose guider for poses, a SparseCtrl for
keyframes, an IP-Adapter's layers for the look of a picture, and a reference network for a picture's very
pixels. Known frames, a carried picture and frame rates mean nothing to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import torch
from einops import rearrange
from torch import Tensor, nn

from videogen.models.blocks import frames_of
from videogen.models.conditioned import Inputs
from videogen.models.controlnet import ControlNet, Residuals, Strength
from videogen.models.temporal_unet import TemporalUNet


class StableUNet(nn.Module):
    """A `TemporalUNet` and what tells it poses, keyframes and a reference, if anything does.

    `controlnets`, each with its strength (full where there are fewer `strengths`), and a `guider` (`n 3 H W`
    to `n c h w`) read pose maps; `sparse` reads keyframes. The `reference` network lends the tokens of the
    attention layers that begin with one of `lending`: anew at `every_step` (MagicAnimate), or once, at
    timestep 0 (AnimateAnyone). ControlNets that `share_words` hear the guided half's words in both halves of
    guidance, as MagicAnimate's does.
    """

    reads_carried = False
    reads_motion = False

    def __init__(
        self, unet: TemporalUNet, controlnets: Sequence[ControlNet] = (), *,
        strengths: Sequence[Strength] = (), sparse: ControlNet | None = None,
        sparse_strength: Strength | None = None, guider: nn.Module | None = None,
        reference: TemporalUNet | None = None, lending: tuple[str, ...] = ("",), every_step: bool = False,
        share_words: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.unet, self.guider, self.reference, self.sparse = unet, guider, reference, sparse
        self.controlnets = nn.ModuleList(controlnets)
        self.strengths = (*strengths, *[Strength()] * (len(controlnets) - len(strengths)))
        self.sparse_strength = sparse_strength or Strength()
        self.lending, self.every_step, self.share_words = lending, every_step, share_words
        self.to(memory_format=torch.channels_last)

    @property
    def reads_poses(self) -> bool:
        """Whether pose maps reach the network."""
        return len(self.controlnets) > 0 or self.guider is not None

    @property
    def needs_poses(self) -> bool:
        """Whether it was made to move a reference by poses, and nothing else."""
        return self.reference is not None

    def pose_controls(self) -> list[ControlNet]:
        """The ControlNets that read pose maps, in the order of their strengths."""
        return [network for network in self.controlnets if isinstance(network, ControlNet)]

    def reading_time(self, timestep: Tensor) -> Tensor:
        """The timestep at which the reference is read, to denoise at this one."""
        return timestep if self.every_step else timestep.new_zeros(())

    def lend(self, latents: Tensor, timestep: Tensor, text: Tensor) -> dict[str, Tensor] | None:
        """The tokens that a reference `b c h w` lends at a timestep, None without a reference network."""
        if self.reference is None:
            return None
        tokens = self.reference.read(latents[:, :, None], timestep, text)
        return {name: lent for name, lent in tokens.items() if name.startswith(self.lending)}

    def control(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Residuals | None:
        """What all ControlNets add together, None where none acts; arguments as for `forward`."""
        told = list(self._told(noisy, timestep, given))
        return reduce(add, told) if told else None

    def _told(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Iterator[Residuals]:
        """What each ControlNet adds that has something to read and acts at this timestep."""
        text = given.text if given.control_text is None else given.control_text
        seen: Sequence[Tensor | None] = self._seen(given) if len(self.controlnets) else ()
        sparse, keyframes = self.sparse, given.keyframes
        shown = None if sparse is None or keyframes is None else sparse.watch(keyframes)
        networks = [*self.pose_controls(), sparse]
        strengths = [*self.strengths, self.sparse_strength]
        hints = [*seen[: len(self.controlnets)], shown]
        for network, strength, hint in zip(networks, strengths, hints, strict=True):
            scale = strength.at(timestep)
            if network is not None and hint is not None and scale != 0:
                found = network.respond(noisy, timestep, text, hint)
                yield found if scale == 1 else found.scaled(scale)

    def watch(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Pose maps `b 3 t H W` as `Inputs.watched`: of each ControlNet, then of the guider."""
        seen = [network.watch(maps) for network in self.pose_controls()]
        if self.guider is not None:
            guided = self.guider(frames_of(maps))
            seen.append(rearrange(guided, "(b t) c h w -> b c t h w", b=len(maps)))
        return tuple(seen)

    def _seen(self, given: Inputs) -> Sequence[Tensor | None]:
        """What ControlNets and guider make of the poses, Nones where there are none."""
        if given.watched:
            return given.watched
        if given.pose is not None:
            return self.watch(given.pose)
        return [None] * (len(self.controlnets) + 1)

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` scalar or `b`, 0…1000."""
        return self.evaluate(noisy, timestep, given, control=self.control(noisy, timestep, given))[0]

    def evaluate(
        self, noisy: Tensor, timestep: Tensor, given: Inputs, *, control: Residuals | None,
        deep: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """As `forward`, to what `control` says, with the deep features: see `TemporalUNet.evaluate`."""
        guided = None if self.guider is None else self._seen(given)[-1]
        return self.unet.evaluate(
            noisy,
            timestep,
            given.text,
            reference=given.lent,
            image=given.image,
            first_residual=None if guided is None else frames_of(guided),
            down_residuals=() if control is None else control.down,
            mid_residual=None if control is None else control.mid,
            deep=deep,
        )
