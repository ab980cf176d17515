"""Edit, from the request to the frames, on an engine without networks."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import videogen as vg
from videogen.clip import render
from videogen.extras import Extras
from videogen.jobs.edit import generate
from videogen.media.provenance import read_record
from videogen.media.video import probe, read_video, write_video
from videogen.world.analyse import Reading, Seen

Frames = np.ndarray[Any, np.dtype[np.uint8]]
HEIGHT, WIDTH, LENGTH, RATE = 45, 71, 8, Fraction(8)
PLAIN: dict[str, Any] = {"video": "clip", "prompt": "a red ball", "strength": 0.7, "seed": 1}
CHANGES: dict[str, Any] = {
    "video": "other",
    "prompt": "a blue ball",
    "negative_prompt": "a green square",
    "strength": 0.3,
    "mask": "mask.png",
    "reference": "other/frame_000000.png",
    "seconds": 0.5,
    "audio": "none",
    "width": 142,
    "height": 90,
    "num_inference_steps": 5,
    "guidance_scale": 4.5,
    "window_batch": 4,
    "windows": "original",
    "window": 8,
    "overlap": 1,
    "window_weights": "flat",
    "anchor_frame": True,
    "noise": "freenoise",
    "guidance_start": 0.5,
    "guidance_end": 0.6,
    "cache_interval": 2,
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
    "ip_adapter": "ip-adapter.bin@0.6",
}
SAME_CLIP = {"window_batch", "interpolate", "upscale"}  # finished outside of the job: test_making
SOUND = {"audio"}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "ip_adapter"}
REFUSED = {"controlnet"}
MANY_STEPS = {"guidance_start", "guidance_end", "cache_interval"}


def noise(seed: int, *, height: int = HEIGHT, width: int = WIDTH, length: int = LENGTH) -> list[Frames]:
    """Coarse noise that moves."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (9, 15, 3), dtype=np.uint8))
    picture = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    return [np.roll(picture, number, 1) for number in range(length)]


