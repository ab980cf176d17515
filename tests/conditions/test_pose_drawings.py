import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from videogen.conditions.pose_drawings import is_drawing, pose_from_drawings
from videogen.errors import MediaError
from videogen.skeleton import draw_skeleton
from videogen.types import Pose


def drawn(points: np.ndarray, size: int) -> np.ndarray:
    pictures = draw_skeleton(torch.from_numpy(points), height=size, width=size)
    return (pictures * 255).byte().permute(0, 2, 3, 1).numpy()


def through_mp4(frames: np.ndarray) -> list[np.ndarray]:
    """Encode and decode, with all the harm that this does to colours."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        steady = {"x264-params": "asm=avx2:threads=1"}  # the same bytes on every machine
        stream = container.add_stream("libx264", rate=12, options=steady)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def share_right(found: Pose, points: np.ndarray) -> float:
    seen = points[:, :18, 2] > 0
    near = np.linalg.norm(found.points[:, :18, :2] - points[:, :18, :2], axis=-1) < 0.03
    return float((near & (found.points[:, :18, 2] > 0))[seen].mean())


def test_a_drawn_dance_is_read_back_from_an_mp4(dance: Pose) -> None:
    points = dance.points[::6]
    assert share_right(pose_from_drawings(through_mp4(drawn(points, 512))), points) > 0.97
    small = pose_from_drawings(through_mp4(drawn(points, 256)))
    assert share_right(small, points) > 0.95
    assert share_right(replace(small, points=small.points[:, :14]), points[:, :14]) == 1
    assert small.aspect == 1
    assert not small.points[:, 18:].any()


def test_a_drawn_head_gives_its_shoulders_and_no_limbs_that_it_lacks(head: Pose) -> None:
    points = head.points[::8]
    found = pose_from_drawings(through_mp4(drawn(points, 512)))
    assert share_right(found, points) > 0.98
    absent = points[:, :18, 2] == 0
    assert (found.points[:, :18, 2] > 0)[absent].mean() < 0.05


def test_drawings_are_told_from_photographs(dance: Pose) -> None:
    assert is_drawing(drawn(dance.points[:1], 256)[0])
    random = np.random.default_rng(0)
    assert not is_drawing(random.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert not is_drawing(np.zeros((64, 64, 3), dtype=np.uint8))


def test_a_video_without_a_skeleton_is_refused() -> None:
    with pytest.raises(MediaError, match="no frames"):
        pose_from_drawings([])
    with pytest.raises(MediaError, match="no skeleton"):
        pose_from_drawings([np.zeros((64, 64, 3), dtype=np.uint8)])


def test_dwposes_own_videos_are_read_whole() -> None:
    video = Path(__file__).parents[3] / "shared" / "media" / "poses" / "anyone-video-1_kps.mp4"
    if not video.exists():
        pytest.skip("the shared videos are not here")
    with av.open(str(video)) as container:
        frames = [
            f.to_ndarray(format="rgb24") for n, f in enumerate(container.decode(video=0)) if n % 50 == 0
        ]
    assert (pose_from_drawings(frames).points[:, :14, 2] > 0).mean() > 0.95
