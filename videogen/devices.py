"""The devices of this machine, and how memory behaves on its processor."""

from __future__ import annotations

import ctypes
import platform

import torch

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


def keep_freed_memory() -> None:
    """Tell glibc's allocator to keep what is freed.

    Networks free and ask for the same large blocks at every step; given back to the system each time, they
    come again as page faults (seen in training: both cores busy in the kernel, not in the arithmetic).
    """
    if platform.system() != "Linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        library.mallopt(-1, -1)  # M_TRIM_THRESHOLD, never
