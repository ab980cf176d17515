"""The record that every output carries: what was asked, with which weights, and that it is synthetic.

A record is a JSON object. It is written as ASCII JSON, so that no container meets a character it could
misread, into: the tags `videogen` and, where strangers' tools keep nothing else, `comment` (mp4, webm); text
chunks (PNG); the comment (GIF); EXIF's image description (WebP, JPEG). Beside it stands the mark of synthetic
media, IPTC's digital source type `trainedAlgorithmicMedia`: as XMP where the format has a place for it (mp4,
PNG, WebP, JPEG), as a tag or within the comment elsewhere. `Layout` holds what a container cannot say of a
clip itself: the true size of padded pictures, the exact rate. Metadata is dropped by most programs that
re-encode: a record proves nothing by its absence.
"""

from __future__ import annotations

import json
import re
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, TypeAlias

from PIL import Image

from videogen.errors import MediaError
from videogen.media.container import open_container
from videogen.media.files import media_errors, name_of, open_file, open_picture

SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    f"<Iptc4xmpExt:DigitalSourceType>{SYNTHETIC}</Iptc4xmpExt:DigitalSourceType>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
XMP_BOX = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
IMAGE_DESCRIPTION = 0x010E
TAG, LAYOUT_TAG, SOURCE_TAG, COMMENT_TAG = "videogen", "videogen_media", "digital_source_type", "comment"
ROOM = 512
"""Characters that are kept free for what a record learns while its frames are written."""
PIECE = 2**20
"""Bytes of a file that are looked at together."""
_RATE = re.compile(r"[0-9]{1,9}/[0-9]{1,9}")


@dataclass(frozen=True)
class Layout:
    """The exact rate and the true size, in pixels, of a clip; on a sprite sheet the `count` of its frames."""

    fps: Fraction
    width: int
    height: int
    count: int | None = None


@dataclass(frozen=True)
class GrowingRecord:
    """A record that is complete at the end only: `begun`, and what `rest` tells after the frames."""

    begun: Mapping[str, object]
    rest: Callable[[], Mapping[str, object]]


Told: TypeAlias = Mapping[str, object] | GrowingRecord | None
"""What a writer is told of the record; None: there is none."""


def told(record: Told) -> Mapping[str, object] | None:
    """Return the record, complete by now."""
    return {**record.begun, **record.rest()} if isinstance(record, GrowingRecord) else record


