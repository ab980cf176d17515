"""From a request to moving pictures: a `Clip` in memory, or a file written as the frames are made.

`run` returns once the denoising is done; frames are then decoded as they are asked for. A clip keeps the
frames it has made up to a limit, so that saving and showing decode once, and a clip too long for memory
still streams. Every output carries its record: the request with the seed used, the weights' hashes, and the
numbers that say how well the clip holds together.
"""

from __future__ import annotations

import base64
import inspect
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

from videogen.errors import RequestError
from videogen.extras import NOTHING, Extras
from videogen.jobs import Progress, jobs, silent
from videogen.jobs.ledger import Ledger
from videogen.request import Record, Request, make_record
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.types import Frame, Frames

P = ParamSpec("P")
KEPT_BYTES = 2**30


class Measured:
    """Frames at `fps`, for one pass, that are measured as they go by, with what `ledger` says of them."""

    def __init__(self, frames: Iterator[Frame], ledger: Ledger, *, fps: Fraction) -> None:
        from videogen.continuity import Meter

        self._frames, self._ledger, self._meter = frames, ledger, Meter(fps=fps)

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._meter.add(frame)
            yield frame

    def hold(self) -> None:
        """Make the first frame now."""
        self._frames = chain([next(self._frames)], self._frames)

    def numbers(self) -> Record:
        """What a record says of the frames so far: nothing before the first."""
        ledger = self._ledger
        found = self._meter.numbers(joins=ledger.joins, seams=ledger.seams, ring=ledger.ring)
        return {"numbers": found} if found else {}


class Clip:
    """Moving pictures with their frame rate, record, and the sound that goes with them, if any."""

    def __init__(
        self,
        make: Callable[[], Measured],
        *,
        fps: Fraction,
        record: Record,
        sound: Sound | None = None,
    ) -> None:
        """Wrap `make`, which yields the frames from the first one each time it is called."""
        self.fps = fps
        self._record, self._numbers = record, Record()
        self._make, self._sound = make, sound
        self._kept: list[Frame] | None = None

    @property
    def record(self) -> Record:
        """The request and the weights' hashes; and the clip's numbers, once its frames have been made."""
        return self._record | self._numbers

    @property
    def audio(self) -> Sound | None:
        """The sound that goes with the clip."""
        return self._sound

    @property
    def frames(self) -> Frames:
        """All frames at once, uint8 `t h w c`."""
        import numpy as np

        return np.stack(list(self.stream()))

    def stream(self) -> Iterator[Frame]:
        """Yield the frames one by one, uint8 `h w c`; of a clip above 1 GiB none is kept."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Frame] | None = []
        frames = self._make()
        for frame in frames:
            if kept is not None:
                kept.append(frame)
                kept = kept if len(kept) * frame.nbytes <= KEPT_BYTES else None
            yield frame
        self._kept = kept
        self._numbers = frames.numbers()

    def save(self, path: str | Path) -> Path:
        """Write the clip with its record; the ending chooses the format. Raises `MediaError`."""
        from videogen.media.provenance import GrowingRecord
        from videogen.media.video import write_video

        audio = _audible(self._sound, path)
        record = GrowingRecord(self._record, lambda: self._numbers)
        write_video(path, self.stream(), fps=self.fps, record=record, audio=audio)
        return Path(path)

    def _repr_html_(self) -> str:
        """Show the clip in a notebook, as a video inside the page."""
        with tempfile.TemporaryDirectory() as folder:
            data = base64.b64encode(self.save(Path(folder) / "clip.mp4").read_bytes()).decode("ascii")
        return (
            '<video autoplay loop muted controls style="min-width: 256px" '
            f'src="data:video/mp4;base64,{data}"></video>'
        )


@lru_cache(maxsize=1)
def load_engine(
    model: str, *, device: str, precision: str, weights: Path | None = None,
    motion_modules: Path | None = None, extras: Extras = NOTHING, offload: bool = False,
    compile: bool = False,
) -> Engine:  # fmt: skip
    """Load the networks, keeping the last ones loaded for the next request."""
    from videogen.engine import Engine

    return Engine(
        model, device=device, precision=precision, weights=weights, motion_modules=motion_modules,
        extras=extras, offload=offload, compile=compile,
    )  # fmt: skip


def run(request: Request, *, engine: Engine | None = None, progress: Progress = silent) -> Clip:
    """Do what the request asks and return the clip; `engine` holds networks that are loaded already.

    Raises `RequestError`, `CheckpointError` or `MediaError`, all before this returns.
    """
    sound = request.sound()
    request, engine = _ready(request, engine, progress)
    job = jobs()[request.job]
    fps = request.rate(engine.spec.fps)
    first_time: list[Measured] = []

    def begin(progress: Progress = silent) -> Measured:
        ledger = Ledger()
        return Measured(job.generate(request, engine, progress=progress, ledger=ledger), ledger, fps=fps)

    frames = begin(progress)
    frames.hold()
    first_time.append(frames)
    record = make_record(request, weights=engine.hashes)
    return Clip(lambda: first_time.pop() if first_time else begin(), fps=fps, record=record, sound=sound)


def render(
    request: Request, path: str | Path, *, engine: Engine | None = None, progress: Progress = silent
) -> Record:
    """Do what the request asks, write each frame to `path` as it is made, and return the record.

    Memory does not grow with the clip. Raises `MediaError` first of all where `path` cannot be written,
    then like `run`; whatever happens, there is a whole file or none.
    """
    from videogen.media.provenance import GrowingRecord
    from videogen.media.video import check_output, write_video

    check_output(path, fps=request.fps or Fraction(1))
    audio = _audible(request.sound(), path)
    request, engine = _ready(request, engine, progress)
    record = make_record(request, weights=engine.hashes)
    fps, ledger = request.rate(engine.spec.fps), Ledger()
    frames = jobs()[request.job].generate(request, engine, progress=progress, ledger=ledger)
    measured = Measured(_counted(frames, progress), ledger, fps=fps)
    write_video(path, measured, fps=fps, record=GrowingRecord(record, measured.numbers), audio=audio)
    return record | measured.numbers()


def as_function(request: Callable[P, Request]) -> Callable[P, Clip]:
    """Turn a request class into a function that takes its fields, runs it and returns the clip."""

    def function(*given: P.args, **fields: P.kwargs) -> Clip:
        return run(request(*given, **fields))

    _describe(function, cast("type[Request]", request))
    return function


def _describe(function: Callable[..., Clip], request: type[Request]) -> None:
    """Give the function its request's name, signature and help."""
    places = request.by_place()
    names = [*places, *(name for name in request.model_fields if name not in places)]
    kinds = {True: inspect.Parameter.POSITIONAL_OR_KEYWORD, False: inspect.Parameter.KEYWORD_ONLY}
    parameters, lines = [], []
    for name in names:
        field = request.model_fields[name]
        default = inspect.Parameter.empty if field.is_required() else field.default
        parameters.append(
            inspect.Parameter(name, kinds[name in places], default=default, annotation=field.annotation)
        )
        lines.append(f"{name}: {field.description}")
    function.__name__ = function.__qualname__ = request.job.replace("-", "_")
    function.__signature__ = inspect.Signature(parameters, return_annotation=Clip)  # type: ignore[attr-defined]
    function.__doc__ = "\n".join([f"{request.__doc__} Returns a `Clip`; raises `RequestError`.", "", *lines])


