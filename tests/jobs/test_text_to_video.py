"""Text to video, from the request to the frames, on an engine without networks."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import videogen as vg
from videogen.engine import Conditions
from videogen.extras import Extras
from videogen.jobs.text_to_video import generate
from videogen.sampling import Timeline
from videogen.schedule import Schedule

PLAIN: dict[str, Any] = {"prompt": "a red ball", "seed": 4}
CHANGES: dict[str, Any] = {
    "prompt": "a blue ball",
    "motion_prompt": "a blue square",
    "negative_prompt": "a green square",
    "clip_guidance": 4.0,
    "best_of": 4,
    "seconds": 0.25,
    "path": "0.2,0.3 0.8,0.7",
    "pose": "pose.json",
    "plan": False,
    "close_ups": False,
    "num_frames": 3,
    "width": 48,
    "height": 48,
    "num_inference_steps": 5,
    "guidance_scale": 3.5,
    "window_batch": 4,
    "windows": "original",
    "window": 8,
    "overlap": 1,
    "window_weights": "flat",
    "anchor_frame": True,
    "noise": "freenoise",
    "guidance_start": 0.4,
    "guidance_end": 0.6,
    "cache_interval": 2,
    "mode": "outpaint",
    "context": 2,
    "resamplings": 3,
    "colour_anchor": 0.9,
    "interpolate": 2,
    "upscale": 2,
    "seed": 2,
    "fps": "30000/1001",
    "model": "another",
    "device": "cpu",
    "precision": "float32",
    "offload": True,
    "compile": True,
    "weights": Path("files"),
    "motion_modules": Path("mm.ckpt"),
    "lora": ("a.safetensors@0.5", "b.ckpt"),
    "controlnet": ("openpose@0.8@0-0.5",),
    "control": "canny",
    "ip_adapter": "ip-adapter.bin@0.6",
    "sparse_control": "sparse.ckpt",
    "reference": "photo.png",
    "keyframe": ("0=photo.png", "0.4=photo.png"),
}
SAME_CLIP = {"window_batch", "interpolate", "upscale"}  # finished outside of the job: test_making
OF_PIECES = {"context", "resamplings", "colour_anchor"}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "controlnet", "ip_adapter", "sparse_control"}
DRAWN_FROM_A_VIDEO = {"control"}  # see test_shapes


@pytest.fixture(autouse=True)
def folder(portrait_folder: Path, fake_engine: Any) -> Path:
    """Stand in a folder with a pose, with a model that looks at pictures."""
    fake_engine.reads_pictures = True
    return portrait_folder


def frames_of(engine: Any, **fields: Any) -> np.ndarray:
    return np.stack(list(generate(vg.TextToVideo(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize(
    "name", sorted(CHANGES.keys() - SAME_CLIP - OF_PIECES - CHOOSES_THE_ENGINE - ADDED - DRAWN_FROM_A_VIDEO)
)
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    plain, changed = frames_of(fake_engine), frames_of(fake_engine, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


def test_of_a_person_the_first_frame_is_drawn_first_and_shown_to_the_rest(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Conditions] = []
    plain = fake_engine.denoiser

    def watched(conditions: Conditions, timeline: Timeline, **which: Any) -> Any:
        told.append(conditions)
        return plain(conditions, timeline, **which)

    monkeypatch.setattr(fake_engine, "denoiser", watched)
    stages: list[str] = []
    request = vg.TextToVideo("a ball", pose=Path("pose.json"), seed=1, num_inference_steps=2)
    for _ in generate(request, fake_engine, progress=lambda stage, *_: stages.append(stage)):
        pass
    assert [one.reference is None for one in told] == [True, True, False, False]
    assert [one.carried is None for one in told] == [True, True, False, False]
    assert stages == ["the first frame"] * 2 + ["denoising"] * 2
    told.clear()
    fake_engine.reads_carried = False
    list(generate(request, fake_engine))
    assert [one.reference is None for one in told] == [True, True], "who does not go on from it draws once"
    told.clear()
    list(generate(vg.TextToVideo("a ball", seed=1, num_inference_steps=2, close_ups=False), fake_engine))
    assert [one.reference is None for one in told] == [True, True], "things need no first frame"


@pytest.mark.parametrize("name", sorted(OF_PIECES))
def test_what_says_how_pieces_go_on_changes_them(name: str, fake_engine: Any) -> None:
    plain = frames_of(fake_engine, mode="outpaint", num_frames=14)
    changed = frames_of(fake_engine, mode="outpaint", num_frames=14, **{name: CHANGES[name]})
    assert (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.TextToVideo(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked["extras"] == Extras()
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    needed = {"controlnet": "pose", "ip_adapter": "reference", "sparse_control": "keyframe"}
    more = {need: CHANGES[need] for one, need in needed.items() if one == name}
    vg.run(vg.TextToVideo(**PLAIN, **more, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one = frames_of(fake_engine, num_frames=12)
    assert set(fake_engine.rows) == {1}
    four = frames_of(fake_engine, num_frames=12, window_batch=4)
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


def test_the_same_seed_gives_the_same_clip(fake_engine: Any) -> None:
    np.testing.assert_array_equal(frames_of(fake_engine), frames_of(fake_engine))


def test_without_wishes_the_clip_is_as_the_model_makes_it(fake_engine: Any) -> None:
    spec = fake_engine.spec
    assert frames_of(fake_engine).shape == (spec.num_frames, spec.height, spec.width, 3)


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"seconds": 1}, 8),
        ({"seconds": 0.01}, 1),
        ({"seconds": 2, "fps": "30000/1001"}, 60),
        ({"num_frames": 9}, 9),
    ],
)
def test_length_follows_seconds_and_rate(fields: dict[str, Any], length: int) -> None:
    request = vg.TextToVideo(**PLAIN, **fields)
    assert request.length(fps=request.rate(Fraction(8)), default=6) == length


@pytest.mark.parametrize("size", [{"width": 20}, {"height": 17}, {"width": 2047}])
def test_a_size_between_the_steps_is_refused_with_its_neighbours(
    size: dict[str, int], fake_engine: Any
) -> None:
    with pytest.raises(vg.RequestError, match=r"not a multiple of 16; give \d+"):
        frames_of(fake_engine, **size)


def test_a_negative_prompt_without_effect_is_refused(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match="no effect"):
        frames_of(fake_engine, negative_prompt="a green square", guidance_scale=1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"guidance_start": 0.3, "guidance_scale": 1}, "have no effect at --guidance-scale 1"),
        ({"guidance_end": 0.3, "guidance_scale": 1}, "have no effect at --guidance-scale 1"),
        ({"guidance_start": 0.9, "num_inference_steps": 2}, "none of the 2 steps is between"),
    ],
)
def test_an_interval_of_guidance_without_effect_is_refused(
    fields: dict[str, Any], told: str, fake_engine: Any
) -> None:
    with pytest.raises(vg.RequestError, match=told):
        frames_of(fake_engine, **fields)


def test_original_windows_are_batched_too_and_give_the_same_clip(fake_engine: Any) -> None:
    one = frames_of(fake_engine, num_frames=12, windows="original", window_batch=1)
    assert set(fake_engine.rows) == {1}
    fake_engine.rows.clear()
    four = frames_of(fake_engine, num_frames=12, windows="original", window_batch=4)
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"window": 9}, "--window 9 is more than the 8 frames that pocket takes at once"),
        ({"window": 1, "anchor_frame": True}, "--window 1 has no other"),
        ({"overlap": 4}, "--overlap 4 leaves nothing of windows of 4 frames; give less"),
        ({"overlap": 3, "anchor_frame": True}, "windows of 3 frames beside the anchor frame"),
        ({"window": 4, "overlap": 4}, "--overlap 4 is not below --window 4"),
        ({"windows": "original", "window_weights": "flat"}, "has no weights and no anchor frame"),
        ({"windows": "original", "anchor_frame": True}, "has no weights and no anchor frame"),
        ({"mode": "outpaint", "overlap": 1}, "for a clip that is made at once"),
        ({"mode": "outpaint", "anchor_frame": True}, "for a clip that is made at once"),
    ],
)
def test_impossible_windows_are_refused(fields: dict[str, Any], told: str, fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match=told):
        frames_of(fake_engine, num_frames=9, **fields)


def test_in_shorter_windows_half_of_one_is_shared_at_most(fake_engine: Any) -> None:
    np.testing.assert_array_equal(
        frames_of(fake_engine, num_frames=9, window=3),
        frames_of(fake_engine, num_frames=9, window=3, overlap=1),
    )


def test_who_says_how_windows_blend_has_a_long_clip_made_at_once(fake_engine: Any) -> None:
    long = {"num_frames": 90, "num_inference_steps": 1}
    joint = frames_of(fake_engine, mode="joint", overlap=1, **long)
    np.testing.assert_array_equal(frames_of(fake_engine, overlap=1, **long), joint)


def test_at_guidance_scale_one_only_the_full_denoiser_is_called(fake_engine: Any) -> None:
    frames_of(fake_engine, guidance_scale=1, num_frames=4)
    alone = len(fake_engine.rows)
    frames_of(fake_engine, guidance_scale=2, num_frames=4)
    assert len(fake_engine.rows) == 3 * alone


def test_unknown_words_are_named_with_what_the_model_knows(
    fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="a grean zebra bounces")
    (message,) = caplog.messages
    assert "'grean', 'zebra'" in message
    assert "green" in message
    assert f"{len(fake_engine.known_words)} words" in message


def test_known_words_pass_without_a_word(fake_engine: Any, caplog: pytest.LogCaptureFixture) -> None:
    frames_of(fake_engine)
    assert caplog.messages == []


def test_words_that_change_are_planned_stretch_by_stretch_each_from_the_last(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    told: list[Conditions] = []
    plan, denoiser = fake_engine.plan, fake_engine.denoiser

    def watched(prompt: str, *, length: int, **more: Any) -> Any:
        asked.append((prompt, length))
        return plan(prompt, length=length, **more)

    monkeypatch.setattr(fake_engine, "plan", watched)
    monkeypatch.setattr(
        fake_engine,
        "denoiser",
        lambda told_, *rest, **more: told.append(told_) or denoiser(told_, *rest, **more),
    )
    words = "0: a red ball | 50%: a blue ball"
    frames = frames_of(fake_engine, prompt=words, num_frames=10, close_ups=False)
    assert len(frames) == 10
    assert asked == [("a red ball", 5), ("a blue ball", 10)], "a moment that fits is looked for"
    assert isinstance(told[1].prompt, Schedule)
    assert told[1].prompt.texts == ("a red ball", "a blue ball")
    assert told[1].pose_maps is not None
    assert told[1].pose_maps.shape[2] == 10
    asked.clear()
    frames_of(fake_engine, prompt=words, num_frames=10, path="0.2,0.3 0.8,0.7")
    assert asked == [("a red ball", 10), ("a blue ball", 10)], "a path goes on by itself"


def test_pieces_are_told_the_words_of_their_frames(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    denoiser = fake_engine.denoiser
    monkeypatch.setattr(
        fake_engine,
        "denoiser",
        lambda one, *rest, **more: told.append(one.prompt) or denoiser(one, *rest, **more),
    )
    frames_of(
        fake_engine, prompt="0: a red ball | 50%: a blue ball", num_frames=16, mode="outpaint", context=2,
        close_ups=False,
    )  # fmt: skip
    assert told[1].texts == ("a red ball",)
    assert told[-1].texts == ("a blue ball",)


def test_a_stretch_about_something_else_begins_anew_with_a_warning(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = fake_engine.plan

    def planned(prompt: str, **more: Any) -> Any:
        made = plan(prompt, **more)
        if "square" in prompt:
            made.tracks.state[:, :, 1] = made.tracks.state[:, :, 0]
        return made

    monkeypatch.setattr(fake_engine, "plan", planned)
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="0: a red ball | 50%: a green square", num_frames=10)
    (message,) = caplog.messages
    assert "'a green square' tells of something else than the words before it" in message
    assert "0.625 s" in message


def test_unknown_words_of_a_schedule_are_named_and_its_times_are_not(
    fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="0: a red ball | 50%: a blue zebra")
    (message,) = caplog.messages
    assert message.startswith("the model does not know 'zebra' and")


def test_progress_counts_the_denoising_steps(fake_engine: Any) -> None:
    seen: list[tuple[str, int, int | None]] = []
    list(
        generate(
            vg.TextToVideo(**PLAIN),
            fake_engine,
            progress=lambda stage, done, total: seen.append((stage, done, total)),
        )
    )
    assert seen[-1] == ("denoising", 3, 3)


def test_a_clip_that_cannot_fit_in_memory_is_refused(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match="make it shorter or smaller"):
        frames_of(fake_engine, seconds=600, width=2048, height=2048)
