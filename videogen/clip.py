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
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

from videogen.errors import RequestError
from videogen.extras import NOTHING, Extras
from videogen.jobs import Progress, jobs, silent
from videogen.jobs.ledger import Ledger
from videogen.jobs.making import Networks, agrees, finisher, load_enhancer
from videogen.jobs.measuring import Measured
from videogen.model_request import ModelRequest
from videogen.request import Record, Request, make_record
from videogen.sound import Sound

if TYPE_CHECKING:
    from videogen.engine import Engine
    from videogen.enhancer import Enhancer
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


def run(request: Request, *, engine: Engine | Enhancer | None = None, progress: Progress = silent) -> Clip:
    """Do what the request asks and return the clip; `engine` holds networks that are loaded already.

    Raises `RequestError`, `CheckpointError` or `MediaError`, all before this returns.
    """
    sound = request.sound()
    request = _agreed(request, engine)
    held = _networks(request, engine, progress)
    first_time: list[Measured] = []

    def begin(progress: Progress = silent) -> Measured:
        return held.frames(request, progress=progress, ledger=Ledger())

    frames = begin(progress)
    frames.hold()
    first_time.append(frames)
    record, fps = make_record(request, weights=held.hashes), request.output_rate(held.own_rate)
    return Clip(lambda: first_time.pop() if first_time else begin(), fps=fps, record=record, sound=sound)


def render(
    request: Request, path: str | Path, *, engine: Engine | Enhancer | None = None,
    progress: Progress = silent, job: str | Path | None = None, again: bool = False,
) -> Record:  # fmt: skip
    """Do what the request asks, write each frame to `path` as it is made, and return the record.

    Memory does not grow with the clip. `job` is a folder that keeps what is finished: the same call, or
    `resume`, goes on from there, and after two attempts that ended the process only with `again`. Raises
    `MediaError` first of all where `path` cannot be written, then like `run`; whatever happens, there is a
    whole file or none.
    """
    from videogen.media.video import check_output

    check_output(path, fps=request.rate_ahead())
    audio = _audible(request.sound(), path)
    if job is None:
        request = _agreed(request, engine)
        held = _networks(request, engine, progress)
        return _write(request, path, audio=audio, held=held, progress=progress, ledger=Ledger())
    from videogen.jobs.job_folder import open_job, settled

    request = _agreed(settled(request, job), engine)
    with open_job(job, request, output=path, again=again) as folder:
        held = _networks(request, engine, progress)
        from videogen.jobs.folder_ledger import FolderLedger

        folder.check_weights(held.hashes)
        ledger = FolderLedger(folder, device=held.device)
        return _write(
            request, path, audio=audio, held=held, progress=progress, ledger=ledger,
            mark=folder.manifest["mark"],
        )  # fmt: skip


def resume(
    job: str | Path, *, engine: Engine | Enhancer | None = None, progress: Progress = silent,
    again: bool = False,
) -> tuple[Path, Record]:  # fmt: skip
    """Go on with the job in a folder, and return the file and its record, as if it had not been stopped.

    Raises `RequestError` where `job` is no job's folder, another process works on it, or its inputs or
    weights are no longer what they were; and like `render`.
    """
    from videogen.jobs.job_folder import read_job

    request, path = read_job(job, {name: each.request for name, each in jobs().items()})
    return path, render(request, path, engine=engine, progress=progress, job=job, again=again)


def _write(
    request: Request, path: str | Path, *, audio: Sound | None, held: Networks, progress: Progress,
    ledger: Ledger, mark: str = "",
) -> Record:  # fmt: skip
    """Make the frames and write them with their record."""
    from videogen.media.provenance import GrowingRecord
    from videogen.media.video import write_video

    record, fps = make_record(request, weights=held.hashes), request.output_rate(held.own_rate)
    measured = held.frames(request, progress=progress, ledger=ledger)
    growing = GrowingRecord(record, measured.numbers)
    frames = _counted(measured, ledger, progress)
    write_video(path, frames, fps=fps, record=growing, audio=audio, mark=mark)
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


def _agreed(request: Request, engine: Engine | Enhancer | None) -> Request:
    """Settle the seed, and refuse a request for other weights than those that are loaded."""
    from videogen.enhancer import Enhancer

    if engine is None:
        return request.seeded()
    if isinstance(engine, Enhancer) == isinstance(request, ModelRequest):
        raise RequestError(f"{request.job} is not done by a {type(engine).__name__}; leave engine out")
    wanted, held = request.networks(), engine.settings
    for name, value in held.items():
        said = name in request.model_fields_set or not isinstance(request, ModelRequest)
        if said and wanted[name] != value:
            raise RequestError(
                f"the request names the {name.replace('_', ' ')} {str(wanted[name])!r}, but the engine given "
                f"holds {str(value)!r}; leave one of them out"
            )
    if isinstance(engine, Enhancer):
        return request
    if request.extras not in (NOTHING, engine.extras):
        raise RequestError(
            f"the request asks for {', '.join(request.extras.asked)}, but the engine given was loaded with "
            f"{', '.join(engine.extras.asked) or 'nothing added'}; give Engine(..., extras=request.extras)"
        )
    fields = type(request).model_fields
    loaded = {name: value for name, value in vars(engine.extras).items() if name in fields}
    return request.seeded().model_copy(update=held | loaded)


def _networks(request: Request, engine: Engine | Enhancer | None, progress: Progress) -> Networks:
    """Load the networks that the request names, beside those that are given."""
    progress("loading", 0, None)
    if engine is not None:
        return Networks(engine, finisher(request), agrees(request))
    load = load_engine if isinstance(request, ModelRequest) else load_enhancer
    return Networks(load(**request.networks()), finisher(request), agrees(request))


def hashes_of(request: Request) -> dict[str, str]:
    """The sha256 of the files of a request's weights, which are loaded unless they are."""
    return _networks(request, None, silent).hashes


def _audible(sound: Sound | None, path: str | Path) -> Sound | None:
    """The sound that is written to `path`: what nobody named is not missed where there is no room."""
    from videogen.media.video import WITH_SOUND

    if sound is None or not (sound.asked or Path(path).suffix.lower() in WITH_SOUND):
        return None
    return sound


def _counted(frames: Iterable[Frame], ledger: Ledger, progress: Progress) -> Iterator[Frame]:
    """Report each frame as it passes."""
    for count, frame in enumerate(frames, start=1):
        yield frame
        progress("frames", count, ledger.expected)
