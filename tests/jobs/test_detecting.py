"""A pose out of what a camera saw, with a detector that sees squares, so that nothing needs a network."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import videogen as vg
from videogen.conditions.pose import read_pose, write_pose
from videogen.errors import MediaError, MissingExtra, RequestError
from videogen.jobs.detecting import detect_pose, open_detector, size_of
from videogen.jobs.driving import driving_rate, read_driving, read_portrait
from videogen.media.image import read_image
from videogen.media.video import read_video, write_video
from videogen.skeleton import KEYPOINTS

Frame = np.ndarray[Any, np.dtype[np.uint8]]
RATE = Fraction(30000, 1001)


class SquareDetector:
    """Sees the middle of what is bright, as a person's only point."""

    made: list[dict[str, Any]]
    frames: int

    def detect(self, frame: Frame) -> np.ndarray[Any, np.dtype[np.float32]]:
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        rows, columns = np.nonzero(frame.max(-1) > 128)
        if len(rows):
            points[0] = (columns.mean() + 0.5) / frame.shape[1], (rows.mean() + 0.5) / frame.shape[0], 0.9
        type(self).frames += 1
        return points

    def close(self) -> None:
        self.made.append({"closed": True})


@pytest.fixture(autouse=True)
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[SquareDetector]:
    """The detector in place of mediapipe's, and an empty cache."""
    SquareDetector.made, SquareDetector.frames = [], 0

    def make(kind: str, **settings: Any) -> SquareDetector:
        SquareDetector.made.append({"kind": kind, **settings})
        return SquareDetector()

    monkeypatch.setattr("videogen.jobs.detecting.open_detector", make)
    monkeypatch.setenv("VIDEOGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return SquareDetector


def moving_square(count: int = 6, *, absent: tuple[int, ...] = ()) -> Iterator[Frame]:
    """A light square that moves to the right by 8 pixels a frame, in colours that no skeleton has."""
    for number in range(count):
        frame = np.full((64, 96, 3), (60, 80, 70), np.uint8)
        if number not in absent:
            frame[20:28, 10 + 8 * number : 18 + 8 * number] = (250, 240, 245)
        yield frame


def places(count: int = 6) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[(14 + 8 * number) / 96, 24 / 64] for number in range(count)])


def test_a_video_becomes_a_pose_with_its_exact_rate() -> None:
    write_video("clip.mp4", moving_square(), fps=RATE)
    pose = detect_pose("clip.mp4")
    assert pose.fps == RATE
    assert pose.aspect == 1.5
    np.testing.assert_allclose(pose.points[:, 0, :2], places(), atol=0.01)
    assert size_of("clip.mp4") == (96, 64)


def test_every_frame_is_looked_at_once_in_order_and_the_detector_is_closed(
    squares: type[SquareDetector],
) -> None:
    write_video("clip.mp4", moving_square(), fps=RATE)
    told: list[tuple[str, int, int | None]] = []
    detect_pose("clip.mp4", person=2, progress=lambda *now: told.append(now))
    assert told == [("pose", number, 6) for number in range(1, 7)]
    assert squares.frames == 6
    first, last = squares.made
    assert first == {"kind": "mediapipe", "static": False, "person": 2, "weights": None, "device": "auto"}
    assert last == {"closed": True}


def test_frames_without_a_person_are_gaps_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    write_video("clip.mp4", moving_square(absent=(0, 3)), fps=RATE)
    with caplog.at_level(logging.WARNING, logger="videogen"):
        pose = detect_pose("clip.mp4")
    assert (pose.points[:, 0, 2] > 0).tolist() == [False, True, True, False, True, True]
    assert caplog.messages == ["nobody is seen in 2 of the 6 frames of 'clip.mp4'"]


@pytest.mark.parametrize("preview", [None, Path("seen.mp4")])
def test_a_clip_of_nobody_is_one_error_and_leaves_nothing(preview: Path | None) -> None:
    write_video("clip.mp4", moving_square(absent=tuple(range(6))), fps=RATE)
    with pytest.raises(RequestError, match=r"nobody is seen in any of the 6 frames of 'clip\.mp4'"):
        detect_pose("clip.mp4", preview=preview)
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4"]


def test_a_preview_shows_every_frame_with_the_point() -> None:
    write_video("clip.mp4", moving_square(), fps=RATE)
    detect_pose("clip.mp4", preview=Path("seen.mp4"))
    with read_video("seen.mp4") as video:
        assert video.info.fps == RATE
        frames = list(video)
    assert len(frames) == 6
    for frame, (x, y) in zip(frames, places(), strict=True):
        red, green, _ = frame[round(y * 64), round(x * 96)].astype(int)
        assert red - green > 60


def test_a_stop_leaves_no_preview() -> None:
    write_video("clip.mp4", moving_square(), fps=RATE)

    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_pose("clip.mp4", preview=Path("seen.mp4"), progress=stop)
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4"]


def test_a_picture_is_a_pose_of_one_frame(squares: type[SquareDetector]) -> None:
    Image.fromarray(list(moving_square())[2]).save("still.png")
    pose = detect_pose("still.png", preview=Path("seen.png"))
    assert (pose.fps, pose.points.shape) == (None, (1, KEYPOINTS, 3))
    np.testing.assert_allclose(pose.points[0, 0, :2], places()[2], atol=0.01)
    assert squares.made[0]["static"]
    assert (read_image("seen.png") != read_image("still.png")).any()
    assert size_of("still.png") == (96, 64)


