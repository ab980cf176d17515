import contextlib
import json
import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen.conditions.pose import all_people, read_pose, write_pose
from videogen.errors import MediaError, RequestError
from videogen.skeleton import BODY, FACE_SLICE, FEET_SLICE, KEYPOINTS, LEFT_HAND_SLICE
from videogen.types import Pose

BODY18 = [v for n in range(18) for v in (100.0 + 10 * n, 50.0 + 20 * n, 0.9)]


def saved(folder: Path, value: Any) -> Path:
    path = folder / "pose.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000), length=st.integers(1, 4), scale=st.sampled_from([1e-3, 1.0, 3.0]),
    rate=st.sampled_from([None, Fraction(12), Fraction(30000, 1001)]),
)  # fmt: skip
def test_a_pose_survives_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, seed: int, length: int, scale: float, rate: Fraction | None
) -> None:
    random = np.random.default_rng(seed)
    points = random.random((length, KEYPOINTS, 3)).astype(np.float32)
    points[..., :2] = points[..., :2] * scale - 0.1 * scale
    points[..., 2] = points[..., 2].clip(0.01)
    points[random.random((length, KEYPOINTS)) < 0.3] = 0
    points[0, 0] = scale / 2, scale / 2, 1
    path = tmp_path_factory.mktemp("pose") / "pose.json"
    write_pose(path, Pose(points, fps=rate, aspect=640 / 480), width=640, height=480)
    again = read_pose(path)
    np.testing.assert_allclose(again.points, points, atol=1e-4)
    assert again.fps == rate
    assert again.aspect == pytest.approx(640 / 480)


def test_the_shipped_poses_read_at_twelve_frames_a_second(dance: Pose, head: Pose, portrait: Pose) -> None:
    assert dance.points.shape == head.points.shape == (48, KEYPOINTS, 3)
    assert dance.fps == head.fps == 12
    assert (dance.points[:, :18, 2] == 1).all()
    assert (head.points[:, FACE_SLICE, 2] == 1).all()
    assert portrait.points.shape == (1, KEYPOINTS, 3)


@pytest.mark.parametrize(
    ("kind", "change"),
    [("pixels", lambda v: v), ("fractions", lambda v: v / 512), ("signed", lambda v: v / 256 - 1)],
)
def test_coordinates_are_recognised_by_their_range(tmp_path: Path, kind: str, change: Any) -> None:
    rows = np.array(BODY18).reshape(18, 3)
    rows[:, :2] = change(rows[:, :2])
    people = [{"pose_keypoints_2d": rows.reshape(-1).tolist()}]
    path = saved(tmp_path, {"version": 1.3, "people": people})
    pose = read_pose(path, size=(512, 512))
    np.testing.assert_allclose(pose.points[0, 2, :2], [120 / 512, 90 / 512], atol=1e-5)
    told = read_pose(path, size=(512, 512), coordinates=kind)  # type: ignore[arg-type]
    np.testing.assert_array_equal(told.points, pose.points)


def test_body_25_is_put_into_the_order_of_coco_18(tmp_path: Path) -> None:
    body = [v for n in range(25) for v in (float(n + 2), float(n + 2), 1.0)]
    pose = read_pose(saved(tmp_path, [{"people": [{"pose_keypoints_2d": body}]}]), size=(100, 100))
    order = [round(float(x) * 100 - 2) for x in pose.points[0, :18, 0]]
    assert order == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        rows = np.array(BODY18).reshape(18, 3) + np.array([number, 0, 0])
        frame = {
            "people": [{"pose_keypoints_2d": rows.reshape(-1).tolist()}],
            "canvas_width": 512,
            "canvas_height": 512,
        }
        (tmp_path / f"dance_{number}_keypoints.json").write_text(json.dumps(frame))
    pose = read_pose(tmp_path)
    np.testing.assert_allclose(pose.points[:, 0, 0] * 512, [101, 102, 110], atol=1e-3)


def test_wholebody_arrays_get_a_neck_and_their_parts(tmp_path: Path) -> None:
    rows = np.stack([np.arange(133) + 5.0, np.arange(133) + 5.0, np.ones(133)], -1)
    pose = read_pose(saved(tmp_path, [rows.tolist()]), size=(200, 200))
    x = pose.points[0, :, 0] * 200 - 5
    assert x[BODY["right_wrist"]] == pytest.approx(10)
    assert x[BODY["neck"]] == pytest.approx(5.5)
    assert x[FACE_SLICE.start] == pytest.approx(23)
    assert x[LEFT_HAND_SLICE.start] == pytest.approx(91)
    assert pose.points[0, FACE_SLICE.stop - 1, 2] == 0  # 68 points have no pupils
    instance = {"keypoints": rows[:, :2].tolist(), "keypoint_scores": rows[:, 2].tolist()}
    mmpose = {"instance_info": [{"frame_id": 1, "instances": [instance]}]}
    np.testing.assert_allclose(read_pose(saved(tmp_path, mmpose), size=(200, 200)).points, pose.points)
    flat = [part.reshape(-1).tolist() for part in np.split(rows, [17, 23, 91, 112])]
    names = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    coco = [{"image_id": 7, **dict(zip(names, flat, strict=True))}]
    np.testing.assert_allclose(read_pose(saved(tmp_path, coco), size=(200, 200)).points, pose.points)


