"""What --dry-run says is what is made then, and nothing is loaded or written for it."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import videogen as vg
from tests.bettering import without_weights
from videogen.cli import main
from videogen.dry_run import finished_outline
from videogen.jobs import jobs
from videogen.jobs.outline import Outline, Row, outlined, rows_of
from videogen.media.image import read_image
from videogen.media.video import write_video
from videogen.model_request import ModelRequest
from videogen.weights.ahead import look_ahead
from videogen.weights.installed import POCKET

REQUESTS: list[vg.Request] = [
    vg.TextToVideo("a red ball", seed=1),
    vg.TextToVideo("a red ball", seed=1, num_frames=17, width=64, mode="outpaint", context=2),
    vg.TextToVideo("a red ball", seed=1, seconds=1.5, fps=12, windows="original"),
    vg.TextToVideo("a red ball", seed=1, pose="pose.json"),
    vg.Animate("photo.png", pose="pose.json", seed=1),
    vg.Animate("photo.png", pose="pose.json", seed=1, side_by_side=True, width=200, seconds=0.5),
    vg.ImageToVideo("plain.png", seed=1, num_frames=9, prompt="a blue ball"),
    vg.ImageToVideo("plain.png", seed=1, width=64, prompt="a red ball"),
    vg.TextToVideo("a red ball", seed=1, num_frames=17, window=6, overlap=1),
    vg.TextToVideo("a red ball", seed=1, num_frames=17, anchor_frame=True),
    vg.Extend("clip", after=1, seed=1, prompt="a red ball"),
    vg.Extend("clip", after=0.5, before=1, seed=1, context=2, fps=12),
    vg.Extend("clip", after=0.5, before=1, seed=1, mode="joint", width=200),
    vg.Extend("clip", after=1, seed=1, overlap=1, window=6),
    vg.Loop("clip", seed=1),
    vg.Loop("clip", seed=1, mode="outpaint", seconds=2),
    vg.Loop(seed=1, prompt="a red ball", seconds=1.5),
    vg.Transition("clip", "clip", seed=1, prompt="a blue ball", carry=False),
    vg.Transition("clip", "clip", seed=1, mode="outpaint", window=6),
    vg.Edit("clip", seed=1, prompt="a red ball"),
    vg.Edit("clip", seed=1, prompt="a red ball", strength=0.4, seconds=0.5, width=200),
    vg.Edit("clip", seed=1, prompt="a red ball", strength=0),
    vg.Illusion("a red ball", other_prompt="a blue square", seed=1, num_frames=9),
]
BETTERED: list[vg.Request] = [
    vg.Interpolate("clip"),
    vg.Interpolate("clip", fps=20, slow_motion=2),
    vg.Interpolate("clip", factor=3, scale=2),
    vg.Interpolate("clip", fps=3),
    vg.Upscale("clip"),
    vg.Upscale("clip", height=600),
    vg.TextToVideo("a red ball", seed=1, interpolate=3, upscale=2),
    vg.Extend("clip", after=0.5, seed=1, upscale=4),
]
LINE = re.compile(r"(\S+): (\d+) frames of (\d+)x(\d+) at (\S+) frames a second, (\S+) s, about .*")


@pytest.fixture
def inputs(portrait_folder: Path) -> Path:
    (portrait_folder / "plain.png").write_bytes((portrait_folder / "photo.png").read_bytes())
    write_video("clip", iter([read_image("photo.png")] * 7), fps=8)
    return portrait_folder


def made_anew(request: Any, length: int) -> set[int]:
    """The numbers of the frames that a job makes."""
    rate, count = request.rate(Fraction(8)), 7
    shown = count if request.fps is None else count * int(request.fps) // 8 + 1
    match request:
        case vg.Extend():
            before = round(Fraction(request.before) * rate)
            return {*range(before), *range(before + shown, length)}
        case vg.Loop(video=Path()):
            return set(range(shown, length))
        case vg.Transition():
            return set(range(shown, length - shown))
        case vg.Edit(strength=0):
            return set()
        case vg.ImageToVideo():
            return set(range(1, length))
    return set(range(length))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.job)
def test_the_outline_is_what_is_made(request_: Any, fake_engine: Any, inputs: Path) -> None:
    make = jobs()[request_.job].outline
    assert make is not None
    outline = make(request_, fake_engine.spec)
    clip = vg.run(request_, engine=fake_engine)
    assert clip.frames.shape == (outline.length, outline.height, outline.width, 3)
    assert clip.fps == outline.fps
    assert {number for row in outline.rows for number in row.made} == made_anew(request_, outline.length)
    assert not any({*row.made} & {*row.known} for row in outline.rows)
    if request_.job not in ("animate", "image-to-video"):
        assert outline.calls == pytest.approx(sum(fake_engine.rows), rel=0.35)


def test_every_job_that_is_told_here_has_an_outline() -> None:
    assert {request.job for request in [*REQUESTS, *BETTERED]} == set(jobs())


@pytest.mark.parametrize("request_", BETTERED, ids=lambda request: request.job)
def test_the_outline_of_what_is_bettered_is_what_is_made(
    request_: Any, fake_engine: Any, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_weights(monkeypatch)
    make = jobs()[request_.job].outline
    assert make is not None
    outline = finished_outline(request_, make(request_, fake_engine.spec))
    clip = vg.run(request_, engine=fake_engine if isinstance(request_, ModelRequest) else None)
    assert clip.frames.shape == (outline.length, outline.height, outline.width, 3)
    assert clip.fps == outline.fps


def test_a_film_s_own_frames_are_drawn_as_known(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interpolate", "clip", "--factor", "3", "--dry-run", "-o", "a.mp4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.mp4: 21 frames of 333x251 at 24 frames a second, 0.88 s, about ")
    assert lines[2] == "=##" * 7
    assert not [line for line in lines if line.startswith("latents")]
    assert lines[-1].startswith("reads clip (")


def outline_of(request: Any, spec: Any, **more: Any) -> Outline:
    return outlined(
        request, spec, length=20, fps=Fraction(8), size=(32, 32), grid=(32, 32), **{"scale": 2.0, **more}
    )


def test_pieces_and_windows_are_drawn_a_line_each(fake_engine: Any) -> None:
    spec = SimpleNamespace(**{**vars(fake_engine.spec), "window": 8})
    pieces = outline_of(vg.TextToVideo("a", mode="outpaint", context=2), spec)
    assert list(pieces.picture()) == [
        "########............",
        "......==######......",
        "............==######",
    ]
    joint = outline_of(vg.TextToVideo("a"), spec)
    assert list(joint.picture()) == [
        "########............",
        "......########......",
        "............########",
    ]
    ring = rows_of(vg.TextToVideo("a"), spec, length=20, ring=True)
    assert any({0, 19} <= {*row.made} for row in ring)


def test_long_clips_are_drawn_in_a_hundred_columns() -> None:
    outline = Outline(1000, Fraction(8), 8, 8, (8, 8), (Row(range(10, 1000), range(10)),), calls=1)
    assert list(outline.picture()) == ["=" + 99 * "#"]


def test_guidance_resampling_and_parts_of_the_schedule_are_counted(fake_engine: Any) -> None:
    spec = fake_engine.spec
    joint = len(outline_of(vg.TextToVideo("a"), spec).rows)
    assert outline_of(vg.TextToVideo("a"), spec).calls == 2 * 3 * joint
    assert outline_of(vg.TextToVideo("a"), spec, scale=1.0).calls == 3 * joint
    some = vg.TextToVideo("a", guidance_end=0.5, num_inference_steps=10)
    assert outline_of(some, spec).calls == 15 * joint
    again = vg.TextToVideo("a", resamplings=3)
    assert outline_of(again, spec, known=range(2)).calls > outline_of(again, spec).calls


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr("videogen.clip.load_engine", refuse)
    monkeypatch.setattr("safetensors.safe_open", refuse)


@pytest.mark.parametrize("model", ["pocket", str(POCKET)])
def test_the_command_line_says_it_all_and_writes_nothing(
    model: str, inputs: Path, nothing_loaded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sorted(path.name for path in inputs.iterdir())
    words = ["animate", "photo.png", "--pose", "pose.json", "--model", model, "--dry-run"]
    assert main([*words, "-o", "a.gif"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    found = LINE.fullmatch(lines[0])
    assert found is not None
    assert found.groups() == ("a.gif", "8", "333", "251", "8", "1.00")
    assert lines[1].startswith("latents 8 x 8 x ")
    assert "########" in lines
    assert any(line.startswith("memory at its peak about ") for line in lines)
    assert sorted(line.split()[1] for line in lines if line.startswith("reads ")) == [
        "photo.json", "photo.png", "pose.json",
    ]  # fmt: skip
    assert sorted(path.name for path in inputs.iterdir()) == there


def test_a_dry_run_refuses_what_the_run_would(
    inputs: Path, nothing_loaded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (
        "animate missing.png --pose pose.json",
        "text-to-video a --width 20",
        "text-to-video a -o .",
    ):
        assert main([*line.split(), "--dry-run"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("model", ["animatediff", "magicanimate", "animate-anyone"])
def test_presets_are_known_ahead(model: str) -> None:
    ahead = look_ahead(model)
    assert (ahead.spec.width, ahead.spec.latent_channels, ahead.spec.vae_scale_factor) == (512, 4, 8)
    assert ahead.spec.pose_guidance == {"magicanimate": 7.5, "animate-anyone": 3.5}.get(model, 1.0)
    assert ahead.size > 1e9


def test_what_cannot_be_known_is_said(tmp_path: Path) -> None:
    for model in ("svd", "modelscope"):
        with pytest.raises(vg.CheckpointError, match="not known before its weights are read"):
            look_ahead(model)
    with pytest.raises(vg.CheckpointError):
        look_ahead(str(tmp_path))


def test_folders_of_public_models_are_read_from_their_settings(tmp_path: Path) -> None:
    unet = {"sample_size": 96, "num_frames": 14, "block_out_channels": [320, 640]}
    vae = {"block_out_channels": [128, 256, 512, 512], "latent_channels": 4}

    def write(name: str, values: dict[str, Any]) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(values))

    write("model_index.json", {"_class_name": "StableVideoDiffusionPipeline"})
    write("unet/config.json", unet)
    write("vae/config.json", vae)
    ahead = look_ahead(str(tmp_path))
    assert (ahead.spec.num_frames, ahead.spec.width, ahead.width) == (14, 1024, 320)
    write("model_index.json", {"_class_name": "TextToVideoSDPipeline"})
    assert look_ahead(str(tmp_path)).spec.num_inference_steps == 50
    write("model_index.json", {"_class_name": "AnimateDiffPipeline"})
    assert look_ahead(str(tmp_path)).spec.width == 768
