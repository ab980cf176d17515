"""A model folder loads exactly as it was exported, or not at all; names lead to folders or to one line."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from videogen.errors import CheckpointError
from videogen.models.motion_planner import MotionPlanner
from videogen.training.export import SPEC, Trained
from videogen.training.text import MAX_TOKENS
from videogen.weights import load
from videogen.weights.installed import INDEX
from videogen.weights.load import find_model, load_networks
from videogen.weights.own_layout import OPTIONAL_PARTS, PARTS


def refuses(folder: Path, words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_networks(folder)
    assert words in str(caught.value), str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def edit(path: Path, **changes: Any) -> None:
    """Change fields of a JSON file; None removes one."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def halves(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.half().float() for name, value in state.items()}


def assert_state(network: nn.Module, expected: dict[str, torch.Tensor]) -> None:
    found = network.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_what_is_exported_loads_equal_in_half_precision(exported: tuple[Path, Trained]) -> None:
    folder, trained = exported
    networks = load_networks(folder)
    for part in ("denoiser", "text_encoder"):
        own = {n.removeprefix(f"{part}."): v for n, v in trained.networks.items() if n.startswith(f"{part}.")}
        assert_state(getattr(networks, part), halves(own))
    assert_state(networks.vae, halves(trained.vae.state_dict()))
    assert networks.spec == SPEC
    assert networks.denoiser.unet.config == trained.unet_config
    assert networks.vae.config.scaling_factor == trained.vae.config.scaling_factor
    assert networks.vae.config.shift_factor == trained.vae.config.shift_factor


def test_loaded_networks_are_ready_to_run(exported: tuple[Path, Trained]) -> None:
    networks = load_networks(exported[0])
    for network in (networks.denoiser, networks.vae, networks.text_encoder):
        assert isinstance(network, nn.Module)
        assert not network.training
        assert {parameter.device.type for parameter in network.parameters()} == {"cpu"}
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
        assert not any(parameter.requires_grad for parameter in network.parameters())
    weight = networks.denoiser.unet.conv_in.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_the_tokenizer_reads_as_the_exported_one(exported: tuple[Path, Trained]) -> None:
    folder, trained = exported
    text = "a red ball, über unseen words 世界"
    assert load_networks(folder).tokenizer(text).input_ids == trained.tokenizer(text).input_ids


def test_the_scheduler_is_the_exported_one(exported: tuple[Path, Trained]) -> None:
    networks = load_networks(exported[0])
    assert networks.scheduler_class is diffusers.DPMSolverMultistepScheduler
    scheduler = networks.scheduler_class.from_config(networks.scheduler_config)
    assert scheduler.config.prediction_type == "flow_prediction"
    assert scheduler.config.use_flow_sigmas


def test_every_file_of_weights_is_hashed(exported: tuple[Path, Trained]) -> None:
    folder, _ = exported
    expected = {
        f"{part}/{file}": hashlib.sha256((folder / part / file).read_bytes()).hexdigest()
        for part, file in PARTS.items()
    }
    assert load_networks(folder).hashes == expected


def test_weights_are_kept_in_half_precision_and_safetensors_only(exported: tuple[Path, Trained]) -> None:
    folder, _ = exported
    for part, file in PARTS.items():
        assert {value.dtype for value in load_file(folder / part / file).values()} == {torch.float16}
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_the_text_model_may_carry_its_name_or_not(folder: Path) -> None:
    path = folder / "text_encoder" / PARTS["text_encoder"]
    plain = load_networks(folder).text_encoder.state_dict()
    tensors = load_file(path)
    for named in (True, False):
        bare = {name.removeprefix("text_model."): value for name, value in tensors.items()}
        save_file({("text_model." if named else "") + name: value for name, value in bare.items()}, path)
        assert_state(load_networks(folder).text_encoder, plain)


def test_a_model_without_a_planner_has_none(exported: tuple[Path, Trained]) -> None:
    assert load_networks(exported[0]).planner is None


def test_an_exported_planner_loads_equal_in_half_precision_and_is_hashed(
    planned: tuple[Path, MotionPlanner],
) -> None:
    folder, planner = planned
    networks = load_networks(folder)
    assert networks.planner is not None
    assert networks.planner.config == planner.config
    assert not networks.planner.training
    assert_state(networks.planner, halves(planner.state_dict()))
    file = f"planner/{OPTIONAL_PARTS['planner']}"
    assert networks.hashes.keys() - {f"{part}/{name}" for part, name in PARTS.items()} == {file}
    assert networks.hashes[file] == hashlib.sha256((folder / file).read_bytes()).hexdigest()


