"""Paths: points in a line of text or in a file become places over time, or one line says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from videogen.conditions.route import read_route
from videogen.errors import MediaError, RequestError


def written(folder: Path, points: Any) -> str:
    path = folder / "path.json"
    path.write_text(json.dumps(points), encoding="utf-8")
    return str(path)


def test_points_in_text_are_spread_evenly_over_the_clip() -> None:
    route = read_route("0.2,0.5 0.4,.5 0.9,0.1", num_frames=9, fps=4.0)
    np.testing.assert_allclose(route.seconds, [0, 1, 2])
    found = route.at(np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(found[:, :2], [[0.2, 0.5], [0.4, 0.5], [0.9, 0.1]])
    assert np.isnan(found[:, 2:]).all()


def test_a_file_says_when_how_large_and_how_turned(tmp_path: Path) -> None:
    points = [{"x": 0.1, "y": 0.5, "frame": 4, "size": 0.2}, {"x": 0.7, "y": 0.5, "frame": 8, "angle": 90}]
    route = read_route(written(tmp_path, points), num_frames=16, fps=8.0)
    found = route.at(np.array([0.0, 0.5, 1.0, 5.0]))
    np.testing.assert_allclose(found[:, 0], [0.1, 0.1, 0.7, 0.7])
    np.testing.assert_allclose(found[:, 2], 0.2)
    np.testing.assert_allclose(found[:, 3], np.pi / 2)


def test_a_file_in_seconds_equals_one_in_frames(tmp_path: Path) -> None:
    seconds = written(tmp_path, [{"x": 0.1, "y": 0.2, "time": 0}, {"x": 0.5, "y": 0.9, "time": 1.5}])
    one = read_route(seconds, num_frames=16, fps=8.0)
    frames = written(tmp_path, [{"x": 0.1, "y": 0.2, "frame": 0}, {"x": 0.5, "y": 0.9, "frame": 12}])
    other = read_route(frames, num_frames=16, fps=8.0)
    at = np.linspace(0, 2, 7)
    np.testing.assert_allclose(one.at(at), other.at(at))


def test_between_points_a_path_is_smooth_and_never_leaves_their_range() -> None:
    route = read_route("0.1,0.5 0.5,0.5 0.5,0.9 0.2,0.9", num_frames=31, fps=10.0)
    found = route.at(np.linspace(0, 3, 301))[:, :2]
    assert found.min(0) == pytest.approx([0.1, 0.5])
    assert found.max(0) == pytest.approx([0.5, 0.9])
    turns = np.abs(np.diff(found, n=2, axis=0))
    assert turns.max() < 1e-3, "straight lines would turn by 4e-3 at once"


@pytest.mark.parametrize("num_frames", [1, 2])
def test_one_point_holds_for_every_moment(num_frames: int) -> None:
    found = read_route("0.3,0.6", num_frames=num_frames, fps=8.0).at(np.array([0.0, 9.0]))
    np.testing.assert_allclose(found[:, :2], [[0.3, 0.6]] * 2)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({}, "holds a dict; expected a JSON list"),
        ([], "0 points; give 1 to 1000"),
        ([{"x": 0, "y": 0}] * 1001, "1001 points"),
        ([{"x": 0}], "point 1 is {'x': 0}"),
        ([[0, 0]], "point 1 is [0, 0]"),
        ([{"x": "0", "y": 0}], "point 1: x is 0; expected -1 to 2"),
        ([{"x": True, "y": 0}], "x is True"),
        ([{"x": float("nan"), "y": 0}], "x is nan"),
        ([{"x": 0, "y": 10**400}], "y is 1000"),
        ([{"x": 0, "y": 0}, {"x": 0, "y": 3}], "point 2: y is 3"),
        ([{"x": 0, "y": 0, "size": 0}], "size is 0"),
        ([{"x": 0, "y": 0, "z": 0}], "has 'z'; expected only x, y, size, angle, time, frame"),
        ([{"x": 0, "y": 0, "time": 0, "frame": 0}], "both time and frame"),
        ([{"x": 0, "y": 0, "time": 0}, {"x": 0, "y": 0}], "some points say when and some do not"),
        ([{"x": 0, "y": 0, "time": 0}, {"x": 0, "y": 0, "frame": 4}], "some points say when"),
        ([{"x": 0, "y": 0, "time": 1}, {"x": 0, "y": 0, "time": 1}], "not in the order of time"),
    ],
)
def test_points_that_make_no_path_are_refused_in_one_line(tmp_path: Path, points: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_route(written(tmp_path, points), num_frames=8, fps=8.0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "given", ["0.2;0.5", "0.2,0.5,0.6", "nowhere.json", ".", "x" * 5000, "nul\0byte", "1e3,2"]
)
def test_what_is_neither_a_path_nor_a_file_is_refused(given: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_route(given, num_frames=8, fps=8.0)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    for text in ("{nonsense", "[" * 100_000, "\xff"):
        (tmp_path / "path.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(MediaError, match="not JSON text"):
            read_route(str(tmp_path / "path.json"), num_frames=8, fps=8.0)
