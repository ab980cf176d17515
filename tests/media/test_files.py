"""Atomic writing: whole or not at all, and one line for everything that can go wrong."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MediaError, RequestError
from videogen.media.ahead import SIZE
from videogen.media.files import atomic_file, check_target, open_file
from videogen.media.image import write_image
from videogen.media.video import read_video, write_video

NAMES = ["a.mp4", "a.webm", "a.gif", "a.webp", "a.sheet.png", "pictures"]
FPS = Fraction(8)


def noise(count: int, side: int = 128) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for _ in range(count)]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: what a full disk looks like to a program."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, RequestError, RuntimeError, SystemExit])
def test_an_interrupted_write_leaves_nothing_and_its_reason_passes(
    folder: Path, name: str, failure: type[BaseException]
) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield from noise(3, side=32)
        raise failure("enough")

    with pytest.raises(failure, match="enough"):
        write_video(folder / name, frames(), fps=FPS)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_write_keeps_the_older_file(folder: Path, name: str) -> None:
    target = folder / name
    write_video(target, noise(2, side=32), fps=FPS)

    def content() -> list[bytes]:
        files = sorted(target.iterdir()) if target.is_dir() else [target]
        return [file.read_bytes() for file in files]

    before = content()
    with pytest.raises(MediaError, match="a frame is"):
        write_video(target, [*noise(3, side=32), *noise(1, side=48)], fps=FPS)
    assert content() == before
    assert [entry.name for entry in folder.iterdir()] == [name]
    write_video(target, noise(5, side=32), fps=FPS)
    with read_video(target) as video:
        assert len(list(video)) == 5
    assert [entry.name for entry in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1_000, 20_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(folder: Path, name: str, size: int) -> None:
    with disk_of(size), pytest.raises(MediaError, match="cannot be written: File too large"):
        write_video(folder / name, noise(6), fps=FPS)
    assert not list(folder.iterdir())


def test_a_disk_that_is_full_at_the_last_byte_is_noticed(folder: Path) -> None:
    for name in ("a.mp4", "a.webm", "a.gif"):
        write_video(folder / name, noise(3), fps=FPS, record={"seed": 1})
        size = (folder / name).stat().st_size
        for missing in (1, 100):
            with disk_of(size - missing), pytest.raises(MediaError, match="File too large"):
                write_video(folder / name, noise(3), fps=FPS, record={"seed": 1})


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_small_tmpfs_that_fills_up_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        for name in NAMES:
            with pytest.raises(MediaError, match="No space left on device"):
                write_video(place / name, noise(6), fps=FPS)
            assert not list(place.iterdir())
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_targets_that_cannot_be_written_are_told_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames() -> Iterator[np.ndarray]:
        pytest.fail("work was begun")
        yield

    (folder / "taken.mp4").mkdir()
    (folder / "file").write_text("text")
    (folder / "full").mkdir()
    (folder / "full" / "letter.txt").write_text("mine")
    for name, reason in {
        "missing/a.mp4": "does not exist",
        "taken.mp4": "is a folder",
        "file/a.mp4": "is not a folder",
        "file": "it is a file",
        "full": "holds other files",
        "a.avi": r"\.mp4, \.webm, \.gif or \.webp",
        "nul\0.mp4": "cannot be written",
        "x" * 300 + ".mp4": "cannot be written",
    }.items():
        with pytest.raises(MediaError, match=reason) as error:
            write_video(folder / name, frames(), fps=FPS)
        assert "\n" not in str(error.value)
    assert (folder / "full" / "letter.txt").read_text() == "mine"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MediaError, match="no write permission"):
        write_video(folder / "a.mp4", frames(), fps=FPS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_one_line(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        with pytest.raises(MediaError, match="no write permission"):
            write_image(folder / "a.png", noise(1)[0])
    finally:
        folder.chmod(0o700)


def test_a_new_file_has_the_permissions_of_any_new_file(folder: Path) -> None:
    (folder / "plain").write_text("")
    write_video(folder / "a.mp4", noise(1, side=32), fps=FPS)
    assert (folder / "a.mp4").stat().st_mode == (folder / "plain").stat().st_mode


def test_the_longest_name_a_system_allows_can_be_written(folder: Path) -> None:
    name = "n" * 251 + ".mp4"
    write_video(folder / name, noise(1, side=32), fps=FPS)
    assert [entry.name for entry in folder.iterdir()] == [name]


@pytest.mark.parametrize(
    "name", ["%d.mp4", "concat:a|b.mp4", "-i.mp4", "{frame}.webm", "é 走.mp4", "pipe:1.mp4"]
)
def test_names_with_a_meaning_elsewhere_are_only_names(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write_video(name, noise(2, side=32), fps=FPS)
    assert [entry.name for entry in folder.iterdir()] == [name]
    with read_video(name) as video:
        assert len(list(video)) == 2


def test_a_block_that_ends_well_renames_and_keeps_the_suffix(folder: Path) -> None:
    with atomic_file(folder / "a.mp4") as partial:
        assert partial.suffix == ".mp4"
        assert partial.parent == folder
        partial.write_text("done")
        assert not (folder / "a.mp4").exists()
    assert (folder / "a.mp4").read_text() == "done"


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/zero")):
        with pytest.raises(MediaError, match="not a regular file"):
            open_file(path, doing="read")


def test_a_target_can_be_checked_alone(folder: Path) -> None:
    check_target(folder / "a.mp4")
    with pytest.raises(MediaError):
        check_target(folder / "b" / "a.mp4")
    assert not list(folder.iterdir())


def test_frames_are_written_as_they_come(folder: Path, clip: Callable[..., list[np.ndarray]]) -> None:
    """Never all frames in memory: besides those that wait for the encoder a few."""
    alive: list[np.ndarray] = []

    class Watched(np.ndarray):
        def __del__(self) -> None:
            alive.pop()

    def frames() -> Iterator[np.ndarray]:
        for frame in clip(30):
            watched = frame.view(Watched)
            alive.append(frame)
            assert len(alive) <= 4 + SIZE
            yield watched
            del watched

    for name in ("a.mp4", "a.webm", "pictures"):
        assert write_video(folder / name, frames(), fps=FPS) == 30
