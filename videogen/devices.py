"""The devices of this machine, and how memory behaves on its processor."""

from __future__ import annotations

import ctypes
import platform

import torch
from torch import nn

from videogen.errors import RequestError
from videogen.models.linear import multiplies


def find_device(device: str) -> torch.device:
    """The device asked for; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if not available.get(device, False):
        here = ", ".join(name for name, there in available.items() if there)
        raise RequestError(f"device {device!r} is not available on this machine; choose from: auto, {here}")
    return torch.device(device)


class Placement:
    """Where the parts of a model are: all on the device, or with `offload` only the one in use."""

    def __init__(self, device: torch.device, dtype: torch.dtype, *, offload: bool = False) -> None:
        self.device, self.dtype, self.offload = device, dtype, offload
        self._out: nn.Module | None = None

    @property
    def one_by_one(self) -> bool:
        """Whether rows of a batch go through a network one by one: on a CPU, which loses nothing by it."""
        return self.device.type == "cpu"

    def settle(self, part: nn.Module | None, *, dtype: torch.dtype | None = None) -> None:
        """Bring a part to where it waits until it is used, in the numbers of the model or in `dtype`."""
        if part is not None:
            nn.Module.to(part, "cpu" if self.offload else self.device, dtype or self.dtype)

    def use(self, part: nn.Module | None) -> None:
        """Make sure that a part is on the device; with `offload` the one before goes back to main memory."""
        if not self.offload or part is None or part is self._out:
            return
        if self._out is not None:
            nn.Module.to(self._out, "cpu")
        nn.Module.to(part, self.device)
        self._out = part


def windows_that_fit(free: int, *, frames: int, places: int, width: int, bytes_each: int) -> int:
    """How many windows of so many frames a network can denoise together in `free` bytes, 1 to 16.

    `places` and `width` are those of its largest maps, `bytes_each` those of a number. Peaks of forwards at
    256x256 and 512x512 are 30 to 43 such maps per frame; a fifth of the memory is left over.
    """
    window = 48 * frames * places * width * bytes_each
    return min(max(1, int(0.8 * free) // window), 16)


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on a GPU; None where rows are computed one by one, or nobody knows."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return None


def gains_by_bfloat16(device: torch.device) -> bool:
    """Whether arithmetic in bfloat16 is worth it: not on a processor without it, where it is far slower."""
    return device.type != "cpu" or multiplies(torch.bfloat16)


def keep_freed_memory() -> None:
    """Tell glibc's allocator to keep what is freed.

    Networks free and ask for the same large blocks at every step; given back to the system each time, they
    come again as page faults (seen in training: both cores busy in the kernel, not in the arithmetic).
    """
    give_back_freed_memory()
    if (library := _glibc()) is not None:
        library.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, -1)  # M_TRIM_THRESHOLD, never


def share_freed_memory() -> None:
    """Tell glibc's allocator to serve all threads from two heaps.

    Else each has its own, and what a frame leaves over there between decoding, networks and encoding makes a
    long film take more memory than a short one. To be called before the threads begin.
    """
    if (library := _glibc()) is not None:
        library.mallopt(-8, 2)  # M_ARENA_MAX


def give_back_freed_memory() -> None:
    """Let glibc's allocator give back what is free now: between parts that ask for blocks of other sizes."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    library = ctypes.CDLL(None) if platform.system() == "Linux" else None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
