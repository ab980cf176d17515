"""Several clips of one stored request, on an engine without networks."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from videogen import several
from videogen.cli import main
from videogen.clip import render
from videogen.media.image import read_image
from videogen.media.provenance import read_record
from videogen.media.video import read_video
from videogen.several import changed, combinations, other_seeds, remixed

REQUEST = vg.TextToVideo("a red ball", seed=7, num_frames=3, num_inference_steps=2)
Told = Callable[[str], tuple[int, str, str]]


@pytest.fixture(autouse=True)
def asked(
    asked_engines: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """The engines that are asked for; the current folder holds a clip and a request as JSON."""
    monkeypatch.chdir(tmp_path)
    render(REQUEST, "ball.mp4")
    Path("ball.json").write_text(REQUEST.to_json())
    asked_engines.clear()
    return asked_engines


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def run(line: str) -> tuple[int, str, str]:
        code = main(shlex.split(line))
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def request_in(path: str | Path) -> dict[str, Any]:
    values: dict[str, Any] = read_record(path)["request"]
    return values


@pytest.mark.parametrize("source", ["ball.mp4", "ball.json"])
def test_variations_differ_in_their_seeds_alone(source: str, told: Told) -> None:
    code, out, _ = told(f"variations {source} -n 3 -o many")
    assert code == 0
    assert out.splitlines()[-1] == "many/sheet.png"
    clips = sorted(Path("many").glob("*.mp4"))
    assert [clip.stem for clip in clips] == ["seed-10", "seed-8", "seed-9"]
    own = request_in("ball.mp4")
    for clip in clips:
        assert {**request_in(clip), "seed": 7} == own
    assert len({clip.read_bytes() for clip in clips}) == 3


def test_a_sweep_over_two_fields_is_a_grid(told: Told) -> None:
    code, out, _ = told("sweep ball.mp4 --over guidance_scale=1,3.5 --over seed=1,2,3 -o grid")
    assert code == 0
    assert out.count(".mp4 (") == 6
    found = [
        (request_in(clip)["guidance_scale"], request_in(clip)["seed"])
        for clip in sorted(Path("grid").glob("*.mp4"))
    ]
    assert found == [(scale, seed) for scale in (1.0, 3.5) for seed in (1, 2, 3)]
    sheet = read_image("grid/sheet.png")
    rows, columns = combinations_shape(sheet)
    assert (rows, columns) == (2, 3)
    assert read_record("grid/sheet.png")["synthetic"] is True


def combinations_shape(sheet: np.ndarray[Any, Any]) -> tuple[int, int]:
    """How many pictures stand below and beside one another: frames of 32 pixels, three of them a clip."""
    return round(sheet.shape[0] / (32 + 16 + 8)), round(sheet.shape[1] / (3 * 33 + 8))


def test_prompts_are_values_like_others_and_may_hold_the_stored_one(told: Told) -> None:
    code, out, _ = told("sweep ball.mp4 --over 'prompt={prompt}; a blue square, {prompt}' -o styles")
    assert code == 0
    prompts = [request_in(clip)["prompt"] for clip in sorted(Path("styles").glob("*.mp4"))]
    assert prompts == ["a red ball", "a blue square, a red ball"]
    assert "styles/001-prompt-a-blue-square-a-red-ball.mp4 (prompt a blue square, a red ball)" in out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "sweep ball.mp4 --over guidance_scal=1,2 -o out",
            "no setting 'guidance_scal'; did you mean 'guidance_scale'?",
        ),
        ("sweep ball.mp4 --over seed=1,two -o out", "--seed was given as 'two'"),
        ("sweep ball.mp4 --over seed=1,1.5 -o out", "--seed was given as '1.5'"),
        ("sweep ball.mp4 --over num_inference_steps=5,999 -o out", "at most 200"),
        ("sweep ball.mp4 --over seed -o out", "expected FIELD=VALUE"),
        ("sweep ball.mp4 --over seed= -o out", "has no values"),
        ("sweep ball.mp4 -o out", "0 fields were given"),
        ("sweep ball.mp4 --over seed=1 --over seed=2 -o out", "given twice"),
        ("sweep ball.mp4 --over seed=1 --over fps=8 --over width=32 -o out", "3 fields were given"),
        ("sweep ball.mp4 --over prompt=' ; ' -o out", "has no values"),
        ("variations ball.mp4 -n 0 -o out", "-n was given as 0"),
        ("variations ball.mp4 -n 201 -o out", "-n was given as 201"),
        ("variations missing.mp4 -o out", "No such file"),
        ("variations ball.mp4 -o missing/out", "cannot be made a folder"),
        ("variations ball.mp4 -o ball.json", "cannot be made a folder"),
        ("remix ball.mp4 -o out.mp4", "nothing is changed"),
        ("remix ball.mp4 --prompt '' -o out.mp4", "prompt: it is empty"),
        ("remix ball.mp4 --set colour=red -o out.mp4", "no setting 'colour'"),
        ("remix ball.mp4 --set seed -o out.mp4", "expected FIELD=VALUE"),
    ],
)
def test_what_cannot_be_is_refused_before_any_clip_is_made(
    line: str, reason: str, told: Told, asked: list[dict[str, Any]]
) -> None:
    code, out, err = told(line)
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1
    assert not asked
    assert not Path("out").exists()


def test_running_again_makes_only_what_is_missing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "variations ball.mp4 -n 3 -o many"
    made: list[int | None] = []

    def stopping(request: vg.Request, path: Path, **more: Any) -> object:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(request.seed)
        return render(request, path, **more)

    monkeypatch.setattr("videogen.clip.render", stopping)
    code, _, err = told(line)
    assert code == 130
    assert f"Again: videogen {line}" in err
    assert len(list(Path("many").glob("*.mp4"))) == 2
    assert Path("many/sheet.png").exists()
    first = Path("many/seed-8.mp4").stat().st_mtime_ns
    made.clear()
    code, out, _ = told(line)
    assert (code, made) == (0, [10])
    assert out.count("was there") == 2
    assert Path("many/seed-8.mp4").stat().st_mtime_ns == first


def test_a_file_with_another_record_inside_is_made_anew(told: Told) -> None:
    told("variations ball.mp4 -n 1 -o many")
    render(changed(REQUEST, {"prompt": "a blue square", "seed": 8}), "many/seed-8.mp4")
    assert "was there" not in told("variations ball.mp4 -n 1 -o many")[1]
    assert request_in("many/seed-8.mp4")["prompt"] == "a red ball"


def test_clips_that_share_a_model_are_made_one_after_the_other(asked: list[dict[str, Any]]) -> None:
    many = combinations(REQUEST, {"seed": ["1", "2"], "model": ["pocket", "other"]})
    made = several.make_several(many, "grid")
    assert [each["model"] for each in asked] == ["other", "other", "pocket", "pocket"]
    assert [each.variant for each in made] == many


def test_a_remix_has_other_words_and_the_same_seed_and_motion(told: Told) -> None:
    assert told("remix ball.mp4 --prompt 'a blue square' --set fps=12 -o square.mp4")[0] == 0
    own, other = request_in("ball.mp4"), request_in("square.mp4")
    assert (other["prompt"], other["motion_prompt"], other["fps"]) == ("a blue square", "a red ball", "12")
    assert {**other, "prompt": own["prompt"], "motion_prompt": None, "fps": None} == own
    again = remixed(changed(REQUEST, {"motion_prompt": "a ball"}), prompt="a star", changes={})
    assert again.model_dump()["motion_prompt"] == "a ball"
    free = remixed(changed(REQUEST, {"plan": False}), prompt="a star", changes={})
    assert free.model_dump()["motion_prompt"] is None


def test_from_python_it_is_the_same() -> None:
    clip = vg.remix("ball.mp4", "a blue square")
    assert clip.record["request"]["motion_prompt"] == "a red ball"
    paths = vg.variations(REQUEST, n=2, folder="a")
    assert [path.name for path in paths] == ["seed-8.mp4", "seed-9.mp4"]
    paths = vg.sweep("ball.mp4", over={"fps": [8, Fraction(30000, 1001)]}, folder="b")
    assert [request_in(path)["fps"] for path in paths] == ["8", "30000/1001"]
    with read_video(paths[1]) as video:
        assert video.info.fps == Fraction(30000, 1001)


def test_text_is_taken_as_on_the_command_line() -> None:
    values = changed(
        REQUEST, {"negative-prompt": "none", "plan": "false", "lora": "a.safetensors@0.5"}
    ).to_values()
    assert (values["negative_prompt"], values["plan"], values["lora"]) == (None, False, ["a.safetensors@0.5"])
    seedless = several.request_of(vg.TextToVideo("a red ball"))
    assert seedless.seed == 0
    assert [each.request.seed for each in other_seeds(seedless, count=2)] == [1, 2]
