"""The devices of this machine, and how memory behaves on its processor."""

from __future__ import annotations

import ctypes
import platform

import torch
from torch import nn

from videogen.errors import RequestError


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


def keep_freed_memory() -> None:
    """Tell glibc's allocator to keep what is freed.

    Networks free and ask for the same large blocks at every step; given back to the system each time, they
    come again as page faults (seen in training: both cores busy in the kernel, not in the arithmetic).
    """
    if platform.system() != "Linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.malloc_trim(0)
        library.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, -1)  # M_TRIM_THRESHOLD, never
