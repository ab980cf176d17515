"""Index in, clip out: the endless data set of the procedural world.

A batch of indices becomes frames, captions, keypoints, tracks, a reference of the same thing in another
pose, and the exact motion of every pixel since that reference. Training and evaluation read the same
function; evaluation asks for `held_out` clips, whose combinations are never rendered for training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from videogen.world import motion
from videogen.world.dice import Dice
from videogen.world.figure import Character
from videogen.world.objects import write_objects
from videogen.world.people import write_faces, write_people, write_portraits
from videogen.world.pictures import write_pictures
from videogen.world.script import Clips, Script, shoot

_WRITERS: dict[str, Callable[..., Script]] = {
    "object": write_objects, "person": write_people, "portrait": write_portraits, "picture": write_pictures,
    "face": write_faces,
}  # fmt: skip
_STREAMS = ("object", "person", "portrait", "picture")
"""The kinds that share a stream of random numbers; every other has one of its own."""
_CAST = {"person": write_people, "portrait": write_portraits}
_SHARED: dict[str, Callable[..., Script]] = {"object": write_objects, "picture": write_pictures}
KINDS = tuple(_WRITERS)


@torch.no_grad()
def write_script(
    kind: str, indices: Tensor, *, num_frames: int = 8, seed: int = 0, held_out: bool = False,
    fps: float | None = None, who: Character | None = None, share: float | None = None,
) -> Script:  # fmt: skip
    """Write the scripts of `kind` with these indices (int64 `b`, any device): everything but the pixels.

    `fps` fixes the frame rate; None draws 4, 8 or 12 for each clip. `who`, `b` of them, takes the parts of
    people and portraits. `share` is that of clips with two things among things, of photographs among
    pictures; None leaves it to the set.
    """
    dice = _dice(kind, indices, seed=seed * 2 + held_out)
    rates = indices.new_tensor([4.0, 8.0, 8.0, 12.0], dtype=torch.float32)[dice.choice(4)]
    if fps is not None:
        rates = torch.full_like(rates, fps)
    seconds = num_frames / rates
    crossing = seconds.clamp_min(motion.CROSSING)
    slack = crossing - seconds
    start = dice.uniform()[:, None] * slack[:, None]
    time = start + torch.arange(num_frames, device=indices.device) / rates[:, None]
    other = (dice.uniform() * crossing)[:, None]
    time = torch.cat([other, time], 1)  # the reference is frame 0
    if who is not None:
        return _CAST[kind](dice, time, rates, held_out=held_out, who=who)
    if share is not None:
        return _SHARED[kind](dice, time, rates, held_out=held_out, share=share)
    return _WRITERS[kind](dice, time, rates, held_out=held_out)


def _dice(kind: str, indices: Tensor, *, seed: int) -> Dice:
    """The random numbers of the clips of a kind."""
    if kind in _STREAMS:
        return Dice(indices * len(_STREAMS) + _STREAMS.index(kind), seed=seed)
    return Dice(indices, seed=seed + (KINDS.index(kind) << 32))


@torch.no_grad()
def render_clips(
    kind: str, indices: Tensor, *, size: int = 64, num_frames: int = 8, seed: int = 0, held_out: bool = False,
    fps: float | None = None, truth: bool = False, share: float | None = None,
) -> Clips:  # fmt: skip
    """Render the clips of `write_script` at `size` pixels square; `truth` adds depth, mask and flow."""
    script = write_script(
        kind, indices, num_frames=num_frames, seed=seed, held_out=held_out, fps=fps, share=share
    )
    return shoot(script, size=size, truth=truth)


class WorldClips(IterableDataset[Clips]):
    """An endless stream of batches of training clips; batch number n is always the same.

    `mixture` gives kind → share. Each batch is of one kind, so that it renders in one pass. Workers of a
    `DataLoader` share the numbers out between them.
    """

    def __init__(
        self, *, mixture: dict[str, float], batch_size: int, size: int = 64, num_frames: int = 8,
        seed: int = 0, first_batch: int = 0, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.mixture, self.batch_size, self.size, self.num_frames = mixture, batch_size, size, num_frames
        self.seed, self.first_batch, self.device = seed, first_batch, device

    def batch(self, number: int) -> Clips:
        """The batch with this number."""
        pick = Dice(torch.tensor([number]), seed=self.seed + 1).uniform().item() * sum(self.mixture.values())
        kind = next(iter(self.mixture))
        for name, share in self.mixture.items():
            kind = name
            if pick < share:
                break
            pick -= share
        indices = torch.arange(number * self.batch_size, (number + 1) * self.batch_size, device=self.device)
        return render_clips(kind, indices, size=self.size, num_frames=self.num_frames, seed=self.seed)

    def __iter__(self) -> Iterator[Clips]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        number = self.first_batch + worker
        while True:
            yield self.batch(number)
            number += workers
