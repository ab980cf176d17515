"""Every layout that is written reads back as what it can hold."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen.conditions.formats.archive import ARRAY_LAYOUTS
from videogen.conditions.formats.openpose import JSON_LAYOUTS
from videogen.conditions.pose import KeypointLayout, read_pose, write_pose
from videogen.errors import MediaError, RequestError
from videogen.skeleton import (
    BODY,
    BODY_SLICE,
    FACE_SLICE,
    FEET_SLICE,
    KEYPOINTS,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
)
from videogen.types import Pose

LAYOUTS: tuple[KeypointLayout, ...] = (*JSON_LAYOUTS, *ARRAY_LAYOUTS)
WHOLE = [layout for layout in LAYOUTS if layout not in ("sd-webui", "openpose-editor")]
"""Layouts that hold all points with their confidences."""


def name_for(layout: str) -> str:
    return "pose.npz" if layout in ARRAY_LAYOUTS else "pose.json"


def made_up(seed: int, length: int, *, spread: float = 1.0) -> np.ndarray:
    """Random people, some of whose points are absent, as fractions of the picture and a little beyond."""
    random = np.random.default_rng(seed)
    points = random.random((length, KEYPOINTS, 3)).astype(np.float32)
    points[..., :2] = (points[..., :2] * 1.2 - 0.1) * spread
    points[..., 2] = points[..., 2].clip(0.01)
    points[random.random((length, KEYPOINTS)) < 0.3] = 0
    points[0, 0] = spread / 2, spread / 2, 1
    return points


@settings(max_examples=60, deadline=None)
@given(
    layout=st.sampled_from(WHOLE), seed=st.integers(0, 1000), length=st.integers(1, 4),
    spread=st.sampled_from([1e-3, 0.9, 3.0]), in_folder=st.booleans(),
    rate=st.sampled_from([None, Fraction(12), Fraction(30000, 1001)]),
    size=st.sampled_from([(640, 480), (64, 64), (1080, 1920)]),
)  # fmt: skip
def test_a_pose_survives_a_round_trip_in_every_layout_that_holds_it_whole(
    tmp_path_factory: pytest.TempPathFactory, layout: KeypointLayout, seed: int, length: int, spread: float,
    in_folder: bool, rate: Fraction | None, size: tuple[int, int],
) -> None:  # fmt: skip
    points = made_up(seed, length, spread=spread)
    width, height = size
    in_folder = in_folder and layout in JSON_LAYOUTS
    path = tmp_path_factory.mktemp("pose") / ("pose" if in_folder else name_for(layout))
    write_pose(path, Pose(points, fps=rate), width=width, height=height, layout=layout)
    once = read_pose(path)
    np.testing.assert_allclose(once.points, points, atol=1e-4)
    assert once.fps == rate
    assert once.aspect == pytest.approx(width / height)
    write_pose(path, once, width=width, height=height, layout=layout)
    np.testing.assert_allclose(read_pose(path).points, points, atol=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_sd_webui_has_only_points_that_are_certain(tmp_path: Path, seed: int) -> None:
    points = made_up(seed, 3)
    write_pose(tmp_path / "a.json", Pose(points), width=640, height=480, layout="sd-webui")
    found = read_pose(tmp_path / "a.json").points
    seen = points[..., 2] >= 0.3
    np.testing.assert_array_equal(found[..., 2], seen)
    np.testing.assert_allclose(found[seen][:, :2], points[seen][:, :2], atol=1e-4)
    numbers = json.loads((tmp_path / "a.json").read_text())[0]["people"][0]["pose_keypoints_2d"]
    assert set(numbers[2::3]) == {0.0, 1.0}


@pytest.mark.parametrize("seed", range(3))
def test_the_editor_has_the_places_of_the_body(tmp_path: Path, seed: int) -> None:
    points = made_up(seed, 3)
    write_pose(tmp_path / "a.json", Pose(points), width=640, height=480, layout="openpose-editor")
    found = read_pose(tmp_path / "a.json").points
    seen = points[..., 2] > 0
    np.testing.assert_array_equal(found[:, BODY_SLICE, 2], seen[:, BODY_SLICE])
    np.testing.assert_allclose(
        found[:, BODY_SLICE, :2], np.where(seen[..., None], points, 0)[:, BODY_SLICE, :2], atol=1e-4
    )
    assert not found[:, BODY_SLICE.stop :].any()


def test_an_editor_s_absent_points_may_be_null(tmp_path: Path) -> None:
    rows: list[Any] = [[64.0 + n, 32.0] for n in range(18)]
    rows[0] = None
    rows[3] = [None, None]
    (tmp_path / "a.json").write_text(json.dumps({"width": 512, "height": 256, "keypoints": [rows]}))
    found = read_pose(tmp_path / "a.json").points[0]
    assert np.flatnonzero(found[BODY_SLICE, 2] == 0).tolist() == [0, 3]


def test_a_layout_follows_from_the_name(tmp_path: Path, dance: Pose) -> None:
    for name in ("a.json", "a.npz", "a"):
        write_pose(tmp_path / name, dance, width=512, height=512)
        np.testing.assert_allclose(read_pose(tmp_path / name).points, dance.points, atol=1e-4)
    frames = json.loads((tmp_path / "a.json").read_text())
    assert len(frames) == 48
    assert frames[0].keys() == {"people", "canvas_width", "canvas_height", "coordinates", "fps"}
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names[12] == "a_000000000012_keypoints.json"
    person = json.loads((tmp_path / "a" / names[12]).read_text())["people"][0]
    assert person["person_id"] == [-1]
    assert len(person["pose_keypoints_2d"]) == 75
    assert person["pose_keypoints_3d"] == []
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["keypoints"].shape == (48, 1, 133, 2)
        assert arrays["scores"].shape == (48, 1, 133)
        assert str(arrays["fps"]) == "12"


def test_body_25_has_the_middle_of_the_hips_and_controlnet_has_null_for_what_is_absent(
    tmp_path: Path,
) -> None:
    points = np.zeros((1, KEYPOINTS, 3), np.float32)
    points[0, BODY["right_hip"]] = 0.2, 0.5, 0.8
    points[0, BODY["left_hip"]] = 0.4, 0.6, 0.6
    write_pose(tmp_path / "a.json", Pose(points), width=100, height=100, layout="openpose")
    person = json.loads((tmp_path / "a.json").read_text())["people"][0]
    np.testing.assert_allclose(person["pose_keypoints_2d"][24:27], [30, 55, 0.6], atol=1e-4)
    assert person["face_keypoints_2d"] == []
    write_pose(tmp_path / "a.json", Pose(points), width=100, height=100)
    person = json.loads((tmp_path / "a.json").read_text())[0]["people"][0]
    assert person["face_keypoints_2d"] is None
    assert "foot_keypoints_2d" not in person


def test_one_frame_of_openpose_is_an_object_as_its_own_files_are(tmp_path: Path, portrait: Pose) -> None:
    write_pose(tmp_path / "a.json", portrait, width=64, height=64, layout="openpose")
    assert json.loads((tmp_path / "a.json").read_text())["version"] == 1.3


def wholebody(count: int) -> np.ndarray:
    """Rows numbered in COCO-WholeBody's order, 133, or DWPose's, 134."""
    return np.stack([np.arange(count) + 5.0, np.arange(count) + 5.0, np.ones(count)], -1)


def test_dwposes_order_has_the_neck_and_the_feet_where_it_puts_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=wholebody(134)[None, None], width=200, height=200)
    x = read_pose(tmp_path / "a.npz").points[0, :, 0] * 200 - 5
    np.testing.assert_allclose(x[BODY_SLICE], np.arange(18), atol=1e-3)
    np.testing.assert_allclose(x[FEET_SLICE], np.arange(18, 24), atol=1e-3)
    np.testing.assert_allclose(x[FACE_SLICE][:68], np.arange(24, 92), atol=1e-3)
    np.testing.assert_allclose(x[LEFT_HAND_SLICE], np.arange(92, 113), atol=1e-3)
    np.testing.assert_allclose(x[RIGHT_HAND_SLICE], np.arange(113, 134), atol=1e-3)


@pytest.mark.parametrize("with_scores", [True, False])
def test_arrays_may_lack_the_axes_of_people_and_frames(tmp_path: Path, with_scores: bool) -> None:
    rows = wholebody(133)
    expected = None
    for shape in ((1, 1, 133, 3), (1, 133, 3), (133, 3)):
        shaped = rows.reshape(shape)
        parts = (
            {"keypoints": shaped[..., :2], "scores": shaped[..., 2]} if with_scores else {"keypoints": shaped}
        )
        np.savez(tmp_path / "a.npz", width=200, height=200, **parts)
        found = read_pose(tmp_path / "a.npz").points
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found[0, FEET_SLICE, 0] * 200 - 5, np.arange(17, 23), atol=1e-3)
    np.save(tmp_path / "a.npy", rows[None, None])
    np.testing.assert_array_equal(read_pose(tmp_path / "a.npy", size=(200, 200)).points, found)


def test_a_folder_of_arrays_has_a_frame_in_each_with_its_people(tmp_path: Path) -> None:
    for number in (10, 9):
        people = np.stack([wholebody(133) * [1, 0.5, 1], wholebody(133) + np.array([number, 0, 0])])
        np.save(tmp_path / f"{number}.npy", people)
    pose = read_pose(tmp_path, size=(200, 200))
    np.testing.assert_allclose(pose.points[:, 0, 0] * 200, [14, 15], atol=1e-3)
    assert (read_pose(tmp_path, size=(200, 200), person=2).points[:, 0, 1] * 200 < 5).all()


def dictionary(people: int) -> dict[str, np.ndarray]:
    """DWPose's dictionary of some people; nobody has a right wrist."""
    subset = np.arange(18 * people, dtype=float).reshape(people, 18)
    subset[:, BODY["right_wrist"]] = -1
    places = np.linspace(0.1, 0.9, 18 * people)
    hands = np.full((2 * people, 21, 2), 0.3)
    hands[people:] = 0.6  # all left ones first
    hands[people, 0] = -1
    return {
        "candidate": np.stack([places, places], -1), "subset": subset, "hands": hands,
        "faces": np.full((people, 68, 2), 0.5),
    }  # fmt: skip


