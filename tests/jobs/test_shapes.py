"""Edges, depth and lines of a driving video, as ControlNets are shown them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from videogen.errors import CheckpointError, MediaError, RequestError
from videogen.jobs.animate import generate
from videogen.jobs.shapes import Shapes
from videogen.jobs.text_to_video import generate as generate_text
from videogen.media.video import write_video

Frame = np.ndarray[Any, np.dtype[np.uint8]]
PLAIN: dict[str, Any] = {
    "portrait": "photo.png", "pose": "clip.mp4", "control": "canny", "controlnet": ("canny.pth",), "seed": 1,
}  # fmt: skip


def clip(count: int = 6) -> list[Frame]:
    """Frames `40 x 80` that grow lighter, red in the left and blue in the right quarter."""
    made = []
    for number in range(count):
        frame = np.full((40, 80, 3), 40 + 20 * number, np.uint8)
        frame[:, :20], frame[:, 60:] = (255, 0, 0), (0, 0, 255)
        made.append(frame)
    return made


@pytest.fixture(autouse=True)
def drawn(portrait_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Frame]]:
    """Frames that maps were drawn of, by kind; the maps are those frames. The folder has a clip."""
    frames: list[tuple[str, Frame]] = []

    def load(kind: str, *, weights: Path | None, device: str) -> Callable[[Frame], Frame]:
        assert device == "cpu"

        def draw(frame: Frame) -> Frame:
            frames.append((kind, frame))
            return frame

        return draw

    monkeypatch.setattr("videogen.jobs.shapes.load_map_drawer", load)
    write_video("clip.mp4", iter(clip()), fps=Fraction(8))
    return frames


@pytest.fixture
def engine(fake_engine: Any) -> Any:
    """An engine without networks that follows maps and nothing else; `told` holds its conditions."""
    fake_engine.reads_carried = False
    fake_engine.told = []
    plain = fake_engine.denoisers

    def denoisers(chain: Any, timeline: Any, **which: Any) -> Any:
        fake_engine.told += chain
        return plain(chain, timeline, **which)

    fake_engine.denoisers = denoisers
    return fake_engine


def test_each_frame_of_the_clip_follows_what_the_video_shows_then() -> None:
    for rate, sources in {
        8: [0, 1, 2, 3, 4, 5],
        4: [0, 2, 4],
        16: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
    }.items():
        shapes = Shapes.of(Path("clip.mp4"), "canny", rate=Fraction(rate), seconds=None)
        assert list(shapes.sources) == sources
    assert Shapes.of(Path("clip.mp4"), "canny", rate=Fraction(8), seconds=0.25).sources == (0, 1)


def test_maps_keep_the_middle_of_the_frames_and_their_proportions(drawn: list[tuple[str, Frame]]) -> None:
    shapes = Shapes.of(Path("clip.mp4"), "depth", rate=Fraction(8), seconds=0.5)
    told: list[tuple[str, int, int | None]] = []
    maps = shapes.draw(20, 20, weights=None, device="cpu", progress=lambda *now: told.append(now))
    assert maps.shape == (1, 3, 4, 20, 20)
    assert [kind for kind, _ in drawn] == ["depth"] * 4
    assert told[-1] == ("depth", 4, 4)
    for number in range(4):
        middle = maps[0, :, number, :, 2:-2] * 255
        assert (middle - (40 + 20 * number)).abs().max() < 12  # neither the red nor the blue quarter


def test_a_frame_that_is_shown_twice_is_drawn_once(drawn: list[tuple[str, Frame]]) -> None:
    shapes = Shapes.of(Path("clip.mp4"), "canny", rate=Fraction(16), seconds=None)
    maps = shapes.draw(16, 32, weights=None, device="cpu")
    assert len(drawn) == 6
    assert maps.shape[2] == 12
    assert torch.equal(maps[:, :, 0], maps[:, :, 1])


def test_a_picture_is_one_frame() -> None:
    Image.fromarray(clip()[0]).save("still.png")
    shapes = Shapes.of(Path("still.png"), "canny", rate=Fraction(8), seconds=None)
    assert shapes.sources == (0,)
    assert shapes.draw(16, 32, weights=None, device="cpu").shape == (1, 3, 1, 16, 32)


def test_a_portrait_follows_a_video_without_keypoints(engine: Any, drawn: list[tuple[str, Frame]]) -> None:
    Path("photo.json").unlink()
    frames = list(generate(vg.Animate(**PLAIN), engine))
    assert np.stack(frames).shape == (6, 251, 333, 3)
    assert {kind for kind, _ in drawn} == {"canny"}
    without, told = engine.told
    assert told.carried is None
    assert told.pose_maps.shape == (1, 3, 6, 32, 48)
    assert told.picture.shape == (1, 3, 32, 48)
    assert without.pose_maps is None


def test_the_kind_changes_the_clip(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(kind: str, **_: Any) -> Callable[[Frame], Frame]:
        return lambda frame: frame if kind == "canny" else 255 - frame

    monkeypatch.setattr("videogen.jobs.shapes.load_map_drawer", load)
    canny, depth = (
        np.stack(list(generate(vg.Animate(**{**PLAIN, "control": kind}), engine)))
        for kind in ("canny", "depth")
    )
    assert (canny != depth).any()


def test_a_sentence_follows_a_video(engine: Any, drawn: list[tuple[str, Frame]]) -> None:
    given = {name: value for name, value in PLAIN.items() if name != "portrait"}
    frames = list(generate_text(vg.TextToVideo("a red ball", width=32, height=32, **given), engine))
    assert np.stack(frames).shape == (6, 32, 32, 3)
    assert engine.told[-1].pose_maps.shape == (1, 3, 6, 32, 32)
    assert len(drawn) == 6
    with pytest.raises(RequestError, match="--control canny is drawn from a video; give it with --pose"):
        vg.TextToVideo("a red ball", control="canny")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"smoothing": 0.5}, "--keypoints and --smoothing are for poses"),
        ({"keypoints": "photo.json"}, "--keypoints and --smoothing are for poses"),
        ({"seconds": 3}, r"--seconds 3 is longer than the pose, which lasts 0\.75 s"),
    ],
)
def test_what_has_no_effect_is_refused(changes: dict[str, Any], error: str, engine: Any) -> None:
    with pytest.raises(RequestError, match=error):
        list(generate(vg.Animate(**{**PLAIN, **changes}), engine))


def test_a_model_without_a_controlnet_is_refused(engine: Any) -> None:
    engine.reads_poses = False
    with pytest.raises(
        RequestError, match="the model pocket has no ControlNet to show canny to; add one with"
    ):
        list(generate(vg.Animate(**PLAIN), engine))


def test_models_that_follow_poses_alone_are_refused(fake_engine: Any) -> None:
    with pytest.raises(RequestError, match="the model pocket follows poses and cannot follow canny"):
        list(generate(vg.Animate(**PLAIN), fake_engine))
    given = {name: value for name, value in PLAIN.items() if name != "portrait"}
    with pytest.raises(RequestError, match="the model pocket follows poses and cannot follow canny"):
        list(generate_text(vg.TextToVideo("a red ball", **given), fake_engine))


def test_keypoints_are_no_video_to_draw_from(engine: Any) -> None:
    with pytest.raises(MediaError, match=r"pose\.json"):
        list(generate(vg.Animate(**{**PLAIN, "pose": "pose.json"}), engine))


def test_missing_weights_are_named(engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from videogen.jobs.annotating import load_map_drawer

    monkeypatch.setattr("videogen.jobs.shapes.load_map_drawer", load_map_drawer)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        CheckpointError, match=r"the depth detector needs 1 more file.*dpt_hybrid-midas-501f0c75\.pt"
    ):
        list(generate(vg.Animate(**{**PLAIN, "control": "depth", "weights": tmp_path}), engine))


@pytest.mark.skipif(
    find_spec("controlnet_aux") is None,
    reason="controlnet-aux is not installed: pip install 'videogen[pose]'",
)
def test_canny_finds_the_edges_without_weights() -> None:
    from videogen.jobs.annotating import load_map_drawer

    frame = np.full((100, 160, 3), 60, np.uint8)
    frame[30:70, 40:120] = 220
    drawn = load_map_drawer("canny", weights=None, device="cpu")(frame)
    assert drawn.shape == frame.shape
    lit = drawn[..., 0] > 100
    rows, columns = np.nonzero(lit)
    assert abs(rows.min() - 30) <= 2
    assert abs(rows.max() - 70) <= 2
    assert abs(columns.min() - 40) <= 2
    assert abs(columns.max() - 120) <= 2
    assert lit.mean() < 0.1


def test_the_pose_is_what_is_followed_unless_asked() -> None:
    assert vg.Animate("photo.png", pose="clip.mp4").control == "pose"
