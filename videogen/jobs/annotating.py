"""The detectors of controlnet-aux with their weights found: for people, and for what a ControlNet reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from videogen.detection.annotators import PoseAnnotator, check_dwpose, dwpose, map_drawer, openpose
from videogen.devices import find_device
from videogen.types import Frame
from videogen.weights.annotators import YOLOX, annotator_files


def load_pose_annotator(
    kind: Literal["openpose", "dwpose"], *, person: int, weights: Path | None, device: str
) -> PoseAnnotator:
    """OpenPose or DWPose with its weights, from the folder `weights`, the hub's cache or the hub.

    Raises CheckpointError where they cannot be had, MissingExtra without controlnet-aux, RequestError where
    the device is absent or DWPose's packages are.
    """
    place = str(find_device(device))
    if kind == "openpose":
        return PoseAnnotator(openpose(annotator_files(kind, weights=weights), device=place), person=person)
    check_dwpose()
    (pose,) = annotator_files(kind, weights=weights)
    finder = None if weights is None else weights / YOLOX
    look = dwpose(pose, finder=finder if finder is not None and finder.is_file() else None, device=place)
    return PoseAnnotator(look, person=person)


def load_map_drawer(kind: str, *, weights: Path | None, device: str) -> Callable[[Frame], Frame]:
    """What draws edges, depth or lines from a frame, with its weights; raises as `load_pose_annotator`."""
    files = annotator_files(kind, weights=weights)
    return map_drawer(kind, files, device=str(find_device(device)))
