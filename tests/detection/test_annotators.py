"""controlnet-aux's detectors, with classes in their place that need no weights."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from videogen.detection.annotators import MAPS, PoseAnnotator, check_dwpose, dwpose, map_drawer, openpose
from videogen.errors import CheckpointError, MissingExtra, RequestError
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS, LEFT_HAND_SLICE, RIGHT_HAND_SLICE

FRAME = np.full((60, 100, 3), 128, np.uint8)
Points = np.ndarray[Any, np.dtype[np.float32]]


class Detector:
    """Notes how it was made and asked."""

    loaded: dict[str, Any]
    asked: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        type(self).loaded = settings

    @classmethod
    def from_pretrained(cls, folder: str, **files: str) -> Any:
        for file in files.values():
            if not (Path(folder) / file).read_bytes():
                raise RuntimeError("unexpected end of file")
        return cls(folder=folder, **files)

    def to(self, device: str) -> Any:
        type(self).loaded["device"] = device
        return self

    def __call__(self, frame: Any, **options: Any) -> Any:
        type(self).asked = options
        return np.full((64, 128, 3), frame.mean(), np.uint8)


class OpenPose(Detector):
    """Sees a small and a large person; the small one has no face."""

    def detect_poses(self, frame: Any, *, include_hand: bool, include_face: bool) -> Any:
        assert include_hand
        assert include_face
        type(self).asked = {"shape": frame.shape}
        return [self.person(0.1, 0.1, face=3), self.person(0.5, 0.4, face=71)]

    @staticmethod
    def person(start: float, size: float, *, face: int) -> Any:
        def point(share: float, score: float = 1.0) -> Any:
            return SimpleNamespace(x=start + size * share, y=start + size * share, score=score)

        body = [point(number / 17, 0.8) for number in range(18)]
        body[4] = None
        hand = [point(0.5) for _ in range(21)]
        hand[3] = SimpleNamespace(x=-0.01, y=0.5, score=1.0)
        return SimpleNamespace(
            body=SimpleNamespace(keypoints=body), left_hand=hand, right_hand=None,
            face=[point(0.2) for _ in range(face)],
        )  # fmt: skip


class DWPose(Detector):
    """Sees one person: point n of 134 lies at (n, 2 n) pixels, every tenth unsurely."""

    def pose_estimation(self, frame: Any) -> Any:
        places = np.array([[(n / 2, n / 4) for n in range(134)]])
        scores = np.array([[0.1 if n % 10 == 0 else 1.2 for n in range(134)]])
        type(self).asked = {"first": frame[0, 0].tolist()}
        return places, scores


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package, with classes that need no weights."""
    made = ModuleType("controlnet_aux")
    for name in {*MAPS.values()}:
        setattr(made, name, type(name, (Detector,), {}))
    made.OpenposeDetector, made.DWposeDetector = OpenPose, DWPose  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "controlnet_aux", made)
    return made


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("one.pth", "two.pth", "three.pth")]
    for file in made:
        file.write_bytes(b"weights")
    return made


def test_openpose_reads_its_three_files_on_the_device(files: list[Path]) -> None:
    openpose(files, device="cuda")
    loaded = {name: Path(value).name for name, value in OpenPose.loaded.items() if name != "folder"}
    assert loaded == {
        "filename": "one.pth", "hand_filename": "two.pth", "face_filename": "three.pth", "device": "cuda",
    }  # fmt: skip


def test_openpose_s_largest_person_is_found_with_absent_points_absent(files: list[Path]) -> None:
    points = PoseAnnotator(openpose(files, device="cpu"), person=1).detect(FRAME)
    assert points.shape == (KEYPOINTS, 3)
    assert OpenPose.asked["shape"] == (512, 853, 3)
    np.testing.assert_allclose(points[BODY["left_ear"]], (0.9, 0.9, 0.8), rtol=1e-6)
    assert not points[BODY["right_wrist"]].any()
    assert (points[FACE_SLICE, 2] == 1).all()
    assert (points[LEFT_HAND_SLICE, 2] > 0).sum() == 20
    assert not points[RIGHT_HAND_SLICE].any()


