"""Denoisers of one clip: what both halves have alike, rows together and apart, poses read ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny_diffusers import write
from tests.weights.test_animators import animate_anyone, magic_animate
from videogen import telling
from videogen.clip_conditions import Conditions
from videogen.devices import Placement
from videogen.engine import Engine
from videogen.sampling import Timeline, always
from videogen.schedule import Schedule
from videogen.telling import compile_network, make_denoisers

T = 4
FRAMES = torch.tensor([[0, 1, 2], [1, 2, 3]])
ASKED = 4  # two rows at two timesteps


def rand(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def told() -> Conditions:
    """Everything at once: words, a pose, a picture to look like."""
    return Conditions(
        fps=8.0,
        prompt="a b",
        pose_maps=rand(1, 3, T, 64, 64, seed=1).sigmoid(),
        reference=rand(1, 4, 1, 8, 8, seed=2),
    )


class Together(Placement):
    """A CPU that takes rows together, as a GPU does."""

    one_by_one = False


@pytest.fixture(scope="module", params=["controlnet", "magicanimate", "animate-anyone"])
def engine(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Models that read poses, each in its own way."""
    folder = tmp_path_factory.mktemp(request.param)
    makers = {
        "controlnet": lambda: write(folder, controlnet=True),
        "magicanimate": lambda: magic_animate(folder),
        "animate-anyone": lambda: animate_anyone(folder),
    }
    makers[request.param]()
    return Engine(folder)


def predict(engine: Engine, placement: type[Placement], *, whole: Any = always) -> list[Tensor]:
    """Both halves at two timesteps."""
    conditions = told() if engine.reads_words else replace(told(), prompt=None)
    chain = [engine.without(conditions), conditions]
    place = placement(torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        halves = make_denoisers(engine._networks, chain, Timeline.line(T), placement=place, whole=whole)
        latents = rand(2, 4, 3, 8, 8, seed=3)
        times = torch.tensor(700), torch.tensor(300)
        return [half(latents, time, FRAMES) for time in times for half in halves]


def test_rows_together_are_denoised_as_rows_apart(engine: Engine) -> None:
    for apart, together in zip(predict(engine, Placement), predict(engine, Together), strict=True):
        torch.testing.assert_close(apart, together, rtol=1e-4, atol=1e-4)


def test_deep_features_are_kept_for_rows_together_too(engine: Engine) -> None:
    def early(timestep: Tensor) -> bool:
        return bool(timestep > 500)

    found, exact = predict(engine, Together, whole=early), predict(engine, Together)
    torch.testing.assert_close(found[:2], exact[:2], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found[3], exact[3], atol=1e-3)
    apart = predict(engine, Placement, whole=early)
    torch.testing.assert_close(found, apart, rtol=1e-4, atol=1e-4)


def test_poses_are_read_once_and_say_the_same_as_at_every_step(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, calls = engine._networks.denoiser, list[int]()
    plain = network.watch
    monkeypatch.setattr(network, "watch", lambda maps: (calls.append(maps.shape[2]), plain(maps))[1])
    ahead = predict(engine, Placement)
    assert calls == [T]
    monkeypatch.setattr(telling, "_WATCHED_AHEAD", 0)
    calls.clear()
    for one, other in zip(ahead, predict(engine, Placement), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert len(calls) == ASKED * (1 if network.share_words else 2)


def test_halves_that_tell_their_controlnets_the_same_ask_them_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, calls = engine._networks.denoiser, list[int]()
    plain = network.control
    monkeypatch.setattr(network, "control", lambda *given: (calls.append(1), plain(*given))[1])
    predict(engine, Placement)
    assert len(calls) == ASKED * (1 if network.share_words else 2)


def test_a_compiled_network_predicts_as_before(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda work, **how: (asked.append(how), work)[1])
    network: nn.Module = engine._networks.denoiser
    before = predict(engine, Placement)
    compile_network(network)
    assert asked == [{"dynamic": False}]
    for one, other in zip(before, predict(engine, Placement), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_every_model_is_told_the_words_of_the_frames_it_is_asked_for(engine: Engine) -> None:
    if not engine.reads_words:
        pytest.skip("it reads no words")
    place = Together(torch.device("cpu"), torch.float32)
    schedule = Schedule(("a b", "c d e"), (0.0, 2.0), 0.0)
    latents, frames = rand(2, 4, 2, 8, 8, seed=3), torch.tensor([[0, 1], [2, 3]])

    def ask(prompt: Any) -> Tensor:
        conditions = replace(told(), prompt=prompt)
        with torch.inference_mode():
            [half] = make_denoisers(
                engine._networks, [conditions], Timeline.line(T), placement=place, whole=always
            )
            return half(latents, torch.tensor(700), frames)

    changing, first, second = ask(schedule), ask("a b"), ask("c d e")
    assert changing.shape == first.shape
    if engine.needs_poses:  # the reference hears the words of the whole clip, so all of it differs a little
        assert torch.isfinite(changing).all()
        return
    torch.testing.assert_close(changing[0], first[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(changing[1], second[1], rtol=1e-4, atol=1e-5)
    assert (changing[1] - first[1]).abs().max() > 1e-5
