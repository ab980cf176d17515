"""The error tree: everything videogen raises on purpose, and nothing else.

    VideogenError               any failure that has one clear line for the user
    ├── RequestError            a request asks for something impossible (also a ValueError)
    ├── CheckpointError         weights are missing, foreign, damaged or unsafe
    ├── MediaError              a file cannot be read or written (also an OSError)
    └── MissingExtra            an optional package is not installed (also an ImportError)

Each message says what was given, what was expected and what to do; the command line prints it
on one line and ends with exit code 2.
"""


class VideogenError(Exception):
    """Base of all errors that videogen raises on purpose."""


class RequestError(VideogenError, ValueError):
    """A request holds a value that cannot be honoured."""


class CheckpointError(VideogenError):
    """Weights are missing, incomplete, of another shape, or not safe to load."""


class MediaError(VideogenError, OSError):
    """A picture, video, sound or keypoint file cannot be read or written."""


class MissingExtra(VideogenError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'videogen[{extra}]'")
