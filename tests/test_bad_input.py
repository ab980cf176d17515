"""Whatever is given, a refusal is one line on the standard error, exit code 2, and no file.

From end to end through the command line; on an engine without networks where the mistake can only be seen
once the engine is there.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import shlex
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import huggingface_hub
import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from tests.moving import ground, square_over
from tests.tiny_diffusers import tokenizer
from tests.tiny_original import adapter, motion_state, networks, save, single_state
from videogen.cli import main
from videogen.media.image import read_image
from videogen.media.video import read_video, write_video

TEXT = "text-to-video 'a red ball'"
ANIMATE = "animate photo.png --pose pose.json -o out.mp4"
LONG = "x" * 5000
ROOT = os.geteuid() == 0
Refused = Callable[[str], str]


@pytest.fixture(autouse=True)
def folder(portrait_folder: Path) -> Path:
    """Stand in a folder with a photo, its keypoints and a pose."""
    return portrait_folder


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str], folder: Path) -> Refused:
    """Return what carries out a line, checks that it is refused as it should be, and returns the reason."""

    def carry_out(line: str) -> str:
        before = contents(folder)
        assert main(shlex.split(line)) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith("videogen: ")
        assert err.count("\n") == 1, err
        assert err.endswith("\n")
        assert contents(folder) == before
        return err

    return carry_out


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the engine was loaded")

    monkeypatch.setattr("videogen.clip.load_engine", refuse)
    monkeypatch.setattr("videogen.clip.load_enhancer", refuse)


@pytest.fixture
def engine(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("videogen.clip.load_engine", lambda *_, **__: fake_engine)
    return fake_engine


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every file with what is in it; a folder or a pipe counts as None."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def change_pose(name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a variant of the pose, with every frame changed."""
    frames = json.loads(Path("pose.json").read_text())
    for frame in frames:
        change(frame)
    Path(name).write_text(json.dumps(frames))


