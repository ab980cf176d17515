"""From the command line: models of tiny random parts with everything that can be added to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from tests.tiny_diffusers import write
from tests.tiny_extras import controlnet, rand, sparse_control, write_ip_adapter
from videogen.cli import main
from videogen.conditions.reference import covering, to_frame, to_picture
from videogen.media.image import read_image
from videogen.media.provenance import read_record

INPUTS = Path(__file__).parent.parent.parent / "samples" / "inputs"
PORTRAIT, POSE = INPUTS / "puppet.png", INPUTS / "dance.json"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a ControlNet, one without, and what can be added, side by side."""
    where = tmp_path_factory.mktemp("parts")
    made = write(where / "posed", controlnet=True)
    write(where / "plain")
    for seed, name in enumerate(("one", "two"), 1):
        controlnet(made["unet"], seed=seed).save_pretrained(where / name)
    sparse_control(latents=True).save_pretrained(where / "rgb")
    write_ip_adapter(where / "models" / "ip-adapter_sd15.safetensors")
    layer = "unet.up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0"
    save_file(
        {f"{layer}.lora_A.weight": rand(2, 8, seed=1, scale=2.0),
         f"{layer}.lora_B.weight": rand(8, 2, seed=2, scale=2.0)},
        where / "style.safetensors",
    )  # fmt: skip
    return where


def made(out: Path, *words: Any) -> Any:
    """The frames that a command line makes."""
    assert main([*map(str, words), "--num-inference-steps", "2", "--seed", "1", "-o", str(out)]) == 0
    return frames_in(out)


def frames_in(folder: Path) -> Any:
    return np.stack([read_image(file) for file in sorted(folder.glob("*.png"))])


def animate(parts: Path, out: Path, *more: Any, model: str = "posed") -> Any:
    return made(
        out, "animate", PORTRAIT, "--pose", POSE, "--seconds", "0.25", "--width", "64",
        "--model", parts / model, *more,
    )  # fmt: skip


def text(parts: Path, out: Path, *more: Any, model: str = "plain") -> Any:
    size = ("--num-frames", "3", "--width", "32", "--height", "32")
    return made(out, "text-to-video", "a b", *size, "--model", parts / model, *more)


def test_a_controlnet_motion_modules_and_an_ip_adapter_animate_a_portrait(
    parts: Path, tmp_path: Path
) -> None:
    adapter = parts / "models" / "ip-adapter_sd15.safetensors"
    plain = animate(parts, tmp_path / "plain")
    shown = animate(parts, tmp_path / "shown", "--ip-adapter", adapter)
    less = animate(parts, tmp_path / "less", "--ip-adapter", f"{adapter}@0.3")
    off = animate(parts, tmp_path / "off", "--ip-adapter", f"{adapter}@0")
    assert (plain != shown).any()
    assert (shown != less).any()
    np.testing.assert_array_equal(off, plain)
    record = read_record(tmp_path / "less")
    assert record["request"]["ip_adapter"] == f"{adapter}@0.3"
    assert "ip_adapter/ip-adapter_sd15.safetensors" in record["weights"]


