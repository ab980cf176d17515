"""The record and the mark of synthetic media: in every format, unharmed by any content."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from videogen.errors import MediaError
from videogen.media import provenance
from videogen.media.image import write_image
from videogen.media.provenance import (
    SYNTHETIC,
    GrowingRecord,
    Layout,
    envelope,
    layout_of,
    overwrite,
    read_record,
    tags,
)
from videogen.media.video import read_video, write_video

NAMES = ["a.mp4", "a.webm", "a.gif", "a.webp", "a.sheet.png", "pictures"]
WITH_SOUND = NAMES[:2]
FPS = Fraction(8)
Clip = Callable[..., list[np.ndarray]]


def same(first: object, second: object) -> bool:
    return json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize("name", NAMES)
def test_a_nasty_record_comes_back_byte_for_byte(
    folder: Path, name: str, clip: Clip, nasty_record: dict[str, object]
) -> None:
    write_video(folder / name, clip(3), fps=FPS, record=nasty_record)
    assert same(read_record(folder / name), nasty_record)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_a_nasty_record_comes_back_from_a_picture(
    folder: Path, name: str, clip: Clip, nasty_record: dict[str, object]
) -> None:
    write_image(folder / name, clip(1)[0], record=nasty_record)
    assert same(read_record(folder / name), nasty_record)


@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
)
@settings(max_examples=25, deadline=None)
def test_any_record_comes_back_from_an_mp4(
    tmp_path_factory: pytest.TempPathFactory, record: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("record") / "a.mp4"
    write_video(path, [np.zeros((16, 16, 3), np.uint8)], fps=FPS, record=record)
    assert same(read_record(path), record)


@pytest.mark.parametrize("name", NAMES)
def test_every_output_is_marked_as_synthetic(folder: Path, name: str, clip: Clip) -> None:
    write_video(folder / name, clip(3), fps=FPS, record={"seed": 1})
    files = sorted((folder / name).iterdir()) if name == "pictures" else [folder / name]
    assert len(files) == (3 if name == "pictures" else 1)
    for file in files:
        content = file.read_bytes()
        assert SYNTHETIC.encode() in content
        # GIF and WebM have no place for XMP that readers look at.
        assert (b"<Iptc4xmpExt:DigitalSourceType>" in content) is (name not in ("a.gif", "a.webm"))


@pytest.mark.parametrize("name", NAMES)
def test_without_a_record_there_is_neither_record_nor_mark(folder: Path, name: str, clip: Clip) -> None:
    write_video(folder / name, clip(2), fps=FPS)
    with pytest.raises(MediaError, match="carries no videogen record"):
        read_record(folder / name)
    for file in (folder / name).iterdir() if name == "pictures" else [folder / name]:
        assert SYNTHETIC.encode() not in file.read_bytes()


def test_the_record_survives_a_program_that_keeps_only_the_comment(
    folder: Path, clip: Clip, nasty_record: dict[str, object]
) -> None:
    write_video(folder / "a.mp4", clip(2), fps=FPS, record=nasty_record)
    with av.open(str(folder / "a.mp4")) as source, av.open(str(folder / "b.mp4"), "w") as copy:
        copy.metadata.update(source.metadata)
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    with av.open(str(folder / "b.mp4")) as copied:
        assert "videogen" not in copied.metadata
    assert same(read_record(folder / "b.mp4"), nasty_record)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_the_record_stands_under_its_own_name(folder: Path, clip: Clip, name: str) -> None:
    write_video(folder / name, clip(2), fps=FPS, record={"seed": 1})
    with av.open(str(folder / name)) as container:
        found = {tag.lower(): text for tag, text in container.metadata.items()}
    assert found["videogen"] == '{"seed": 1}'
    assert found["digital_source_type"] == SYNTHETIC


def test_an_empty_record_is_a_record(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.webm", clip(1), fps=FPS, record={})
    assert read_record(folder / "a.webm") == {}


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), b"bytes"])
def test_a_record_that_is_not_json_is_refused_before_any_work(folder: Path, value: object) -> None:
    def frames() -> object:
        pytest.fail("work was begun")
        yield

    with pytest.raises(MediaError, match="record"):
        write_video(folder / "a.mp4", frames(), fps=FPS, record={"value": value})  # type: ignore[arg-type]
    assert not list(folder.iterdir())


def test_foreign_and_broken_tags_are_no_record(tmp_path: Path) -> None:
    for number, text in enumerate(["[1]", "{", "null", "[" * 100_000, '{"a": 1' + "0" * 5000 + "}"]):
        path = tmp_path / f"{number}.webp"
        exif = Image.Exif()
        exif[0x010E] = text
        Image.new("RGB", (32, 32)).save(path, exif=exif)
        with pytest.raises(MediaError, match="carries no videogen record"):
            read_record(path)


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video at all")
    (tmp_path / "text.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (tmp_path / "empty").mkdir()
    for name in ("text.mp4", "text.png", "empty", "missing.mp4"):
        with pytest.raises(MediaError, match=name) as error:
            read_record(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_layout_is_read_from_tags_and_from_a_comment() -> None:
    layout = Layout(Fraction(30000, 1001), width=63, height=49)
    assert layout_of(tags(None, layout)) == layout
    assert layout_of({"COMMENT": envelope({"seed": 1}, layout)}) == layout


@pytest.mark.parametrize("fps", ["1e999999999", "0/1", "1/0", "-1/2", "1", "", None, 25, "9" * 5000 + "/1"])
def test_a_layout_without_sense_is_none(fps: object) -> None:
    assert layout_of({"videogen_media": json.dumps({"fps": fps, "width": 64, "height": 64})}) is None
    assert layout_of({"videogen_media": json.dumps({"fps": "25/1", "width": "64", "height": True})}) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_sound", [False, True])
def test_a_record_may_be_complete_after_the_last_frame_only(
    folder: Path, name: str, clip: Clip, with_sound: bool, make_sound: Callable[..., Path]
) -> None:
    sound = make_sound(folder / "sound.wav", seconds=1)
    told: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        for number, frame in enumerate(clip(3)):
            yield frame
            told.append(number)

    audible = with_sound and name in WITH_SOUND
    for target in (folder / name, folder / f"again-{name}"):
        told.clear()
        record = GrowingRecord({"seed": 1}, lambda: {"frames": list(told)})
        write_video(target, frames(), fps=FPS, record=record, audio=sound if audible else None)
        assert read_record(target) == {"seed": 1, "frames": [0, 1, 2]}
        with read_video(target) as video:
            assert len(list(video)) == 3
            assert video.info.has_audio == audible
    if (folder / name).is_file():
        assert (folder / name).read_bytes() == (folder / f"again-{name}").read_bytes()


def test_a_record_that_grows_beyond_its_room_is_an_error_and_no_file(folder: Path, clip: Clip) -> None:
    record = GrowingRecord({"seed": 1}, lambda: {"text": "a" * 600})
    with pytest.raises(MediaError, match="no room"):
        write_video(folder / "a.mp4", clip(3), fps=FPS, record=record)
    assert not (folder / "a.mp4").exists()


@pytest.mark.parametrize("at", [[0], [60], [64], [125], [3, 61, 190]])
def test_a_text_is_overwritten_wherever_pieces_of_a_file_meet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: list[int]
) -> None:
    monkeypatch.setattr(provenance, "PIECE", 64)
    data = bytearray(b"." * 200)
    for place in at:
        data[place : place + 9] = b"old words"
    (folder / "file").write_bytes(data)
    overwrite(folder / "file", "old words", "new")
    for place in at:
        data[place : place + 9] = b"new      "
    assert (folder / "file").read_bytes() == data


def test_what_has_no_room_or_is_not_there_is_not_overwritten(folder: Path) -> None:
    (folder / "file").write_bytes(b"some old words")
    with pytest.raises(ValueError, match="no room"):
        overwrite(folder / "file", "old", "longer")
    with pytest.raises(ValueError, match="not in the file"):
        overwrite(folder / "file", "olds", "new")
    assert (folder / "file").read_bytes() == b"some old words"
