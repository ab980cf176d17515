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
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

from videogen.errors import RequestError
from videogen.extras import NOTHING, Extras
from videogen.jobs import Progress, jobs, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.measuring import Measured
from videogen.request import Record, Request, make_record
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.types import Frame, Frames

P = ParamSpec("P")
KEPT_BYTES = 2**30


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
    request = _agreed(request, engine)
    held = engine or _load(request, progress)
    job = jobs()[request.job]
    fps = request.rate(held.spec.fps)
    first_time: list[Measured] = []

    def begin(progress: Progress = silent) -> Measured:
        ledger = Ledger()
        return Measured(job.generate(request, held, progress=progress, ledger=ledger), ledger, fps=fps)

    frames = begin(progress)
    frames.hold()
    first_time.append(frames)
    record = make_record(request, weights=held.hashes)
    return Clip(lambda: first_time.pop() if first_time else begin(), fps=fps, record=record, sound=sound)


def render(
    request: Request, path: str | Path, *, engine: Engine | None = None, progress: Progress = silent,
    job: str | Path | None = None, again: bool = False,
) -> Record:  # fmt: skip
    """Do what the request asks, write each frame to `path` as it is made, and return the record.

    Memory does not grow with the clip. `job` is a folder that keeps what is finished: the same call, or
    `resume`, goes on from there, and after two attempts that ended the process only with `again`. Raises
    `MediaError` first of all where `path` cannot be written, then like `run`; whatever happens, there is a
    whole file or none.
    """
    from videogen.media.video import check_output

    check_output(path, fps=request.fps or Fraction(1))
    audio = _audible(request.sound(), path)
    if job is None:
        request = _agreed(request, engine)
        engine = engine or _load(request, progress)
        return _write(request, path, audio=audio, engine=engine, progress=progress, ledger=Ledger())
    from videogen.jobs.job_folder import open_job, settled

    request = _agreed(settled(request, job), engine)
    with open_job(job, request, output=path, again=again) as folder:
        engine = engine or _load(request, progress)
        from videogen.jobs.folder_ledger import FolderLedger

        folder.check_weights(engine.hashes)
        ledger = FolderLedger(folder, device=engine.device)
        return _write(
            request, path, audio=audio, engine=engine, progress=progress, ledger=ledger,
            mark=folder.manifest["mark"],
        )  # fmt: skip


def resume(
    job: str | Path, *, engine: Engine | None = None, progress: Progress = silent, again: bool = False
) -> tuple[Path, Record]:
    """Go on with the job in a folder, and return the file and its record, as if it had not been stopped.

    Raises `RequestError` where `job` is no job's folder, another process works on it, or its inputs or
    weights are no longer what they were; and like `render`.
    """
    from videogen.jobs.job_folder import read_job

    request, path = read_job(job, {name: each.request for name, each in jobs().items()})
    return path, render(request, path, engine=engine, progress=progress, job=job, again=again)


def _write(
    request: Request, path: str | Path, *, audio: Sound | None, engine: Engine, progress: Progress,
    ledger: Ledger, mark: str = "",
) -> Record:  # fmt: skip
    """Make the frames and write them with their record."""
    from videogen.media.provenance import GrowingRecord
    from videogen.media.video import write_video

    record, fps = make_record(request, weights=engine.hashes), request.rate(engine.spec.fps)
    frames = jobs()[request.job].generate(request, engine, progress=progress, ledger=ledger)
    measured = Measured(_counted(frames, progress), ledger, fps=fps)
    growing = GrowingRecord(record, measured.numbers)
    write_video(path, measured, fps=fps, record=growing, audio=audio, mark=mark)
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


def _agreed(request: Request, engine: Engine | None) -> Request:
    """Settle the seed, and refuse a request for other weights than those that are loaded."""
    if engine is None:
        return request.seeded()
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
    return request.seeded().model_copy(update=held | loaded)


def _load(request: Request, progress: Progress) -> Engine:
    """Load the networks that the request names."""
    progress("loading", 0, None)
    return load_engine(
        request.model,
        device=request.device,
        precision=request.precision,
        weights=request.weights,
        motion_modules=request.motion_modules,
        extras=request.extras,
        offload=request.offload,
        compile=request.compile,
    )


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
