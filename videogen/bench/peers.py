"""Speed beside diffusers: the same weights in the same memory, turn about in one process.

One denoising forward of the motion U-Net, by `UNetMotionModel` and by `TemporalUNet` with its norm set as
diffusers has it, so that both compute the same. Times are the best of the rounds; work is counted once, by
torch's counter, and put beside the rate of a large matrix product measured in the same run.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import diffusers
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from videogen.devices import keep_freed_memory
from videogen.models.temporal_unet import TemporalUNet, TemporalUNetConfig
from videogen.weights.keymaps import MOTION_ADAPTER, rename

_TIMESTEP = torch.tensor(500)


@dataclass(frozen=True)
class Size:
    """A motion U-Net and the clip that it denoises; `side` is that of the latents."""

    name: str
    widths: tuple[int, ...]
    layers: int
    words: int
    heads: int
    frames: int
    side: int


FULL = Size("Stable Diffusion 1.5 with v3 motion modules", (320, 640, 1280, 1280), 2, 768, 8, 16, 32)
SMALL = Size("a network of pocket's size", (64, 128, 256), 1, 256, 4, 16, 16)
TINY = Size("a tiny network", (64, 64, 64, 64), 1, 16, 2, 4, 16)


@dataclass(frozen=True)
class Comparison:
    """One forward by both: seconds of every round, `flops` of one forward, `ceiling` in flops per second."""

    work: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    flops: int
    ceiling: float
    error: float

    @property
    def ratio(self) -> float:
        """How many times as fast ours is, best against best."""
        return min(self.theirs) / min(self.ours)

    @property
    def paired(self) -> float:
        """The median of the rounds' ratios."""
        return median(theirs / ours for theirs, ours in zip(self.theirs, self.ours, strict=True))

    def of_ceiling(self, seconds: Sequence[float]) -> float:
        """The share of the ceiling that a forward reaches."""
        return self.flops / min(seconds) / self.ceiling


def compare(size: Size, *, dtype: torch.dtype, device: str = "cpu", rounds: int = 3) -> list[Comparison]:
    """One half of guidance alone, and both halves: diffusers' in one call, ours as the engine calls it."""
    if device == "cpu":
        keep_freed_memory()
    ours, theirs = make_pair(size, dtype=dtype, device=device)
    clip, words = _inputs(size, halves=2, dtype=dtype, device=device)
    step, ceiling = _TIMESTEP.to(device), matrix_rate(dtype, device=device)
    found = []
    for halves in (1, 2):
        rows, text = clip.repeat(halves, 1, 1, 1, 1), words[:halves]

        def by_ours(text: Tensor = text) -> Tensor:
            return torch.cat([ours(clip, step, one) for one in text.split(1)])

        def by_theirs(rows: Tensor = rows, text: Tensor = text) -> Tensor:
            out: Tensor = theirs(rows, step, text.repeat_interleave(size.frames, 0)).sample
            return out

        with torch.inference_mode():
            error = _difference(by_ours(), by_theirs())
            times = [(_seconds(by_ours, device), _seconds(by_theirs, device)) for _ in range(rounds)]
        what = "one half of guidance" if halves == 1 else "both halves of guidance"
        found.append(
            Comparison(
                _named(size, dtype, what),
                tuple(mine for mine, _ in times), tuple(other for _, other in times),
                flops=halves * count_flops(size), ceiling=ceiling, error=error,
            )
        )  # fmt: skip
    return found


def compare_compiled(size: Size, *, dtype: torch.dtype, device: str, rounds: int = 3) -> Comparison:
    """As one half of guidance in `compare`, with our network compiled first; that time stands in the name."""
    ours, theirs = make_pair(size, dtype=dtype, device=device)
    clip, text = _inputs(size, halves=1, dtype=dtype, device=device)
    step, fast = _TIMESTEP.to(device), torch.compile(ours.evaluate, dynamic=False)
    plain = text.repeat_interleave(size.frames, 0)
    with torch.inference_mode():
        took = _seconds(lambda: fast(clip, step, text), device)
        error = _difference(fast(clip, step, text)[0], theirs(clip, step, plain).sample)
        mine = tuple(_seconds(lambda: fast(clip, step, text), device) for _ in range(rounds))
        other = tuple(_seconds(lambda: theirs(clip, step, plain), device) for _ in range(rounds))
    return Comparison(
        _named(size, dtype, f"compiled ({took:.0f} s)"),
        mine, other, flops=count_flops(size), ceiling=matrix_rate(dtype, device=device), error=error,
    )  # fmt: skip


