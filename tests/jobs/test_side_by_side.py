"""Portrait, pose and result beside one another: at one size, unstretched, in step."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from videogen.conditions.pose import read_pose
from videogen.errors import RequestError
from videogen.jobs.animate import generate
from videogen.jobs.driving import read_driving
from videogen.jobs.side_by_side import side_by_side
from videogen.media.image import read_image
from videogen.skeleton import BODY, KEYPOINTS, draw_poses
from videogen.types import Pose

pytestmark = pytest.mark.usefixtures("portrait_folder")
PLAIN: dict[str, Any] = {"portrait": "photo.png", "pose": "pose.json", "seed": 1}


@pytest.mark.parametrize("wish", [{}, {"width": 167}, {"fps": 5}])
def test_a_third_each_is_the_portrait_the_pose_and_the_result(wish: dict[str, int], fake_engine: Any) -> None:
    alone = np.stack(list(generate(vg.Animate(**PLAIN, **wish), fake_engine)))
    shown = np.stack(list(generate(vg.Animate(**PLAIN, **wish, side_by_side=True), fake_engine)))
    height, width = alone.shape[1:3]
    assert shown.shape == (len(alone), height, 3 * width, 3)
    np.testing.assert_array_equal(shown[:, :, 2 * width :], alone)
    still = np.asarray(Image.open("photo.png").resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(shown[:, :, :width] - still).mean() < 1.5
    pose = read_driving(Path("pose.json"), rate=Fraction(wish.get("fps", 8)), smoothing=0, seconds=None)
    drawn = draw_poses(torch.from_numpy(pose.points), height=height, width=width)[0].permute(1, 2, 3, 0)
    assert np.abs(shown[:, :, width : 2 * width] - drawn.numpy() * 255).mean() < 0.3
    assert drawn.numpy().mean() * 255 > 1


def test_a_pose_of_another_shape_stands_whole_in_the_middle() -> None:
    points = np.zeros((1, KEYPOINTS, 3), np.float32)
    for name, x, y in (("neck", 0.0, 0.0), ("right_hip", 1.0, 1.0), ("left_hip", 0.0, 1.0)):
        points[0, BODY[name]] = x, y, 1
    frame = np.zeros((40, 80, 3), np.uint8)
    (shown,) = side_by_side([frame], frame, Pose(points, aspect=1.0))
    columns = np.flatnonzero(shown[:, 80:160].any((0, 2)))
    assert 18 <= columns.min() <= 22
    assert 58 <= columns.max() <= 62


def test_a_pose_is_needed_for_every_frame_and_a_frame_for_every_pose() -> None:
    photo, pose = read_image("photo.png"), read_pose("pose.json")
    for count in (0, 7, 9):
        with pytest.raises(RequestError, match=f"8 poses stand beside {min(count, 8)} frames"):
            list(side_by_side([photo] * count, photo, pose))
    assert len(list(side_by_side([photo] * 8, photo, pose))) == 8
