"""A folder of a user's own clips, with sentences and poses beside them, as pictures of the model's size.

`wave.mp4` is a clip; `wave.txt` beside it says what it shows, and `wave.json` holds the keypoints of its
person. A clip may be a video, an animation, a folder of pictures in order, or one picture. Pictures are
resized until they cover the model's size and the middle is kept; nothing is squashed. What cannot be read
among clips that can is named in a warning and left out.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.pose import read_pose
from videogen.errors import MediaError, RequestError
from videogen.media.files import name_of
from videogen.media.image import read_image
from videogen.media.video import read_video
from videogen.skeleton import KEYPOINTS
from videogen.types import Frame, Pose

log = logging.getLogger(__name__)

VIDEOS = (".mp4", ".webm", ".gif", ".webp", ".mov")
PICTURES = (".png", ".jpg", ".jpeg")
MOST_FRAMES = 1500
"""Frames that are read of one clip."""

_MOST_WORDS = 2000  # characters of a sentence


@dataclass(frozen=True)
class OwnClip:
    """A clip of the user's: `pictures` −1…1 `t c h w`, frames per second, what is said of it, and its pose.

    `points` are keypoints as fractions of the cropped picture, `t k 3`, or None; confidence is 0 where
    nobody was seen.
    """

    name: str
    pictures: Tensor
    fps: float
    caption: str
    points: Tensor | None


def read_folder(folder: Path, *, height: int, width: int, fps: float, trigger: str | None) -> list[OwnClip]:
    """Read every clip of a folder at `height` x `width` pixels, in the order of their names.

    `fps` is that of single pictures. `trigger` is a word put before each sentence that lacks it. Raises
    RequestError where there is no folder, no clip in it, or none that can be read.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise RequestError(
            f"{name_of(folder)} cannot be read as a folder of clips ({error.strerror}); give a folder"
        ) from error
    sources = [entry for entry in entries if _is_clip(entry)]
    if not sources:
        kinds = ", ".join((*VIDEOS, *PICTURES))
        raise RequestError(
            f"{name_of(folder)} holds no clips; expected files ({kinds}) or folders of pictures"
        )
    _warn_of_the_alone(entries, {source.stem for source in sources})
    clips, problems = [], []
    for source in sources:
        try:
            clips.append(_read_clip(source, height=height, width=width, fps=fps, trigger=trigger))
        except MediaError as error:
            problems.append(str(error))
    if not clips:
        raise RequestError(f"none of the {len(sources)} clips of {name_of(folder)} is usable: {problems[0]}")
    for problem in problems:
        log.warning("left out: %s", problem)
    return clips


def _is_clip(entry: Path) -> bool:
    if entry.is_dir():
        return any(inside.suffix.lower() in PICTURES for inside in entry.iterdir())
    return entry.suffix.lower() in (*VIDEOS, *PICTURES)


def _warn_of_the_alone(entries: list[Path], stems: set[str]) -> None:
    for entry in entries:
        if entry.suffix.lower() in (".txt", ".json") and entry.stem not in stems:
            log.warning("%s belongs to no clip of the same name; it is left out", name_of(entry))


def _read_clip(source: Path, *, height: int, width: int, fps: float, trigger: str | None) -> OwnClip:
    caption = with_trigger(_read_caption(source.with_suffix(".txt")), trigger)
    frames, rate = _read_frames(source, fps=fps)
    tall, wide = frames[0].shape[:2]
    pictures = torch.cat([fit(frame, height=height, width=width) for frame in frames])
    beside, points = source.with_suffix(".json"), None
    if beside.exists():
        pose = read_pose(beside, size=(wide, tall))
        placed = _on_frames(pose, count=len(frames), fps=rate)
        points = crop_points(placed, source=(tall, wide), height=height, width=width)
    return OwnClip(source.name, pictures, rate, caption, points)


def _read_frames(source: Path, *, fps: float) -> tuple[list[Frame], float]:
    """Frames `h w c` and their rate; raises MediaError."""
    if source.suffix.lower() in PICTURES and not source.is_dir():
        return [read_image(source)], fps
    frames: list[Frame] = []
    with read_video(source) as video:
        for frame in video:
            if len(frames) == MOST_FRAMES:
                log.warning("%s: only the first %d frames are used", name_of(source), MOST_FRAMES)
                break
            frames.append(frame)
        rate = float(video.info.fps)
    if not frames:
        raise MediaError(f"{name_of(source)} has no frames; give a clip with some")
    return frames, rate if len(frames) > 1 else fps


def _read_caption(path: Path) -> str:
    """The sentence beside a clip on one line; empty where there is none."""
    if not path.exists():
        return ""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(
            f"{name_of(path)} is not text in UTF-8 ({type(error).__name__}); save it so"
        ) from error
    if len(text) > _MOST_WORDS:
        raise MediaError(f"{name_of(path)} has {len(text)} characters; expected a sentence")
    return " ".join(text.split())


def with_trigger(caption: str, trigger: str | None) -> str:
    """The sentence with the trigger word in front of it, where it lacks the word."""
    if trigger is None or re.search(rf"\b{re.escape(trigger)}\b", caption, flags=re.IGNORECASE):
        return caption
    return f"{trigger} {caption}".strip()


def fit(frame: Frame, *, height: int, width: int) -> Tensor:
    """A frame uint8 `h w c`, resized to cover `height` x `width` and cut to its middle, −1…1 `1 c h w`."""
    picture = torch.tensor(frame, dtype=torch.float32).movedim(-1, 0)[None]
    tall, wide = _covering(frame.shape[0], frame.shape[1], height=height, width=width)
    top, left = (tall - height) // 2, (wide - width) // 2
    if (tall, wide) != frame.shape[:2]:
        picture = F.interpolate(picture, (tall, wide), mode="bicubic", antialias=True, align_corners=False)
    return picture[:, :, top : top + height, left : left + width].clamp(0, 255) / 127.5 - 1


def crop_points(points: Tensor, *, source: tuple[int, int], height: int, width: int) -> Tensor:
    """Keypoints `t k 3` of pictures of size `source` (height, width) where `fit` leaves them."""
    tall, wide = _covering(*source, height=height, width=width)
    top, left = (tall - height) // 2, (wide - width) // 2
    moved = points.clone()
    moved[..., 0] = (points[..., 0] * wide - left) / width
    moved[..., 1] = (points[..., 1] * tall - top) / height
    return moved


def _covering(tall: int, wide: int, *, height: int, width: int) -> tuple[int, int]:
    """Height and width of a picture at the smallest scale that covers `height` x `width`."""
    scale = max(height / tall, width / wide)
    return max(height, round(tall * scale)), max(width, round(wide * scale))


def _on_frames(pose: Pose, *, count: int, fps: float) -> Tensor:
    """Keypoints for `count` frames at `fps`, `t k 3`; nobody after the pose's end."""
    step = 1.0 if pose.fps is None else float(pose.fps) / fps
    points = torch.from_numpy(pose.points).float()
    chosen = torch.zeros(count, KEYPOINTS, 3)
    for frame in range(count):
        moment = math.floor(frame * step + 0.5)
        if moment < len(points):
            chosen[frame] = points[moment]
    return chosen
