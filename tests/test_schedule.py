"""A prompt over time: how it is written, what is refused, and what each frame is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import videogen as vg
from tests.tiny import export_tiny
from videogen.clip_conditions import Conditions
from videogen.engine import Engine
from videogen.errors import RequestError
from videogen.reading import Spoken
from videogen.sampling import Timeline
from videogen.schedule import Schedule, read_prompt, texts_of

TWO = "0: a red ball bounces | 3s: a blue ball bounces"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("tiny")
    export_tiny(folder)
    return Engine(folder)


@pytest.mark.parametrize(
    "prompt", ["a red ball", "a ball | a cat", "4:3 a picture", "at 3: a cat", "a: b", "", "|", "1:30 pm | 2"]
)
def test_a_prompt_without_times_stays_what_it_is(prompt: str) -> None:
    assert texts_of(prompt) == (prompt,)
    assert read_prompt(prompt, length=1, fps=8) == prompt


@pytest.mark.parametrize(
    ("written", "starts"),
    [
        (TWO, (0, 24)),
        ("0s:a red ball bounces|3:  a blue ball bounces ", (0, 24)),
        ("0%: a red ball bounces | 50%: a blue ball bounces", (0, 20)),
        ("0: a red ball bounces | 50%: a blue ball bounces", (0, 20)),
        ("0.0: a red ball bounces | 2.5S: a blue ball bounces", (0, 20)),
    ],
)
def test_times_are_seconds_or_shares(written: str, starts: tuple[float, ...]) -> None:
    schedule = read_prompt(written, length=40, fps=8)
    assert isinstance(schedule, Schedule)
    assert schedule.texts == ("a red ball bounces", "a blue ball bounces")
    assert schedule.starts == pytest.approx(starts)
    assert list(schedule.stretches(40)) == [
        ("a red ball bounces", 0, starts[1]), ("a blue ball bounces", starts[1], 40),
    ]  # fmt: skip


def test_one_text_from_the_beginning_is_a_plain_prompt() -> None:
    assert read_prompt("0: a red ball", length=8, fps=8) == "a red ball"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("1: a | 2: b", "it begins at 1s, and nothing is said before; begin with '0: …'"),
        ("0: a | 2: b | 2: c", "2s does not come after 2s"),
        ("0: a | 3: b | 2: c", "2s does not come after 3s"),
        ("0: a | 50%: b | 40%: c", "40% does not come after 50%"),
        ("0: a | 0%: b", "0% does not come after 0s"),
        ("0: a | b", "'b' has no time; write each as TIME: TEXT"),
        ("a | 2: b", "'a' has no time"),
        ("0: a | 2:  ", "nothing is said from 2s on"),
        ("0: a | ", "'' has no time"),
        (" | ".join(f"{n}: a" for n in range(33)), "it has 33 texts; the limit is 32"),
        ("0: a | 1: " + "b" * 1001, "shorten it"),
        ("0: a | 1: b\x00", "control character"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_in_one_line(written: str, told: str) -> None:
    with pytest.raises(RequestError, match=r"prompt: ") as caught:
        vg.TextToVideo(written)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (TWO, "something from 3s on, but the clip lasts 2 s"),
        ("0: a | 100%: b", "something from 100% on"),
        ("0: a | 1: b | 20%: c", "20% is not after 1s by a frame"),
        ("0: a | 1: b | 1.01: c", "1.01s is not after 1s by a frame"),
        ("0: a | 0.01: b", "0.01s is not after 0s by a frame"),
    ],
)
def test_times_that_do_not_fit_the_clip_are_refused(written: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        read_prompt(written, length=16, fps=8)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, int]:
    times = sorted(draw(st.sets(st.integers(1, 90), max_size=5)))
    fps = draw(st.sampled_from([4, 8, 24, 29.97]))
    written = " | ".join(f"{time / fps}: text {time}" for time in (0, *times))
    length = (times[-1] if times else 0) + draw(st.integers(1, 30))
    found = read_prompt(written, length=length, fps=fps)
    return found if isinstance(found, Schedule) else Schedule((found,), (0.0,), 1.0), length


@given(schedules())
def test_shares_add_up_and_go_over_from_neighbour_to_neighbour(drawn: tuple[Schedule, int]) -> None:
    schedule, length = drawn
    for number in range(length):
        shares = schedule.shares(number)
        assert sum(shares) == pytest.approx(1)
        told = [index for index, share in enumerate(shares) if share > 0]
        assert told in ([told[0]], [told[0], told[0] + 1])
    for index, (_, start, stop) in enumerate(schedule.stretches(length)):
        middle = (start + stop) // 2
        assert schedule.shares(middle)[index] >= 0.5, "in the middle of a stretch its own text is heard"


@given(drawn=schedules(), data=st.data())
def test_a_piece_of_a_clip_is_told_what_its_frames_are_told_in_the_whole(
    drawn: tuple[Schedule, int], data: st.DataObject
) -> None:
    schedule, length = drawn
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    piece = schedule.between(start, stop)
    for number in range(start, stop):
        whole = dict(zip(schedule.texts, schedule.shares(number), strict=True))
        part = dict(zip(piece.texts, piece.shares(number - start), strict=True))
        assert part == pytest.approx({text: whole[text] for text in part})
        assert sum(part.values()) == pytest.approx(1)


def test_conditions_of_a_piece_have_the_words_of_the_piece() -> None:
    schedule = read_prompt(TWO, length=40, fps=8)
    told = Conditions(fps=8, prompt=schedule, control_prompt=schedule).between(30, 40)
    assert isinstance(told.prompt, Schedule)
    assert told.prompt.texts == ("a blue ball bounces",)
    assert told.control_prompt == told.prompt


def test_words_are_read_by_frame_and_blend_around_the_change(tiny: Engine) -> None:
    schedule = read_prompt("0: a red ball | 1s: a blue ball", length=16, fps=8)
    assert isinstance(schedule, Schedule)
    spoken = Spoken.read(tiny._networks, schedule, length=16)
    words = spoken.at(torch.arange(16))[0]
    first, second = spoken.features
    assert words.shape == (16, *first.shape)
    torch.testing.assert_close(words[:6], first.expand(6, -1, -1))
    torch.testing.assert_close(words[10:], second.expand(6, -1, -1))
    torch.testing.assert_close(words[8], (first + second) / 2)
    torch.testing.assert_close(spoken.throughout()[0], words.mean(0))


def predict(engine: Engine, prompt: Any, frames: torch.Tensor) -> torch.Tensor:
    latents = torch.randn(len(frames), 8, frames.shape[1], 8, 8, generator=torch.Generator().manual_seed(0))
    denoiser = engine.denoiser(Conditions(fps=8.0, prompt=prompt), Timeline.line(32))
    return denoiser(latents, torch.tensor(500.0), frames)


def test_far_from_the_change_a_window_is_told_its_own_text_alone(tiny: Engine) -> None:
    schedule = read_prompt("0: a red ball | 2s: a blue ball", length=32, fps=8)
    early, late = torch.arange(8)[None], torch.arange(24, 32)[None]
    both = predict(tiny, schedule, torch.cat([early, late]))
    red, blue = (predict(tiny, text, torch.cat([early, late])) for text in ("a red ball", "a blue ball"))
    torch.testing.assert_close(both[0], red[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both[1], blue[1], rtol=1e-4, atol=1e-5)
    assert (red - blue).abs().max() > 1e-4, "the words say nothing"
    between = torch.arange(12, 20)[None]
    mixed = predict(tiny, schedule, between)
    assert all(
        (mixed - predict(tiny, text, between)).abs().max() > 1e-5 for text in ("a red ball", "a blue ball")
    )