def test_dwposes_dictionary_and_the_openpose_editors_are_read(tmp_path: Path) -> None:
    candidate = [[0.1 + 0.02 * n, 0.2] for n in range(18)]
    subset = [[float(n) if n != 4 else -1.0 for n in range(18)]]
    dwpose = {"bodies": {"candidate": candidate, "subset": subset}, "faces": [[[0.3, 0.3]] * 68],
              "hands": [[[0.4, 0.4]] * 21, [[-1.0, -1.0]] * 21]}  # fmt: skip
    pose = read_pose(saved(tmp_path, dwpose))
    assert pose.points[0, 3, 0] == pytest.approx(0.16)
    assert pose.points[0, 4, 2] == 0
    assert pose.points[0, FACE_SLICE, 2].sum() == 68
    assert pose.points[0, LEFT_HAND_SLICE, 2].sum() == 21
    assert pose.points[0, -21:, 2].sum() == 0
    editor = {"width": 512, "height": 256, "keypoints": [[[64.0 + n, 32.0] for n in range(18)]]}
    pose = read_pose(saved(tmp_path, editor))
    np.testing.assert_allclose(pose.points[0, 0], [0.125, 0.125, 1])
    assert pose.aspect == 2


def test_pixels_without_a_size_are_guessed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        pose = read_pose(saved(tmp_path, [{"people": [{"pose_keypoints_2d": BODY18}]}]))
    assert "unknown size" in caplog.text
    assert 0 < pose.points[0, :18, :2].max() <= 1


def test_feet_are_read_from_body_25_and_from_a_part_of_their_own(tmp_path: Path) -> None:
    body = [v for n in range(25) for v in (float(n + 2), float(n + 2), 1.0)]
    pose = read_pose(saved(tmp_path, [{"people": [{"pose_keypoints_2d": body}]}]), size=(100, 100))
    assert [round(float(x) * 100 - 2) for x in pose.points[0, FEET_SLICE, 0]] == list(range(19, 25))
    person = {
        "pose_keypoints_2d": BODY18,
        "foot_keypoints_2d": [v for n in range(6) for v in (n + 1.0, 9.0, 1)],
    }
    pose = read_pose(saved(tmp_path, [{"people": [person]}]), size=(100, 100))
    np.testing.assert_allclose(pose.points[0, FEET_SLICE, 0] * 100, range(1, 7), atol=1e-4)


def test_a_person_of_a_crowd_is_chosen_by_number(tmp_path: Path) -> None:
    rows = np.array(BODY18).reshape(18, 3)
    small = rows * [0.5, 0.5, 1] + [240, 0, 0]
    flat = [{"pose_keypoints_2d": one.reshape(-1).tolist()} for one in (small, rows)]
    path = saved(tmp_path, [{"people": people, "canvas_width": 512, "canvas_height": 512}
                            for people in (flat, flat[::-1], flat)])  # fmt: skip
    large = read_pose(path)
    np.testing.assert_allclose(large.points[:, :18, :2] * 512, np.stack([rows[:, :2]] * 3), atol=1e-3)
    np.testing.assert_array_equal(read_pose(path, person=1).points, large.points)
    other = read_pose(path, person=2)
    np.testing.assert_allclose(other.points[:, :18, :2] * 512, np.stack([small[:, :2]] * 3), atol=1e-3)
    np.testing.assert_array_equal([one.points for one in all_people(path)], [large.points, other.points])


@pytest.mark.parametrize("person", [3, 0])
def test_a_person_who_is_not_there_is_refused_with_how_many_are(tmp_path: Path, person: int) -> None:
    people = [{"pose_keypoints_2d": BODY18}, {"pose_keypoints_2d": [v * 2 if v > 1 else v for v in BODY18]}]
    path = saved(tmp_path, [{**GOOD, "people": people}])
    with pytest.raises(RequestError, match=rf"shows 2 people, and person {person} is not .*; give 1 to 2"):
        read_pose(path, person=person)
    with pytest.raises(RequestError, match=r"shows 1 person, and person 2 is not .*; give 1 \("):
        read_pose(saved(tmp_path, [GOOD]), person=2)


