"""What went in beside what came out: the portrait, the pose that drives it and the result, by frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

import numpy as np
import torch
import torch.nn.functional as F

from videogen.conditions.reference import to_frame, to_picture
from videogen.errors import RequestError
from videogen.jobs.guiding import fit_to
from videogen.skeleton import draw_poses
from videogen.types import Frame, Pose


def side_by_side(frames: Iterable[Frame], picture: Frame, pose: Pose) -> Iterator[Frame]:
    """Yield frames `h w c` with `picture` and the drawn `pose` to their left, each of a frame's size.

    The picture has the frames' proportions; the pose is shown whole, in the middle, never stretched. One
    frame is drawn at a time. Raises RequestError unless there is a pose for every frame.
    """
    for number, (frame, points) in enumerate(zip_longest(frames, pose.points)):
        if frame is None or points is None:
            raise RequestError(f"{len(pose.points)} poses stand beside {number} frames; give one for each")
        height, width = frame.shape[:2]
        if not number:
            still = _sized(picture, height, width)
            fitted = torch.from_numpy(fit_to(pose, aspect=width / height).points)
        drawn = draw_poses(fitted[number : number + 1], height=height, width=width)[0, :, 0]
        yield np.concatenate([still, to_frame(2 * drawn - 1), frame], axis=1)


def _sized(picture: Frame, height: int, width: int) -> Frame:
    """The picture at another size of its own proportions."""
    if picture.shape[:2] == (height, width):
        return picture
    sized = F.interpolate(
        to_picture(picture), (height, width), mode="bicubic", antialias=True, align_corners=False
    )
    return to_frame(sized[0].clamp(-1, 1))
