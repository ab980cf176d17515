"""The command line: what it makes, what it refuses, and how it says so."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import videogen as vg
from videogen.bench.figures import Evaluation
from videogen.cli import commands, main, parse
from videogen.jobs import jobs
from videogen.media.provenance import read_record
from videogen.weights.installed import POCKET

ASK = ["text-to-video", "a red ball", "--seed", "3"]


@pytest.fixture
def engine(fake_engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr("videogen.clip.load_engine", lambda *_, **__: fake_engine)
    monkeypatch.chdir(tmp_path)
    return fake_engine


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the engine was loaded")

    monkeypatch.setattr("videogen.clip.load_engine", refuse)
    monkeypatch.chdir(tmp_path)


def test_a_sentence_becomes_a_file_with_its_request_inside(
    engine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ASK, "-o", "ball.mp4"]) == 0
    request = read_record("ball.mp4")["request"]
    assert request == vg.TextToVideo("a red ball", seed=3).to_values()
    assert re.fullmatch(r"ball\.mp4 \(seed 3\): flicker \d+\.\d\d %\n", capsys.readouterr().out)


def test_the_numbers_of_a_clip_are_told_and_stored(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    long = ["--mode", "outpaint", "--context", "2", "--num-frames", "20"]
    assert main([*ASK, *long, "-o", "ball.webp"]) == 0
    numbers = read_record("ball.webp")["numbers"]
    assert list(numbers) == ["boundary", "boundary_mean", "drift", "flicker"]
    assert f"boundary {numbers['boundary']:.2f}, boundary mean" in capsys.readouterr().out
    assert main(["show", "ball.webp"]) == 0
    assert json.loads(capsys.readouterr().out)["numbers"] == numbers


@pytest.mark.parametrize(
    ("check", "code", "told"),
    [
        ([], 0, ""),
        (["--check"], 3, "videogen: flicker is 12.84 %, above its limit of 1 %\n"),
        (["--check", "flicker=inf"], 0, ""),
        (["--check=flicker=13.5,seam=1"], 0, ""),
        (["--check", "flicker=9.5"], 3, "videogen: flicker is 12.84 %, above its limit of 9.5 %\n"),
    ],
)
def test_check_ends_with_three_where_a_number_is_above_its_limit(
    engine: Any, capsys: pytest.CaptureFixture[str], check: list[str], code: int, told: str
) -> None:
    assert main([*ASK[:1], *check, *ASK[1:], "-o", "ball.mp4"]) == code
    assert capsys.readouterr().err == told
    assert Path("ball.mp4").exists()
    assert main(["run", "ball.mp4", "-o", "again.mp4", *check]) == code


def test_run_repeats_a_file_byte_by_byte(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, "--fps", "30000/1001", "-o", "ball.mp4"]) == 0
    assert main(["run", "ball.mp4", "-o", "again.mp4"]) == 0
    assert Path("ball.mp4").read_bytes() == Path("again.mp4").read_bytes()
    assert capsys.readouterr().err == ""


def test_run_takes_a_request_as_json(engine: Any) -> None:
    Path("ask.json").write_text(vg.TextToVideo("a red ball", seed=3).to_json(), encoding="utf-8")
    assert main(["run", "ask.json", "-o", "a.mp4"]) == 0
    assert main([*ASK, "-o", "b.mp4"]) == 0
    assert Path("a.mp4").read_bytes() == Path("b.mp4").read_bytes()


def test_run_says_when_the_weights_are_others(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main([*ASK, "-o", "ball.mp4"])
    engine.hashes = {"unet/model.safetensors": "cd" * 32}
    assert main(["run", "ball.mp4", "-o", "again.mp4"]) == 0
    assert "other weights" in capsys.readouterr().err


def test_show_prints_the_record_as_json(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main([*ASK, "-o", "ball.mp4"])
    capsys.readouterr()
    assert main(["show", "ball.mp4"]) == 0
    assert json.loads(capsys.readouterr().out) == read_record("ball.mp4")


def test_an_output_without_a_name_never_takes_the_place_of_another(engine: Any) -> None:
    for _ in range(3):
        assert main(ASK) == 0
    names = sorted(path.name for path in Path().iterdir())
    assert names == ["text-to-video-3-2.mp4", "text-to-video-3-3.mp4", "text-to-video-3.mp4"]


def test_unknown_words_are_named_on_the_standard_error(
    engine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["text-to-video", "a [bold]zebra", "-o", "z.mp4"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("videogen: the model does not know '[bold]zebra'")


FILES: dict[str, bytes] = {
    "text.mp4": b"just text, no video",
    "empty.mp4": b"",
    "broken.json": b"{",
    "list.json": b"[]",
    "latin.json": b'{"job": "\xe9"}',
    "foreign.json": b'{"job": "mow-the-lawn"}',
    "bad.json": b'{"job": "text-to-video", "prompt": "a", "seconds": -1}',
    "nan.json": b'{"job": "text-to-video", "prompt": "a", "seconds": NaN}',
}
BAD = [
    "text-to-video ''",
    "text-to-video '   ' -o a.mp4",
    f"text-to-video '{'word ' * 5000}' -o a.mp4",
    "text-to-video ball --seconds 0",
    "text-to-video ball --seconds -1",
    "text-to-video ball --seconds nan",
    "text-to-video ball --seconds 1e12",
    "text-to-video ball --seconds soon",
    "text-to-video ball --seconds 1 --num-frames 8",
    "text-to-video ball --width 20000",
    "text-to-video ball --seed -1",
    "text-to-video ball --fps 1/0",
    "text-to-video ball -o .",
    "text-to-video ball -o missing/a.mp4",
    "text-to-video ball -o text.mp4/a.mp4",
    "text-to-video ball -o a.docx",
    "text-to-video ball --check flicker=",
    "text-to-video ball --check speed=1",
    "text-to-video ball --check seam=-1",
    "text-to-video ball --check seam=nan",
    "text-to-video ball --again",
    "text-to-video ball --job text.mp4",
    "text-to-video ball --job missing/job",
    "resume missing",
    "resume .",
    "run missing.mp4",
    "run .",
    "run text.mp4",
    "run empty.mp4",
    "run missing.json",
    "run broken.json",
    "run list.json",
    "run latin.json",
    "run foreign.json",
    "run bad.json",
    "run nan.json",
    "show text.mp4",
    "show missing.mp4",
    "train pocket --minutes 0",
    "train pocket --minutes nan",
    "train pocket --minutes 1 --evaluate-minutes 0",
    "evaluate --clips 0",
    "evaluate --media missing",
    "evaluate --part upscaling",
    "evaluate --clips 10001",
    "evaluate -o scores.txt",
    "evaluate -o missing/scores.json",
]


@pytest.mark.parametrize("line", BAD, ids=[line[:40] for line in BAD])
def test_bad_input_is_one_line_exit_two_and_no_file(
    line: str, no_engine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    assert main(shlex.split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("videogen: ")
    assert err.count("\n") == 1
    assert {path.name for path in Path().iterdir()} == FILES.keys()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "",
            "Expected one of {text-to-video, animate, image-to-video, extend, loop, transition, edit, "
            "illusion, interpolate, upscale, pose, run, resume, show, variations, remix, sweep, models, "
            "inspect, train, evaluate}; see: videogen --help",
        ),
        ("dance", "Unrecognized options: dance; Available subcommands: text-to-video, animate, image-to-vid"),
        ("text-to-video", "Missing from videogen text-to-video: PROMPT; see: videogen text-to-video --help"),
        ("animate", "Missing from videogen animate: PORTRAIT --pose FILE; see: videogen animate --help"),
        ("text-to-video a --sed 1", "Unrecognized options: --sed, 1; Perhaps you meant: --seed INT"),
        ("text-to-video a --device gpu", "invalid choice 'gpu' for argument '--device'. Expected one of "),
        ("text-to-video a --seconds", "Missing value for argument '--seconds'"),
        ("train teapot", "invalid choice 'teapot' for argument 'model'"),
        (
            "evaluate --clips some",
            "Error parsing --clips: invalid literal for int() with base 10: 'some'; see: ",
        ),
    ],
)
@pytest.mark.parametrize("columns", ["40", "200"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_usage_error_is_one_line_too(
    line: str, told: str, columns: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("COLUMNS", columns)
    assert main(shlex.split(line)) == 2
    assert out.buffer.getvalue() == b""
    said = err.buffer.getvalue().decode(encoding)
    assert said.startswith(f"videogen: {told}")
    assert said.count("\n") == 1
    assert "─" not in said
    assert "--- " not in said


@pytest.mark.parametrize("name", ["", *commands()])
def test_help_comes_with_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*name.split(), "--help"])
    assert caught.value.code == 0
    assert f"usage: videogen {name}".strip() in capsys.readouterr().out


@pytest.mark.parametrize("name", list(jobs()))
def test_a_job_s_flags_are_its_request_s_fields(name: str) -> None:
    flags = {item.name for item in fields(commands()[name])}
    assert flags == {*jobs()[name].request.model_fields, "output", "check", "job", "again", "dry_run"}


def test_flags_reach_the_request() -> None:
    command: Any = parse(
        shlex.split("text-to-video 'a ball' --seconds 1.5 --fps 24 --width 64 --device cpu -o x.gif")
    )
    assert command.request() == vg.TextToVideo("a ball", seconds=1.5, fps=24, width=64, device="cpu")
    assert command.output == Path("x.gif")
    command = parse(shlex.split("text-to-video a --lora x@0.5 --lora y --keyframe 0=a.png --lora z"))
    assert command.request() == vg.TextToVideo("a", lora=("x@0.5", "y", "z"), keyframe=("0=a.png",))


def test_ctrl_c_ends_cleanly_and_says_how_to_repeat(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(latents: Any) -> Any:
        raise KeyboardInterrupt

    engine.decode_video = interrupted
    assert main([*ASK, "-o", "ball.mp4"]) == 130
    err = capsys.readouterr().err
    assert "--seed 3" in err
    assert "videogen text-to-video 'a red ball'" in err
    assert list(Path().iterdir()) == []


def test_training_is_called_with_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def train_pocket(*, directory: Path, **given: Any) -> Path:
        asked.update(given, directory=directory)
        logging.getLogger("videogen.training.loop").info("step 1")
        return directory / "export"

    module = ModuleType("videogen.training.pocket")
    module.train_pocket = train_pocket
    monkeypatch.setitem(sys.modules, "videogen.training.pocket", module)
    assert main(shlex.split("train pocket --minutes 2.5 --device cpu --resume here")) == 0
    plain = {"stage": "all", "init": None, "evaluate": None, "evaluate_minutes": 30.0}
    assert asked == {"minutes": 2.5, "device": "cpu", "directory": Path("here"), **plain}
    assert capsys.readouterr() == ("here/export\n", "videogen: step 1\n")
    assert main(shlex.split("train pocket --minutes 1 --stage unet --init pocket --evaluate-minutes 5")) == 0
    assert (asked["stage"], asked["init"], asked["evaluate_minutes"]) == ("unet", "pocket", 5.0)
    assert asked["evaluate"] is not None


def test_evaluate_prints_and_writes_the_figures(
    engine: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def evaluate(
        given: Any, *, clips: int, parts: Any, media: Path | None, progress: Callable[[], None]
    ) -> Evaluation:
        assert given is engine
        asked.update(parts=tuple(parts), media=media)
        for _ in range(2 * clips):
            progress()
        found = Evaluation()
        for value in range(clips):
            found.add("likeness", "made", value)
        found.show("text", np.zeros((4, 8, 8, 3), np.uint8))
        return found

    monkeypatch.setattr("videogen.bench.suite.evaluate", evaluate)
    assert main(shlex.split("evaluate --clips 3 -o scores.json --sheets sheets")) == 0
    printed = capsys.readouterr()
    assert "| pocket, 3 clips of each kind |" in printed.out
    assert "| likeness | 1.000 |" in printed.out
    assert printed.err == ""
    assert json.loads(Path("scores.json").read_text())["scores"]["likeness"] == {"made": 1.0, "clips": 3}
    assert Path("sheets/text.png").stat().st_size > 0
    assert asked["parts"] == (
        "autoencoder",
        "planner",
        "text",
        "pairs",
        "people",
        "agreement",
        "pose",
        "builds",
        "photographs",
        "between",
        "continuing",
        "illusion",
        "interpolation",
        "upscaling",
    )
    assert main(shlex.split("evaluate --clips 3 --part pose -o scores.md")) == 0
    assert asked["parts"] == ("pose",)
    assert Path("scores.md").read_text() == printed.out


def test_evaluate_loads_the_model_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}

    def load_engine(model: str, *, device: str, precision: str) -> Any:
        asked.update(model=model, device=device)
        raise vg.CheckpointError("no such model")

    monkeypatch.setattr("videogen.clip.load_engine", load_engine)
    assert main(shlex.split("evaluate --model mine --device cpu")) == 2
    assert asked == {"model": "mine", "device": "cpu"}


def test_models_lists_pocket_and_every_preset_with_what_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "v3_sd15_mm.ckpt").touch()
    assert main(["models", "--weights", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("pocket ")
    assert {line.split()[0] for line in out.splitlines()} >= {"animatediff", "magicanimate", "svd"}
    assert str(tmp_path / "v3_sd15_mm.ckpt") in out


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"videogen {vg.__version__}\n"


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_python_m_videogen_is_the_command_line() -> None:
    ended = python("-m", "videogen", "text-to-video", "")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("line", ["models", "--help", "--version", "inspect {pocket}", "show {clip}"])
def test_a_reader_that_has_seen_enough_ends_the_program_quietly(
    line: str, fake_engine: Any, tmp_path: Path
) -> None:
    clip = tmp_path / "ball.mp4"
    vg.render(vg.TextToVideo("a red ball", seed=3), clip, engine=fake_engine)
    words = line.format(pocket=POCKET, clip=clip).split()
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "videogen", *words], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from videogen.cli import main\n"
        "try: main(['text-to-video', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'av', 'scipy'} & set(sys.modules)))"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "[]"


def test_a_bar_is_drawn_on_a_terminal_and_only_there() -> None:
    from rich.console import Console

    from videogen.console import progress_bar

    def drawn(*, terminal: bool, stage: str = "denoising") -> str:
        stream = io.StringIO()
        with progress_bar(Console(file=stream, force_terminal=terminal, width=80)) as progress:
            progress("loading", 0, None)
            for done in (1, 3, 8) if stage == "frames" else (3,):
                time.sleep(0.02)
                progress(stage, done, 12)
        return stream.getvalue()

    assert "denoising" in drawn(terminal=True)
    assert "3/12" in drawn(terminal=True)
    assert "frames/s" not in drawn(terminal=True)
    assert re.search(r"8/12.*\d\.\d frames/s.*0:00:0", drawn(terminal=True, stage="frames"))
    assert drawn(terminal=False) == ""


def test_a_stopped_job_says_how_to_go_on_and_does(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    whole = engine.decode_video

    def interrupted(latents: Any) -> Any:
        raise KeyboardInterrupt

    engine.decode_video = interrupted
    assert main([*ASK, "-o", "ball.mp4", "--job", "my job"]) == 130
    assert "videogen: go on with: videogen resume 'my job'\n" in capsys.readouterr().err
    engine.decode_video = whole
    assert main(["resume", "my job", "--check", "flicker=inf"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith(f"{Path('ball.mp4').absolute()} (seed 3): flicker")
    assert err == ""
    assert main([*ASK, "-o", "plain.mp4"]) == 0
    assert Path("ball.mp4").read_bytes() == Path("plain.mp4").read_bytes()


def test_a_job_without_a_seed_keeps_the_one_that_was_drawn(engine: Any) -> None:
    for _ in range(2):
        assert main(["text-to-video", "a red ball", "-o", "ball.mp4", "--job", "job"]) == 0