def test_a_face_that_is_not_whole_cannot_be_told_point_by_point(files: list[Path]) -> None:
    points = PoseAnnotator(openpose(files, device="cpu"), person=2).detect(FRAME)
    np.testing.assert_allclose(points[BODY["nose"], :2], 0.1, rtol=1e-6)
    assert not points[FACE_SLICE].any()
    assert not PoseAnnotator(openpose(files, device="cpu"), person=3).detect(FRAME).any()


def test_dwpose_s_points_come_under_our_numbers(files: list[Path]) -> None:
    colours = FRAME.copy()
    colours[..., 2] = 0
    points = PoseAnnotator(dwpose(files[0], finder=files[1], device="cpu"), person=1).detect(colours)
    assert DWPose.asked["first"] == [0, 128, 128]  # it reads blue first
    assert Path(DWPose.loaded["pose_ckpt"]).name == "one.pth"
    assert Path(DWPose.loaded["det_ckpt"]).name == "two.pth"
    expected = np.array([(n / 2 / 853, n / 4 / 512, 1.0) for n in range(134)])
    expected[::10] = 0
    np.testing.assert_allclose(points[:18], expected[:18], rtol=1e-5)
    np.testing.assert_allclose(points[FACE_SLICE][:68], expected[24:92], rtol=1e-5)
    np.testing.assert_allclose(points[LEFT_HAND_SLICE], expected[92:113], rtol=1e-5)
    np.testing.assert_allclose(points[RIGHT_HAND_SLICE], expected[113:], rtol=1e-5)


def test_dwpose_says_what_it_needs_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.detection.annotators.find_spec", lambda name: None if name == "mmcv" else 1)
    with pytest.raises(RequestError, match=r"dwpose needs mmcv, which .* mim install .*mmcv"):
        check_dwpose()
    monkeypatch.setattr("videogen.detection.annotators.find_spec", lambda _: 1)
    check_dwpose()


def test_a_person_is_followed_where_another_grows_larger() -> None:
    def person(x: float, size: float) -> Points:
        points = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        points[:5, 0], points[:5, 1], points[:5, 2] = x, np.linspace(0.1, 0.1 + size, 5), 1
        return points

    seen = iter(
        [[person(0.2, 0.3), person(0.8, 0.2)], [person(0.8, 0.5), person(0.25, 0.3)], [], [person(0.3, 0.3)]]
    )
    annotator = PoseAnnotator(lambda _: next(seen), person=1)
    places = [annotator.detect(FRAME)[0, 0] for _ in range(4)]
    np.testing.assert_allclose(places, [0.2, 0.25, 0, 0.3], rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_maps_are_as_large_as_the_frame(kind: str, files: list[Path], package: ModuleType) -> None:
    given = [] if kind == "canny" else files[:1]
    drawn = map_drawer(kind, given, device="cpu")(FRAME)
    assert drawn.shape == FRAME.shape
    assert (drawn == 128).all()
    asked = getattr(package, MAPS[kind]).asked
    wanted = {"detect_resolution": 64, "image_resolution": 64, "output_type": "np"}
    assert asked == (wanted | {"scribble": True} if kind == "scribble" else wanted)


def test_a_damaged_file_is_named(files: list[Path]) -> None:
    files[0].write_bytes(b"")
    with pytest.raises(
        CheckpointError, match=r"one\.pth cannot be loaded \(unexpected end of file\); get it"
    ):
        map_drawer("depth", files[:1], device="cpu")


def test_the_extra_is_named_where_the_package_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "controlnet_aux", None)
    with pytest.raises(
        MissingExtra, match=r"controlnet-aux is not installed; run: pip install 'videogen\[pose\]"
    ):
        map_drawer("canny", [], device="cpu")
