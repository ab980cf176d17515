"""Requests as data: what is accepted, what is refused and how, and the way to JSON and back."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import videogen as vg
from videogen.jobs import jobs, request_from
from videogen.request import Request, make_record, parse_json

LETTERS = st.characters(exclude_categories=["Cc", "Cs"])
PROMPTS = st.text(LETTERS, min_size=1, max_size=200).filter(str.strip)
RATES = st.fractions(min_value=Fraction(1, 10), max_value=240, max_denominator=1001)
SIZES = st.none() | st.integers(16, 2048)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


REQUESTS = st.builds(
    vg.TextToVideo,
    prompt=PROMPTS,
    negative_prompt=maybe(PROMPTS),
    seconds=maybe(st.floats(0, 600, exclude_min=True)),
    width=SIZES,
    height=SIZES,
    num_inference_steps=maybe(st.integers(1, 200)),
    guidance_scale=maybe(st.floats(0, 50)),
    window_batch=maybe(st.integers(1, 64)),
    offload=st.booleans(),
    compile=st.booleans(),
    windows=st.sampled_from(["blended", "original"]),
    window=maybe(st.integers(32, 256)),
    overlap=maybe(st.integers(0, 31)),
    noise=st.sampled_from(["independent", "freenoise"]),
    guidance_start=st.floats(0, 0.5),
    guidance_end=st.floats(0.5, 1, exclude_min=True),
    cache_interval=st.integers(1, 16),
    seed=maybe(st.integers(0, 2**63 - 1)),
    fps=maybe(RATES),
    model=st.text(LETTERS, min_size=1, max_size=30),
    device=st.sampled_from(["auto", "cpu", "cuda", "mps"]),
    precision=st.sampled_from(["auto", "float32", "bfloat16", "float16"]),
    lora=st.lists(st.sampled_from(["a.ckpt", "b.safetensors@0.5", "c@2/d@-1"]), max_size=2).map(tuple),
    keyframe=st.lists(st.sampled_from(["0=a.png", "1.5=b=c.png"]), max_size=2).map(tuple),
)


@settings(deadline=None, max_examples=60)
@given(REQUESTS)
def test_a_request_survives_json(request: vg.TextToVideo) -> None:
    assert request_from(parse_json(request.to_json(), source="a test")) == request


@settings(deadline=None, max_examples=30)
@given(REQUESTS)
def test_a_request_is_read_back_out_of_a_record(request: vg.TextToVideo) -> None:
    seeded = request.seeded()
    record = json.loads(json.dumps(make_record(seeded, weights={"unet": "00"})))
    assert request_from(record) == seeded


@pytest.mark.parametrize(
    ("given_fps", "exact"),
    [
        (24, Fraction(24)),
        ("30000/1001", Fraction(30000, 1001)),
        (23.976, Fraction(2997, 125)),
        ("23.976", Fraction(2997, 125)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_frame_rates_stay_exact(given_fps: Any, exact: Fraction) -> None:
    assert vg.TextToVideo("a", fps=given_fps).fps == exact


NAN, INFINITY = float("nan"), float("inf")
BAD: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "prompt: it is empty"),
    ({"prompt": " \t\n"}, "prompt: it is empty"),
    ({"prompt": "word " * 5000}, "5000 words .* limit is 300 words"),
    ({"prompt": "x" * 1001}, "1001 characters.* 1000 characters"),
    ({"prompt": "a\x00b"}, r"control character U\+0000"),
    ({"prompt": "a\ud800b"}, r"control character U\+D800"),
    ({"prompt": 5}, "prompt was given as 5"),
    ({"negative_prompt": ""}, "--negative-prompt: it is empty"),
    ({"seconds": 0}, "--seconds was given as 0; expected a finite number, more than 0 and at most 600"),
    ({"seconds": -1}, "--seconds was given as -1; expected"),
    ({"seconds": NAN}, "--seconds was given as nan; expected"),
    ({"seconds": INFINITY}, "--seconds was given as inf; expected"),
    ({"seconds": 1e9}, "--seconds was given as 1000000000.0; expected"),
    ({"seconds": "soon"}, "--seconds was given as 'soon'; expected"),
    ({"seconds": 1, "num_frames": 8}, "--seconds and --num-frames were both given"),
    ({"num_frames": 0}, "--num-frames was given as 0; expected a whole number"),
    ({"num_frames": 10**9}, "--num-frames"),
    ({"num_frames": 2.5}, "--num-frames was given as 2.5; expected a whole number"),
    ({"width": 0}, "--width"),
    ({"width": 20_000}, "--width was given as 20000; expected a whole number, at least 16 and at most 2048"),
    ({"height": -16}, "--height"),
    ({"num_inference_steps": 0}, "--num-inference-steps"),
    ({"num_inference_steps": 10**6}, "--num-inference-steps"),
    ({"guidance_scale": NAN}, "--guidance-scale"),
    ({"guidance_scale": -1}, "--guidance-scale"),
    ({"window_batch": 0}, "--window-batch"),
    ({"guidance_start": 0.8, "guidance_end": 0.2}, "--guidance-start 0.8 is not before --guidance-end 0.2"),
    ({"guidance_start": 0.5, "guidance_end": 0.5}, "is not before"),
    ({"guidance_start": 1}, "is not before"),
    ({"guidance_end": 0}, "is not before"),
    ({"seed": -1}, "--seed was given as -1; expected a whole number, at least 0"),
    ({"seed": 2**64}, "--seed"),
    ({"seed": "x"}, "--seed was given as 'x'"),
    ({"seed": 10**5000}, "--seed"),
    ({"fps": 0}, "--fps"),
    ({"fps": 10**9}, "--fps"),
    ({"fps": NAN}, "--fps"),
    ({"fps": "1/0"}, "--fps"),
    ({"fps": "1e999999999"}, "--fps: expected a rate such as"),
    ({"model": ""}, "--model"),
    ({"device": "gpu"}, "--device was given as 'gpu'; expected 'auto', 'cpu', 'cuda' or 'mps'"),
    ({"precision": "int8"}, "--precision"),
    ({"lora": ("a@11",)}, "--lora: a@11 asks for the scale 11; give -10 to 10"),
    ({"lora": ("a@1@0-0.5",)}, "--lora: a@1@0-0.5 says when it acts, which only a ControlNet can"),
    ({"lora": ("",)}, "--lora: it is empty"),
    ({"controlnet": ("a",)}, "--controlnet reads a pose; give one with --pose"),
    ({"controlnet": ("a@1@0.5-0.5",), "pose": "p.json"}, "--controlnet: a@1@0.5-0.5 acts from 0.5 to 0.5"),
    ({"controlnet": ("a@1@0-2",), "pose": "p.json"}, "acts from 0 to 2; give shares of the denoising"),
    ({"controlnet": ("a@1.2.3",), "pose": "p.json"}, "--controlnet: 1.2.3 is no number"),
    ({"ip_adapter": "a"}, "--ip-adapter looks at a picture; give one with --reference"),
    ({"sparse_control": "a"}, "--sparse-control reads keyframes; give --keyframe"),
    ({"keyframe": ("a.png",)}, "--keyframe: a.png is not TIME=PICTURE"),
    ({"keyframe": ("-1=a.png",)}, "--keyframe: -1=a.png is not TIME=PICTURE"),
    ({"keyframe": ("nan=a.png",)}, "--keyframe: nan=a.png is not TIME=PICTURE"),
    ({"keyframe": ("1=",)}, "--keyframe: 1= is not TIME=PICTURE"),
    ({"sed": 1}, "there is no setting 'sed'; did you mean 'seed'"),
    ({"seed": -1, "width": 0}, "1 more problem besides"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_a_bad_value_is_refused_in_one_plain_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(vg.RequestError, match=message) as caught:
        vg.TextToVideo(**{"prompt": "a red ball", **fields})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "videogen text-to-video --help" in str(caught.value)


@pytest.mark.parametrize("value", [NAN, INFINITY, "-inf"])
def test_numbers_are_finite_where_a_field_sets_no_bounds(value: Any) -> None:
    class Free(Request):
        amount: float

    with pytest.raises(vg.RequestError, match=r"--amount was given as .*; expected a finite number"):
        Free(amount=value)


def test_a_missing_prompt_is_named() -> None:
    with pytest.raises(vg.RequestError, match="prompt is missing"):
        vg.TextToVideo()


def test_values_given_by_place_are_counted() -> None:
    with pytest.raises(vg.RequestError, match=r"2 values .* at most 1 \(prompt\)"):
        vg.TextToVideo("a", "b")
    with pytest.raises(vg.RequestError, match="prompt was given twice"):
        vg.TextToVideo("a", prompt="b")


def test_a_request_cannot_be_changed_after_the_fact() -> None:
    with pytest.raises(ValueError, match="frozen"):
        vg.TextToVideo("a").seed = 3


def test_seeds_are_drawn_once_and_then_stay() -> None:
    request = vg.TextToVideo("a").seeded()
    assert request.seed is not None
    assert request.seeded() is request
    assert len({vg.TextToVideo("a").seeded().seed for _ in range(8)}) > 1


def test_a_record_needs_the_seed_that_was_used() -> None:
    with pytest.raises(ValueError, match="seed"):
        make_record(vg.TextToVideo("a"), weights={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "holds a list"),
        ("[" * 100_000, "not JSON"),
        ('{"job": "text-to-video", "prompt": "a", "seed": NaN}', "--seed"),
        ('{"job": "text-to-video", "prompt": "a", "seconds": 1e400}', "--seconds"),
        ('{"job": "text-to-video", "prompt": "a", "seed": ' + "9" * 5000 + "}", "not JSON"),
        ('{"prompt": "a"}', "names the job None; expected one of text-to-video"),
        ('{"job": ["text-to-video"]}', "names the job"),
        ('{"job": "os.system", "prompt": "a"}', "names the job 'os.system'"),
        ('{"request": 3}', "not a JSON object"),
        ('{"job": "text-to-video", "prompt": "a", "colour": 1}', "no setting 'colour'"),
    ],
)
def test_damaged_json_is_refused_in_one_plain_line(text: str, message: str) -> None:
    with pytest.raises(vg.RequestError, match=message) as caught:
        request_from(parse_json(text, source="request.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("request_class", [job.request for job in jobs().values()])
def test_every_field_is_documented(request_class: type[Request]) -> None:
    for name, field in request_class.model_fields.items():
        assert field.description, name
        assert str(field.description).endswith("."), name


def test_requests_are_checked_without_loading_torch() -> None:
    code = (
        "import sys, videogen as vg\n"
        "try: vg.text_to_video('')\n"
        "except vg.RequestError: assert 'torch' not in sys.modules\n"
        "else: sys.exit('accepted')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
