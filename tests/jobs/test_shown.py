"""Pictures that a clip from words is shown: where they stand, what they become, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import videogen as vg
from videogen.engine import Conditions
from videogen.jobs.shown import Shown
from videogen.jobs.text_to_video import generate
from videogen.media.image import write_image

SIZE = (32, 32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a wide picture, whose middle square is red, and a grey one."""
    monkeypatch.chdir(tmp_path)
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (255, 0, 0)
    write_image(tmp_path / "wide.png", wide)
    write_image(tmp_path / "grey.png", np.full((32, 32, 3), 100, np.uint8))
    return tmp_path


def read(engine: Any, *keyframes: str, length: int = 8, **fields: Any) -> Shown:
    request = vg.TextToVideo("a ball", keyframe=keyframes, **fields)
    return Shown.read(request, engine, fps=8.0, length=length, size=SIZE)


def test_keyframes_stand_at_their_times_and_the_end_is_the_last_frame(fake_engine: Any) -> None:
    shown = read(fake_engine, "0=wide.png", "0.5=grey.png", "1=wide.png")
    assert shown.frames == (0, 4, 7)
    assert shown.keyframes is not None
    assert shown.keyframes.shape == (3, 3, *SIZE)
    assert shown.until(4).frames == (0,)
    assert shown.until(5).keyframes.shape[0] == 2
    assert shown.picture is None


def test_a_picture_covers_the_clip_and_is_not_stretched(fake_engine: Any) -> None:
    shown = read(fake_engine, "0=wide.png")
    inner = shown.keyframes[0, :, 4:-4, 4:-4]
    torch.testing.assert_close(
        inner, torch.tensor([1.0, -1, -1])[:, None, None].expand_as(inner), atol=0.02, rtol=0
    )


def test_known_frames_come_back_where_the_network_goes_on_from_them(fake_engine: Any) -> None:
    request = vg.TextToVideo("a ball", seed=1, num_frames=6, keyframe=("0=grey.png", "0.75=wide.png"))
    frames = np.stack(list(generate(request, fake_engine)))
    known = fake_engine.encode_video(read(fake_engine, "0=grey.png", "0.5=wide.png").keyframes)
    for number, latents in ((0, known[:, :, :1]), (5, known[:, :, 1:])):
        np.testing.assert_array_equal(frames[number], next(iter(fake_engine.decode(latents))))


def test_a_model_that_is_told_by_hints_keeps_its_frames_free(fake_engine: Any) -> None:
    hinted: list[Any] = []
    fake_engine.reads_keyframes = True
    fake_engine.keyframe_hint = lambda pictures, *, frames, length: hinted.append(
        (len(pictures), frames, length)
    )
    shown = read(fake_engine, "0=grey.png", "1=wide.png")
    told = shown.told(Conditions(fps=8.0, prompt="a"), fake_engine, length=8)
    assert told.keyframes is None
    assert hinted == [(2, (0, 7), 8)]
    assert shown.timeline(fake_engine, length=8).known is None


def test_guidance_leads_away_from_no_picture(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Conditions] = []
    plain, fake_engine.reads_pictures = fake_engine.denoiser, True
    monkeypatch.setattr(
        fake_engine, "denoiser", lambda one, timeline, **which: told.append(one) or plain(one, timeline)
    )
    asked = vg.TextToVideo("a ball", seed=1, reference="wide.png", num_inference_steps=1, close_ups=False)
    list(generate(asked, fake_engine))
    assert [one.picture is None for one in told] == [True, False]
    assert [one.control_prompt for one in told] == ["a ball", None]
    assert told[1].picture.shape == (1, 3, 40, 80)
    assert replace(told[1], picture=None) == Conditions(fps=8.0, prompt="a ball", pose_maps=told[1].pose_maps)


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        (["1.2=grey.png"], r"--keyframe at 1\.2 s lies outside the clip, which lasts 1 s"),
        (["0=grey.png", "0.01=wide.png"], "are the same frame; drop one"),
        (["0=gone.png"], r"gone\.png"),
    ],
)
def test_keyframes_that_cannot_be_are_refused(fake_engine: Any, keyframes: list[str], message: str) -> None:
    with pytest.raises(vg.VideogenError, match=message):
        read(fake_engine, *keyframes)


def test_models_that_cannot_be_shown_pictures_say_what_to_add(fake_engine: Any) -> None:
    fake_engine.reads_pictures = fake_engine.reads_carried = False
    with pytest.raises(vg.RequestError, match="looks at no pictures; add --ip-adapter"):
        read(fake_engine, reference="grey.png")
    with pytest.raises(vg.RequestError, match="reads no keyframes; add --sparse-control"):
        read(fake_engine, "0=grey.png")
