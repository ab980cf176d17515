"""The engine: pictures to latents and back, and a denoiser that depends on what it is given alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny import export_tiny, export_tiny_with_planner
from videogen.engine import Conditions, Engine
from videogen.errors import CheckpointError, RequestError
from videogen.sampling import Timeline, guided, sample, windowed
from videogen.types import Denoiser
from videogen.weights.spec import FEW_STEPS
from videogen.world import render_clips
from videogen.world.caption import WORDS

# diffusers hands torch tensors to numpy in a way that numpy 2 is about to retire.
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")

T, H, W = 5, 8, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model with random weights."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    export_tiny(path)
    return path


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Engine:
    """Return an engine with random weights."""
    return Engine(folder, device="cpu")


@pytest.fixture(scope="module")
def pocket() -> Engine:
    """Return the engine that the package ships."""
    return Engine("pocket", device="cpu")


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int, *, height: int = 64, width: int = 64) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def given(length: int = T) -> Conditions:
    """Everything that a clip of `length` frames can be conditioned on."""
    return Conditions(
        fps=8.0,
        prompt="a red ball bounces",
        reference=rand(1, 8, 1, H, W, seed=1),
        carried=rand(1, 8, length, H, W, seed=2),
        visibility=rand(1, 1, length, H, W, seed=3).sigmoid(),
        pose_maps=rand(1, 3, length, 4 * H, 4 * W, seed=4).sigmoid(),
    )


def timeline(length: int = T) -> Timeline:
    """Some frames of which are known."""
    known = rand(1, 8, 2, H, W, seed=5)
    return Timeline.line(length).with_known(known, frames=[0, length - 1])


def predict(
    engine: Engine, conditions: Conditions, clip: Timeline, numbers: list[list[int]] | None = None
) -> Tensor:
    rows = torch.arange(clip.length)[None] if numbers is None else torch.tensor(numbers)
    noise = rand(1, 8, clip.length, H, W, seed=6)
    latents = torch.cat([noise[:, :, row] for row in rows])
    return engine.denoiser(conditions, clip)(latents, torch.tensor(600.0), rows)


def test_an_engine_says_what_it_is(tiny: Engine, folder: Path) -> None:
    assert tiny.model == str(folder)
    assert tiny.device == torch.device("cpu")
    assert tiny.dtype == torch.float32
    assert (tiny.spec.width, tiny.spec.num_frames, tiny.spec.fps) == (64, 16, Fraction(8))
    assert sorted(tiny.hashes) == [
        "denoiser/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert all(len(digest) == 64 for digest in tiny.hashes.values())


def test_every_scheduler_is_a_fresh_one(tiny: Engine) -> None:
    first, second = tiny.scheduler(), tiny.scheduler()
    assert first is not second
    first.set_timesteps(3)
    assert len(second.timesteps) != 3


def test_few_steps_lie_closer_where_there_is_more_noise(pocket: Engine) -> None:
    shift = pocket.spec.few_steps_shift
    assert shift > 1
    for steps, expected in ((None, 1.0), (FEW_STEPS, shift), (FEW_STEPS + 1, 1.0)):
        assert pocket.scheduler(steps).config.flow_shift == expected


@pytest.mark.parametrize("count", [1, 4, 9])
def test_pictures_become_latents_and_pictures_again(tiny: Engine, count: int) -> None:
    latents = tiny.encode(pictures(count, height=48, width=32))
    assert latents.shape == (1, 8, count, 12, 8)
    assert latents.dtype == torch.float32
    assert not latents.requires_grad
    frames = list(tiny.decode(latents))
    assert len(frames) == count
    assert all(frame.shape == (48, 32, 3) and frame.dtype == np.uint8 for frame in frames)


def test_a_picture_has_the_same_latents_alone_and_among_others(tiny: Engine) -> None:
    frames = pictures(6)
    alone = torch.cat([tiny.encode(frames[i : i + 1]) for i in range(6)], 2)
    torch.testing.assert_close(tiny.encode(frames), alone, rtol=1e-5, atol=1e-5)


def test_decoding_is_lazy(tiny: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    plain: Callable[..., Any] = tiny._networks.vae.decode
    monkeypatch.setattr(
        tiny._networks.vae, "decode", lambda chunk: decoded.append(len(chunk)) or plain(chunk)
    )
    stream = tiny.decode(rand(1, 8, 10, 4, 4))
    assert decoded == []
    next(stream)
    assert decoded == [4]
    assert len(list(stream)) == 9
    assert decoded == [4, 4, 2]


def test_latents_are_scaled_as_the_settings_say(tiny: Engine) -> None:
    frames = pictures(1)
    video = torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1
    raw = tiny._networks.vae.encode(video).latents
    torch.testing.assert_close(tiny.encode(frames)[:, :, 0], (raw - 0.25) * 1.5)
    decoded = tiny._networks.vae.decode(rand(1, 8, 4, 4) / 1.5 + 0.25).sample.clamp(-1, 1)
    torch.testing.assert_close(next(tiny.decode_video(rand(1, 8, 1, 4, 4))), decoded[0])


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 64, 64, 4), (1, 60, 64, 3), (1, 64, 8, 3)])
def test_pictures_of_an_impossible_shape_are_refused(tiny: Engine, shape: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="multiples of 16"):
        tiny.encode(np.zeros(shape, dtype=np.uint8))


def test_it_predicts_in_the_shape_and_precision_of_the_latents(tiny: Engine) -> None:
    found = predict(tiny, given(), timeline())
    assert found.shape == (1, 8, T, H, W)
    assert found.dtype == torch.float32
    assert not found.requires_grad


CHANGES: dict[str, Any] = {
    "fps": 12.0,
    "prompt": "a blue star",
    "reference": rand(1, 8, 1, H, W, seed=7),
    "carried": rand(1, 8, T, H, W, seed=7),
    "visibility": torch.zeros(1, 1, T, H, W),
    "pose_maps": torch.zeros(1, 3, T, 4 * H, 4 * W),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_condition_matters(tiny: Engine, name: str) -> None:
    elsewhere = {"picture", "motion", "keyframes", "control_prompt"}  # what other kinds are told
    assert CHANGES.keys() | elsewhere == Conditions.__dataclass_fields__.keys()
    changed = predict(tiny, replace(given(), **{name: CHANGES[name]}), timeline())
    assert (changed - predict(tiny, given(), timeline())).abs().max() > 1e-4


def test_absent_conditions_are_zeros_and_no_prompt_is_an_empty_one(tiny: Engine) -> None:
    nothing = predict(tiny, Conditions(fps=8.0), Timeline.line(T))
    zeros = Conditions(
        fps=8.0,
        prompt="",
        carried=torch.zeros(1, 8, T, H, W),
        visibility=torch.zeros(1, 1, T, H, W),
        pose_maps=torch.zeros(1, 3, T, 4 * H, 4 * W),
    )
    known = Timeline.edit(torch.zeros(1, 8, T, H, W), strength=1.0)
    torch.testing.assert_close(predict(tiny, zeros, known), nothing, rtol=1e-5, atol=1e-5)
    blank = replace(zeros, reference=torch.zeros(1, 8, 1, H, W))
    found = predict(tiny, blank, known)
    assert not torch.allclose(found, nothing, atol=1e-3), "a black reference is not an absent one"


def test_known_latents_are_told_to_the_network(tiny: Engine) -> None:
    assert not torch.allclose(
        predict(tiny, given(), timeline()), predict(tiny, given(), Timeline.line(T)), atol=1e-4
    )


def test_a_window_sees_its_own_part_of_every_condition(tiny: Engine) -> None:
    numbers = [4, 5, 6, 7, 8]
    whole, clip = given(12), timeline(12)
    assert clip.known is not None
    assert clip.mask is not None
    part = replace(
        whole,
        **{name: getattr(whole, name)[:, :, numbers] for name in ("carried", "visibility", "pose_maps")},
    )
    small = Timeline(5, known=clip.known[:, :, numbers], mask=clip.mask[:, :, numbers])
    noise, step = rand(1, 8, 5, H, W, seed=6), torch.tensor(600.0)
    found = tiny.denoiser(whole, clip)(noise, step, torch.tensor([numbers]))
    expected = tiny.denoiser(part, small)(noise, step, torch.arange(5)[None])
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    elsewhere = tiny.denoiser(whole, clip)(noise, step, torch.tensor([[0, 1, 2, 3, 4]]))
    assert not torch.allclose(found, elsewhere, atol=1e-4)


def test_rows_of_a_batch_are_denoised_as_if_alone(tiny: Engine) -> None:
    rows = [[0, 1, 2], [9, 10, 11], [4, 2, 7]]
    together = predict(tiny, given(12), timeline(12), rows)
    apart = torch.cat([predict(tiny, given(12), timeline(12), [row]) for row in rows])
    torch.testing.assert_close(together, apart, rtol=0, atol=0)


def test_deep_features_are_kept_by_frame_for_the_steps_that_are_not_whole(tiny: Engine) -> None:
    clip, latents, late = timeline(6), rand(1, 8, 6, H, W, seed=6), torch.tensor(400.0)
    whole = [False, True, True, False, False]
    denoise = tiny.denoiser(given(6), clip, whole=lambda timestep: whole.pop(0))
    exact = tiny.denoiser(given(6), clip)

    def at(function: Denoiser, row: list[int], time: Tensor = late) -> Tensor:
        return function(latents[:, :, row], time, torch.tensor([row]))

    assert torch.equal(at(denoise, [0, 1]), at(exact, [0, 1])), "nothing is kept yet"
    for row in ([0, 1, 2, 3], [3, 4, 5]):
        assert torch.equal(at(denoise, row), at(exact, row))
    assert torch.equal(at(denoise, [3, 4, 5]), at(exact, [3, 4, 5])), "the features of this very step"
    sooner = torch.tensor(100.0)
    assert not torch.allclose(at(denoise, [2, 3, 4], sooner), at(exact, [2, 3, 4], sooner), atol=1e-3)


def make(engine: Engine, *, batch: int = 1, seed: int = 3, length: int = 20, steps: int = 3) -> Tensor:
    """Sample a clip of several windows with guidance on the words."""
    clip, conditions = Timeline.line(length), given(length)
    full = engine.denoiser(conditions, clip)
    empty = engine.denoiser(replace(conditions, prompt=None), clip)
    denoiser = windowed(guided([empty, full], [2.0]), length=length, window=8, overlap=3, batch=batch)
    return sample(
        denoiser,
        clip,
        engine.scheduler(),
        channels=8,
        height=H,
        width=W,
        num_inference_steps=steps,
        seed=seed,
    )


def test_latents_do_not_depend_on_how_windows_are_batched(tiny: Engine) -> None:
    assert torch.equal(make(tiny, batch=1), make(tiny, batch=4))


def test_the_same_seed_gives_the_same_latents_and_another_does_not(tiny: Engine, folder: Path) -> None:
    first = make(tiny)
    assert torch.equal(make(Engine(folder, device="cpu")), first)
    assert not torch.allclose(make(tiny, seed=4), first, atol=1e-2)


@pytest.mark.parametrize(
    "change",
    [
        {"reference": torch.zeros(8, 1, H, W)},
        {"reference": torch.zeros(1, 8, 2, H, W)},
        {"carried": torch.zeros(1, 8, T + 1, H, W)},
        {"visibility": torch.zeros(2, 1, T, H, W)},
        {"pose_maps": torch.zeros(3, T, 4 * H, 4 * W)},
        {"fps": 0.0},
        {"fps": float("nan")},
        {"fps": float("inf")},
    ],
    ids=str,
)
def test_a_condition_that_does_not_cover_the_clip_is_refused(tiny: Engine, change: dict[str, Any]) -> None:
    name = next(iter(change))
    with pytest.raises(RequestError, match=f"^{name} "):
        tiny.denoiser(replace(given(), **change), timeline())


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "", "CPU"])
def test_a_device_that_is_not_there_is_refused(folder: Path, device: str) -> None:
    with pytest.raises(
        RequestError, match=r"is not available on this machine; choose from: auto, cpu"
    ) as caught:
        Engine(folder, device=device)
    assert "\n" not in str(caught.value)


def test_the_automatic_device_is_the_best_that_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from videogen import devices

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.find_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.find_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.find_device("auto").type == "cpu"


def test_bfloat16_stays_near_float32(tiny: Engine, folder: Path) -> None:
    half = Engine(folder, device="cpu", precision="bfloat16")
    assert half.dtype == torch.bfloat16
    found, expected = predict(half, given(), timeline()), predict(tiny, given(), timeline())
    assert found.dtype == torch.float32
    assert 0 < (found - expected).norm() / expected.norm() < 0.05
    assert half.encode(pictures(1)).dtype == torch.float32
    assert next(half.decode(rand(1, 8, 1, 4, 4))).dtype == np.uint8


def test_an_unknown_precision_is_refused(folder: Path) -> None:
    with pytest.raises(
        RequestError, match=r"precision 'int4' is not one of auto, float32, bfloat16, float16"
    ):
        Engine(folder, device="cpu", precision="int4")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no model is called 'nothing'"):
        Engine("nothing", device="cpu")


def test_unknown_words_are_named_in_order_and_once(tiny: Engine) -> None:
    asked = "A Zebra and the red zebra, on a bicycle!"
    assert tiny.unknown_words(asked) == ["zebra", "bicycle"]
    assert tiny.unknown_words("an orange ball bounces in a meadow") == []
    assert tiny.unknown_words("") == []
    assert set(tiny.known_words) == WORDS


def test_a_model_without_a_word_list_knows_no_unknown_words(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "spec", replace(tiny.spec, known_words=()))
    assert tiny.unknown_words("zebra") == []
    assert tiny.known_words == []


def test_a_very_long_prompt_is_read_to_the_end_of_what_fits(tiny: Engine) -> None:
    long = replace(given(), prompt="red ball " * 5000)
    longer = replace(given(), prompt="red ball " * 5000 + "star")
    torch.testing.assert_close(
        predict(tiny, long, timeline()), predict(tiny, longer, timeline()), rtol=0, atol=0
    )


def frames_of(kind: str, count: int) -> Any:
    clips = render_clips(kind, torch.arange(50_000, 50_000 + count), num_frames=1, held_out=True)
    return ((clips.video[:, :, 0].permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()


@pytest.mark.parametrize("kind", ["object", "person", "portrait"])
def test_pocket_gives_back_frames_of_the_world(pocket: Engine, kind: str) -> None:
    frames = frames_of(kind, 32)
    latents = pocket.encode(frames)
    assert 0.6 < latents.std() < 1.5
    decoded = np.stack(list(pocket.decode(latents)))
    error = ((decoded.astype(float) - frames) ** 2).mean((1, 2, 3))
    assert (10 * np.log10(255**2 / error)).mean() > 29


def test_pocket_paints_the_colour_that_the_prompt_names(pocket: Engine) -> None:
    means = {}
    for colour in ("red", "blue"):
        clip = Timeline.line(8)
        conditions = Conditions(fps=8.0, prompt=f"a {colour} ball stands still on a grey background")
        full = pocket.denoiser(conditions, clip)
        empty = pocket.denoiser(replace(conditions, prompt=None), clip)
        latents = sample(
            guided([empty, full], [pocket.spec.guidance_scale]),
            clip,
            pocket.scheduler(),
            channels=8,
            height=16,
            width=16,
            num_inference_steps=8,
            seed=1,
        )
        means[colour] = np.stack(list(pocket.decode(latents))).astype(float).mean((0, 1, 2))
    assert means["red"][0] - means["red"][2] > 5 + means["blue"][0] - means["blue"][2]
    assert means["blue"][2] > means["blue"][0]


def test_a_model_without_a_planner_plans_nothing(tiny: Engine) -> None:
    assert tiny.plan("a red ball", length=4, fps=8, seed=1) is None


def test_a_planner_plans_by_words_rate_and_seed_and_is_hashed(tmp_path: Path) -> None:
    export_tiny_with_planner(tmp_path)
    engine = Engine(tmp_path, device="cpu")
    assert any(name.startswith("planner/") for name in engine.hashes)

    def state(prompt: str = "a red ball", *, fps: float = 8, seed: int = 1) -> Tensor:
        plan = engine.plan(prompt, length=9, fps=fps, seed=seed)
        assert plan is not None
        return plan.tracks.state

    assert torch.equal(state(), state())
    assert torch.equal(state("an orange ball"), state("a orange ball"))
    for other in (state("a blue star"), state(fps=4), state(seed=2)):
        assert not torch.equal(state(), other)
    for wrong in ({"length": 0, "fps": 8}, {"length": 4, "fps": 0}):
        with pytest.raises(RequestError, match="give more than 0"):
            engine.plan("a red ball", seed=1, **wrong)


@pytest.mark.parametrize("option", ["weights", "motion_modules"])
def test_paths_may_be_given_as_text(option: str) -> None:
    with pytest.raises(RequestError, match="nowhere"):
        Engine("animatediff", **{option: "nowhere"})