def test_dwposes_dictionary_is_read_from_arrays_with_people_and_scores(tmp_path: Path) -> None:
    parts = dictionary(2)
    np.savez(tmp_path / "a.npz", bodies_score=np.full((2, 18), 0.7), **{
        f"bodies_{name}" if name in ("candidate", "subset") else name: value for name, value in parts.items()
    })  # fmt: skip
    for person in (1, 2):
        points = read_pose(tmp_path / "a.npz", person=person).points[0]
        assert points[BODY["right_wrist"], 2] == 0
        assert points[0, 2] == pytest.approx(0.7)
        assert (points[LEFT_HAND_SLICE, 0] == np.float32(0.3)).all()
        assert points[RIGHT_HAND_SLICE, 0].max() == np.float32(0.6)
        assert points[FACE_SLICE, 2].sum() == 68
    whole = {name: np.stack([value] * 3) for name, value in parts.items()}
    np.savez(tmp_path / "b.npz", **whole, fps=24)
    clip = read_pose(tmp_path / "b.npz")
    assert clip.points.shape == (3, KEYPOINTS, 3)
    assert clip.fps == 24


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "other names": ({"poses": np.zeros(3)}, "the arrays are poses; expected 'keypoints' or"),
    "another count": ({"keypoints": np.ones((1, 1, 19, 3))}, "frame 0 has 19 keypoints; expected 17, 18"),
    "too many axes": ({"keypoints": np.ones((1, 1, 1, 133, 3))}, "shape"),
    "one column": ({"keypoints": np.ones((133, 1))}, "shape"),
    "text": ({"keypoints": np.array("x")}, "expected numbers"),
    "truth": ({"keypoints": np.ones((133, 3), bool)}, "expected numbers"),
    "NaN": ({"keypoints": np.full((133, 3), np.nan)}, "NaN"),
    "other scores": ({"keypoints": np.ones((133, 2)), "scores": np.ones(5)}, "scores have shape"),
    "nobody": ({"keypoints": np.zeros((2, 133, 3))}, "nobody is in any of the 2 frames"),
    "no frames": ({"keypoints": np.zeros((0, 133, 3))}, "nobody is in any of the 0 frames"),
    "a rate of two": ({"keypoints": np.ones((133, 3)), "fps": np.ones(2)}, "expected one number"),
    "a wrong rate": ({"keypoints": np.ones((133, 3)), "fps": "fast"}, "fps is 'fast'"),
    "a wrong size": ({"keypoints": np.ones((133, 3)), "width": -1, "height": 9}, "width or height is -1"),
    "other pupils": ({"keypoints": np.ones((133, 3)), "pupils": np.ones((3, 1, 2, 3))}, "pupils has shape"),
    "short pupils": ({"keypoints": np.ones((133, 3)), "pupils": np.ones((2, 2))}, "pupils has shape"),
    "no subset": ({"candidate": np.ones((18, 2))}, "nobody"),
    "other candidates": ({"candidate": np.ones((4, 2)), "subset": np.full((1, 18), 9)}, "does not fit 4"),
    "uneven frames": (
        {"candidate": np.ones((2, 18, 2)), "subset": np.zeros((3, 1, 18))},
        "subset has shape .*; expected 2 frames",
    ),
    "other faces": ({**dictionary(1), "faces": np.ones((1, 5, 2))}, "faces have shape .*; expected 68"),
    "other score": ({**dictionary(1), "score": np.ones((2, 18))}, "a score of shape"),
    "other hand scores": ({**dictionary(1), "hands_score": np.ones((2, 3))}, "hands have .* and scores"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_give_one_line_that_names_the_file(case: str, tmp_path: Path) -> None:
    arrays, message = BAD[case]
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(MediaError, match=message) as caught:
        read_pose(path, size=(100, 100))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_pickles_are_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.savez(tmp_path / "a.npz", keypoints=np.array([Trap()], dtype=object))
    np.save(tmp_path / "a.npy", np.array({"bodies": Trap()}, dtype=object))
    for name in ("a.npz", "a.npy"):
        with pytest.raises(MediaError, match="pickled objects, which are not read"):
            read_pose(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_damaged_archives_are_refused(tmp_path: Path, dance: Pose) -> None:
    write_pose(tmp_path / "a.npz", dance, width=64, height=64)
    whole = (tmp_path / "a.npz").read_bytes()
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        huge, {"shape": (10**9, 133, 3), "fortran_order": False, "descr": "<f8"}
    )
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as members:
        members.writestr("keypoints.npy", huge.getvalue())
    (tmp_path / "huge.npy").write_bytes(huge.getvalue())
    for name, content in {
        "cut.npz": whole[: len(whole) // 2], "empty.npz": b"", "text.npz": b"text", "text.npy": b"x",
        "bent.npz": whole[:200] + bytes(50) + whole[250:], "huge.npz": None, "huge.npy": None,
    }.items():  # fmt: skip
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError) as caught:
            read_pose(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert name.startswith("huge") == ("larger than the file" in str(caught.value))


@pytest.mark.parametrize(
    ("name", "layout"),
    [("a.json", "wholebody"), ("a.npz", "openpose"), ("a.txt", None), ("a", "dwpose"), ("a.json", "other")],
)
def test_a_layout_that_does_not_go_with_the_name_is_refused(
    tmp_path: Path, dance: Pose, name: str, layout: Any
) -> None:
    with pytest.raises(RequestError, match=r"cannot be written as .*; give a name ending in \.json"):
        write_pose(tmp_path / name, dance, width=64, height=64, layout=layout)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_only_where_it_holds_nothing_else(tmp_path: Path, dance: Pose) -> None:
    folder = tmp_path / "poses"
    write_pose(folder, dance, width=64, height=64)
    write_pose(folder, replace(dance, points=dance.points[:3]), width=64, height=64)
    assert len(list(folder.iterdir())) == 3
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(MediaError, match="holds other files"):
        write_pose(folder, dance, width=64, height=64)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MediaError, match="holds other files"):
        write_pose(tmp_path / "file", dance, width=64, height=64)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "poses"]
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames_without_anybody_stay_so(tmp_path: Path, dance: Pose, layout: KeypointLayout) -> None:
    points = dance.points[:4].copy()
    points[[0, 2]] = 0
    path = tmp_path / name_for(layout)
    write_pose(path, replace(dance, points=points), width=512, height=512, layout=layout)
    found = read_pose(path).points
    assert (found[..., 2] > 0).any(1).tolist() == [False, True, False, True]


def test_the_same_pose_is_written_as_the_same_bytes(tmp_path: Path, dance: Pose) -> None:
    for name in ("a.npz", "b.npz"):
        write_pose(tmp_path / name, dance, width=512, height=512)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