def test_a_folder_of_pictures_is_a_video() -> None:
    Path("frames").mkdir()
    for number, frame in enumerate(moving_square()):
        Image.fromarray(frame).save(f"frames/{number}.png")
    pose = detect_pose("frames")
    np.testing.assert_allclose(pose.points[:, 0, :2], places(), atol=0.01)


def test_only_as_many_frames_as_are_asked_for_are_looked_at(squares: type[SquareDetector]) -> None:
    write_video("clip.mp4", moving_square(), fps=RATE)
    assert len(detect_pose("clip.mp4", frames=2).points) == 2
    assert squares.frames == 2


def test_it_is_among_the_public_names() -> None:
    assert vg.detect_pose is detect_pose


def test_a_person_that_is_none_and_weights_without_use_are_refused() -> None:
    with pytest.raises(RequestError, match="person 0 was asked for"):
        open_detector("mediapipe", static=True, person=0)
    with pytest.raises(RequestError, match="mediapipe brings its own weights"):
        open_detector("mediapipe", static=True, weights=Path())


def test_a_plain_video_drives_and_is_looked_at_once(squares: type[SquareDetector]) -> None:
    write_video("clip.mp4", moving_square(), fps=Fraction(8))
    assert driving_rate(Path("clip.mp4")) == 8
    poses = [read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=None) for _ in range(2)]
    np.testing.assert_allclose(poses[0].points[:, 0, :2], places(), atol=0.01)
    np.testing.assert_array_equal(poses[0].points, poses[1].points)
    assert squares.frames == 6


def test_a_video_is_followed_after_black_frames() -> None:
    black = np.zeros((64, 96, 3), np.uint8)
    write_video("clip.mp4", iter([black, black, *moving_square(3)]), fps=Fraction(8))
    pose = read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=None)
    assert (pose.points[:, 0, 2] > 0).tolist() == [False, False, True, True, True]


def test_seconds_spare_looking_at_the_rest(
    squares: type[SquareDetector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.driving._BEYOND", 2)
    write_video("clip.mp4", moving_square(10), fps=Fraction(8))
    whole = detect_pose("clip.mp4").points
    squares.frames = 0
    cut = read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=0.5)
    np.testing.assert_array_equal(cut.points, whole[:4])
    assert squares.frames == 6
    with pytest.raises(RequestError, match=r"--seconds 3 is longer than the pose, which lasts 1\.25 s"):
        read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=3)


def test_a_picture_drives_one_frame(caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(next(moving_square())).save("still.png")
    assert driving_rate(Path("still.png")) is None
    pose = read_driving(Path("still.png"), rate=Fraction(8), smoothing=0, seconds=None)
    np.testing.assert_allclose(pose.points[:, 0, :2], places(1), atol=0.01)
    assert not caplog.messages


def test_a_video_too_long_to_follow_is_refused_before_it_is_looked_at(
    squares: type[SquareDetector], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video("clip.mp4", moving_square(), fps=Fraction(8))
    monkeypatch.setattr("videogen.jobs.driving.LONGEST", 5)
    with pytest.raises(RequestError, match="makes 6 frames at 8 frames per second, a clip has at most 5"):
        read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=None)
    assert squares.frames == 0


def test_a_portrait_s_own_keypoints_come_first_and_else_are_found(squares: type[SquareDetector]) -> None:
    Image.fromarray(next(moving_square())).save("me.png")
    np.testing.assert_allclose(read_portrait(Path("me.png"), None)[1][0, :2], places()[0], atol=0.01)
    assert squares.made[0]["static"]
    pose = detect_pose("me.png")
    pose.points[:, 0, 0] = 0.75
    write_pose("me.json", pose, width=96, height=64)
    looked = squares.frames
    assert read_portrait(Path("me.png"), None)[1][0, 0] == pytest.approx(0.75, abs=1e-3)
    assert squares.frames == looked
    assert read_pose("me.json").points.shape == (1, KEYPOINTS, 3)


def test_a_portrait_of_nobody_says_what_to_give() -> None:
    Image.fromarray(next(moving_square(absent=(0,)))).save("me.png")
    with pytest.raises(
        RequestError, match=r"nobody is seen in 'me\.png'.*me\.json does not exist: give --keypo"
    ):
        read_portrait(Path("me.png"), None)
    with pytest.raises(RequestError, match=r"mine\.json does not exist"):
        read_portrait(Path("me.png"), Path("mine.json"))


@pytest.fixture
def no_mediapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without mediapipe."""

    def absent(kind: str, **settings: Any) -> SquareDetector:
        raise MissingExtra("mediapipe", extra="pose")

    monkeypatch.setattr("videogen.jobs.detecting.open_detector", absent)


@pytest.mark.usefixtures("no_mediapipe")
def test_without_mediapipe_the_errors_say_what_it_is_for() -> None:
    write_video("clip.mp4", moving_square(), fps=Fraction(8))
    Image.fromarray(next(moving_square())).save("me.png")
    with pytest.raises(
        MissingExtra, match=r"clip\.mp4 is not a skeleton video.*pip install 'videogen\[pose\]'"
    ):
        read_driving(Path("clip.mp4"), rate=Fraction(8), smoothing=0, seconds=None)
    with pytest.raises(MissingExtra, match=r"me\.json does not exist; give --keypoints.*'videogen\[pose\]'"):
        read_portrait(Path("me.png"), None)


def test_what_is_no_video_is_refused(squares: type[SquareDetector]) -> None:
    Path("text.mp4").write_text("no video")
    for name in ("text.mp4", "missing.mp4"):
        with pytest.raises(MediaError, match=name):
            detect_pose(name)
        with pytest.raises(MediaError, match=name):
            read_driving(Path(name), rate=Fraction(8), smoothing=0, seconds=None)
    assert squares.frames == 0
