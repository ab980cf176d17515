"""Pictures: what is accepted, what is refused, and that pixels arrive as the person sees them."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from videogen.errors import MediaError
from videogen.media.image import read_image, write_image
from videogen.media.provenance import read_record


def quarters() -> np.ndarray:
    """Red, green, blue and grey quarters, 32 rows by 48 columns."""
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:16, :24], frame[:16, 24:], frame[16:, :24], frame[16:, 24:] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        128,
    )
    return frame


def one_line(error: pytest.ExceptionInfo[MediaError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "A.PNG"])
def test_a_picture_survives_a_round_trip(folder: Path, name: str) -> None:
    write_image(folder / name, quarters(), record={"seed": 1})
    frame = read_image(folder / name)
    assert frame.dtype == np.uint8
    assert frame.shape == (32, 48, 3)
    # Colours bleed at the borders of the quarters, not in their middles.
    for row, column in ((8, 10), (8, 36), (24, 10), (24, 36)):
        assert np.abs(frame[row, column].astype(int) - quarters()[row, column]).max() <= 8
    assert read_record(folder / name) == {"seed": 1}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_content_decides_and_not_the_name(tmp_path: Path, kind: str) -> None:
    Image.fromarray(quarters()).save(tmp_path / "portrait.xyz", format=kind)
    assert read_image(tmp_path / "portrait.xyz").shape == (32, 48, 3)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_camera_rotation_is_honoured(tmp_path: Path, orientation: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(quarters()).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(quarters(), turn))


@pytest.mark.parametrize("background", [(255, 255, 255), (10, 200, 30)])
def test_transparency_shows_the_background_and_is_told(
    tmp_path: Path, background: tuple[int, int, int], caplog: pytest.LogCaptureFixture
) -> None:
    rgba = np.dstack([quarters(), np.full((32, 48), 255, np.uint8)])
    rgba[:16, :24, 3] = 0
    rgba[:16, 24:, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "a.png")
    with caplog.at_level(logging.INFO):
        frame = read_image(tmp_path / "a.png", background=background)
    assert tuple(frame[0, 0]) == background
    half = np.rint(np.array([0, 255, 0]) * 128 / 255 + np.array(background) * 127 / 255)
    assert np.abs(frame[0, 30] - half).max() <= 1
    assert tuple(frame[20, 0]) == (0, 0, 255)
    assert "transparent" in caplog.text


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "RGB"])
def test_every_mode_of_a_png_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[:, 10:] = 255
    Image.fromarray(grey).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.repeat(grey[..., None], 3, axis=2))


def test_a_palette_with_a_transparent_colour_shows_the_background(tmp_path: Path) -> None:
    Image.fromarray(quarters()).quantize(4).save(tmp_path / "a.png", transparency=bytes([0, 255, 255, 255]))
    frame = read_image(tmp_path / "a.png", background=(1, 2, 3))
    assert (frame == (1, 2, 3)).all(axis=-1).sum() == 16 * 24


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    frame = read_image(tmp_path / "a.png")
    assert np.abs(frame[..., 0] - deep / 257).max() <= 0.51


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    Image.fromarray(quarters()).convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    frame = read_image(tmp_path / "a.jpg")
    assert np.abs(frame[8, 10].astype(int) - (255, 0, 0)).max() < 30


@pytest.mark.parametrize("size", [(20_000, 20), (20, 20_000), (1, 1), (15, 400), (9_000, 9_000)])
def test_sizes_out_of_bounds_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("1", size).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match=f"{size[0]}x{size[1]} pixels") as error:
        read_image(tmp_path / "a.png")
    one_line(error)


@pytest.mark.parametrize("side", [13_000, 14_000, 60_000])
def test_a_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"\0" * 100)
    )
    with pytest.raises(MediaError) as error:
        read_image(tmp_path / "a.png")
    one_line(error)


def test_what_is_not_a_picture_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("I am not a picture, " * 20)
    (tmp_path / "empty.png").touch()
    (tmp_path / "vector.png").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
    Image.new("RGB", (64, 64)).save(tmp_path / "bitmap.png", format="BMP")
    (tmp_path / "folder.png").mkdir()
    for name in (
        "text.png",
        "empty.png",
        "vector.png",
        "script.png",
        "bitmap.png",
        "folder.png",
        "missing.png",
    ):
        with pytest.raises(MediaError, match=name) as error:
            read_image(tmp_path / name)
        one_line(error)


def test_a_name_with_control_characters_stays_on_one_line(tmp_path: Path) -> None:
    for name in ("a\nb.png", "x" * 300 + ".png", "nul\0.png"):
        with pytest.raises(MediaError) as error:
            read_image(tmp_path / name)
        one_line(error)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_pictures_are_refused_or_read_but_never_crash(
    tmp_path: Path, kind: str, failure_of: Callable[..., MediaError | None]
) -> None:
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    noise = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format=kind)
    whole = buffer.getvalue()
    damaged = [whole[: len(whole) * cut // 40] for cut in range(1, 40)]
    for _ in range(60):
        mutant = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            mutant[place] = rng.integers(256)
        damaged.append(bytes(mutant))
    for number, content in enumerate(damaged):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        error = failure_of(partial(read_image, path))
        assert error is None or "\n" not in str(error)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
            tmp_path / "a", kind
        )
        whole = (tmp_path / "a").read_bytes()
        (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(MediaError, match=r"b\.png"):
            read_image(tmp_path / "b.png")


@pytest.mark.parametrize("name", ["a.tiff", "a", "a.mp4"])
def test_an_unknown_suffix_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"\.png, \.jpg or \.webp"):
        write_image(folder / name, quarters())
    assert not list(folder.iterdir())


def test_only_eight_bit_rgb_is_written(folder: Path) -> None:
    for wrong in (quarters()[..., 0], quarters().astype(np.float32), np.zeros((20, 20, 4), np.uint8)):
        with pytest.raises(MediaError, match="uint8"):
            write_image(folder / "a.png", wrong)
    assert not list(folder.iterdir())