def test_a_controlnet_reads_what_is_drawn_of_a_video(
    parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = ("--pose", PORTRAIT, "--control", "canny", "--controlnet", parts / "one", "--width", "64")
    for name, drawer in (("edges", lambda frame: 255 - frame), ("depth", lambda frame: frame)):
        monkeypatch.setattr("videogen.jobs.shapes.load_map_drawer", lambda *_, drawer=drawer, **__: drawer)
        words = ("text-to-video", "a cat", "--model", parts / "plain", "--height", "32")
        assert made(tmp_path / f"{name}-words", *words, *video).shape == (1, 32, 64, 3)
        frames = made(tmp_path / name, "animate", PORTRAIT, "--model", parts / "plain", *video)
        assert frames.shape == (1, 64, 64, 3)
    for end in ("", "-words"):
        assert (frames_in(tmp_path / f"edges{end}") != frames_in(tmp_path / f"depth{end}")).any()


def test_controlnets_are_added_to_the_model_s_own(parts: Path, tmp_path: Path) -> None:
    chosen = [(), ("one",), ("two",), ("one", "two"), ("one@0",), ("one@1@0-0.5",), ("one@1@0.5-1",)]
    clips = []
    for number, names in enumerate(chosen):
        flags = [word for name in names for word in ("--controlnet", parts / name)]
        clips.append(animate(parts, tmp_path / f"{number}", *flags))
    np.testing.assert_array_equal(clips[4], clips[0])
    kinds = [0, 1, 2, 3, 5, 6]
    same = [(a, b) for a in kinds for b in kinds if a < b and (clips[a] == clips[b]).all()]
    assert not same


def test_a_controlnet_makes_a_model_read_poses(parts: Path, tmp_path: Path) -> None:
    assert len(animate(parts, tmp_path / "a", "--controlnet", parts / "one", model="plain")) > 1


def test_keyframes_and_a_reference_change_a_clip_from_words(parts: Path, tmp_path: Path) -> None:
    sparse = ("--sparse-control", parts / "rgb", "--keyframe", f"0={PORTRAIT}")
    shown = ("--ip-adapter", parts / "models" / "ip-adapter_sd15.safetensors", "--reference", PORTRAIT)
    clips = [
        text(parts, tmp_path / f"{number}", *more)
        for number, more in enumerate(
            [(), sparse, (*sparse, "--keyframe", f"0.25={PORTRAIT}"), shown, (*shown, *sparse),
             ("--lora", parts / "style.safetensors"), ("--lora", f"{parts / 'style.safetensors'}@-1")]
        )
    ]  # fmt: skip
    same = [(a, b) for a in range(7) for b in range(a) if (clips[a] == clips[b]).all()]
    assert not same


def test_an_output_with_additions_is_made_again_from_itself(parts: Path, tmp_path: Path) -> None:
    more = ("--lora", f"{parts / 'style.safetensors'}@0.7", "--sparse-control", f"{parts / 'rgb'}@0.9@0-0.8")
    first = text(parts, tmp_path / "a", *more, "--keyframe", f"0.125={PORTRAIT}")
    assert main(["run", str(tmp_path / "a"), "-o", str(tmp_path / "b")]) == 0
    np.testing.assert_array_equal(frames_in(tmp_path / "b"), first)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--reference {portrait} --model {parts}/plain", "looks at no pictures; add --ip-adapter"),
        ("--keyframe 0={portrait} --model {parts}/plain", "reads no keyframes; add --sparse-control"),
        ("--lora {parts}/style.safetensors", "--lora can only be added to a model of Stable"),
        ("--lora {parts}/none.ckpt --model {parts}/plain", "none.ckpt is not there"),
        (
            "--lora {parts}/models/ip-adapter_sd15.safetensors --model {parts}/plain",
            "is no LoRA (IP-Adapter); --lora takes",
        ),
        ("--lora {parts}/one/{file} --model {parts}/plain", "is no LoRA (ControlNet); --lora takes"),
        (
            "--ip-adapter {parts}/none.bin --reference {portrait} --model {parts}/plain",
            "none.bin is not there; give a file of weights",
        ),
        ("--controlnet {parts}/one --model {parts}/plain", "--controlnet reads a pose; give one"),
        ("--keyframe 9={portrait} --model {parts}/plain --sparse-control {parts}/rgb", "lies outside"),
    ],
)
def test_what_cannot_be_added_is_one_line(
    parts: Path, tmp_path: Path, words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.mp4"
    line = [
        word.format(parts=parts, portrait=PORTRAIT, file="diffusion_pytorch_model.safetensors")
        for word in words.split()
    ]
    assert main(["text-to-video", "a", *line, "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_pocket_goes_on_from_a_keyframe(tmp_path: Path) -> None:
    frames = made(
        tmp_path / "a", "text-to-video", "a red ball bounces on green grass", "--num-frames", "4",
        "--keyframe", f"0={INPUTS / 'portrait.png'}", "--no-plan",
    )  # fmt: skip
    height, width = frames.shape[1:3]
    given = to_frame(covering(to_picture(read_image(INPUTS / "portrait.png")), height, width)[0])
    apart = [np.abs(frame.astype(float) - given).mean() for frame in frames]
    assert apart[0] < 15
    assert apart[0] == min(apart)