def put_number(number: object) -> Callable[[dict[str, Any]], None]:
    """Return what puts a number in the place of one coordinate of the face."""

    def change(frame: dict[str, Any]) -> None:
        frame["people"][0]["face_keypoints_2d"][30] = number

    return change


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("text-to-video ''", "empty"),
        ("text-to-video ' \n\t '", "empty"),
        (f"text-to-video '{'word ' * 5000}'", "5000 words and 25000 characters"),
        (f"{ANIMATE} --prompt ''", "--prompt: it is empty"),
        (f"{ANIMATE} --prompt '{'word ' * 5000}'", "5000 words"),
        *(
            (f"{job} --seconds {seconds}", f"--seconds was given as '{seconds}'; expected a finite number")
            for job in (TEXT, ANIMATE)
            for seconds in ("0", "-1", "nan", "inf", "601", "soon")
        ),
        (f"{TEXT} --path 0.2,0.5 --no-plan", "drop one"),
        (f"{TEXT} --pose pose.json --path 0.2,0.5", "give one of them"),
        (f"{TEXT} --path ''", "--path"),
        (f"{ANIMATE} --smoothing 2", "at least 0 and at most 1"),
        (f"{ANIMATE} --smooth gauss --smoothing 0.5", "--smooth"),
        (
            f"{ANIMATE} --smooth spline",
            "--smooth spline has no effect at --smoothing 0; give --smoothing 0.5",
        ),
        (f"{ANIMATE} --motion sideways", "--motion"),
        (f"{ANIMATE} --motion-scale 4", "at least 0 and at most 3"),
        (f"{ANIMATE} --motion-scale -1", "at least 0 and at most 3"),
        (f"{ANIMATE} --audio missing.wav", "No such file"),
        (f"{ANIMATE} --audio photo.png", "cannot be read as sound"),
        (f"{ANIMATE} --audio pose.json", "cannot be read as sound"),
        (f"{ANIMATE} --audio .", "is a folder"),
        (f"{ANIMATE} --audio ''", "--audio"),
        (f"{ANIMATE} --audio {LONG}.wav", "File name too long"),
        (f"{ANIMATE} --fps 0", "more than 0"),
        (f"{ANIMATE} --fps 1/0", "--fps"),
        (f"{ANIMATE} --width 15", "at least 16 and at most 2048"),
        (f"{ANIMATE} --seed 0x10", "--seed"),
        (f"{TEXT} -o .", "'.' cannot be written"),
        (f"{TEXT} -o ..", "'..' cannot be written"),
        (f"{TEXT} -o /", "'/' cannot be written"),
        (f"{TEXT} -o ''", "'.' cannot be written"),
        (f"{TEXT} -o a-folder.mp4", "it is a folder"),
        (f"{TEXT} -o missing/out.mp4", "does not exist"),
        (f"{TEXT} -o photo.png/out.mp4", "is not a folder"),
        (f"{TEXT} -o out.docx", "ending in .mp4, .webm, .gif or .webp"),
        (f"{TEXT} -o {LONG}.mp4", "File name too long"),
        (f"{TEXT} --fps 200 -o out.gif", "a GIF shows at most"),
        (f"{TEXT} --secnds 1", "Perhaps you meant: --seconds"),
        (f"{TEXT} --upscale 3", "expected 1, 2 or 4, not 3"),
        (f"{TEXT} --interpolate 9", "at least 1 and at most 8"),
        (f"{TEXT} --fps 24 --interpolate 8 -o out.gif", "a GIF shows at most"),
        ("interpolate missing.mp4", "No such file"),
        ("interpolate photo.png", "is a still picture"),
        ("interpolate pose.json -o out.mp4", "cannot be read as a video"),
        ("interpolate . -o out.mp4", "has 1 frame, and nothing lies between"),
        ("interpolate clip --fps 24 --factor 2", "give one of them"),
        ("interpolate clip --fps 0", "more than 0 and at most 240"),
        ("interpolate clip --fps nan", "--fps"),
        ("interpolate clip --factor 9", "at least 2 and at most 8"),
        ("interpolate clip --factor 1.5", "--factor was given as '1.5'"),
        ("interpolate clip --slow-motion 0", "at least 1 and at most 16"),
        ("interpolate clip --scale 3", "expected 1, 2 or 4, not 3"),
        ("interpolate clip --factor 8 -o out.gif", "a GIF shows at most"),
        ("interpolate clip --seed 3", "--seed"),
        ("interpolate clip --audio missing.wav", "No such file"),
        ("interpolate clip -o out.docx", "ending in .mp4, .webm, .gif or .webp"),
        ("upscale missing.mp4", "No such file"),
        ("upscale photo.png -o out.mp4", "is a still picture"),
        ("upscale clip --scale 3", "expected 2 or 4"),
        ("upscale clip --scale 2 --height 64", "give one of them"),
        ("upscale clip --height 8000 -o out.mp4", "at most 4 times"),
        ("upscale clip --height 10 -o out.mp4", "at least 16"),
        ("upscale clip --tile 3", "at least 64"),
        ("run missing.mp4", "No such file"),
        ("run missing.json", "No such file"),
        ("run garbage.json", "not JSON"),
        ("run photo.json", "expected a JSON object"),
        ("run photo.png", "photo.png"),
        ("run .", "'.' carries no videogen record"),
        ("show garbage.json", "not JSON"),
    ],
    ids=lambda text: text[:50],
)
def test_what_can_be_seen_at_once_is_refused_before_anything_is_loaded(
    line: str, told: str, refused: Refused, no_engine: None
) -> None:
    Path("garbage.json").write_bytes(b'{"job": ')
    Path("a-folder.mp4").mkdir()
    write_video("clip", iter([read_image("photo.png")] * 3), fps=Fraction(8))
    assert told in refused(line)