def test_the_planners_text_model_may_carry_its_name_or_not(planned_folder: Path) -> None:
    path = planned_folder / "planner" / OPTIONAL_PARTS["planner"]
    before = load_networks(planned_folder).planner
    assert before is not None
    tensors = load_file(path)
    for name in ("text_encoder.", "text_encoder.text_model."):
        bare = {key.replace("text_model.", "", 1): value for key, value in tensors.items()}
        save_file({key.replace("text_encoder.", name, 1): value for key, value in bare.items()}, path)
        found = load_networks(planned_folder).planner
        assert found is not None
        assert_state(found, before.state_dict())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_class_name": "Planner"}, "describes a 'Planner'"),
        ({"width": 24}, "has another shape of"),
        ({"layers": 2}, "lacks"),
        ({"heads": 3}, "3 heads do not fit"),
        ({"components": 10**9}, "expected 1 to"),
        ({"window": 4.5}, "cannot be used"),
        ({"depth": 3}, "unknown setting of the motion planner: depth"),
        ({"text_encoder": None}, "cannot be used"),
        ({"text_encoder": {"hidden_size": 10**9}}, "it belongs to another network"),
    ],
)
def test_foreign_settings_of_a_planner_are_refused(
    planned_folder: Path, changes: dict[str, Any], words: str
) -> None:
    edit(planned_folder / "planner" / "config.json", **changes)
    refuses(planned_folder, words)


def without(path: Path) -> None:
    tensors = load_file(path)
    del tensors[min(tensors)]
    save_file(tensors, path)


def replaced(change: Callable[[torch.Tensor], torch.Tensor], *, name: str = "") -> Callable[[Path], None]:
    """Return what writes a changed copy of a file's first tensor, in its place or as `name`."""

    def damage(path: Path) -> None:
        tensors = load_file(path)
        first = min(tensors)
        save_file({**tensors, name or first: change(tensors[first])}, path)

    return damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (without, "lacks"),
    "extra": (replaced(torch.clone, name="stranger"), "stranger"),
    "shape": (replaced(lambda tensor: tensor[None]), "has another shape of"),
    "integers": (replaced(torch.Tensor.long), "has another kind of number in"),
    "nan": (replaced(lambda tensor: tensor / 0 * 0), "holds NaN or Inf"),
    "cut": (cut, "cannot be read as safetensors"),
    "gone": (Path.unlink, "is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_planner_is_refused(planned_folder: Path, damage: str) -> None:
    harm, words = DAMAGES[damage]
    harm(planned_folder / "planner" / OPTIONAL_PARTS["planner"])
    refuses(planned_folder, words)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused(folder: Path, part: str, damage: str) -> None:
    path = folder / part / PARTS[part]
    harm, words = DAMAGES[damage]
    harm(path)
    refuses(folder, words)


@pytest.mark.parametrize(
    "file",
    [
        INDEX,
        "denoiser/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
    ],
)
@pytest.mark.parametrize("content", [None, b"", b"{nonsense", b"[]"], ids=["gone", "empty", "broken", "list"])
def test_settings_that_are_missing_or_broken_are_refused(
    folder: Path, file: str, content: bytes | None
) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    refuses(folder, "")


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        (INDEX, {"_class_name": "StableDiffusionPipeline"}, "'StableDiffusionPipeline'"),
        (INDEX, {"_class_name": None}, "describes a None"),
        (INDEX, {"videogen": None}, "the section 'videogen' is missing"),
        (INDEX, {"videogen": {**SPEC.to_dict(), "latent_channels": 4}}, "takes 14 channels"),
        (INDEX, {"videogen": {**SPEC.to_dict(), "vae_scale_factor": 8}}, "do not fit together (pixels"),
        ("denoiser/config.json", {"_class_name": "UNet2DConditionModel"}, "'UNet2DConditionModel'"),
        ("denoiser/config.json", {"layers_per_block": 2}, "lacks"),
        ("denoiser/config.json", {"attention_heads": 3}, "does not divide"),
        ("denoiser/config.json", {"depth": 3}, "unknown U-Net settings: depth"),
        ("denoiser/config.json", {"pose_widths": [4, 8]}, "has the unexpected"),
        ("vae/config.json", {"_class_name": "AutoencoderKL"}, "'AutoencoderKL'"),
        ("vae/config.json", {"latent_channels": 4}, "another shape"),
        ("vae/config.json", {"scaling_factor": 0}, "scale 0"),
        ("vae/config.json", {"scaling_factor": None}, "scaling_factor"),
        ("vae/config.json", {"shift_factor": float("nan")}, "shift nan"),
        ("vae/config.json", {"surprise": 1}, "surprise"),
        ("vae/config.json", {"act_fn": "os.system"}, "cannot be used"),
        ("text_encoder/config.json", {"num_attention_heads": 3}, "cannot be used"),
        ("text_encoder/config.json", {"num_attention_heads": 0}, "cannot be used"),
        ("text_encoder/config.json", {"hidden_size": "wide"}, "cannot be used"),
        ("tokenizer/tokenizer_config.json", {"model_max_length": 999}, f"of the tokenizer: {MAX_TOKENS}"),
        ("scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"}, "names the scheduler 'PNDM"),
        ("scheduler/scheduler_config.json", {"_class_name": "os.system"}, "expected one of DPMSolver"),
        ("scheduler/scheduler_config.json", {"_class_name": None}, "names the scheduler None"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "steep"}, "cannot be used"),
    ],
)
def test_foreign_or_impossible_settings_are_refused(
    folder: Path, file: str, changes: dict[str, Any], words: str
) -> None:
    edit(folder / file, **changes)
    refuses(folder, words)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("denoiser/config.json", {"block_out_channels": [65536, 65536, 65536]}),
        ("text_encoder/config.json", {"vocab_size": 10**10}),
        ("text_encoder/config.json", {"intermediate_size": 10**11}),
        ("vae/config.json", {"decoder_block_out_channels": [10**6] * 3}),
    ],
)
def test_settings_of_monstrous_sizes_cost_nothing(folder: Path, file: str, changes: dict[str, Any]) -> None:
    edit(folder / file, **changes)
    started = time.monotonic()
    refuses(folder, "it belongs to another network")
    assert time.monotonic() - started < 20


