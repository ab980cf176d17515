"""Finished frames of a long film kept in a job's folder, a stretch at a time.

A stretch lies in `frames/film-NUMBER.safetensors`, after its first frame's number: packed without loss, with
a checksum. It is closed after 64 MB of frames or 10 seconds, whichever comes first, so that a run that was
stopped loses no more. Memory holds one stretch, packed; the folder all of them: a film's frames of 1280x720
take about 0.8 MB each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from videogen.jobs.folder_ledger import load_tensors, save_tensors
from videogen.jobs.job_folder import JobFolder
from videogen.media.lossless import Packer, unpack
from videogen.types import Frame

BYTES = 2**26
SECONDS = 10.0
_NAME = "film-{:08d}.safetensors"


def kept_film(folder: JobFolder, make: Callable[[int], Iterator[Frame]]) -> Iterator[Frame]:
    """Yield the frames in the folder and, from where these end, those that `make(number)` yields.

    New ones are put there. What is torn or altered is made again, with all that follows it.
    """
    place = folder.path / "frames"
    done = 0
    while (found := load_tensors(place / _NAME.format(done))) is not None:
        tensors, more = found
        yield from unpack(tensors["film"].numpy().tobytes())
        done += more["count"]
    for path in place.glob("film-*.safetensors"):
        if path.name >= _NAME.format(done):
            path.unlink()
    packer: Packer | None = None
    for frame in make(done):
        if packer is None:
            packer, begun = Packer(*frame.shape[:2]), time.monotonic()
        packer.add(frame)
        if packer.count * frame.nbytes >= BYTES or time.monotonic() - begun >= SECONDS:
            done, packer = _keep(folder, done, packer), None
        yield frame
    if packer is not None:
        _keep(folder, done, packer)


def _keep(folder: JobFolder, first: int, packer: Packer) -> int:
    """Put a stretch into the folder; returns the number of the frame after it."""
    film = torch.from_numpy(np.frombuffer(packer.finish(), np.uint8).copy())
    save_tensors(folder.path / "frames" / _NAME.format(first), {"film": film}, {"count": packer.count})
    folder.has_moved_on()
    return first + packer.count
