"""What may be behind a person: made from the rest of the picture, which stays as it is."""

import sys

import numpy as np
import pytest

from videogen.errors import MissingExtra


@pytest.fixture
def striped() -> np.ndarray:
    """Broad upright stripes with somebody red in the middle, uint8 `h w 3`."""
    stripes = np.where(np.arange(300) // 20 % 2, 200, 60).astype(np.uint8)
    picture = np.repeat(np.broadcast_to(stripes, (240, 300))[..., None], 3, 2).copy()
    picture[80:200, 130:170] = 255, 0, 0
    return picture


def person() -> np.ndarray:
    mask = np.zeros((240, 300), dtype=np.float32)
    mask[80:200, 130:170] = 1
    return mask


def test_the_ground_goes_on_behind_the_person(striped: np.ndarray) -> None:
    pytest.importorskip("cv2").xphoto  # noqa: B018
    from videogen.detection.ground import fill_ground

    ground = fill_ground(striped, person())
    assert ground is not None
    behind = ground[80:200, 130:170].astype(int)
    assert np.abs(behind - behind.mean(-1, keepdims=True)).mean() < 8  # nothing red is left
    assert behind.std() > 40  # stripes, and no blur
    away = np.zeros((240, 300), dtype=bool)
    away[:, :110] = away[:, 190:] = away[:60] = away[220:] = True
    assert (ground[away] == striped[away]).all()
    again = fill_ground(striped, person())
    assert again is not None
    assert (ground == again).all()


def test_without_surroundings_or_without_anybody_nothing_is_made(striped: np.ndarray) -> None:
    pytest.importorskip("cv2").xphoto  # noqa: B018
    from videogen.detection.ground import fill_ground

    assert fill_ground(striped, np.ones((240, 300), dtype=np.float32)) is None
    assert fill_ground(striped, np.zeros((240, 300), dtype=np.float32)) is None
    assert fill_ground(striped[:5, :7], person()[:5, :7]) is None


def test_the_missing_module_is_named(monkeypatch: pytest.MonkeyPatch, striped: np.ndarray) -> None:
    from videogen.detection.ground import fill_ground

    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"opencv-contrib-python.*videogen\[pose\]"):
        fill_ground(striped, person())
