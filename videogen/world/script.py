"""What happens in a clip, before and after it is painted.

A `Script` holds everything true of a batch of clips but its pixels, so that tracks, poses and sentences come
by the thousand without painting; a `Clips` holds the pixels too. Frame 0 of a script is the reference
picture's moment, which `Clips` keeps apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from videogen.skeleton import KEYPOINTS
from videogen.tracks import Tracks
from videogen.world.painter import Painting
from videogen.world.truth import follow


@dataclass(frozen=True)
class Script:
    """A batch of clips of one kind, ready to be painted; frame 0 is the reference.

    `points` `b t k 3`; `tracks` as in `videogen.tracks`; `fps` `b`; `captions` one sentence per clip;
    `labels` what each clip shows, by attribute. `paint` paints all frames at a size in pixels.
    """

    kind: str
    points: Tensor
    tracks: Tracks
    fps: Tensor
    captions: list[str]
    labels: list[dict[str, str]]
    paint: Callable[[int], Painting]


@dataclass(frozen=True)
class Clips:
    """A batch of clips of one kind, with everything true of them.

    `video` and `reference` are −1…1, `b c t h w` and `b c h w`. `points` `b t k 3` and `reference_points`
    `b k 3` are keypoints (confidence 0 where there is no person). `source` `b t h w 2` says where each pixel
    was in the reference (fractions of width and height), `visible` 0/1 `b t h w` whether it was seen there.
    `fps` is `b`; `captions` one sentence per clip; `labels` what each clip shows, by attribute.

    Where more truth was asked for: `depth` `b t h w` from 0, the background, to 1, the nearest layer; `mask`
    int64 `b t h w`, 0 background, 1 the first thing or the person, 2 the second thing; `flow` `b t h w 2`,
    how far each pixel's point moves until the next frame (fractions; zero in the last frame).
    """

    kind: str
    video: Tensor
    reference: Tensor
    points: Tensor
    reference_points: Tensor
    source: Tensor
    visible: Tensor
    tracks: Tracks
    fps: Tensor
    captions: list[str]
    labels: list[dict[str, str]] = field(default_factory=list)
    depth: Tensor | None = None
    mask: Tensor | None = None
    flow: Tensor | None = None


def no_points(time: Tensor) -> Tensor:
    """Keypoints of nobody for moments `b t`, `b t k 3`."""
    return torch.zeros(*time.shape, KEYPOINTS, 3, device=time.device)


def no_tracks(time: Tensor) -> Tracks:
    """Tracks of nothing for moments `b t`."""
    return Tracks.none(*time.shape, device=time.device)


def shoot(script: Script, *, size: int, truth: bool = False) -> Clips:
    """Paint a script at `size` pixels square; `truth` adds depth, mask and flow."""
    painting = script.paint(size)
    video, tracks = painting.video * 2 - 1, script.tracks
    depth, mask, flow = _tell(painting) if truth else (None, None, None)
    return Clips(
        kind=script.kind,
        video=video[:, 1:].transpose(1, 2).contiguous(),
        reference=video[:, 0].contiguous(),
        points=script.points[:, 1:],
        reference_points=script.points[:, 0],
        source=painting.source[:, 1:],
        visible=painting.visible[:, 1:],
        tracks=Tracks(tracks.state[:, 1:], tracks.outline, tracks.camera[:, 1:]),
        fps=script.fps,
        captions=script.captions,
        labels=script.labels,
        depth=depth,
        mask=mask,
        flow=flow,
    )


def _tell(painting: Painting) -> tuple[Tensor, Tensor, Tensor]:
    """Depth, mask and flow of all frames but the reference."""
    if painting.stage is None:  # one surface
        flat = torch.zeros_like(painting.visible[:, 1:])
        return flat, flat.long(), follow(painting.source[:, 1:])
    stage = painting.stage
    return stage.depth()[:, 1:], stage.mask()[:, 1:], stage.flow()[:, 1:]