@pytest.mark.parametrize("job", ["interpolate", "upscale"])
def test_what_holds_no_moving_pictures_cannot_be_bettered(
    job: str, refused: Refused, no_engine: None, make_sound: Callable[..., Path]
) -> None:
    make_sound(Path("sound.wav"), seconds=1)
    Path("cut.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    Path("empty").mkdir()
    for name in ("sound.wav", "cut.mp4", "empty"):
        assert name in refused(f"{job} {name} -o out.mp4")


def test_an_unwritable_output_is_refused_before_anything_is_loaded(
    refused: Refused, no_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    assert "no write permission" in refused(f"{TEXT} -o out.mp4")
    assert "no write permission" in refused(TEXT)


def test_the_current_folder_is_no_output_even_if_it_is_empty(
    refused: Refused, no_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").mkdir()
    monkeypatch.chdir("empty")
    assert "'.' cannot be written" in refused(f"{TEXT} -o .")


def test_a_name_that_is_no_text_is_written_and_told(engine: Any, folder: Path) -> None:
    name = os.fsdecode(b"\xff.gif")
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with redirect_stdout(printed):
        assert main([*shlex.split(f"{TEXT} --seed 1 -o"), name]) == 0
        printed.flush()
    assert printed.buffer.getvalue().startswith(b"\\udcff.gif (seed 1): flicker ")
    assert (folder / name).exists()


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(refused: Refused, no_engine: None) -> None:
    Path("locked").mkdir(mode=0o555)
    assert "no write permission" in refused(f"{TEXT} -o locked/out.mp4")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes no files")
@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif", "out.webp", "pictures"])
def test_permission_that_is_only_missing_when_the_file_is_opened_is_one_line_too(
    name: str, refused: Refused, engine: Any
) -> None:
    assert f"'/proc/{name}' cannot be written" in refused(f"{TEXT} -o /proc/{name}")
    assert not Path(f"/proc/{name}").exists()


@pytest.mark.parametrize(
    "model", ["no-such-model", "''", "../..", "a/b/c", "empty-folder", "photo.png", LONG]
)
def test_an_unknown_model_is_refused(model: str, refused: Refused) -> None:
    Path("empty-folder").mkdir()
    refused(f"{TEXT} --model {model} -o out.mp4")


class Canary:
    """An object whose pickle makes a folder when it is loaded."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("canary",)


def spoilt(name: str) -> dict[str, Any]:
    """The tensors of motion modules with something wrong, or what a file holds in their place."""
    state: dict[str, Any] = motion_state(adapter())
    match name:
        case "canary.ckpt":
            return {"state_dict": state, "more": Canary()}
        case "nan.ckpt":
            state[next(iter(state))][0] = float("nan")
        case "sdxl.ckpt":
            state = {key: value for key, value in state.items() if not re.match(r"(down|up)_blocks\.3", key)}
        case "half.ckpt":
            state = dict(list(state.items())[: len(state) // 2])
        case "wide.ckpt":
            state = {key: torch.cat([value] * 2) for key, value in state.items()}
        case "lora.ckpt":
            state = {
                "lora_unet_a.lora_up.weight": torch.ones(1),
                "lora_unet_a.lora_down.weight": torch.ones(1),
            }
        case "picture.ckpt":
            state = single_state(networks())
    return state


MODULES = {
    "cut.ckpt": "damaged or cut short",
    "cut.safetensors": "cannot be read as safetensors",
    "canary.ckpt": "holds more than weights, which could run as a program, so it was not read",
    "nan.ckpt": "holds NaN or Inf; the file is damaged",
    "sdxl.ckpt": "holds motion modules for 3 sizes, as for SDXL; give those for Stable Diffusion 1.5",
    "half.ckpt": "lacks",
    "wide.ckpt": "has another shape of",
    "lora.ckpt": "is a LoRA in kohya's layout; give motion modules",
    "picture.ckpt": "is a Stable Diffusion in a single file; give motion modules",
    "text.ckpt": "damaged or cut short",
    "empty-folder": "holds no weights",
    "missing.ckpt": "is no file of weights",
    "photo.png": "is no file of weights",
    f"{LONG}.ckpt": "File name too long",
    "control": "is no motion adapter (ControlNet); give the folder of one",
    "v1-as-v3": "knows clips of 24 frames, but its config.json says 32",
}


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name[:20])
def test_motion_modules_that_are_none_are_refused(name: str, refused: Refused) -> None:
    save(single_state(networks()), Path("base.safetensors"))
    tokenizer(Path("tokenizer"))
    path = Path(name)
    if name == "empty-folder":
        path.mkdir()
    elif name == "text.ckpt":
        path.write_text("just text, no weights\n")
    elif name == "control":
        networks()["controlnet"].save_pretrained(path)
    elif name == "v1-as-v3":
        adapter(length=24).save_pretrained(path)
        config = path / "config.json"
        config.write_text(
            config.read_text().replace('"motion_max_seq_length": 24', '"motion_max_seq_length": 32')
        )
    elif name == "canary.ckpt":
        torch.save(spoilt(name), path)
    elif path.suffix in (".ckpt", ".safetensors") and name not in ("missing.ckpt", f"{LONG}.ckpt"):
        save(spoilt(name), path)
    if path.stem == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    told = refused(f"{TEXT} --model base.safetensors --motion-modules {name} -o out.mp4")
    assert MODULES[name] in told
    assert not Path("canary").exists()


@pytest.mark.parametrize("more", ["", "--motion-modules mm.ckpt"])
def test_a_single_file_that_is_no_model_says_what_it_is(more: str, refused: Refused) -> None:
    save(motion_state(adapter()), Path("mm.ckpt"))
    save(spoilt("lora.ckpt"), Path("style.safetensors"))
    Path("cut.safetensors").write_bytes(Path("style.safetensors").read_bytes()[:50])
    for name, told in (
        (
            "mm.ckpt",
            "mm.ckpt is no model of pictures (motion modules of AnimateDiff); give Stable Diffusion 1.5",
        ),
        ("style.safetensors", "is no model of pictures (LoRA in kohya's layout); give Stable Diffusion 1.5"),
        ("cut.safetensors", "cannot be read as safetensors"),
    ):
        assert told in refused(f"{TEXT} --model {name} {more} -o out.mp4")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("animatedif", "animatediff"), ("poket", "pocket"), ("SVD", "svd"), ("anmate-anyone", "animate-anyone")],
)
def test_a_model_s_name_with_a_slip_is_guessed(given: str, meant: str, refused: Refused) -> None:
    assert f"did you mean {meant!r}?" in refused(f"{TEXT} --model {given} -o out.mp4")


def test_a_path_to_nothing_is_not_looked_for_on_the_hub(refused: Refused) -> None:
    assert "no model is called './nothing'" in refused(f"{TEXT} --model ./nothing -o out.mp4")


def test_a_folder_with_the_name_of_a_preset_is_pointed_out(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", "cache")
    assert "./svd" not in refused(f"{TEXT} --model svd -o out.mp4")
    Path("svd").mkdir()
    assert "for the folder svd that is here give ./svd" in refused(f"{TEXT} --model svd -o out.mp4")


def test_v1_modules_go_in_windows_of_what_they_know() -> None:
    save(single_state(networks()), Path("base.safetensors"))
    save(motion_state(adapter(), length=24), Path("mm_sd_v15.ckpt"))
    tokenizer(Path("tokenizer"))
    clip = vg.text_to_video(
        "a b", model="base.safetensors", motion_modules=Path("mm_sd_v15.ckpt"), num_frames=32,
        num_inference_steps=1, width=16, height=16, seed=1,
    )  # fmt: skip
    assert len(clip.frames) == 32


COLLECTIONS = {
    "nothing": "has no model_index.json and no files of weights",
    "modules": "and no model of pictures; put Stable Diffusion 1.5 there",
    "still": "has no motion modules; put those of AnimateDiff beside it, or give --motion-modules",
    "twice": "holds 2 files for one part, the motion: mm.ckpt, other.ckpt; leave one of them there",
    "no-words": "a file without a tokenizer, needs 2 more files, 1.49 MB in all",
    "no-vae": "holds no vae; give a file that is whole",
    "strange": "is of no known format",
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_folder_of_files_that_is_not_whole_is_refused(
    name: str, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", "cache")
    folder = Path("files")
    folder.mkdir()
    if name not in ("nothing", "still"):
        save(motion_state(adapter()), folder / "mm.ckpt")
    if name == "twice":
        save(motion_state(adapter()), folder / "other.ckpt")
    if name == "strange":
        save({"what": torch.ones(1)}, folder / "what.safetensors")
    if name not in ("nothing", "modules"):
        state = single_state(networks())
        kept = {key: value for key, value in state.items() if name != "no-vae" or "first_stage" not in key}
        save(kept, folder / "base.ckpt")
    if name not in ("nothing", "no-words"):
        tokenizer(folder / "tokenizer")
    assert COLLECTIONS[name] in refused(f"{TEXT} --model files -o out.mp4")


def test_a_preset_whose_files_are_nowhere_names_them_all(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", "cache")
    Path("mine").mkdir()
    told = refused(f"{TEXT} --model animatediff --weights mine -o out.mp4")
    assert "needs 4 more files, 5.83 GB in all" in told
    assert "mine/guoyww--animatediff/v3_sd15_mm.ckpt (1.56 GB, Apache-2.0)" in told
    assert "--weights photo.png is no folder" in refused(f"{TEXT} --model animatediff --weights photo.png")
    assert "--weights photo.png is no folder" in refused("models --weights photo.png")


PORTRAITS: dict[str, str] = {
    "pixel.png": "is 1x1 pixels; each side must be 16 to 16384",
    "tiny.png": "is 7x5 pixels; each side must be 16 to 16384",
    "wide.png": "is 20000x20 pixels; each side must be 16 to 16384",
    "bomb.png": "bomb.png",
    "thin.png": "too narrow",
    "text.png": "its content is something else",
    "empty.png": "is empty",
    "cut.png": "truncated",
    "moving.gif": "its content is something else",
    "clip.mp4": "its content is something else",
    "folder.png": "is a folder",
    "pipe.png": "not a regular file",
    "missing.png": "No such file",
    f"{LONG}.png": "File name too long",
    "pose.json": "its content is something else",
}


def portrait(name: str) -> None:
    """Write one of the bad portraits, with good keypoints beside it."""
    photo, path = read_image("photo.png"), Path(name)
    match name:
        case "pixel.png":
            Image.new("RGB", (1, 1)).save(path)
        case "tiny.png":
            Image.new("RGB", (7, 5)).save(path)
        case "wide.png":
            Image.new("RGB", (20_000, 20)).save(path)
        case "thin.png":
            Image.new("RGB", (20, 2000)).save(path)
        case "bomb.png":  # 20,000 pixels square, says its header
            header = b"IHDR" + struct.pack(">II5B", 20_000, 20_000, 8, 2, 0, 0, 0)
            data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
            path.write_bytes(data + struct.pack(">I", zlib.crc32(header)))
        case "text.png":
            path.write_text("just text, no picture\n")
        case "empty.png":
            path.touch()
        case "cut.png":
            path.write_bytes(Path("photo.png").read_bytes()[:9000])
        case "moving.gif":
            Image.fromarray(photo).save(path)
        case "clip.mp4":
            write_video(path, iter([photo] * 2), fps=8)
        case "folder.png":
            path.mkdir()
        case "pipe.png":
            os.mkfifo(path)


@pytest.mark.parametrize("name", PORTRAITS, ids=lambda name: name[:20])
def test_a_portrait_that_is_none_is_refused(name: str, refused: Refused, engine: Any) -> None:
    portrait(name)
    line = f"animate {name} --keypoints photo.json --pose pose.json -o out.mp4"
    assert PORTRAITS[name] in refused(line)


KEYPOINTS: dict[str, str] = {
    "nan.json": "NaN",
    "infinite.json": "infinity",
    "far.json": "picture sizes away",
    "huge.json": "picture sizes away",
    "words.json": "expected numbers",
    "uneven.json": "expected",
    "nobody.json": "nobody",
    "zeros.json": "nobody",
    "garbage.json": "not JSON text",
    "binary.json": "not JSON text",
    "deep.json": "nested too deeply",
    "number.json": "a int is no pose",
    "record.json": "expected 'people'",
    "folder.json": "no .json files",
    "pipe.json": "not a regular file",
    "missing.json": "No such file",
    f"{LONG}.json": "File name too long",
}


def all_zero(person: dict[str, list[float] | None]) -> dict[str, list[float]]:
    return {part: [0.0] * len(values) for part, values in person.items() if values is not None}


def keypoints(name: str) -> None:
    """Write one of the bad files of keypoints."""
    path = Path(name)
    numbers: dict[str, object] = {
        "nan": float("nan"),
        "infinite": float("-inf"),
        "far": 1e9,
        "huge": 1e300,
        "words": "a",
    }
    texts = {
        "nobody.json": '[{"people": []}]',
        "garbage.json": '[{"people": [',
        "binary.json": "\x00\x01",
        "deep.json": "[" * 100_000,
        "number.json": "7",
        "record.json": '{"job": "text-to-video"}',
    }
    if path.stem in numbers:
        change_pose(name, put_number(numbers[path.stem]))
    elif name in texts:
        path.write_text(texts[name])
    elif name == "zeros.json":
        change_pose(name, lambda frame: frame["people"][0].update(all_zero(frame["people"][0])))
    elif name == "uneven.json":
        change_pose(name, lambda frame: frame["people"][0]["face_keypoints_2d"].pop())
    elif name == "folder.json":
        path.mkdir()
    elif name == "pipe.json":
        os.mkfifo(path)


@pytest.mark.parametrize("name", KEYPOINTS, ids=lambda name: name[:20])
def test_a_pose_that_is_none_is_refused(name: str, refused: Refused, engine: Any) -> None:
    keypoints(name)
    assert KEYPOINTS[name] in refused(f"animate photo.png --pose {name} -o out.mp4")


@pytest.mark.parametrize("name", KEYPOINTS, ids=lambda name: name[:20])
def test_keypoints_of_the_portrait_that_are_none_are_refused(
    name: str, refused: Refused, engine: Any
) -> None:
    keypoints(name)
    told = refused(f"{ANIMATE} --keypoints {name}")
    assert KEYPOINTS[name] in told or "does not exist" in told


NOBODY = "nobody is seen in " if find_spec("mediapipe") else "pip install 'videogen[pose]'"


@pytest.mark.parametrize(
    ("pose", "told"),
    [
        ("missing.mp4", "No such file"),
        ("text.mp4", "text.mp4"),
        ("people.mp4", NOBODY),
        ("photo.png", NOBODY),
        ("empty-folder", "without .png or .jpg pictures"),
        (LONG, "File name too long"),
        ("slow.json", "makes 192000 frames at 24 frames per second, a clip has at most 14400"),
        ("wrong-rate.json", "fps is"),
    ],
    ids=lambda text: text[:20],
)
def test_other_things_that_are_no_pose_are_refused(
    pose: str, told: str, refused: Refused, engine: Any
) -> None:
    Path("text.mp4").write_text("just text, no video\n")
    Path("empty-folder").mkdir()
    write_video("people.mp4", iter([read_image("photo.png")] * 2), fps=8)
    change_pose("slow.json", lambda frame: frame.update(fps="1/1000"))
    change_pose("wrong-rate.json", lambda frame: frame.update(fps="1/0"))
    assert told in refused(f"animate photo.png --pose {pose} --fps 24 -o out.mp4")


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("--seconds 30", "lasts 1.00 s"),
        ("--width 256 --height 256", "would stretch a picture of 333x251"),
        ("--width 16", "--width 16 makes 16x12 pixels"),
        ("--height 2048", "--height 2048 makes 2717x2048 pixels"),
        ("--model another", "another"),
    ],
)
def test_wishes_that_do_not_fit_the_portrait_or_the_pose_are_refused(
    wish: str, told: str, refused: Refused, engine: Any, request: pytest.FixtureRequest
) -> None:
    if wish.startswith("--model"):
        request.getfixturevalue("monkeypatch").undo()
    assert told in refused(f"{ANIMATE} {wish}")


def test_a_portrait_without_keypoints_says_how_to_give_them(refused: Refused, engine: Any) -> None:
    Path("photo.json").unlink()
    assert "give --keypoints FILE.json" in refused(ANIMATE)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("missing.mp4", "No such file"),
        ("text.mp4", "text.mp4"),
        ("cut.mp4", "cut.mp4"),
        ("photo.png", "is a still picture"),
        ("clip.mp4 --strength 1.5", "at least 0 and at most 1"),
        ("clip.mp4 --strength nan", "--strength"),
        ("clip.mp4 --seconds 30", "--seconds 30 is longer than clip.mp4, which lasts 0.25 s"),
        ("clip.mp4 --mask missing.png", "No such file"),
        ("clip.mp4 --mask text.mp4", "text.mp4"),
        ("clip.mp4 --mask cut.png", "cut.png"),
        ("clip.mp4 --mask wide.png", "wide.png has 200x32 pixels and the video 333x251"),
        ("clip.mp4 --mask black.png", "black everywhere"),
        ("clip.mp4 --reference text.mp4", "text.mp4"),
        ("clip.mp4 --audio photo.png", "cannot be read as sound"),
        ("clip.mp4 --width 100 --height 100", "would stretch a picture of 333x251"),
        ("clip.mp4 --controlnet a.pth", "--controlnet reads a pose"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(line: str, told: str, refused: Refused, engine: Any) -> None:
    write_video("clip.mp4", iter([read_image("photo.png")] * 2), fps=8)
    Path("text.mp4").write_text("just text, no video\n")
    Path("cut.mp4").write_bytes(Path("clip.mp4").read_bytes()[:3000])
    Path("cut.png").write_bytes(Path("photo.png").read_bytes()[:9000])
    Image.new("RGB", (200, 32), "white").save("wide.png")
    Image.new("RGB", (333, 251)).save("black.png")
    assert told in refused(f"edit {line} --prompt 'a red ball' -o out.mp4")


GOES_ON = {
    "extend": "extend {} --after 0.5",
    "loop": "loop {} --seconds 0.5",
    "transition": "transition {} good.mp4 --seconds 0.5",
    "transition-to": "transition good.mp4 {} --seconds 0.5",
}
NO_VIDEOS: dict[str, str] = {
    "missing.mp4": "No such file",
    "text.mp4": "text.mp4",
    "empty.mp4": "is empty",
    "half.mp4": "half.mp4",
    "no-frames.mkv": "no-frames.mkv",
    "sound.wav": "holds no moving pictures",
    "sound.mp4": "holds no moving pictures",
    "photo.png": "is a still picture",
    "empty-folder": "empty-folder",
    "pipe.mp4": "not a regular file",
}


def video_file(
    path: str, frames: Iterable[np.ndarray[Any, Any]], *, codec: str = "libx264", pixels: str = "yuv420p",
    rotation: int = 0, times: Sequence[int] | None = None,
) -> None:  # fmt: skip
    """Write a video as others may, of 8 frames a second or at times counted in eighths of a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=8)
        stream.height, stream.width, stream.pix_fmt = 44, 72, pixels
        if rotation:
            stream.set_display_rotation(rotation)
        for number, frame in enumerate(frames):
            if not number:
                stream.height, stream.width = frame.shape[:2]
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 8)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def moving(*, height: int = 44, width: int = 72, length: int = 10) -> np.ndarray[Any, Any]:
    return square_over(ground(height, width), length=length, at=(20, 20), by=(2, 0), side=12)


def no_video(name: str, make_sound: Callable[..., Path]) -> None:
    """Write one of the things that are no videos."""
    video_file("good.mp4", moving())
    path = Path(name)
    match name:
        case "text.mp4":
            path.write_text("just text, no video\n")
        case "empty.mp4":
            path.touch()
        case "half.mp4":
            content = Path("good.mp4").read_bytes()
            path.write_bytes(content[: len(content) // 2])
        case "no-frames.mkv":
            video_file(name, [])
        case "sound.wav":
            make_sound(path, seconds=0.5)
        case "sound.mp4":
            with av.open(name, "w") as container:
                stream = container.add_stream("aac", rate=44_100)
                silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                silence.planes[0].update(bytes(4096))
                silence.sample_rate = 44_100
                container.mux(stream.encode(silence))
                container.mux(stream.encode(None))
        case "empty-folder":
            path.mkdir()
        case "pipe.mp4":
            os.mkfifo(path)


@pytest.mark.parametrize("job", GOES_ON)
@pytest.mark.parametrize("name", NO_VIDEOS)
def test_what_is_no_video_does_not_go_on(
    name: str, job: str, refused: Refused, engine: Any, make_sound: Callable[..., Path]
) -> None:
    no_video(name, make_sound)
    assert NO_VIDEOS[name] in refused(f"{GOES_ON[job].format(name)} -o out.mp4")


KINDS: dict[str, tuple[int, int, int]] = {
    "one.mp4": (1, 44, 72),
    "rotated.mp4": (10, 72, 44),
    "odd.mkv": (10, 45, 71),
    "alpha.mov": (10, 44, 72),
    "ten-bit.mp4": (10, 44, 72),
    "uneven.mkv": (12, 44, 72),
}
"""Videos of every kind, with the frames, height and width that they have."""


def write_kind(name: str) -> None:
    match name:
        case "one.mp4":
            video_file(name, moving(length=1))
        case "rotated.mp4":
            video_file(name, moving(), rotation=90)
        case "odd.mkv":
            video_file(name, moving(height=45, width=71), codec="ffv1", pixels="bgr0")
        case "alpha.mov":
            video_file(name, moving(), codec="qtrle", pixels="argb")
        case "ten-bit.mp4":
            video_file(name, moving(), pixels="yuv420p10le")
        case "uneven.mkv":
            video_file(name, moving(length=5), codec="ffv1", pixels="bgr0", times=[0, 1, 2, 6, 11])


@pytest.mark.parametrize("name", KINDS)
def test_videos_of_every_kind_go_on_with_their_own_frames_as_they_are(name: str, engine: Any) -> None:
    write_kind(name)
    with read_video(name) as video:
        own, fps = np.stack(list(video)), video.info.fps
    count, height, width = KINDS[name]
    assert own.shape[1:] == (height, width, 3)
    if name != "uneven.mkv":
        assert len(own) == count
    steps = max(1, round(fps / 2))
    for line, length in (
        (f"extend {name} --after 0.5 --before 0.5", len(own) + 2 * steps),
        (f"loop {name} --seconds 0.5", len(own) + steps),
        (f"transition {name} {name} --seconds 0.5", 2 * len(own) + steps),
    ):
        assert main([*shlex.split(line), "--seed", "1", "-o", "made"]) == 0
        with read_video("made") as video:
            made = np.stack(list(video))
        assert made.shape == (length, height, width, 3)
        begins = steps if line.startswith("extend") else 0
        np.testing.assert_array_equal(made[begins : begins + len(own)], own)
        shutil.rmtree("made")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("extend good.mp4", "nothing is to be added"),
        ("extend good.mp4 --after 601", "at most 600"),
        ("extend good.mp4 --after nan", "--after"),
        ("extend good.mp4 --after 0.5 --audio missing.wav", "No such file"),
        ("extend good.mp4 --after 0.5 --audio photo.png", "cannot be read as sound"),
        ("extend good.mp4 --after 0.5 --width 100 --height 100", "would stretch a picture of 72x44"),
        ("extend good.mp4 --after 0.5 --background-mask wide.png", "give both or neither"),
        *(
            (f"{line} --keep-background --background-mask {mask}", told)
            for line in ("extend good.mp4 --after 0.5", "loop good.mp4", "transition good.mp4 good.mp4")
            for mask, told in (
                ("wide.png", "wide.png has 200x32 pixels and the video 72x44"),
                ("missing.png", "No such file"),
                ("text.mp4", "text.mp4"),
            )
        ),
        ("extend good.mp4 --after 0.5 --window 99", "--window 99 is more than the 8 frames"),
        ("loop", "nothing to loop; give a video, or --prompt"),
        ("loop --prompt 'a ball' --mode outpaint", "a loop from words is made at once"),
        ("loop good.mp4 --seconds 0", "more than 0"),
        ("transition good.mp4 good.mp4 --audio loop", "--audio loop is for one video"),
        ("transition good.mp4 good.mp4 --seconds 61", "at most 60"),
    ],
)  # fmt: skip
def test_what_cannot_go_on_is_refused(line: str, told: str, refused: Refused, engine: Any) -> None:
    video_file("good.mp4", moving())
    Path("text.mp4").write_text("just text, no picture\n")
    Image.new("RGB", (200, 32), "white").save("wide.png")
    assert told in refused(f"{line} -o out.mp4")


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 48 KiB."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 48 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (48 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


LARGE = f"{TEXT} --width 256 --height 256 --num-frames 24 --seed 1"
OUTPUTS = ["out.mp4", "out.webm", "out.gif", "out.webp", "pictures"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    name: str, small_disk: Path, refused: Refused, engine: Any
) -> None:
    assert f"{name}' cannot be written: No space left on device" in refused(f"{LARGE} -o disk/{name}")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("name", OUTPUTS[:-1])
def test_a_file_that_may_not_grow_is_one_line_and_leaves_nothing(
    name: str, small_files: None, refused: Refused, engine: Any
) -> None:
    assert f"'{name}' cannot be written: File too large" in refused(f"{LARGE} -o {name}")


def test_a_failed_clip_leaves_the_earlier_one_as_it_was(
    small_files: None, refused: Refused, engine: Any
) -> None:
    Path("out.mp4").write_bytes(b"made before")
    refused(f"{LARGE} -o out.mp4")
    assert Path("out.mp4").read_bytes() == b"made before"


@pytest.mark.parametrize(
    "words",
    [
        ["text-to-video", ""],
        ["text-to-video", "a red ball", "--seconds", "-1"],
        ["text-to-video", "a red ball", "--colour", "red"],
        ["run", "missing\n\x1b[31m.json"],
    ],
)
def test_the_program_itself_refuses_in_one_line(words: list[str], folder: Path) -> None:
    before = contents(folder)
    ended = subprocess.run(
        [sys.executable, "-m", "videogen", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("videogen: ")
    assert ended.stderr.count("\n") == 1
    assert "\x1b" not in ended.stderr
    assert contents(folder) == before
