"""The background of a video is kept in new frames where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.enhance.test_still import generated, shot, texture
from videogen.errors import RequestError
from videogen.jobs.keeping import KeepingRequest, with_background_kept

BACKGROUND = texture(65, 80)
NEW = generated(BACKGROUND, range(40, 43))


def kept(**fields: Any) -> np.ndarray[Any, Any]:
    known = shot(BACKGROUND, range(30), noise=1.0)
    return np.stack(list(with_background_kept(KeepingRequest(**fields), iter(NEW), known)))


def test_without_the_wish_frames_pass_and_the_known_ones_are_not_read() -> None:
    def unread() -> Iterator[Any]:
        raise AssertionError("it was read")
        yield

    assert list(with_background_kept(KeepingRequest(), iter(NEW), unread())) == NEW


def test_the_background_is_kept_everywhere_or_where_a_mask_is_white(tmp_path: Path) -> None:
    everywhere = kept(keep_background=True)
    assert (everywhere != np.stack(NEW)).any(-1).mean() > 0.3
    white = np.zeros((130, 160), np.uint8)
    white[:, 100:] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    half = kept(keep_background=True, background_mask=tmp_path / "mask.png")
    np.testing.assert_array_equal(half[:, :, :36], np.stack(NEW)[:, :, :36])
    assert (half[:, :, 64:] != np.stack(NEW)[:, :, 64:]).any()


def test_masks_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--background-mask is read by --keep-background"):
        KeepingRequest(background_mask=Path("mask.png"))
    Image.new("L", (80, 20)).save(tmp_path / "flat.png")
    with pytest.raises(RequestError, match=r"flat\.png has 80x20 pixels and the video 80x65"):
        kept(keep_background=True, background_mask=tmp_path / "flat.png")
    with pytest.raises(RequestError, match="there are none"):
        list(with_background_kept(KeepingRequest(keep_background=True), iter(NEW), iter([])))
