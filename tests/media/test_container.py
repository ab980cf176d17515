"""Hostile files: damaged, lying, or made to read other files; a MediaError or frames, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videogen.errors import MediaError
from videogen.media.video import read_video, write_video

Clip = Callable[..., list[np.ndarray]]
Failure = Callable[[Callable[[], object]], MediaError | None]


def damaged(whole: bytes, *, seed: int, truncations: int, mutations: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    found = [whole[: max(len(whole) * cut // truncations, 1)] for cut in range(truncations)]
    for number in range(mutations):
        mutant = bytearray(whole)
        # Half of the damage goes into the first kilobyte, where the headers are.
        span = len(whole) if number % 2 else min(1024, len(whole))
        for place in rng.integers(0, span, int(rng.choice([1, 4, 16, 64]))):
            mutant[place] = rng.integers(256)
        if number % 5 == 0:
            place = int(rng.integers(0, span))
            mutant[place : place + 16] = bytes([int(rng.choice([0, 255, 127, 128]))]) * 16
        found.append(bytes(mutant))
    return found


@pytest.mark.parametrize(("name", "count"), [("a.mp4", 60), ("a.webm", 30), ("a.gif", 30), ("a.webp", 30)])
def test_damaged_clips_give_an_error_of_ours_or_frames(
    folder: Path, clip: Clip, failure_of: Failure, name: str, count: int
) -> None:
    write_video(folder / name, clip(8), fps=Fraction(8), record={"seed": 1})
    whole = (folder / name).read_bytes()
    refused = 0

    def read() -> None:
        with read_video(folder / name, max_frames=1000) as video:
            for frame in video:
                assert frame.shape == (video.info.height, video.info.width, 3)

    for content in damaged(whole, seed=7, truncations=count, mutations=count):
        (folder / name).write_bytes(content)
        error = failure_of(read)
        refused += error is not None
        assert error is None or (name in str(error) and "\n" not in str(error))
    assert refused > count // 3


def test_a_clip_cut_anywhere_around_its_first_frame_is_refused(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.mp4", clip(4), fps=Fraction(8))
    whole = (folder / "a.mp4").read_bytes()
    start = whole.index(b"mdat")
    for cut in range(start - 40, start + 160, 3):
        (folder / "b.mp4").write_bytes(whole[:cut])
        with pytest.raises(MediaError), read_video(folder / "b.mp4") as video:
            list(video)


@pytest.mark.parametrize("name", ["list.mp4", "list.ffconcat", "list.m3u8", "list.webm", "list.gif"])
def test_playlists_do_not_read_their_neighbours(folder: Path, clip: Clip, name: str) -> None:
    write_video(folder / "secret.mp4", clip(4), fps=Fraction(8))
    texts = [
        "ffconcat version 1.0\nfile secret.mp4\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{folder}/secret.mp4\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>secret.mp4</BaseURL></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ]
    for text in texts:
        (folder / name).write_text(text)
        with pytest.raises(MediaError, match="cannot be read as a video"):
            read_video(folder / name)


@pytest.mark.parametrize(
    "name",
    ["concat:secret.mp4|secret.mp4", "subfile,,start,0,end,0,,:secret.mp4", "file:secret.mp4", "data:,x",
     "pipe:0", "http://127.0.0.1/a.mp4", "async:secret.mp4", "<video0>", "-"],
)  # fmt: skip
def test_a_name_is_never_taken_for_a_protocol(
    folder: Path, clip: Clip, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(folder / "secret.mp4", clip(2), fps=Fraction(8))
    monkeypatch.chdir(folder)
    with pytest.raises(MediaError, match="No such file"):
        read_video(name)


def test_what_is_not_a_video_is_refused_in_one_line(folder: Path) -> None:
    (folder / "text.mp4").write_text("not a video, " * 100)
    (folder / "empty.mp4").touch()
    (folder / "zeros.mp4").write_bytes(bytes(10_000))
    (folder / "folder.mp4").mkdir()
    (folder / "riff.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 \0\0\0\0")
    for name in ("text.mp4", "empty.mp4", "zeros.mp4", "folder.mp4", "riff.webp", "missing.mp4"):
        with pytest.raises(MediaError, match=name) as error:
            read_video(folder / name)
        assert "\n" not in str(error.value)


def test_containers_off_the_list_are_not_even_tried(
    folder: Path, clip: Clip, foreign: Callable[..., Path]
) -> None:
    foreign(folder / "a.nut", clip(2))
    with pytest.raises(MediaError, match="cannot be read as a video"):
        read_video(folder / "a.nut")


def test_a_bomb_is_refused_from_its_header(folder: Path, clip: Clip) -> None:
    """A small clip whose headers claim 16,384 by 16,384 pixels."""
    write_video(folder / "a.webp", clip(2), fps=Fraction(8))
    content = bytearray((folder / "a.webp").read_bytes())
    place = content.index(b"VP8X") + 12
    content[place : place + 6] = (16_383).to_bytes(3, "little") * 2
    (folder / "b.webp").write_bytes(content)
    write_video(folder / "a.gif", clip(2), fps=Fraction(8))
    content = bytearray((folder / "a.gif").read_bytes())
    content[6:10] = (16_384).to_bytes(2, "little") * 2
    (folder / "b.gif").write_bytes(content)
    for name in ("b.webp", "b.gif"):
        with pytest.raises(MediaError, match=r"pixels"):
            read_video(folder / name)
