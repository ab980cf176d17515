"""Upscale, from the request to the file, with networks without weights."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from tests.bettering import enhancer_of, without_weights
from tests.jobs.test_interpolate import COUNT, RATE, film
from videogen.jobs.upscale import generate
from videogen.media.image import write_image
from videogen.media.video import probe, write_video
from videogen.types import Frames

PLAIN: dict[str, Any] = {"video": "film"}
CHANGES: dict[str, Any] = {
    "video": "other",
    "scale": 4,
    "height": 100,
    "reference": Path("sharp.png"),
    "tile": 64,
    "cuts": False,
    "checkpoint": Path("real-esrgan.pth"),
    "audio": "none",
    "device": "cpu",
    "precision": "bfloat16",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with two films and a sharp picture."""
    monkeypatch.chdir(tmp_path)
    without_weights(monkeypatch)
    write_video("film", iter(film()), fps=RATE)
    write_video("other", iter(film(shift=1)), fps=RATE)
    write_image(Path("sharp.png"), film()[0])
    return tmp_path


def frames_of(**fields: Any) -> Frames:
    request = vg.Upscale(**{**PLAIN, **fields})
    return np.stack(list(generate(request, enhancer_of(request))))


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"audio", "device", "precision"}))
def test_every_field_changes_the_frames(name: str) -> None:
    plain, changed = frames_of(), frames_of(**{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


def test_device_and_precision_are_the_networks() -> None:
    networks = enhancer_of(vg.Upscale("film", device="cpu", precision="bfloat16"))
    assert (networks.device.type, str(networks.dtype)) == ("cpu", "torch.bfloat16")
    with pytest.raises(vg.RequestError, match="precision"):
        vg.Upscale("film", precision="float8")


@pytest.mark.parametrize(
    ("fields", "size", "scale"),
    [
        ({}, (64, 96), 2),
        ({"scale": 2}, (64, 96), 2),
        ({"scale": 4}, (128, 192), 4),
        ({"height": 64}, (64, 96), 2),
        ({"height": 34}, (34, 52), 2),
        ({"height": 66}, (66, 100), 4),
        ({"height": 34, "checkpoint": "any.pth"}, (34, 52), 4),
        ({"height": 128}, (128, 192), 4),
    ],
)
def test_the_frames_are_as_large_as_is_asked(
    fields: dict[str, Any], size: tuple[int, int], scale: int
) -> None:
    clip = vg.run(vg.Upscale("film", **fields))
    assert clip.frames.shape == (COUNT, *size, 3)
    assert clip.fps == RATE
    assert vg.Upscale("film", **fields).networks()["scale"] == scale


def test_a_file_says_how_it_was_made() -> None:
    record = vg.render(vg.Upscale("film"), "out.mp4")
    assert record["request"]["job"] == "upscale"
    assert record["weights"].keys() == {"upscaler"}
    info = probe("out.mp4")
    assert (info.width, info.height, info.fps, info.num_frames) == (96, 64, Fraction(8), COUNT)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scale": 2, "height": 100}, "--scale and --height were both given"),
        ({"scale": 3}, "--scale was given as 3; expected 2 or 4"),
        ({"scale": 1}, "--scale was given as 1"),
        ({"scale": 8}, "at most 4"),
        ({"tile": 8}, "--tile was given as 8"),
        ({"height": 10000}, "at most 8192"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(vg.RequestError) as caught:
        vg.Upscale("film", **fields)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("height", "told"),
    [(16, "over the video's own"), (32, "own 32"), (35, "even"), (130, "at most 4 times")],
)
def test_a_height_that_no_network_makes_is_refused(height: int, told: str) -> None:
    with pytest.raises(vg.RequestError, match=told):
        vg.render(vg.Upscale("film", height=height), "out.mp4")
    assert not Path("out.mp4").exists()


def test_a_still_picture_and_one_frame() -> None:
    with pytest.raises(vg.MediaError, match="is a still picture"):
        vg.render(vg.Upscale("sharp.png"), "out.mp4")
    write_video("one", iter(film()[:1]), fps=RATE)
    assert vg.run(vg.Upscale("one")).frames.shape == (1, 64, 96, 3)
