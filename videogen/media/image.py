"""One picture in, one picture out.

`read_image` accepts PNG, JPEG and WebP by their content, whatever the name, and returns 8-bit RGB, upright
as the camera's EXIF says, transparency laid over a background. Size is checked on the header, before any
decoding. `write_image` chooses the format by the suffix and writes atomically.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from videogen.errors import MediaError
from videogen.media.files import atomic_file, media_errors, name_of, open_file, open_picture
from videogen.media.info import MIN_SIDE
from videogen.media.provenance import XMP, Layout, exif, sheet_layout, tags
from videogen.types import Frame

log = logging.getLogger(__name__)
MAX_SIDE = 16384
MAX_PIXELS = 64_000_000
READ = "read as a PNG, JPEG or WebP picture"
WHITE = (255, 255, 255)
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def read_image(path: str | Path, *, background: tuple[int, int, int] = WHITE) -> Frame:
    """Read a PNG, JPEG or WebP picture (of an animation, the first) as 8-bit RGB, `h w 3`.

    `background` is the RGB colour, 0…255, that shows through transparent pixels. Raises MediaError for
    anything else, for damaged files, for sides under 16 or over 16384 and for more than 64 million pixels.
    """
    with (
        media_errors(path, doing=READ),
        open_file(path, doing=READ) as file,
        open_picture(file, formats=("PNG", "JPEG", "WEBP")) as image,
    ):
        _check_size(path, *image.size)
        frame = _pixels(ImageOps.exif_transpose(image))
        if frame.shape[2] == 4:
            log.info("%s: transparent parts are laid over the colour %s", name_of(path), background)
            frame = over_background(frame, background)
        return frame


def is_still(path: str | Path) -> bool:
    """Whether a file is a PNG or JPEG picture, by its content; folders and sprite sheets are none.

    Raises MediaError.
    """
    doing = "read as a video or picture"
    with media_errors(path, doing=doing):
        if Path(path).is_dir():
            return False
    with open_file(path, doing=doing) as file:
        is_picture = file.read(8).startswith((b"\x89PNG", b"\xff\xd8"))
    return is_picture and sheet_layout(path) is None


def write_image(path: str | Path, frame: Frame, *, record: Mapping[str, object] | None = None) -> None:
    """Write an RGB picture, `h w 3`, as .png, .jpg or .webp, with its record and the mark of synthetic media.

    Raises MediaError for another suffix or shape and where the file cannot be written; no part of it is left.
    """
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise MediaError(
            f"{name_of(path)} cannot be written: a name that ends in .png, .jpg or .webp was expected"
        )
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise MediaError(
            f"{name_of(path)} cannot be written: {frame.dtype} {frame.shape} given, uint8 h w 3 expected"
        )
    with atomic_file(path) as partial, media_errors(path, doing="written"):
        if kind == "PNG":
            save_png(partial, frame, record=record)
        else:
            marks = {"exif": exif(record, None), "xmp": XMP.encode()} if record is not None else {}
            Image.fromarray(frame).save(partial, format=kind, quality=95, **marks)


def save_png(
    path: Path,
    frame: Frame,
    *,
    record: Mapping[str, object] | None = None,
    layout: Layout | None = None,
    synthetic: bool = False,
) -> None:
    """Save one PNG, in place; a record or `synthetic` sets the mark of synthetic media."""
    text = PngImagePlugin.PngInfo()
    for name, content in tags(record, layout).items():
        text.add_text(name, content)
    if record is not None or synthetic:
        text.add_itxt("XML:com.adobe.xmp", XMP)
    Image.fromarray(frame).save(path, format="PNG", pnginfo=text, compress_level=4)


def over_background(picture: NDArray[np.uint8], background: tuple[int, int, int]) -> Frame:
    """Lay an RGBA picture, `h w 4` with straight alpha, over a colour; returns `h w 3`."""
    if picture[..., 3].min() == 255:
        return np.ascontiguousarray(picture[..., :3])
    alpha = picture[..., 3:].astype(np.float32) / 255
    colours = picture[..., :3] * alpha + np.asarray(background, np.float32) * (1 - alpha)
    return np.asarray(np.rint(colours), np.uint8)


def _check_size(path: str | Path, width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise MediaError(
            f"{name_of(path)} is {width}x{height} pixels; each side must be {MIN_SIDE} to {MAX_SIDE} "
            f"and the whole at most {MAX_PIXELS // 1_000_000} million pixels: resize it"
        )


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels as `h w 3`, or `h w 4` where something is transparent."""
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip instead of scale
        grey = np.rint(np.asarray(image).clip(0, 65535) / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        straight = np.asarray(image.convert("RGBA"))
        return straight if straight[..., 3].min() < 255 else over_background(straight, WHITE)
    return np.asarray(image.convert("RGB"))
