"""A ledger that keeps what is finished in the folder of a job, and gives it back after a run was stopped.

Latents lie in `latents/NAME.safetensors`, frames in `frames/`, each with a checksum of its content: what is
torn or altered is made again, and said. A sampling leaves where it stands at most every few seconds, in
`latents/NAME.steps.safetensors`, which goes when the latents are finished.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from videogen.jobs.job_folder import JobFolder, put
from videogen.jobs.ledger import Ledger
from videogen.media.files import FRAME_FILE
from videogen.sampling.standing import Keeper, Plain, Standing
from videogen.types import Frame

log = logging.getLogger(__name__)
SECONDS_BETWEEN = 2.0
"""A sampling leaves where it stands no more often than this."""
_NAME = re.compile(r"[A-Za-z0-9-]+")
_SUM, _MORE = "sha256", "more"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, SyntaxError, SafetensorError)


class FolderLedger(Ledger):
    """Keeps what is finished in `folder`; latents that are taken from it come to `device`."""

    def __init__(self, folder: JobFolder, *, device: torch.device) -> None:
        super().__init__()
        self._folder, self._device = folder, device
        for part in ("latents", "frames"):
            (folder.path / part).mkdir(exist_ok=True)

    def _latents(self, name: str, ending: str = ".safetensors") -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} names no piece; expected letters, digits and dashes")
        return self._folder.path / "latents" / f"{name}{ending}"

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """Take the latents from the folder, or make them and put them there."""
        path = self._latents(name)
        found = load_tensors(path)
        if found is not None:
            return found[0]["latents"].to(self._device)
        made = super().once(name, make)
        save_tensors(path, {"latents": made}, {})
        self._latents(name, ".steps.safetensors").unlink(missing_ok=True)
        self._folder.has_moved_on()
        return made

    def steps(self, name: str) -> Keeper:
        """Keep where the sampling of these latents stands."""
        return _Steps(self._latents(name, ".steps.safetensors"), self._folder)

    def frame(self, number: int, make: Callable[[], Frame]) -> Frame:
        """Take the frame from the folder, or make it and put it there, without loss."""
        path = self._folder.path / "frames" / FRAME_FILE.format(number)
        frame = load_frame(path)
        if frame is None:
            frame = make()
            save_frame(path, frame)
            self._folder.has_moved_on()
        return frame

    def film(self, make: Callable[[int], Iterator[Frame]]) -> Iterator[Frame]:
        """Take a film's first frames from the folder, and put the others there while they pass."""
        from videogen.jobs.film import kept_film

        return kept_film(self._folder, make)


class _Steps:
    """Keeps where one sampling stands in one file."""

    def __init__(self, path: Path, folder: JobFolder) -> None:
        self._path, self._folder = path, folder
        self._kept_at = time.monotonic()

    def recall(self) -> Standing | None:
        """Where it stood when it was stopped."""
        found = load_tensors(self._path)
        if found is None:
            return None
        tensors, more = found
        generators = (tensors[f"generator.{number}"] for number in range(more["generators"]))
        memory = {name: _joined(value, tensors) for name, value in more["memory"].items()}
        return Standing(more["done"], tensors["latents"], memory, tuple(generators))

    def keep(self, standing: Callable[[], Standing]) -> None:
        """Write it down where some time has passed."""
        if time.monotonic() - self._kept_at < SECONDS_BETWEEN:
            return
        here = standing()
        tensors = {"latents": here.latents}
        tensors |= {f"generator.{number}": state for number, state in enumerate(here.generators)}
        memory = {name: _parted(value, tensors) for name, value in here.memory.items()}
        more = {"done": here.done, "generators": len(here.generators), "memory": memory}
        save_tensors(self._path, tensors, more)
        self._folder.has_moved_on()
        self._kept_at = time.monotonic()


def _parted(value: Plain, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON, its tensors put among `tensors` and named in it."""
    if isinstance(value, list):
        return [_parted(each, tensors) for each in value]
    if not isinstance(value, Tensor):
        return value
    name = f"memory.{len(tensors)}"
    tensors[name] = value
    return {"tensor": name}


def _joined(value: Any, tensors: Mapping[str, Tensor]) -> Plain:
    if isinstance(value, list):
        return [_joined(each, tensors) for each in value]
    return tensors[value["tensor"]] if isinstance(value, dict) else value


def save_tensors(path: Path, tensors: Mapping[str, Tensor], more: Mapping[str, Any]) -> None:
    """Write tensors and a JSON object with a checksum over both."""
    placed = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(more)
    # One entry only: safetensors writes several in an order of its own each time.
    put(path, save(placed, metadata={_MORE: f"{_checksum(placed, text)} {text}"}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read what `save_tensors` wrote; None where it is not there, or damaged, which is said."""
    if not path.exists():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            told, _, text = (file.metadata() or {})[_MORE].partition(" ")
        if told != _checksum(tensors, text):
            raise ValueError("its checksum is another")
        return tensors, json.loads(text)
    except _DAMAGED as error:
        _say_damaged(path, error)
        return None


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    content = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        content.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return content.hexdigest()


def save_frame(path: Path, frame: Frame) -> None:
    """Write a frame without loss, with a checksum."""
    text = PngImagePlugin.PngInfo()
    text.add_text(_SUM, hashlib.sha256(frame.tobytes()).hexdigest())
    written = io.BytesIO()
    Image.fromarray(frame).save(written, format="PNG", pnginfo=text, compress_level=1)
    put(path, written.getvalue())


def load_frame(path: Path) -> Frame | None:
    """Read what `save_frame` wrote; None where it is not there, or damaged, which is said."""
    if not path.exists():
        return None
    try:
        with Image.open(path, formats=("PNG",)) as image:
            frame = np.array(image)
            told = image.info[_SUM]
        if told != hashlib.sha256(frame.tobytes()).hexdigest():
            raise ValueError("its checksum is another")
    except _DAMAGED as error:
        _say_damaged(path, error)
        return None
    return frame


def _say_damaged(path: Path, error: Exception) -> None:
    log.warning("%s is torn or was altered, and is made again (%s)", path, " ".join(str(error).split())[:100])