def save_mask(path: str, *, height: int = HEIGHT, width: int = WIDTH) -> None:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 255
    Image.fromarray(mask).save(path)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clips as folders of pictures, of odd sides, and a mask; nobody looks for things in them."""
    monkeypatch.chdir(tmp_path)
    write_video("clip", iter(noise(0)), fps=RATE)
    write_video("other", iter(noise(1)), fps=RATE)
    save_mask("mask.png")

    def analyse(frames: Frames, *, fps: float, kind: str) -> Reading:
        track = np.tile([0.4, 0.4, 0.2, 0.0], (len(frames), 1))
        return Reading(kind, "", "still", count=1, things=(Seen("red", "ball", "", "", track),))

    monkeypatch.setattr("videogen.jobs.following.analyse", analyse)
    return tmp_path


def frames_of(engine: Any, **fields: Any) -> Frames:
    return np.stack(list(generate(vg.Edit(**{**PLAIN, **fields}), engine)))


def source(path: str | Path = "clip") -> Frames:
    with read_video(path) as video:
        return np.stack(list(video))


@pytest.mark.parametrize(
    "name", sorted(CHANGES.keys() - SAME_CLIP - SOUND - CHOOSES_THE_ENGINE - ADDED - REFUSED)
)
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    more = {"num_inference_steps": 8} if name in MANY_STEPS else {}
    plain, changed = frames_of(fake_engine, **more), frames_of(fake_engine, **more, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Edit(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.Edit(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_a_controlnet_has_nothing_to_read() -> None:
    with pytest.raises(vg.RequestError, match="--controlnet reads a pose"):
        vg.Edit(**PLAIN, controlnet=CHANGES["controlnet"])


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    np.testing.assert_array_equal(frames_of(fake_engine), frames_of(fake_engine, window_batch=4))


@pytest.mark.parametrize("fields", [{}, {"mask": "mask.png"}])
def test_strength_0_is_the_video_bit_for_bit(fields: dict[str, Any], fake_engine: Any) -> None:
    np.testing.assert_array_equal(frames_of(fake_engine, strength=0, **fields), source())


@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_outside_the_mask_every_bit_is_kept_and_inside_it_changes(strength: float, fake_engine: Any) -> None:
    made, own = frames_of(fake_engine, strength=strength, mask="mask.png"), source()
    free = np.asarray(Image.open("mask.png")) > 0
    np.testing.assert_array_equal(made[:, ~free], own[:, ~free])
    assert (made[:, free] != own[:, free]).any(axis=(1, 2)).all()


def test_a_mask_may_move(fake_engine: Any) -> None:
    masks = np.zeros((LENGTH, HEIGHT, WIDTH, 3), np.uint8)
    for number, mask in enumerate(masks):
        mask[10:30, 5 * number : 5 * number + 25] = 255
    write_video("masks", iter(masks), fps=RATE)
    made, own = frames_of(fake_engine, mask="masks"), source()
    np.testing.assert_array_equal(made[masks == 0], own[masks == 0])
    assert (made != own).any(axis=(1, 2, 3)).all()
    write_video("masks", iter(masks[:2]), fps=RATE)  # the last one stays
    made = frames_of(fake_engine, mask="masks")
    np.testing.assert_array_equal(made[5:][:, masks[1] == 0], own[5:][:, masks[1] == 0])


def test_a_mask_of_the_same_proportions_is_scaled(fake_engine: Any) -> None:
    save_mask("large.png", height=2 * HEIGHT, width=2 * WIDTH)
    made, own = frames_of(fake_engine, mask="large.png"), source()
    changed = (made != own).any(axis=(0, 3))
    assert changed.any()
    assert not changed[: HEIGHT // 4 - 1].any()


def test_what_the_words_name_is_found_and_the_rest_is_kept(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fake_engine.plan

    def plan(prompt: str, **more: Any) -> Any:
        made = plain(prompt, **more)
        made.tracks.outline[..., -1] = 0  # no hole
        return made

    monkeypatch.setattr(fake_engine, "plan", plan)
    made, own = frames_of(fake_engine, mask="found"), source()
    changed = (made != own).any(axis=(0, 3))
    assert changed[HEIGHT * 4 // 10, WIDTH * 4 // 10]
    assert not changed[:, -15:].any()
    fake_engine.reads_carried = False
    with pytest.raises(vg.RequestError, match="nothing that the words name is found; give a FILE"):
        frames_of(fake_engine, mask="found")


def test_masks_that_do_not_fit_or_say_nothing_are_refused(fake_engine: Any) -> None:
    save_mask("wide.png", height=32, width=200)
    with pytest.raises(vg.RequestError, match=r"wide\.png has 200x32 pixels and the video 71x45"):
        frames_of(fake_engine, mask="wide.png")
    Image.new("L", (WIDTH, HEIGHT)).save("black.png")
    with pytest.raises(vg.RequestError, match="black everywhere"):
        frames_of(fake_engine, mask="black.png")
    Path("cut.png").write_bytes(Path("mask.png").read_bytes()[:60])
    with pytest.raises(vg.MediaError, match=r"cut\.png"):
        frames_of(fake_engine, mask="cut.png")


def test_more_seconds_than_the_video_has_are_refused_with_its_length(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match=r"--seconds 30 is longer than clip, which lasts 1\.00 s"):
        frames_of(fake_engine, seconds=30)


def test_a_model_that_words_do_not_lead_is_refused(fake_engine: Any) -> None:
    fake_engine.reads_words = False
    with pytest.raises(vg.RequestError, match="is not led by words"):
        frames_of(fake_engine)


def test_a_reference_nobody_looks_at_is_refused(fake_engine: Any) -> None:
    fake_engine.reads_carried = False
    with pytest.raises(vg.RequestError, match="looks at no picture"):
        frames_of(fake_engine, reference="mask.png")


def test_unknown_words_are_named(fake_engine: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="a zebra", seconds=0.25)
    assert any("'zebra'" in message for message in caplog.messages)


def write_foreign(kind: str) -> Path:
    """A video as others write it."""
    path, frames, pixels, codec, rotation = (
        Path(f"{kind}.mp4"),
        noise(0, height=46, width=72),
        "yuv420p",
        "libx264",
        0,
    )
    match kind:
        case "ten-bit":
            pixels = "yuv420p10le"
        case "rotated":
            rotation = 90
        case "one-frame":
            frames = frames[:1]
        case "alpha":
            path, codec, pixels = path.with_suffix(".mov"), "qtrle", "argb"
        case "odd":
            path, codec, pixels, frames = path.with_suffix(".mkv"), "ffv1", "bgr0", noise(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30000, 1001))
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        if rotation:
            stream.set_display_rotation(rotation)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["plain", "ten-bit", "rotated", "one-frame", "alpha", "odd"])
def test_videos_of_any_kind_keep_their_size_rate_and_length(kind: str, fake_engine: Any) -> None:
    path = write_foreign(kind)
    own = source(path)
    request = vg.Edit(**{**PLAIN, "video": path})
    made = np.stack(list(generate(request, fake_engine)))
    assert made.shape == own.shape
    assert (made != own).any()
    assert request.rate(Fraction(1)) == Fraction(30000, 1001)
    np.testing.assert_array_equal(frames_of(fake_engine, video=path, strength=0), own)


def test_the_video_s_own_sound_goes_with_it(
    fake_engine: Any, make_sound: Callable[..., Path], hear: Callable[..., Any], folder: Path
) -> None:
    sound = make_sound(folder / "s.wav", seconds=1)
    write_video("loud.mp4", iter(noise(0)), fps=RATE, audio=sound)
    render(vg.Edit(**{**PLAIN, "video": "loud.mp4"}), "out.mp4", engine=fake_engine)
    samples, rate = hear(Path("out.mp4"))
    assert abs(float(np.abs(samples).argmax()) / rate - 0.5) < 0.01
    assert probe("out.mp4").fps == RATE
    assert read_record("out.mp4")["request"]["strength"] == 0.7
    render(vg.Edit(**{**PLAIN, "video": "loud.mp4", "audio": "none"}), "quiet.mp4", engine=fake_engine)
    assert not probe("quiet.mp4").has_audio


BAD = {
    "missing.mp4": "No such file",
    "text.mp4": "text.mp4",
    "empty.mp4": "is empty",
    "mask.png": "is a still picture",
    "sound.wav": "holds no moving pictures",
    "cut.mp4": "cut.mp4",
    "pipe.mp4": "not a regular file",
    "empty-folder": "empty-folder",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_video_is_refused_in_one_line(
    name: str, fake_engine: Any, make_sound: Callable[..., Path], folder: Path
) -> None:
    Path("text.mp4").write_text("no video")
    Path("empty.mp4").touch()
    Path("empty-folder").mkdir()
    make_sound(folder / "sound.wav", seconds=0.1)
    os.mkfifo("pipe.mp4")
    Path("cut.mp4").write_bytes(write_foreign("plain").read_bytes()[:900])
    before = set(Path().iterdir())
    with pytest.raises(vg.VideogenError, match=BAD[name]) as error:
        render(vg.Edit(**{**PLAIN, "video": name}), "out.mp4", engine=fake_engine)
    assert "\n" not in str(error.value)
    assert set(Path().iterdir()) == before


def test_memory_does_not_grow_with_the_pixels_of_the_video(fake_engine: Any, folder: Path) -> None:
    import tracemalloc

    def peak(length: int) -> int:
        frames = noise(0, height=360, width=640, length=1) * length
        write_video(f"long-{length}.mp4", iter(frames), fps=RATE)
        request = vg.Edit(**{**PLAIN, "video": f"long-{length}.mp4", "strength": 0.4})
        tracemalloc.start()
        assert sum(1 for _ in generate(request, fake_engine)) == length
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(40) < peak(20) + 20 * 360 * 640