GOOD = {"people": [{"pose_keypoints_2d": BODY18}], "canvas_width": 512, "canvas_height": 512}
BAD = {
    "nan": (
        json.dumps([GOOD, {"people": [{"pose_keypoints_2d": [float("nan"), *BODY18[1:]]}]}]),
        "frame 1.*NaN",
    ),
    "infinity": ('{"people":[{"pose_keypoints_2d":[1e999' + ",1" * 53 + "]}]}", "frame 0.*infinity"),
    "a huge integer": (
        '{"people":[{"pose_keypoints_2d":[1' + "0" * 400 + ",1" * 53 + "]}]}",
        "frame 0.*too large",
    ),
    "a wrong count": (
        [GOOD, GOOD, {"people": [{"pose_keypoints_2d": BODY18[:-1]}]}],
        "frame 2.*53 numbers; expected 54",
    ),
    "a wrong array": ([[[1.0, 2.0, 1.0]] * 19], "19 keypoints; expected"),
    "ragged rows": ([[[1.0, 2.0], [1.0]]], "uneven"),
    "words": ([{"people": [{"pose_keypoints_2d": ["x"] * 54}]}], "frame 0.*'x'"),
    "nobody": ([{"people": []}, {"people": None}], "nobody.*2 frames"),
    "an empty list": ([], "empty"),
    "an empty file": ("", "not JSON"),
    "garbage": ("{people: yes", "not JSON"),
    "a novel": ("It was a dark and stormy night.", "not JSON"),
    "depth": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "a number": ("42", "a int is no pose"),
    "frames of numbers": ([1, 2, 3], "frame 0 is a int"),
    "other keys": ([{"name": "x"}], "holds name; expected 'people'"),
    "a person of text": ([{"people": ["me"]}], "a person is a str"),
    "people of text": ([{"people": "me"}], "people is a str"),
    "a zero canvas": ([{**GOOD, "canvas_width": 0}], "expected sizes"),
    "a text rate": ([{**GOOD, "fps": "fast"}], "fps is 'fast'"),
    "a zero rate": ([{**GOOD, "fps": -3}], "fps is -3"),
    "bad candidates": (
        {"bodies": {"candidate": [[0.1, 0.1]], "subset": [[9] * 18]}},
        "does not fit 1 candidates",
    ),
    "another count of scores": (
        [{"instances": [{"keypoints": None, "keypoint_scores": 5}]}],
        "keypoints have shape",
    ),
    "parts beside places without scores": (
        [{"image_id": 1, "keypoints": [[1.0], [2.0]], "foot_kpts": [1.0] * 18}],
        "keypoints have shape",
    ),
    "hands that are a number": (
        {"bodies": {"candidate": [[0.1, 0.1]], "subset": [[0] * 18]}, "hands": 3.5},
        "hands have shape",
    ),
    "uneven scores": (
        [{"image_id": 1, "keypoints": [1.0] * 51, "keypoint_scores": [1.0]}],
        "1 keypoint_scores",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_gives_one_line_that_names_it(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    path = saved(tmp_path, content)
    with pytest.raises(MediaError, match=message) as caught:
        read_pose(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < len(str(path)) + 200


def test_binary_missing_and_empty_places_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "x.json"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(MediaError, match="not JSON"):
        read_pose(binary)
    with pytest.raises(MediaError, match="cannot be read"):
        read_pose(tmp_path / "none.json")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MediaError, match=r"no \.json files"):
        read_pose(empty)


KEYS = ("people", "keypoints", "bodies", "subset", "candidate", "instances", "instance_info", "annotations")
KEYS += ("pose_keypoints_2d", "face_keypoints_2d", "canvas_width", "canvas_height", "fps", "image_id")
KEYS += ("hands", "faces", "keypoint_scores", "coordinates")


@settings(max_examples=60, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_json_is_a_pose_or_a_media_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = saved(tmp_path_factory.mktemp("any"), value)
    with contextlib.suppress(MediaError):
        assert np.isfinite(read_pose(path).points).all()


def test_a_pose_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, dance: Pose) -> None:
    broken = replace(dance, points=np.full_like(dance.points, np.nan))
    with pytest.raises(RequestError, match="NaN"):
        write_pose(tmp_path / "a.json", broken, width=64, height=64)
    with pytest.raises(RequestError, match="0 x 64"):
        write_pose(tmp_path / "a.json", dance, width=0, height=64)
    with pytest.raises(MediaError, match="cannot be written"):
        write_pose(tmp_path / "none" / "a.json", dance, width=64, height=64)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(MediaError, match="cannot be written"):
        write_pose(tmp_path / "folder.json", dance, width=64, height=64)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.json"]
