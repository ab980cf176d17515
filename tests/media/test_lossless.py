"""Frames laid aside come back bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from videogen.media.lossless import Packer, unpack


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47), (1, 5), (120, 90)])
def test_frames_come_back_bit_for_bit_at_any_size(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (7, height, width, 3), np.uint8)
    frames[3] = frames[2]
    frames[4] = 255
    packer = Packer(height, width)
    for frame in frames:
        packer.add(frame[:, :, :])
    packed = packer.finish()
    assert packer.count == 7
    np.testing.assert_array_equal(np.stack(list(unpack(packed))), frames)


def test_a_film_takes_less_than_its_frames_one_by_one() -> None:
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (64, 64, 3), np.uint8)
    packer = Packer(64, 64)
    for _ in range(10):
        packer.add(ground)
    assert len(packer.finish()) < 2 * ground.nbytes
