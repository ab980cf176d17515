"""The innermost denoisers of one clip: the only functions that read frame numbers.

In: the loaded networks, what each half of guidance is told about the clip, and its timeline. Out: a denoiser
for each half. What holds for every step is computed once, and what both halves have alike once for both.
On a CPU the rows of a batch go through the network one by one, those of a small network side by side, so that
the result does not depend on how windows are batched, and nothing is lost; elsewhere they go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from videogen.clip_conditions import Conditions
from videogen.devices import Placement
from videogen.models.conditioned import ConditionedUNet, Inputs, join
from videogen.models.controlnet import Residuals
from videogen.models.stable import StableUNet
from videogen.reading import Spoken, read_words
from videogen.sampling.steps import FrameStore, When, always
from videogen.sampling.timeline import Timeline
from videogen.schedule import Schedule
from videogen.seeing import look_beside_words, look_in_place_of_words
from videogen.threads import in_threads
from videogen.types import Denoiser, Latents
from videogen.weights.parts import Networks

_WATCHED_AHEAD = 256
"""Frames of a clip up to which all of its poses are read before the first step."""
LIKE_OURS = (ConditionedUNet, StableUNet)
"""Networks with our own U-Net: they read poses ahead, and can keep their deep features."""


def make_denoisers(
    networks: Networks, chain: Sequence[Conditions], timeline: Timeline, *, placement: Placement, whole: When
) -> list[Denoiser]:
    """A denoiser for each of the conditions, which share what they have alike.

    At the timesteps that `whole` names all of the network is run, at others with the deep features of the
    last one.
    """
    shared = _Shared(networks, placement)
    return [_Half(shared, conditions, timeline, whole) for conditions in chain]


def compile_network(network: nn.Module) -> None:
    """Have torch compile the U-Net at its first call for each shape of clip; equal to rounding."""
    if isinstance(network, LIKE_OURS):
        unet = network.unet
        unet.evaluate = torch.compile(unet.evaluate, dynamic=False)  # type: ignore[method-assign]
    else:
        network.compile(dynamic=False)


class _Shared:
    """What the halves of guidance have alike; the answers to the last question are kept."""

    def __init__(self, networks: Networks, placement: Placement) -> None:
        self.networks, self.placement = networks, placement
        self._maps: Tensor | None = None
        self._watched: tuple[Tensor, ...] = ()
        self._latents: Latents | None = None
        self._controls: dict[tuple[float, int], Residuals | None] = {}

    def watched(self, maps: Tensor | None) -> tuple[Tensor, ...]:
        """What the network makes of pose maps `1 3 t H W`; nothing for clips that are too long for it."""
        network = self.networks.denoiser
        if maps is None or maps.shape[2] > _WATCHED_AHEAD or not isinstance(network, LIKE_OURS):
            return ()
        if maps is not self._maps:
            self.placement.use(network)
            parts = [network.watch(self.placed(some)) for some in maps.split(16, 2)]
            self._maps, self._watched = maps, tuple(torch.cat(each, 2) for each in zip(*parts, strict=True))
        return self._watched

    def once(
        self, latents: Latents, timestep: Tensor, row: int, *, ask: Callable[[], Residuals | None]
    ) -> Residuals | None:
        """What ControlNets add to a row of `latents`, which both halves tell the same: asked for once."""
        if latents is not self._latents:
            self._latents, self._controls = latents, {}
        key = float(timestep), row
        if key not in self._controls:
            self._controls[key] = ask()
        return self._controls[key]

    def placed(self, value: Tensor) -> Tensor:
        """A tensor where the networks are, in their numbers."""
        return value.to(self.placement.device, self.placement.dtype)


class _Half:
    """A `Denoiser` of a clip from what one half of guidance is told."""

    def __init__(self, shared: _Shared, conditions: Conditions, timeline: Timeline, whole: When) -> None:
        self._shared, self._conditions, self._timeline, self._whole = shared, conditions, timeline, whole
        self._network = shared.networks.denoiser
        self._kept = FrameStore(timeline.length)
        self._spoken: dict[str, Spoken] = {}
        self._told, self._watched = self._read(), shared.watched(conditions.pose_maps)
        self._lent: tuple[float, Mapping[str, Tensor] | None] = float("nan"), None

    def _read(self) -> Inputs:
        """What holds for all frames."""
        networks, placement, conditions = self._shared.networks, self._shared.placement, self._conditions
        motion, reference = conditions.motion, conditions.reference
        placement.use(networks.image_encoder)
        text = look_in_place_of_words(networks, conditions.picture)
        placement.use(networks.image_prompt)
        image = look_beside_words(networks, conditions.picture)
        placement.use(networks.text_encoder)
        text = self._hear("text", conditions.prompt) if text is None else text
        heard = self._hear("control_text", conditions.control_prompt) if self._hears_the_other() else None
        return Inputs(
            text=text,
            fps=torch.tensor([conditions.fps], device=placement.device),
            reference=None if reference is None else self._shared.placed(reference[:, :, 0]),
            motion=None if motion is None else torch.tensor([motion], device=placement.device),
            image=image,
            control_text=heard,
        )

    def _hear(self, name: str, prompt: str | Schedule | None) -> Tensor:
        """The words of the whole clip, `1 l c`; those of each frame are kept by the `name` of the input."""
        if not isinstance(prompt, Schedule):
            return read_words(self._shared.networks, prompt)
        spoken = Spoken.read(self._shared.networks, prompt, length=self._timeline.length)
        self._spoken[name] = spoken
        return spoken.throughout()

    def _words_at(self, numbers: Tensor) -> dict[str, Tensor]:
        """The words of the frames `numbers` where they change: of each, or for networks of others of all."""
        spoken = {name: each.at(numbers) for name, each in self._spoken.items()}
        apart = isinstance(self._network, LIKE_OURS)
        return {name: words if apart else words.mean(1) for name, words in spoken.items()}

    def _hears_the_other(self) -> bool:
        """Whether ControlNets hear the words of guidance's other half."""
        shares = isinstance(self._network, StableUNet) and self._network.share_words
        return shares and self._conditions.control_prompt is not None

    @torch.inference_mode()
    def __call__(self, latents: Latents, timestep: Tensor, frames: Tensor) -> Latents:
        """Predict for latents `b c t h w` at the frames `b t`."""
        placement = self._shared.placement
        placement.use(self._network)
        size = 1 if placement.one_by_one else len(latents)
        rows = enumerate(zip(latents.split(size), frames.split(size), strict=True))
        predict = partial(self._predict, latents, timestep)
        if isinstance(self._network, ConditionedUNet) and len(latents) > size:
            found = list(in_threads(predict, rows))
        else:
            found = [predict(row) for row in rows]
        if self._whole is not always:
            for (_, deep), some in zip(found, frames.split(size), strict=True):
                if deep is not None:
                    self._keep(deep, some)
        return torch.cat([out for out, _ in found]).to(latents)

    def _predict(
        self, latents: Latents, timestep: Tensor, row: tuple[int, tuple[Latents, Tensor]]
    ) -> tuple[Tensor, Tensor | None]:
        """Predict for a numbered part of `latents` at its frames; beside it the deep features, where any."""
        number, (rows, frames) = row
        network, time = self._network, timestep.to(self._shared.placement.device)
        noisy, given = self._shared.placed(rows), self._given(timestep, frames)
        if not isinstance(network, LIKE_OURS):
            out: Tensor = network(noisy, time, given)
            return out.float(), None
        deep = None if self._whole(timestep) else self._taken(frames)
        if isinstance(network, ConditionedUNet):
            out, deep = network.evaluate(noisy, time, given, deep=deep)
        else:
            ask = partial(network.control, noisy, time, given)
            control = self._shared.once(latents, timestep, number, ask=ask) if network.share_words else ask()
            out, deep = network.evaluate(noisy, time, given, control=control, deep=deep)
        return out.float(), deep

    def _keep(self, deep: Tensor, frames: Tensor) -> None:
        """Keep the deep features `(b t) c h w` of rows of frames `b t`."""
        for numbers, maps in zip(frames, deep.split(frames.shape[1]), strict=True):
            self._kept.put(numbers, maps)

    def _taken(self, frames: Tensor) -> Tensor | None:
        """The deep features of rows of frames `b t`, `(b t) c h w`; None where some are not known yet."""
        found = [self._kept.take(numbers) for numbers in frames]
        known = [maps for maps in found if maps is not None]
        return torch.cat(known) if len(known) == len(found) else None

    def _given(self, timestep: Tensor, frames: Tensor) -> Inputs:
        """What the network is told about rows of frames `b t`."""
        lent = self._lend(timestep)
        return join([self._row(numbers, lent) for numbers in frames])

    def _row(self, numbers: Tensor, lent: Mapping[str, Tensor] | None) -> Inputs:
        """What the network is told about the frames `numbers` of the clip, beside what holds for all."""
        conditions, timeline = self._conditions, self._timeline

        def pick(value: Tensor | None) -> Tensor | None:
            return None if value is None else self._shared.placed(value[:, :, numbers.to(value.device)])

        watched = [maps[:, :, numbers.to(maps.device)] for maps in self._watched]
        return replace(
            self._told,
            **self._words_at(numbers),
            known=pick(timeline.known),
            mask=pick(timeline.mask),
            carried=pick(conditions.carried),
            visibility=pick(conditions.visibility),
            pose=None if self._watched else pick(conditions.pose_maps),
            watched=tuple(watched),
            keyframes=pick(conditions.keyframes),
            lent=lent,
        )

    def _lend(self, timestep: Tensor) -> Mapping[str, Tensor] | None:
        """What a reference network lends at a timestep; the last answer is kept for the next window."""
        network, reference = self._network, self._told.reference
        if not isinstance(network, StableUNet) or reference is None:
            return None
        at = network.reading_time(timestep)
        if self._lent[0] != float(at):
            lent = network.lend(reference, at.to(reference.device), self._told.text)
            self._lent = float(at), lent
        return self._lent[1]