def to_json(record: Mapping[str, object]) -> str:
    """Return the record as ASCII JSON; raises MediaError where it holds what JSON cannot."""
    try:
        return json.dumps(dict(record), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise MediaError(
            f"the record cannot be stored, it holds a value that JSON cannot: {error}"
        ) from error


def tags(record: Mapping[str, object] | None, layout: Layout | None) -> dict[str, str]:
    """Return the separate text tags of a container or PNG; without a record there is no mark either."""
    found: dict[str, str] = {}
    if record is not None:
        found |= {TAG: to_json(record), SOURCE_TAG: SYNTHETIC}
    if layout is not None:
        found[LAYOUT_TAG] = json.dumps(_plain(layout))
    return found


def envelope(record: Mapping[str, object] | None, layout: Layout | None) -> str:
    """Return record, mark and layout as one ASCII JSON text, for formats with room for one only."""
    content: dict[str, object] = {}
    if record is not None:
        content |= {TAG: json.loads(to_json(record)), SOURCE_TAG: SYNTHETIC}
    if layout is not None:
        content[LAYOUT_TAG] = _plain(layout)
    return json.dumps(content, ensure_ascii=True)


def exif(record: Mapping[str, object] | None, layout: Layout | None) -> bytes:
    """Return EXIF data whose image description is the envelope."""
    block = Image.Exif()
    block[IMAGE_DESCRIPTION] = envelope(record, layout)
    return block.tobytes()


def xmp_box() -> bytes:
    """Return the mark of synthetic media as the box in which mp4 files carry XMP."""
    packet = XMP.encode()
    return struct.pack(">I4s", 24 + len(packet), b"uuid") + XMP_BOX.bytes + packet


def overwrite(path: Path, old: str, new: str) -> None:
    """Put one text in the place of another in a file, ASCII both, `new` filled up with spaces.

    The file is read a piece at a time, so that one of any length takes the same memory. Raises ValueError
    where `new` is the longer one, or `old` is not there.
    """
    here, there = old.encode("ascii"), new.encode("ascii").ljust(len(old))
    if len(there) > len(here):
        raise ValueError(f"a text of {len(new)} characters has no room in {len(old)}")
    with path.open("r+b") as file:
        found = list(_places(file, here))
        if not found:
            raise ValueError("the text to overwrite is not in the file")
        for place in found:
            file.seek(place)
            file.write(there)


def _places(file: BinaryIO, text: bytes) -> Iterator[int]:
    """Where a text stands in a file, each time it does."""
    begins, kept = 0, b""
    while piece := file.read(PIECE):
        data = kept + piece
        at = data.find(text)
        while at >= 0:
            yield begins + at
            at = data.find(text, at + len(text))
        kept = data[max(0, len(data) - len(text) + 1) :]
        begins += len(data) - len(kept)


def _plain(layout: Layout) -> dict[str, object]:
    rate = f"{layout.fps.numerator}/{layout.fps.denominator}"
    plain: dict[str, object] = {"fps": rate, "width": layout.width, "height": layout.height}
    return plain if layout.count is None else {**plain, "count": layout.count}


def _parsed(text: str | None) -> dict[str, object] | None:
    """The JSON object in a text, None where there is none: tags are strangers' data."""
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _find(metadata: Mapping[str, str], tag: str) -> dict[str, object] | None:
    # Matroska writes the names of tags in capitals.
    named = {name.lower(): text for name, text in metadata.items()}
    content = _parsed(named.get(tag))
    if content is None:
        inner = (_parsed(named.get(COMMENT_TAG)) or {}).get(tag)
        content = inner if isinstance(inner, dict) else None
    return content


def layout_of(metadata: Mapping[str, str]) -> Layout | None:
    """Return the layout among a file's tags, None where there is none that makes sense."""
    content = _find(metadata, LAYOUT_TAG) or {}
    fps, width, height = content.get("fps"), content.get("width"), content.get("height")
    if not (isinstance(fps, str) and _RATE.fullmatch(fps) and type(width) is int and type(height) is int):
        return None
    above, below = map(int, fps.split("/"))
    if not (above and below and width > 0 and height > 0):
        return None
    count = content.get("count")
    return Layout(Fraction(above, below), width, height, count if type(count) is int else None)


def picture_tags(image: Image.Image) -> dict[str, str]:
    """Return the text tags of an open picture; the EXIF description or the GIF comment as `comment`."""
    found = {
        name: text for name, text in image.info.items() if isinstance(name, str) and isinstance(text, str)
    }
    comment = image.info.get("comment")
    if image.format == "GIF" and isinstance(comment, bytes):
        found[COMMENT_TAG] = comment.decode("utf-8", "replace")
    elif image.format in ("WEBP", "JPEG"):
        found[COMMENT_TAG] = str(image.getexif().get(IMAGE_DESCRIPTION, ""))
    return found


def read_tags(path: str | Path) -> dict[str, str]:
    """Return the text tags of a picture, video or sound file."""
    with open_file(path, doing="read") as file:
        head = file.read(12)
    is_picture = head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8")) or head[8:12] == b"WEBP"
    if not is_picture:
        with open_container(path, doing="read as a video") as container:
            return dict(container.metadata)
    with (
        media_errors(path, doing="read as a picture"),
        open_file(path, doing="read") as file,
        open_picture(file, formats=("PNG", "JPEG", "WEBP", "GIF")) as image,
    ):
        return picture_tags(image)


def read_record(path: str | Path) -> dict[str, object]:
    """Return the record inside a file, or inside the first picture of a folder.

    Raises MediaError where the file cannot be read or carries no record.
    """
    source = Path(path)
    with media_errors(path, doing="read"):
        if source.is_dir():
            source = min(source.glob("*.png"), default=source)
    record = _find(read_tags(source), TAG)
    if record is None:
        raise MediaError(
            f"{name_of(path)} carries no videogen record: it was not made by videogen, "
            "or another program has dropped its metadata"
        )
    return record


def sheet_layout(path: str | Path) -> Layout | None:
    """The layout of the sprite sheet in a picture's file, None where it is another picture."""
    found = layout_of(read_tags(path))
    return found if found is not None and found.count is not None else None