def test_a_model_is_found_by_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(folder) == folder
    assert find_model(str(folder)) == folder
    monkeypatch.chdir(folder.parent)
    assert find_model("model") == Path("model")
    monkeypatch.setenv("HOME", str(folder.parent))
    assert find_model("~/model") == folder


def test_pocket_is_inside_the_package(
    exported: tuple[Path, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(load.__file__).parent / "pocket" == load.POCKET
    monkeypatch.setattr(load, "POCKET", exported[0])
    assert find_model("pocket") == exported[0]


def test_an_installation_without_pocket_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "POCKET", tmp_path)
    with pytest.raises(CheckpointError, match=r"no weights of pocket .*; install it again"):
        find_model("pocket")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and an empty cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing-like-it", "no model is called 'nothing-like-it'; give 'pocket', a folder, or 'owner/name'"),
        ("owner/name", "the model owner/name is not on this machine and the hub did not give it"),
        ("../elsewhere", "no model is called '../elsewhere'"),
        ("..", "has no model_index.json"),
        ("", "has no model_index.json"),
        ("/", "has no model_index.json"),
        ("/etc/passwd", "no model is called '/etc/passwd'"),
        ("a/b/c", "no model is called 'a/b/c'"),
        ("owner/name@main; rm -rf", "no model is called"),
        ("two\nlines/of text", "no model is called 'two\\nlines/of text'"),
        ("nul\0byte", "nul\\x00byte"),
        ("x" * 5000, "cannot be looked for"),
        ("~nobody-of-this-name/model", "'~nobody-of-this-name/model' cannot be looked for"),
    ],
)
def test_a_name_that_leads_nowhere_ends_in_one_line_at_once(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inside := tmp_path / "folder").mkdir()
    monkeypatch.chdir(inside)
    started = time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        find_model(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert time.monotonic() - started < 5


class Hub:
    """A hub with one model; remembers which files were asked for."""

    def __init__(self, model: Path, cache: Path) -> None:
        self.model, self.cache, self.asked = model, cache, list[list[str]]()

    def snapshot_download(self, name: str, *, allow_patterns: list[str]) -> str:
        """Copy what matches."""
        assert name == "owner/name"
        self.asked.append(allow_patterns)
        for path in self.model.rglob("*"):
            place = path.relative_to(self.model)
            if path.is_file() and any(place.match(pattern) for pattern in allow_patterns):
                (self.cache / place.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.cache / place)
        return str(self.cache)


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Return a hub that has the tiny model as owner/name, with a pickle among its files."""
    (folder / "denoiser" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "tokenizer" / "run.py").write_text("")
    (tmp_path / "hub").mkdir()
    made = Hub(folder, tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


def test_a_model_comes_from_the_hub_without_its_code_and_pickles(hub: Hub) -> None:
    found = find_model("owner/name")
    assert found == hub.cache
    load_networks(found)
    assert {path.suffix for path in found.rglob("*") if path.is_file()} <= {".json", ".txt", ".safetensors"}


def test_a_foreign_model_of_the_hub_costs_only_its_index(hub: Hub) -> None:
    edit(hub.model / INDEX, _class_name="StableDiffusionPipeline")
    with pytest.raises(CheckpointError, match=r"the hub's owner/name describes a 'StableDiffusionPipeline'"):
        find_model("owner/name")
    assert hub.asked == [[INDEX]]


def test_a_model_of_the_hub_without_an_index_is_refused(hub: Hub) -> None:
    (hub.model / INDEX).unlink()
    with pytest.raises(CheckpointError, match=r"the hub's owner/name has no model_index\.json"):
        find_model("owner/name")


def test_a_folder_goes_before_the_hub(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "owner").mkdir()
    folder.rename(folder.parent / "owner" / "name")
    monkeypatch.chdir(folder.parent)
    assert find_model("owner/name") == Path("owner/name")
    assert hub.asked == []
