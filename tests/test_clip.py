"""Clips: made once, streamed, saved with their record, shown in a notebook."""

from __future__ import annotations

import base64
import inspect
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from videogen.clip import load_engine
from videogen.extras import Extras
from videogen.media.provenance import read_record
from videogen.media.video import probe

REQUEST: dict[str, Any] = {"prompt": "a red ball", "seed": 7}


@pytest.fixture
def clip(fake_engine: Any) -> vg.Clip:
    return vg.run(vg.TextToVideo(**REQUEST), engine=fake_engine)


def test_frames_are_one_array_of_pictures(clip: vg.Clip) -> None:
    assert clip.frames.shape == (6, 32, 32, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.fps == Fraction(8)


def test_a_clip_survives_a_round_trip_with_its_record(clip: vg.Clip, tmp_path: Path) -> None:
    path = clip.save(tmp_path / "ball.mp4")
    info = probe(path)
    assert (info.fps, info.width, info.height) == (Fraction(8), 32, 32)
    assert read_record(path) == clip.record
    assert clip.record["request"]["seed"] == 7
    assert clip.record["synthetic"] is True
    assert clip.record["weights"] == {"unet/model.safetensors": "ab" * 32}


def test_saving_and_showing_denoise_once(clip: vg.Clip, fake_engine: Any, tmp_path: Path) -> None:
    calls = len(fake_engine.rows)
    clip.save(tmp_path / "a.mp4")
    clip.save(tmp_path / "b.gif")
    assert clip.frames.shape[0] == 6
    assert len(fake_engine.rows) == calls


def test_a_clip_too_long_to_keep_is_made_again_and_equal(
    clip: vg.Clip, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.clip.KEPT_BYTES", 10_000)
    calls = len(fake_engine.rows)
    first = clip.frames
    np.testing.assert_array_equal(first, clip.frames)
    assert len(fake_engine.rows) == 2 * calls


def test_a_stream_left_early_starts_again_from_the_first_frame(clip: vg.Clip) -> None:
    first = next(clip.stream())
    np.testing.assert_array_equal(first, clip.frames[0])
    assert len(clip.frames) == 6


def test_a_notebook_shows_a_video_inside_the_page(clip: vg.Clip) -> None:
    found = re.search(r'src="data:video/mp4;base64,([^"]+)"', clip._repr_html_())
    assert found is not None
    assert base64.b64decode(found[1])[4:8] == b"ftyp"


def test_errors_come_from_the_call_and_not_from_the_first_look(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match="multiple of 16"):
        vg.run(vg.TextToVideo(**REQUEST, width=20), engine=fake_engine)


def test_a_seed_is_drawn_and_recorded(fake_engine: Any) -> None:
    clip = vg.run(vg.TextToVideo("a red ball"), engine=fake_engine)
    seed = clip.record["request"]["seed"]
    again = vg.run(vg.TextToVideo("a red ball", seed=seed), engine=fake_engine)
    np.testing.assert_array_equal(clip.frames, again.frames)


def test_an_engine_and_another_model_contradict_each_other(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match=r"'another'.*'pocket'"):
        vg.run(vg.TextToVideo(**REQUEST, model="another"), engine=fake_engine)


def test_the_record_names_the_model_of_the_engine_given(fake_engine: Any) -> None:
    fake_engine.model = "my-model"
    clip = vg.run(vg.TextToVideo(**REQUEST), engine=fake_engine)
    assert clip.record["request"]["model"] == "my-model"


def test_render_writes_what_run_returns(clip: vg.Clip, fake_engine: Any, tmp_path: Path) -> None:
    record = vg.render(vg.TextToVideo(**REQUEST), tmp_path / "rendered.mp4", engine=fake_engine)
    for name in ("saved.mp4", "again.mp4"):
        assert (tmp_path / "rendered.mp4").read_bytes() == clip.save(tmp_path / name).read_bytes()
    assert record == clip.record
    assert record["numbers"].keys() == {"flicker"}


def test_a_job_that_breaks_off_leaves_no_file(fake_engine: Any, tmp_path: Path) -> None:
    whole = fake_engine.decode_video

    def broken(latents: Any) -> Iterator[Any]:
        yield next(whole(latents))
        raise vg.RequestError("enough")

    fake_engine.decode_video = broken
    with pytest.raises(vg.RequestError, match="enough"):
        vg.render(vg.TextToVideo(**REQUEST), tmp_path / "clip.mp4", engine=fake_engine)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_refused_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.clip.load_engine", None)
    with pytest.raises(vg.MediaError):
        vg.render(vg.TextToVideo(**REQUEST), tmp_path / "no" / "clip.mp4")


def test_the_function_takes_the_request_s_fields(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen.clip.load_engine", lambda *_, **__: fake_engine)
    clip = vg.text_to_video("a red ball", seed=7)
    np.testing.assert_array_equal(clip.frames, vg.run(vg.TextToVideo(**REQUEST), engine=fake_engine).frames)
    parameters = inspect.signature(vg.text_to_video).parameters
    assert parameters.keys() == vg.TextToVideo.model_fields.keys()
    assert next(iter(parameters)) == "prompt"
    for field in vg.TextToVideo.model_fields.values():
        assert str(field.description) in str(vg.text_to_video.__doc__)


def test_the_last_engine_is_kept_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def engine(model: str, *, device: str, precision: str, extras: Extras, **more: Any) -> Any:
        assert more == {"weights": None, "motion_modules": None, "offload": False, "compile": False}
        loaded.append(f"{model} {device} {precision} {' '.join(extras.lora)}")
        return object()

    monkeypatch.setattr("videogen.engine.Engine", engine)
    load_engine.cache_clear()
    for _ in range(2):
        load_engine("pocket", device="cpu", precision="float32")
    load_engine.cache_clear()
    assert loaded == ["pocket cpu float32 "]
    for lora in (("a",), ("a",), ("b",)):
        load_engine("pocket", device="cpu", precision="float32", extras=Extras(lora=lora))
    load_engine.cache_clear()
    assert loaded[1:] == ["pocket cpu float32 a", "pocket cpu float32 b"]


def test_an_engine_with_other_additions_is_refused_and_its_own_are_recorded(fake_engine: Any) -> None:
    fake_engine.extras = Extras(lora=("a@0.5",))
    with pytest.raises(vg.RequestError, match="asks for --lora, but the engine given was loaded with --lora"):
        vg.run(vg.TextToVideo(**REQUEST, lora=("b",)), engine=fake_engine)
    for asked in ({}, {"lora": ("a@0.5",)}):
        clip = vg.run(vg.TextToVideo(**REQUEST, **asked), engine=fake_engine)
        assert clip.record["request"]["lora"] == ["a@0.5"]