def _ready(request: Request, engine: Engine | None, progress: Progress) -> tuple[Request, Engine]:
    """Settle seed and networks, and refuse a request for other weights than those that are loaded."""
    if engine is None:
        progress("loading", 0, None)
        return request.seeded(), load_engine(
            request.model,
            device=request.device,
            precision=request.precision,
            weights=request.weights,
            motion_modules=request.motion_modules,
            extras=request.extras,
            offload=request.offload,
            compile=request.compile,
        )
    held = {"model": engine.model, "motion_modules": engine.motion_modules}
    for name, value in held.items():
        asked = getattr(request, name)
        if name in request.model_fields_set and asked != value:
            raise RequestError(
                f"the request names the {name.replace('_', ' ')} {str(asked)!r}, but the engine given holds"
                f" {str(value)!r}; leave one of them out"
            )
    if request.extras not in (NOTHING, engine.extras):
        raise RequestError(
            f"the request asks for {', '.join(request.extras.asked)}, but the engine given was loaded with "
            f"{', '.join(engine.extras.asked) or 'nothing added'}; give Engine(..., extras=request.extras)"
        )
    fields = type(request).model_fields
    loaded = {name: value for name, value in vars(engine.extras).items() if name in fields}
    return request.seeded().model_copy(update=held | loaded), engine


def _audible(sound: Sound | None, path: str | Path) -> Sound | None:
    """The sound that is written to `path`: what nobody named is not missed where there is no room."""
    from videogen.media.video import WITH_SOUND

    if sound is None or not (sound.asked or Path(path).suffix.lower() in WITH_SOUND):
        return None
    return sound


def _counted(frames: Iterator[Frame], progress: Progress) -> Iterator[Frame]:
    """Report each frame as it passes."""
    for count, frame in enumerate(frames, start=1):
        yield frame
        progress("frames", count, None)
