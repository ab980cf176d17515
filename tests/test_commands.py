"""`videogen pose`, with a detector in place of mediapipe's that sees what is bright."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from videogen.cli import main
from videogen.conditions.pose import read_pose
from videogen.media.video import read_video, write_video
from videogen.skeleton import KEYPOINTS

Frame = np.ndarray[Any, np.dtype[np.uint8]]
RATE = Fraction(30000, 1001)


class Detector:
    def detect(self, frame: Frame) -> np.ndarray[Any, np.dtype[np.float32]]:
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        if frame.max() > 200:
            points[:, 0], points[:, 1], points[:, 2] = 0.25, frame.mean() / 255, 1
        return points

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the detector was asked for; the current folder holds a clip and a picture."""
    given: dict[str, Any] = {}

    def make(kind: str, **settings: Any) -> Detector:
        given.update(settings, kind=kind)
        return Detector()

    monkeypatch.setattr("videogen.jobs.detecting.open_detector", make)
    monkeypatch.chdir(tmp_path)
    frames = [np.full((48, 64, 3), 210 + number, np.uint8) for number in range(5)]
    write_video("clip.mp4", iter(frames), fps=RATE)
    Image.fromarray(frames[0]).save("me.png")
    return given


Told = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_the_keypoints_of_a_video_are_written_with_its_rate_and_size(told: Told) -> None:
    assert told("pose clip.mp4 -o dance.json") == (0, "dance.json (5 frames)\n", "")
    pose = read_pose("dance.json")
    assert pose.fps == RATE
    assert pose.points.shape == (5, KEYPOINTS, 3)
    first = json.loads(Path("dance.json").read_text())[0]
    assert (first["canvas_width"], first["canvas_height"]) == (64, 48)


def test_a_name_is_found_that_takes_nobody_s_place(told: Told) -> None:
    assert told("pose me.png")[1] == "me-pose.json (1 frame)\n"
    assert told("pose me.png")[1] == "me-pose-2.json (1 frame)\n"


def test_flags_reach_the_detector(told: Told, asked: dict[str, Any]) -> None:
    words = "--person 2 --detector openpose --weights files --device cpu --preview seen.mp4"
    assert told(f"pose clip.mp4 {words}")[0] == 0
    assert asked == {
        "kind": "openpose", "static": False, "person": 2, "weights": Path("files"), "device": "cpu",
    }  # fmt: skip
    with read_video("seen.mp4") as video:
        assert len(list(video)) == 5


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("pose dark.mp4", "nobody is seen in any of the 2 frames of 'dark.mp4'"),
        ("pose missing.mp4", "'missing.mp4' cannot be read"),
        ("pose clip.mp4 -o dance.txt", "expected a name that ends in .json"),
        ("pose clip.mp4 -o nowhere/dance.json", "does not exist"),
        ("pose clip.mp4 --preview seen.txt", "seen.txt"),
        ("pose clip.mp4 --person two", "person"),
        ("pose", "FILE"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(line: str, error: str, told: Told) -> None:
    write_video("dark.mp4", iter(np.zeros((2, 48, 64, 3), np.uint8)), fps=RATE)
    before = sorted(Path().iterdir())
    code, out, err = told(line)
    assert (code, out) == (2, "")
    assert error in err
    assert err.startswith("videogen: ")
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_ctrl_c_leaves_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Detector, frame: Frame) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Detector, "detect", stop)
    before = sorted(Path().iterdir())
    code, out, err = told("pose clip.mp4 --preview seen.mp4 -o dance.json")
    assert (code, out) == (130, "")
    assert "videogen pose clip.mp4 --preview seen.mp4 -o dance.json" in err
    assert sorted(Path().iterdir()) == before