def make_pair(size: Size, *, dtype: torch.dtype, device: str = "cpu") -> tuple[TemporalUNet, nn.Module]:
    """Ours and diffusers' network on the same random weights; only ours' convolutions lie channels-last."""
    theirs = diffusers.UNetMotionModel(**_settings(size)).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for weight in theirs.parameters():
        if weight.ndim > 1:
            weight.copy_(torch.randn(weight.shape, generator=generator) / math.sqrt(weight[0].numel()))
    theirs = nn.Module.to(theirs, device, dtype)
    with torch.device("meta"):
        ours = _ours(size)
    ours.load_state_dict(rename(theirs.state_dict(), MOTION_ADAPTER), strict=True, assign=True)
    return ours.requires_grad_(False).to(memory_format=torch.channels_last), theirs


def count_flops(size: Size) -> int:
    """Floating-point operations of one forward, 2 for a multiplication and an addition."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        clip = torch.empty(1, 4, size.frames, size.side, size.side)
        _ours(size)(clip, torch.tensor(0.0), torch.empty(1, 77, size.words))
    return int(counter.get_total_flops())


def matrix_rate(dtype: torch.dtype, *, device: str = "cpu", side: int = 4096) -> float:
    """Operations per second of a large matrix product, the best of five."""
    factor = torch.randn(side, side, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    with torch.inference_mode():
        best = min(_seconds(lambda: factor @ factor, device) for _ in range(5))
    return 2 * side**3 / best


def machine(device: str = "cpu") -> str:
    """What the figures were measured on."""
    named = torch.cuda.get_device_name(device) if device == "cuda" else f"{_processor()} processor"
    threads = "" if device == "cuda" else f", {torch.get_num_threads()} threads"
    return f"{named}{threads}, torch {torch.__version__}, diffusers {diffusers.__version__}"


def table(found: Sequence[Comparison], *, title: str) -> str:
    """The comparisons as a Markdown table."""
    rows = [
        f"| {title} | videogen | diffusers | ratio, best | median of pairs | of the matrix product's rate | "
        "diffusers' | difference |",
        "|---" * 8 + "|",
    ]
    for one in found:
        times = f"{_shown(one.ours)} | {_shown(one.theirs)} | {one.ratio:.2f} | {one.paired:.2f}"
        shares = f"{one.of_ceiling(one.ours):.0%} | {one.of_ceiling(one.theirs):.0%}"
        rows.append(f"| {one.work} | {times} | {shares} | {one.error:.0e} |")
    return "\n".join(rows) + "\n"


def _inputs(size: Size, *, halves: int, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    """Noisy latents `1 4 t h w`, and words `halves 77 d`."""
    generator = torch.Generator().manual_seed(0)
    clip = torch.randn(1, 4, size.frames, size.side, size.side, generator=generator)
    words = torch.randn(halves, 77, size.words, generator=generator)
    return clip.to(device, dtype), words.to(device, dtype)


def _named(size: Size, dtype: torch.dtype, what: str) -> str:
    side = 8 * size.side
    return f"{size.name}, {size.frames} frames of {side}x{side}, {str(dtype).removeprefix('torch.')}, {what}"


def _settings(size: Size) -> dict[str, Any]:
    deep = len(size.widths) - 1
    return {
        "block_out_channels": size.widths,
        "layers_per_block": size.layers,
        "cross_attention_dim": size.words,
        "num_attention_heads": size.heads,
        "motion_num_attention_heads": size.heads,
        "down_block_types": ("CrossAttnDownBlockMotion",) * deep + ("DownBlockMotion",),
        "up_block_types": ("UpBlockMotion",) + ("CrossAttnUpBlockMotion",) * deep,
        "use_motion_mid_block": False,
        "motion_max_seq_length": 32,
    }


def _ours(size: Size) -> TemporalUNet:
    config = TemporalUNetConfig(
        block_out_channels=size.widths,
        attention_levels=(True,) * (len(size.widths) - 1) + (False,),
        layers_per_block=size.layers,
        cross_attention_dim=size.words,
        attention_heads=size.heads,
        motion_levels=(True,) * len(size.widths),
        motion_heads=size.heads,
        motion_norm_over_frames=True,
    )
    return TemporalUNet(config).eval()


def _seconds(work: Callable[[], Any], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _difference(found: Tensor, expected: Tensor) -> float:
    """Relative L2 error."""
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def _shown(seconds: Sequence[float]) -> str:
    best = min(seconds)
    return f"{best:.1f} s" if best >= 1 else f"{1000 * best:.0f} ms"


def _processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
