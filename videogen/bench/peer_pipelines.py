"""Whole pipelines beside diffusers': text to a video file, and the memory that this takes.

Both read one model folder of random weights in diffusers' layout. Each run has a process of its own, whose
peak of resident memory the kernel counts: in all, and above what stood there once the weights were loaded.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import diffusers
import torch
from torch import nn

from videogen.bench.peers import FULL, Size
from videogen.errors import VideogenError

_PROMPT = "a boat on a lake"
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Task:
    """A clip to make: so many `frames` of `side` pixels in so many steps, with guidance."""

    frames: int
    side: int
    steps: int
    precision: str = "bfloat16"

    def __str__(self) -> str:
        """Say what is made."""
        return f"{self.frames} frames of {self.side}x{self.side}, {self.steps} steps, {self.precision}"


@dataclass(frozen=True)
class Run:
    """What a run took: seconds, and bytes at the peak, in all and above the loaded weights."""

    who: str
    task: Task
    seconds: float
    peak: int
    above: int


def run_ours(folder: Path, task: Task) -> Run:
    """Make the clip with videogen, its own defaults."""
    from videogen.clip import render
    from videogen.engine import Engine
    from videogen.jobs.text_to_video import TextToVideo

    engine = Engine(folder, device="cpu", precision=task.precision)
    request = TextToVideo(
        _PROMPT, width=task.side, height=task.side, num_frames=task.frames, num_inference_steps=task.steps,
        guidance_scale=7.5, seed=1,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        return _measured("videogen", task, lambda: render(request, Path(scratch) / "clip.mp4", engine=engine))


def run_theirs(folder: Path, task: Task) -> Run:
    """Make the clip with `AnimateDiffPipeline`, its own defaults; its frames are written by videogen."""
    import numpy as np

    from videogen.media.video import write_video

    dtype = getattr(torch, task.precision)
    pipeline = diffusers.AnimateDiffPipeline.from_pretrained(folder, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)

    def work(target: Path) -> None:
        frames = pipeline(
            _PROMPT, num_frames=task.frames, height=task.side, width=task.side,
            num_inference_steps=task.steps, guidance_scale=7.5, generator=torch.Generator().manual_seed(1),
        ).frames[0]  # fmt: skip
        write_video(target, (np.asarray(frame) for frame in frames), fps=Fraction(8), record={}, audio=None)

    with tempfile.TemporaryDirectory() as scratch:
        return _measured("diffusers", task, lambda: work(Path(scratch) / "clip.mp4"))


def in_a_process(run: Callable[[Path, Task], Run], folder: Path, task: Task) -> Run:
    """Carry out a run in a fresh process with as many threads as this one."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(run, folder, task, torch.get_num_threads(), sender))
    child.start()
    sender.close()
    try:
        found: Run = receiver.recv()
    except EOFError:
        raise VideogenError(f"the run of {task} ended without a result; see what it printed") from None
    finally:
        child.join()
    return found


def _child(run: Callable[[Path, Task], Run], folder: Path, task: Task, threads: int, sender: Any) -> None:
    torch.set_num_threads(threads)
    sender.send(run(folder, task))


def _measured(who: str, task: Task, work: Callable[[], object]) -> Run:
    before = _kilobytes("VmRSS")
    if _RESET.exists():
        _RESET.write_text("5", encoding="ascii")  # the peak is counted from here
    started = time.perf_counter()
    work()
    seconds, peak = time.perf_counter() - started, _kilobytes("VmHWM")
    return Run(who, task, seconds, peak * 1024, (peak - before) * 1024)


def _kilobytes(name: str) -> int:
    """A figure of this process as Linux counts it; 0 elsewhere."""
    if not _STATUS.exists():
        return 0
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


@contextmanager
def random_model(size: Size = FULL, *, dtype: torch.dtype) -> Iterator[Path]:
    """A model folder of random weights in diffusers' layout, its other parts of Stable Diffusion's kind."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, index = Path(scratch), dict[str, list[str | None]]()
        for name, make in _parts(size, folder).items():
            torch.manual_seed(0)
            part = make()
            if isinstance(part, nn.Module):
                part = part.to(dtype)
            part.save_pretrained(folder / name)
            kind = type(part)
            index[name] = [kind.__module__.split(".")[0], kind.__name__]
        index |= {"feature_extractor": [None, None], "image_encoder": [None, None]}
        values = {"_class_name": "AnimateDiffPipeline", **index}
        (folder / "model_index.json").write_text(json.dumps(values), encoding="utf-8")
        yield folder


def _parts(size: Size, folder: Path) -> dict[str, Callable[[], Any]]:
    from transformers import CLIPTextConfig, CLIPTextModel

    deep, small = len(size.widths) - 1, size is not FULL
    unet = {
        "block_out_channels": size.widths, "layers_per_block": size.layers, "cross_attention_dim": size.words,
        "attention_head_dim": size.heads, "sample_size": size.side,
        "down_block_types": ("CrossAttnDownBlock2D",) * deep + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * deep,
    }  # fmt: skip
    motion = {
        "block_out_channels": size.widths, "motion_layers_per_block": size.layers,
        "motion_num_attention_heads": size.heads, "use_motion_mid_block": False,
    }  # fmt: skip
    vae = {
        "block_out_channels": (32, 32, 32, 32) if small else (128, 256, 512, 512), "layers_per_block": 2,
        "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    }  # fmt: skip
    words = CLIPTextConfig(
        vocab_size=1000, hidden_size=size.words, intermediate_size=4 * size.words, bos_token_id=0,
        eos_token_id=1, pad_token_id=1, num_hidden_layers=2 if small else 12,
        num_attention_heads=2 if small else 12,
    )  # fmt: skip
    scheduler = {"beta_schedule": "linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False}
    return {
        "unet": lambda: diffusers.UNet2DConditionModel(**unet),
        "motion_adapter": lambda: diffusers.MotionAdapter(**motion),
        "vae": lambda: diffusers.AutoencoderKL(**vae),
        "text_encoder": lambda: CLIPTextModel(words),
        "tokenizer": lambda: letter_tokenizer(folder / "tokenizer"),
        "scheduler": lambda: diffusers.DDIMScheduler(**scheduler),
    }


def letter_tokenizer(folder: Path, *, length: int = 77) -> Any:
    """CLIP's tokenizer over letters, for texts of at most `length` tokens; its files go to `folder`."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    names = ["<|startoftext|>", "<|endoftext|>", *ascii_lowercase, *(f"{one}</w>" for one in ascii_lowercase)]
    words, merges = folder / "vocab.json", folder / "merges.txt"
    words.write_text(json.dumps({name: number for number, name in enumerate(names)}), encoding="utf-8")
    merges.write_text("#version: 0.2\n", encoding="utf-8")
    return CLIPTokenizer(str(words), str(merges), model_max_length=length)


def table(runs: Sequence[Run], *, title: str) -> str:
    """The runs as a Markdown table."""
    rows = [f"| {title} | | seconds | peak memory | above the loaded weights |", "|---|---|---|---|---|"]
    for run in runs:
        sizes = f"{run.peak / 1e9:.2f} GB | {run.above / 1e9:.2f} GB"
        rows.append(f"| {run.task} | {run.who} | {run.seconds:.1f} | {sizes} |")
    return "\n".join(rows) + "\n"
