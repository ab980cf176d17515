"""Presets: public models by a short name, from wherever their files lie.

In: an entry of the catalogue, and the user's folder of weights. Out: networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from videogen.errors import CheckpointError, RequestError
from videogen.weights.animators import load_animate_anyone, load_magic_animate
from videogen.weights.catalogue import Preset
from videogen.weights.diffusers_folder import name_elsewhere
from videogen.weights.folder import Folder
from videogen.weights.loose_files import put_together
from videogen.weights.parts import Networks
from videogen.weights.places import obtain

_FROM_ELSEWHERE = ("motion_modules", "lora")
"""Places of what other motion modules take the place of; a LoRA of speed belongs to the preset's own."""


def preset_folder(preset: Preset, *, weights: Path | None = None) -> Path:
    """The folder of a preset in diffusers' layout; raises CheckpointError where its files lie apart."""
    files = obtain(preset.needs, name=preset.name, weights=weights)
    roots = {path.parents[place.count("/")] for place, path in files.items()}
    if len(roots) > 1:
        raise CheckpointError(
            f"the files of {preset.name} lie in {len(roots)} folders "
            f"({', '.join(map(str, sorted(roots)))}); put them in one, as on the hub"
        )
    return roots.pop()


def load_preset(
    preset: Preset, *, weights: Path | None = None, motion_modules: Path | None = None
) -> Networks:
    """The networks of a preset whose parts are put together here; raises CheckpointError, RequestError.

    Without those whose layout is "folder": `preset_folder` finds these.
    """
    if preset.layout == "animatediff":
        return _load_animatediff(preset, weights=weights, motion_modules=motion_modules)
    if motion_modules is not None:
        raise RequestError(f"{preset.name} has motion modules of its own kind; leave --motion-modules out")
    files = obtain(preset.needs, name=preset.name, weights=weights)
    load = load_magic_animate if preset.layout == "magicanimate" else load_animate_anyone
    return load(Path(preset.name), files=files)


def _load_animatediff(preset: Preset, *, weights: Path | None, motion_modules: Path | None) -> Networks:
    needs, replaced = preset.needs, {}
    if motion_modules is not None:
        needs = tuple(need for need in needs if not _starts(need.choices[0][0].place, *_FROM_ELSEWHERE))
        replaced = {name_elsewhere(motion_modules): motion_modules}
    files = obtain(needs, name=preset.name, weights=weights)
    roles = _roles(files) | ({"motion": next(iter(replaced))} if replaced else {})
    return put_together(Folder(Path(preset.name), files=files | replaced), roles)


def _roles(files: Mapping[str, Path]) -> dict[str, str]:
    """The names of parts among the places of files."""
    roles = {"base": "", "tokenizer": "tokenizer"}
    for place in files:
        if _starts(place, "checkpoint"):
            roles["base"] = place
        elif _starts(place, "lora"):
            roles["lora"] = place
        elif _starts(place, "motion_modules"):
            adapter = "motion_modules/config.json" in files
            roles["motion"] = "motion_modules" if adapter else place
    return roles


def _starts(place: str, *folders: str) -> bool:
    return place.split("/")[0] in folders
