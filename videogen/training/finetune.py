"""Go on training a model on a user's own clips, so that it learns what they show and forgets little.

Each step learns from two batches: windows of the user's clips, and clips of the world, which hold fast
what the model knew. Own clips are told by words alone, or by words and poses where keypoints lie beside
them. Weights start from any model folder in float32; what is exported is a model folder of the same layout
with its other parts copied.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from videogen.devices import keep_freed_memory
from videogen.errors import CheckpointError, RequestError
from videogen.training.folder import read_folder
from videogen.training.folder_stage import MODULES, FolderStage, Modules
from videogen.training.loop import Budget, Trainer
from videogen.training.unet import Sample
from videogen.weights.formats import read_json
from videogen.weights.installed import INDEX
from videogen.weights.load import find_model, load_networks
from videogen.weights.own_layout import PARTS
from videogen.world.caption import simplify, words_of

log = logging.getLogger(__name__)

_AVERAGE_DECAY = 0.98
_WARMUP = 20
_DECAY = 0.3
_RECORD = "training.json"


def finetune(
    *, data: Path, directory: Path, model: str | Path = "pocket", minutes: float | None = None,
    steps: int | None = None, device: str = "auto", modules: Modules = "motion", trigger: str | None = None,
    learning_rate: float = 1e-3, seed: int = 3, workers: int = 1,
) -> Path:  # fmt: skip
    """Train `model` further on the clips in `data` and return the folder of the new model.

    `minutes` of training are added to what `directory` holds, or it goes on until `steps` in all; give one
    of the two. `modules`: motion trains only what mixes frames (new movements), all trains everything but
    the autoencoder (new looks and new words too). `trigger` is a word put before each sentence that lacks
    it; "zorp=a person" says too what the motion planner shall read it as. `workers` processes render the
    world ahead on a CPU. Raises RequestError for impossible values and folders without clips,
    CheckpointError for models and folders that do not fit.
    """
    word, meaning = _parse_trigger(trigger)
    chosen = _check(minutes=minutes, steps=steps, device=device, modules=modules)
    base = find_model(model)
    networks = load_networks(base)
    spec = networks.spec
    clips = read_folder(data, height=spec.height, width=spec.width, fps=float(spec.fps), trigger=word)
    _make_folder(directory)
    if chosen == "cpu":
        keep_freed_memory()
    stage = FolderStage(
        networks, clips, modules=modules, learning_rate=learning_rate, seed=seed, device=chosen,
        workers=workers if chosen == "cpu" else 0,
    )  # fmt: skip
    trainer: Trainer[Sample] = Trainer(stage, directory, device=chosen, bf16=True)
    budget = Budget(
        minutes=math.inf if minutes is None else minutes, steps=steps, decay=_DECAY, warmup=_WARMUP,
        average_decay=_AVERAGE_DECAY,
    )  # fmt: skip
    figures = trainer.train(budget)
    record: dict[str, object] = {
        "clips": [clip.name for clip in clips],
        "modules": modules,
        "steps": trainer.progress.step,
        "seconds": round(trainer.progress.seconds),
        "device": chosen,
        "loss": figures,
    }
    folder = directory / "export"
    words = {word for clip in clips for word in words_of(simplify(clip.caption))}
    aliases = {word: meaning} if word and meaning else {}
    export_tuned(base, folder, state=trainer.average, words=words, aliases=aliases, record=record)
    log.info("exported to %s; use it with --model %s", folder, folder)
    return folder


def _check(*, minutes: float | None, steps: int | None, device: str, modules: str) -> str:
    """The device to train on; raises RequestError for what cannot be honoured."""
    if (minutes is None) == (steps is None):
        raise RequestError("give either --minutes or --steps, to say how long to train")
    if minutes is not None and not 0 < minutes < math.inf:
        raise RequestError(f"--minutes is {minutes}; give more than 0")
    if steps is not None and steps < 1:
        raise RequestError(f"--steps is {steps}; give 1 or more")
    if modules not in MODULES:
        raise RequestError(f"--modules is {modules!r}; give one of {', '.join(MODULES)}")
    if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise RequestError(f"device {device!r} cannot train here; give auto, cpu, or cuda where there is one")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def _parse_trigger(trigger: str | None) -> tuple[str | None, str | None]:
    """The trigger word and what it means to the motion planner; raises RequestError for more words."""
    if trigger is None:
        return None, None
    word, _, meaning = (part.strip() for part in trigger.partition("="))
    if len(words_of(word)) != 1:
        raise RequestError(
            f"--trigger is {trigger!r}; give one word, or one word and its meaning: zorp=a person"
        )
    return word, meaning or None


def _make_folder(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot make the folder {directory} ({error.strerror}); give another"
        ) from error


def export_tuned(
    base: Path, folder: Path, *, state: dict[str, Tensor], words: set[str], aliases: dict[str, str],
    record: dict[str, object],
) -> None:  # fmt: skip
    """Write `folder`: the model `base` with the weights of `state` in half precision and more words known.

    `state` names weights `denoiser.…` and `text_encoder.…`. Every other part of the model is copied. An
    existing folder is replaced as a whole at the end.
    """
    index = read_json(base / INDEX)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for part in (name for name, value in index.items() if isinstance(value, list)):
        shutil.copytree(base / part, partial / part)
    for part in ("denoiser", "text_encoder"):
        path = partial / part / PARTS[part]
        path.unlink()
        save_file(_part(state, f"{part}."), path, metadata={"format": "pt"})
    known = index["videogen"]["known_words"]
    index["videogen"]["known_words"] = sorted({*known, *words}) if known else []
    index["videogen"]["aliases"] = {**index["videogen"].get("aliases", {}), **aliases}
    _write(partial / INDEX, index)
    before = read_json(base / _RECORD) if (base / _RECORD).is_file() else {}
    _write(partial / _RECORD, {**before, "finetune": [*before.get("finetune", []), record]})
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of one part under their own names, floats as halves."""
    own = {name.removeprefix(prefix): value.cpu() for name, value in state.items() if name.startswith(prefix)}
    return {
        name: (value.to(torch.float16) if value.is_floating_point() else value).contiguous()
        for name, value in own.items()
    }


def _write(path: Path, values: dict[str, object]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
