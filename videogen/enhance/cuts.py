"""Where shots begin, found while the frames pass: one list of cuts for all that must not look across one.

In: a film's frames, one by one. Out: the same frames, each with whether a new shot begins with it, two frames
late, so that memory holds a few, however long the film. PySceneDetect does the seeing, on copies made small:
its adaptive detector proposes a frame that changes much more than those beside it, and its perceptual hash
confirms that the picture is another one from there on: after a flash of one or two frames it is what it was,
and light that changes leaves its structure. Fades and dissolves are no cuts: no frame begins the other shot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np

from videogen.types import Frame

_AHEAD = 2
"""Frames on each side of one that are compared with it, and the longest flash."""
_SIDE = 256
"""Pixels of the longer side that are looked at."""
_RATIO = 2.3
"""How many times as much as the frames beside it the first frame of a shot changes, at least."""
_CHANGE = 8.0
"""The mean change of saturation and brightness, of the 191 that are left of 255, that it makes at least."""
_UNLIKE = 0.2
"""The share of bits in which the perceptual hashes of two shots differ at least; by chance it is half."""
_ANOTHER = 60.0
"""The change that only another picture makes, whatever the hashes say."""
_WEIGHTS = (0.0, 0.5, 1.0, 0.0)
"""How much hue, saturation, brightness and edges count: hue jumps where there is hardly any colour."""
_LIFT = 64
"""What black is lifted to: the saturation of what is nearly black jumps as well."""


def marked(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Yield the frames, uint8 `h w 3` of one size, each with whether a new shot begins with it.

    The first frame counts as no cut. Three frames are held at most.
    """
    watch = _Watch()
    held: deque[Frame] = deque(maxlen=_AHEAD + 1)
    for number, (frame, shown) in enumerate(_with_ends(frames)):
        held.append(frame)
        is_cut = watch.look(frame, shown=shown)
        if number >= 2 * _AHEAD:
            yield held[0], is_cut


def find_cuts(frames: Iterable[Frame]) -> tuple[int, ...]:
    """The numbers of the frames with which shots begin, the first shot's left out."""
    return tuple(number for number, (_, is_cut) in enumerate(marked(frames)) if is_cut)


def _with_ends(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Every frame twice, and `_AHEAD` more at both ends: what counts there, and what moves as it does there.

    The detector is silent on frames at its ends. The film is mirrored there, so that what moves goes on.
    """
    iterator = iter(frames)
    ends = deque(islice(iterator, _AHEAD + 1), maxlen=_AHEAD + 1)
    if not ends:
        return
    first = ends[0]
    yield from ((first, shown) for shown in _mirrored(reversed(ends)))
    for frame in chain(list(ends), iterator):
        ends.append(frame)
        yield frame, frame
    yield from ((frame, shown) for shown in reversed(_mirrored(ends)))


def _mirrored(ends: Iterable[Frame]) -> list[Frame]:
    """`_AHEAD` frames that come before the last of these, which are that many and one, or fewer."""
    *others, last = ends
    return [*[(others or [last])[0]] * (_AHEAD - len(others)), *others]


class _Watch:
    """Sees frames one by one and says of each, `_AHEAD` frames later, whether it begins a shot."""

    def __init__(self) -> None:
        from scenedetect import AdaptiveDetector

        self._detector = AdaptiveDetector(
            adaptive_threshold=_RATIO, min_content_val=_CHANGE, window_width=_AHEAD, min_scene_len=0,
            weights=AdaptiveDetector.Components(*_WEIGHTS),
        )  # fmt: skip
        self._seen: deque[Frame] = deque(maxlen=2 * _AHEAD + 2)
        self._count = 0
        self._shot = 0

    def look(self, frame: Frame, *, shown: Frame) -> bool:
        """See the next frame, by what is `shown` of it; whether that `_AHEAD` before it begins a shot."""
        from scenedetect import FrameTimecode

        small = _small(frame)
        self._seen.append(small)
        # The detector counts frames; their rate does not matter to it.
        time = FrameTimecode(self._count, fps=25.0)
        proposed = self._detector.process_frame(time, small if shown is frame else _small(shown))
        self._count += 1
        here = self._count - 1 - _AHEAD
        if not proposed or not self._stays(here - self._shot):
            return False
        self._shot = here
        return True

    def _stays(self, shot: int) -> bool:
        """Whether the picture is another before and after the change, by a shot of so many frames before it.

        A flash may begin with it, which ends within `_AHEAD` frames, or may have ended with it.
        """
        here = len(self._seen) - 1 - _AHEAD
        before = max(here - _AHEAD - 1, here - shot, 0)
        pairs = (here - 1, here + _AHEAD), (before, here)
        return all(_differ(self._seen[one], self._seen[other]) for one, other in pairs)


def _differ(one: Frame, other: Frame) -> bool:
    """Whether two pictures belong to two shots."""
    from scenedetect import ContentDetector, FrameTimecode, HashDetector

    hashes = [HashDetector.hash_frame(each, hash_size=8, factor=2) for each in (one, other)]
    if np.mean(hashes[0] != hashes[1]) >= _UNLIKE:
        return True
    weights = ContentDetector.Components(*_WEIGHTS)
    detector = ContentDetector(threshold=_ANOTHER, min_scene_len=0, weights=weights)
    detector.process_frame(FrameTimecode(0, fps=25.0), one)
    return bool(detector.process_frame(FrameTimecode(1, fps=25.0), other))


def _small(frame: Frame) -> Frame:
    """A frame made small, its channels in the order of OpenCV."""
    import cv2

    height, width = frame.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)[..., ::-1]
    return np.ascontiguousarray(small.astype(np.uint16) * (255 - _LIFT) // 255 + _LIFT, np.uint8)
