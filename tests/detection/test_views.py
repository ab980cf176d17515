"""Views of a picture, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from videogen.detection.views import View, tiles

FRAME = np.zeros((120, 200, 3), np.uint8)
FRAME[30:34, 150:154] = 255


@pytest.mark.parametrize("times", [2.0, 10.0, 40.0])
def test_what_a_view_shows_lies_where_it_was_in_the_picture(times: float) -> None:
    around = np.array([[0.75, 0.25], [0.78, 0.3]], dtype=np.float32)
    view = View.around(around, FRAME, times=times)
    shown = view.cut(FRAME)
    assert shown.shape[0] == shown.shape[1] >= 256
    rows, columns = np.nonzero(shown[..., 0] > 128)
    middle = np.array([[columns.mean() + 0.5, rows.mean() + 0.5, 7.0]], dtype=np.float32)
    middle[:, :2] /= len(shown)
    np.testing.assert_allclose(view.to_picture(middle), [[152 / 200, 32 / 120, 7.0]], atol=0.004)


def test_a_view_below_a_face_holds_a_body() -> None:
    frame = np.zeros((600, 1000, 3), np.uint8)
    face = np.array([[0.48, 0.1], [0.52, 0.17]], dtype=np.float32)  # 40 x 42 pixels
    view = View.below(face, frame)
    assert view.side == 378
    assert view.x == 500
    top = view.y - view.side / 2
    assert top < 60 < 102 + 5 * 42 < top + view.side


def test_tiles_cover_the_picture_blindly_in_two_sizes() -> None:
    seen = {side: np.zeros(FRAME.shape[:2], dtype=int) for side in (120, 60)}
    for view in tiles(FRAME):
        assert view.blind
        half = view.side / 2
        rows = slice(round(view.y - half), round(view.y + half))
        columns = slice(round(view.x - half), round(view.x + half))
        seen[round(view.side)][rows, columns] += 1
    assert all(count.min() >= 1 for count in seen.values())


def test_tiles_of_a_tiny_picture_are_few() -> None:
    assert len(list(tiles(np.zeros((5, 7, 3), np.uint8)))) < 30
