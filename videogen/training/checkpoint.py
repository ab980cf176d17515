"""Training state on disk: everything that the next step depends on, in safetensors, replaced atomically.

A stage's folder holds `state.safetensors` (weights, their running average, the optimiser's moments; in its
metadata how far training has come and the stage's settings) and `annealed.safetensors` (the average after
the last finished decay of the learning rate, plain names). Random numbers are functions of (seed, step), so
there is no generator state to keep, and a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from videogen.errors import CheckpointError

FILE = "state.safetensors"
ANNEALED = "annealed.safetensors"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """How far a stage has come: optimiser `step`, `seconds` of training, and the decay if one has begun.

    The learning rate rises from step `rise_start` on, and falls over `decay_steps` steps from step
    `decay_start` on; 0 steps: it stays.
    """

    step: int = 0
    seconds: float = 0.0
    rise_start: int = 0
    decay_start: int = 0
    decay_steps: int = 0

    def __post_init__(self) -> None:
        counts = (self.step, self.rise_start, self.decay_start, self.decay_steps)
        if any(type(count) is not int or count < 0 for count in counts) or not self.seconds >= 0:
            raise ValueError(f"steps {counts} after {self.seconds!r} seconds")

    @property
    def annealed(self) -> bool:
        """Whether the decay is over."""
        return self.decay_steps > 0 and self.step >= self.decay_start + self.decay_steps


@dataclass(frozen=True)
class Networks:
    """What a state holds: a network, the running average of its weights, its optimiser, its settings.

    `settings` are plain values that a state must have been made with, or say nothing of, to be taken up.
    """

    model: nn.Module
    average: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer
    settings: Mapping[str, object]


def save(directory: Path, networks: Networks, *, progress: Progress) -> None:
    """Write the whole state to `directory`; a kill at any moment leaves the old file or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    names = _trained(networks.model)
    tensors = {f"model.{key}": value for key, value in networks.model.state_dict().items()}
    tensors |= {f"average.{key}": value for key, value in networks.average.items()}
    for index, state in networks.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{key}.{names[index]}": torch.as_tensor(value) for key, value in state.items()}
    metadata = {"progress": json.dumps(vars(progress)), "settings": json.dumps(dict(networks.settings))}
    write_atomically(tensors, directory / FILE, metadata=metadata)


def save_annealed(directory: Path, average: Mapping[str, Tensor], *, progress: Progress) -> None:
    """Write the weights that a finished decay has left."""
    metadata = {"step": str(progress.step), "seconds": str(progress.seconds)}
    write_atomically(average, directory / ANNEALED, metadata=metadata)


def read_average(directory: Path, *, annealed: bool) -> tuple[int, float, dict[str, Tensor]] | None:
    """The step, the seconds and the averaged weights that a stage's folder holds; None where there are none.

    With `annealed`, those after the last finished decay where there was one, else the state's. Raises
    CheckpointError on a foreign file.
    """
    state, finished = directory / FILE, directory / ANNEALED
    if annealed and finished.exists():
        metadata, tensors = _read(finished)
        return int(metadata["step"]), float(metadata["seconds"]), tensors
    if not state.exists():
        return None
    metadata, tensors = _read(state)
    progress = Progress(**json.loads(metadata["progress"]))
    average = {
        name.removeprefix("average."): value for name, value in tensors.items() if name.startswith("average.")
    }
    return progress.step, progress.seconds, average


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a file; raises CheckpointError where it is no safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _foreign(path, error) from error


def _foreign(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a training state of videogen ({error}); remove it or use another folder"
    )


def write_atomically(tensors: Mapping[str, Tensor], path: Path, *, metadata: dict[str, str]) -> None:
    """Write a safetensors file under another name, then give it its own."""
    partial = path.with_name(f".{path.name}.partial")
    held = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    save_file(held, partial, metadata=metadata)
    partial.replace(path)


def load(directory: Path, networks: Networks) -> Progress | None:
    """Restore the state in place; None where the folder holds none.

    Where the last run ended with a finished decay, the learning rate rises again from there (Wen et al. 2024,
    WSD-S). Raises CheckpointError on a foreign file and on one that was made with other settings.
    """
    path = directory / FILE
    if not path.exists():
        return None
    metadata, tensors = _read(path)
    try:
        progress = Progress(**json.loads(metadata["progress"]))
        settings = dict(json.loads(metadata.get("settings", "{}")))
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(path, error) from error
    _check(path, networks, tensors=tensors)
    _check_settings(path, settings, expected=networks.settings)
    _restore(networks, tensors)
    if progress.annealed:
        return Progress(step=progress.step, seconds=progress.seconds, rise_start=progress.step)
    return progress


def _check_settings(path: Path, settings: Mapping[str, object], *, expected: Mapping[str, object]) -> None:
    """Raise CheckpointError where the file says that it was made with another value of a setting."""
    for name, value in expected.items():
        if name in settings and settings[name] != json.loads(json.dumps(value)):
            raise CheckpointError(
                f"{path} was made with {name} {settings[name]}, this training has {value}; use another folder"
            )


def _check(path: Path, networks: Networks, *, tensors: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError where the file's weights are not exactly those of the network and its average."""
    model = networks.model
    own = {f"model.{name}": value for name, value in model.state_dict().items()}
    own |= {f"average.{name}": value for name, value in networks.average.items()}
    shapes = {name: value for name, value in model.named_parameters() if value.requires_grad}
    moments = {f"optimizer.{key}.{name}": value for name, value in shapes.items() for key in _MOMENTS[1:]}
    allowed = own | moments | {f"optimizer.step.{name}": torch.empty(()) for name in shapes}
    wrong = sorted(own.keys() - tensors.keys()) + sorted(tensors.keys() - allowed.keys())
    wrong += sorted(name for name in tensors.keys() & allowed if tensors[name].shape != allowed[name].shape)
    if wrong:
        raise CheckpointError(
            f"{path} was made by another network: {wrong[0]} (and {len(wrong) - 1} more) does not fit; "
            f"use another folder"
        )


def _restore(networks: Networks, tensors: Mapping[str, Tensor]) -> None:
    model, optimizer = networks.model, networks.optimizer
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    for name, value in networks.average.items():
        value.copy_(tensors[f"average.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    parameters = dict(model.named_parameters())
    for index, name in enumerate(_trained(model)):
        places = {key: f"optimizer.{key}.{name}" for key in _MOMENTS}
        kept = {key: tensors[place] for key, place in places.items() if place in tensors}
        for key in kept.keys() & set(_MOMENTS[1:]):
            # A fused step walks weights and moments side by side, so both must lie alike in memory.
            kept[key] = torch.empty_like(parameters[name]).copy_(kept[key])
        if kept:
            state[index] = kept
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _trained(model: nn.Module) -> list[str]:
    """The names of what the optimiser sees, in its order."""
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]
