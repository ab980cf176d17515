"""Which clips have a cast, what is drawn of it from near, and how it is laid over what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import videogen as vg
from videogen.dry_run import describe
from videogen.jobs import jobs
from videogen.jobs.casting import LENGTH, Take, cast_of
from videogen.jobs.guiding import Guide
from videogen.jobs.ledger import Ledger
from videogen.jobs.text_to_video import generate
from videogen.tracks import Tracks
from videogen.weights.spec import FEW_STEPS


def request(prompt: str = "a red ball", **fields: Any) -> vg.TextToVideo:
    return vg.TextToVideo(prompt, **{"seed": 1, "num_inference_steps": 2, **fields})


def told_of(engine: Any, monkeypatch: pytest.MonkeyPatch, asked: vg.TextToVideo) -> list[tuple[Any, int]]:
    """What is told, and of how many frames, while a clip is made."""
    told: list[tuple[Any, int]] = []
    plain = engine.denoiser

    def watched(conditions: Any, timeline: Any, **which: Any) -> Any:
        told.append((conditions, timeline.length))
        return plain(conditions, timeline, **which)

    monkeypatch.setattr(engine, "denoiser", watched)
    list(generate(asked, engine))
    return told


def test_each_thing_is_drawn_once_from_near_by_its_own_name(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fake_engine.plan

    def plan(prompt: str, *, length: int, **more: Any) -> Any:
        made = plain(prompt, length=length, **more)
        made.tracks.state[:, :, 1] = torch.tensor([0.2, 0.2, 0.1, 0.0, 1.0])
        return made

    monkeypatch.setattr(fake_engine, "plan", plan)
    asked = request("a red ball bounces and a blue square goes up", negative_prompt="green")
    told = told_of(fake_engine, monkeypatch, asked)
    prompts = [(one.prompt, length) for one, length in told if one.prompt is not None]
    assert prompts == [
        ("green", LENGTH), ("a red ball", LENGTH), ("green", LENGTH), ("a blue square", LENGTH),
        ("green", 6), (asked.prompt, 6),
    ]  # fmt: skip
    first, second = (one.pose_maps for one, length in told[1:4:2])
    assert first.shape == (1, 3, LENGTH, 32, 32)
    assert torch.equal(first, second), "both are discs of the fake planner, from near"


def test_a_backdrop_is_named_to_a_model_that_knows_its_words(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine.known_words = (*fake_engine.known_words, "in", "front", "of", "grey", "wall")
    told = told_of(fake_engine, monkeypatch, request())
    assert told[1][0].prompt == "a red ball in front of a grey wall"


@pytest.mark.parametrize(
    ("prompt", "fields"),
    [
        ("a red ball and a blue square", {}),  # one is planned
        ("bounces", {}),
        ("0: a red ball | 50%: bounces", {}),
        ("a ball that is red", {}),
        ("a red ball", {"close_ups": False}),
        ("a red ball", {"plan": False}),
        ("a red ball", {"pose": Path("pose.json")}),
        ("a red ball", {"keyframe": ("0=photo.png",)}),
    ],
)
def test_other_clips_have_no_cast(
    prompt: str,
    fields: dict[str, Any],
    fake_engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    portrait_folder: Path,
) -> None:
    told = told_of(fake_engine, monkeypatch, request(prompt, **fields))
    assert LENGTH not in {length for _, length in told}


def test_few_steps_are_taken_from_near_whatever_is_said_of_the_whole(fake_engine: Any) -> None:
    tracks = Tracks.none(1, 3)
    tracks.state[:, :, 0] = torch.tensor([0.5, 0.5, 0.2, 0.0, 1.0])
    tracks.outline[:] = 1
    guide = Guide(torch.zeros(1, 3, 3, 32, 32), None, (tracks,))
    seen: list[tuple[str, int, int | None]] = []
    for steps, taken in ((40, 6), (3, 3)):
        fake_engine.rows.clear()
        asked = request(num_inference_steps=steps, guidance_start=0.46, guidance_end=0.49, cache_interval=2)
        cast = cast_of(
            asked, fake_engine, guide, "a red ball", fps=8.0, scale=2.0,
            progress=lambda *told: seen.append(told), ledger=Ledger(),
        )  # fmt: skip
        assert cast is not None
        assert len(fake_engine.rows) == 2 * taken
        assert seen[-1] == ("a red ball from near", taken, taken)


def test_a_take_shows_its_cast_and_is_judged_by_what_is_seen(fake_engine: Any) -> None:
    pieces = [torch.zeros(1, 2, 3, 8, 8), torch.ones(1, 2, 2, 8, 8)]
    plain = Take(iter(pieces))
    assert plain.seen(fake_engine, pieces) is pieces
    tracks = Tracks.none(1, 5)
    tracks.state[:, :, 0] = torch.tensor([0.5, 0.5, 0.3, 0.0, 1.0])
    tracks.outline[:, 0, :-1] = 1
    guide = Guide(torch.zeros(1, 3, 5, 32, 32), None, (tracks,))
    cast = cast_of(
        request(),
        fake_engine,
        guide,
        "a red ball",
        fps=8.0,
        scale=2.0,
        progress=lambda *_: None,
        ledger=Ledger(),
    )
    take = Take(iter(pieces), cast)
    seen = take.seen(fake_engine, pieces)
    assert [piece.shape[2] for piece in seen] == [3, 2]
    frames = np.stack(
        [
            frame
            for piece, at in zip(pieces, (0, 3), strict=True)
            for frame in take.frames(fake_engine, piece, None, begin=at)
        ]
    )  # type: ignore[arg-type]
    assert frames.shape == (5, 32, 32, 3)
    assert (frames[0, 16, 16] != frames[0, 0, 0]).any()
    assert (frames[0, 16, 16] == frames[4, 16, 16]).all(), "the same thing in every piece"


def test_a_run_that_was_stopped_keeps_its_close_ups(fake_engine: Any) -> None:
    class Kept(Ledger):
        names: ClassVar[list[str]] = []

        def once(self, name: str, make: Any) -> Any:
            self.names.append(name)
            return super().once(name, make)

    list(generate(request(), fake_engine, ledger=Kept()))
    assert Kept.names == ["near-0-0", "clip"]


def test_a_dry_run_counts_what_is_drawn_from_near(fake_engine: Any) -> None:
    def calls(prompt: str, **fields: Any) -> int:
        made = jobs()["text-to-video"].outline
        assert made is not None
        return made(request(prompt, num_inference_steps=20, **fields), fake_engine.spec).calls

    whole = calls("a red ball", close_ups=False)
    assert calls("a red ball") == whole + 2 * FEW_STEPS
    assert calls("a red ball", guidance_scale=1.0) == whole / 2 + FEW_STEPS
    assert calls("a red ball", best_of=2) == 2 * calls("a red ball")
    assert calls("a red ball and a blue square") == whole + 4 * FEW_STEPS
    assert calls("0: a red ball | 50%: a blue ball") == whole + 4 * FEW_STEPS
    assert calls("a man waves") == calls("a ball", plan=False) == whole


def test_where_words_change_a_thing_goes_over_into_the_next(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request("0: a red ball | 50%: a blue ball", num_frames=16)
    told = told_of(fake_engine, monkeypatch, asked)
    near = [one.prompt for one, length in told if length == LENGTH]
    assert near == [None, "a red ball", None, "a blue ball"]
    frames = np.stack(list(generate(asked, fake_engine)))
    plain = np.stack(list(generate(asked.model_copy(update={"close_ups": False}), fake_engine)))
    assert frames.shape == plain.shape
    assert (frames != plain).any()


def test_what_is_named_alike_later_is_drawn_once(fake_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_of(
        fake_engine, monkeypatch, request("0: a red ball | 50%: a red ball bounces", num_frames=16)
    )
    assert [one.prompt for one, length in told if length == LENGTH] == [None, "a red ball"]


def test_a_loop_whose_words_have_times_has_no_cast(fake_engine: Any) -> None:
    asked = vg.Loop(prompt="0: a red ball | 50%: a blue ball", seed=1, num_inference_steps=2, seconds=1)
    assert len(vg.run(asked, engine=fake_engine).frames) == 8
    assert describe(asked, "loop.mp4")
