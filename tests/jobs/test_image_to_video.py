"""Image to video, from the request to the frames, on an engine without networks."""

from __future__ import annotations

import logging
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from videogen.engine import Conditions
from videogen.errors import RequestError
from videogen.extras import Extras
from videogen.jobs.image_to_video import generate
from videogen.media.image import read_image
from videogen.sampling import Timeline
from videogen.schedule import Schedule

PLAIN: dict[str, Any] = {"picture": "photo.png", "prompt": "a red ball", "seed": 1}
CHANGES: dict[str, Any] = {
    "picture": "other.png",
    "prompt": "a blue ball",
    "clip_guidance": 4.0,
    "keypoints": "pose.json",
    "motion_bucket": 200,
    "noise_augmentation": 0.3,
    "seconds": 0.25,
    "num_frames": 3,
    "width": 64,
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
    "ip_adapter": "ip-adapter.bin@0.6",
}
SAME_CLIP = {"window_batch", "interpolate", "upscale"}  # finished outside of the job: test_making
OF_PIECES = {"context", "resamplings", "colour_anchor"}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "ip_adapter"}
REFUSED = {"controlnet"}
OF_SVD = {"motion_bucket", "noise_augmentation"}
OF_POCKET = {"keypoints"}
OTHERS = SAME_CLIP | OF_PIECES | CHOOSES_THE_ENGINE | ADDED | REFUSED | OF_SVD | OF_POCKET


@pytest.fixture(autouse=True)
def folder(portrait_folder: Path) -> Path:
    """Pictures without keypoints beside them, and one with."""
    shutil.move("photo.png", "person.png")
    shutil.move("photo.json", "person.json")
    shutil.copy("person.png", "photo.png")
    Image.fromarray(read_image("photo.png")[:, ::-1]).save("other.png")
    return portrait_folder


@pytest.fixture
def svd(fake_engine: Any) -> Any:
    """An engine that is shown a picture in place of words."""
    fake_engine.reads_carried = fake_engine.reads_words = False
    fake_engine.reads_pictures = fake_engine.reads_motion = True
    return fake_engine


@pytest.fixture
def person(fake_engine: Any, monkeypatch: pytest.MonkeyPatch, head_moves: np.ndarray[Any, Any]) -> Any:
    """An engine whose plans are of a head that turns."""
    plain = fake_engine.plan

    def plan(prompt: str, *, length: int, fps: Any, seed: int, **more: Any) -> Any:
        made = plain(prompt, length=length, fps=fps, seed=seed, **more)
        object.__setattr__(made, "pose", torch.from_numpy(head_moves[np.arange(length) % len(head_moves)]))
        return made

    monkeypatch.setattr(fake_engine, "plan", plan)
    return fake_engine


def frames_of(engine: Any, **fields: Any) -> np.ndarray[Any, Any]:
    values = {name: value for name, value in {**PLAIN, **fields}.items() if value is not None}
    return np.stack(list(generate(vg.ImageToVideo(**values), engine)))


def watch(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Conditions, Timeline]]:
    """What every denoiser of `engine` is made of from now on."""
    told: list[tuple[Conditions, Timeline]] = []
    plain = engine.denoiser

    def watched(conditions: Conditions, timeline: Timeline, **which: Any) -> Any:
        told.append((conditions, timeline))
        return plain(conditions, timeline, **which)

    monkeypatch.setattr(engine, "denoiser", watched)
    return told


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - OTHERS))
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    plain, changed = frames_of(fake_engine), frames_of(fake_engine, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(OF_SVD | {"guidance_scale", "seed", "picture"}))
def test_every_field_of_svd_changes_its_clip(name: str, svd: Any) -> None:
    plain, changed = frames_of(svd, prompt=None), frames_of(svd, prompt=None, **{name: CHANGES[name]})
    assert (plain != changed).any()


def test_keypoints_change_the_clip_of_a_person(person: Any) -> None:
    plain, changed = frames_of(person), frames_of(person, keypoints="pose.json")
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(OF_PIECES))
def test_what_says_how_pieces_go_on_changes_them(name: str, fake_engine: Any) -> None:
    plain = frames_of(fake_engine, mode="outpaint", num_frames=14)
    changed = frames_of(fake_engine, mode="outpaint", num_frames=14, **{name: CHANGES[name]})
    assert (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_model_device_and_precision_choose_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.ImageToVideo(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.ImageToVideo(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_a_controlnet_is_refused_where_no_pose_is_given() -> None:
    with pytest.raises(RequestError, match=r"--controlnet reads a pose; use videogen animate"):
        vg.ImageToVideo(**PLAIN, controlnet=CHANGES["controlnet"])


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one = frames_of(fake_engine, num_frames=12)
    assert set(fake_engine.rows) == {1}
    four = frames_of(fake_engine, num_frames=12, window_batch=4)
    assert max(fake_engine.rows) == 4
    np.testing.assert_array_equal(one, four)


def test_the_first_frame_is_known_and_the_picture_a_reference(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = watch(fake_engine, monkeypatch)
    frames_of(fake_engine)
    for conditions, timeline in told:
        assert timeline.known is not None
        assert timeline.mask is not None
        assert timeline.mask[0, 0].flatten(1).mean(1).tolist() == [1, 0, 0, 0, 0, 0]
        assert conditions.reference is not None
        assert torch.equal(timeline.known[:, :, :1], conditions.reference)
    assert [conditions.prompt for conditions, _ in told] == [None, "a red ball"]
    assert all(conditions.pose_maps is not None for conditions, _ in told), "motion is planned from the words"


def test_other_models_find_the_picture_as_the_first_frame_only(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine.reads_carried = False
    told = watch(fake_engine, monkeypatch)
    frames_of(fake_engine)
    (_, timeline), (conditions, _) = told
    assert timeline.mask is not None
    assert timeline.mask[:, :, 0].all()
    assert conditions.reference is None
    assert conditions.picture is not None


def test_svd_is_shown_the_picture_and_told_the_motion(svd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = watch(svd, monkeypatch)
    frames_of(svd, prompt=None, fps=7)
    (without, timeline), (conditions, _) = told
    assert timeline.known is None
    assert conditions.motion == without.motion == (127, 0.02)
    assert conditions.fps == 7
    assert without.reference is None
    assert without.picture is None
    picture, reference = conditions.picture, conditions.reference
    assert picture is not None
    assert reference is not None
    clean = svd.encode_video(picture)
    assert 0 < (reference - clean).std() < 0.02, "noise was added, and the autoencoder averages some away"


def test_svd_follows_the_picture_the_more_the_later_the_frame(
    svd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales: list[Any] = []
    from videogen import sampling

    plain = sampling.guided
    monkeypatch.setattr(sampling, "guided", lambda chain, scale: scales.extend(scale) or plain(chain, scale))
    frames_of(svd, prompt=None, guidance_scale=3)
    torch.testing.assert_close(scales[0], torch.linspace(1, 3, 6))


def test_a_clip_longer_than_svd_knows_is_made_with_a_warning(
    svd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        assert len(frames_of(svd, prompt=None, num_frames=9)) == 9
    assert any(
        "makes 4 frames of a picture; a clip of 9 frames comes back" in line for line in caplog.messages
    )


@pytest.mark.parametrize(
    ("wish", "size"),
    [({}, (32, 42)), ({"width": 64}, (48, 64)), ({"height": 48}, (48, 64)), ({"width": 333}, (251, 333))],
)
def test_the_picture_stays_whole_and_keeps_its_proportions(
    wish: dict[str, int], size: tuple[int, int], fake_engine: Any
) -> None:
    assert frames_of(fake_engine, **wish, num_frames=2).shape == (2, *size, 3)


def test_the_first_frame_is_the_picture_as_the_autoencoder_gives_it_back(fake_engine: Any) -> None:
    from videogen.conditions.reference import Canvas, to_picture

    frames = frames_of(fake_engine)
    placed = Canvas.fit(251, 333, side=32, multiple=16).place(to_picture(read_image("photo.png")))
    shown = next(fake_engine.decode(fake_engine.encode_video(placed)))
    np.testing.assert_array_equal(frames[0], shown[:32, :42])
    assert (frames[1] != frames[0]).any()


def test_a_person_with_keypoints_begins_as_the_picture_in_full_size_and_moves(person: Any) -> None:
    frames = frames_of(person, picture="person.png", num_frames=6)
    photo = read_image("person.png").astype(int)
    assert frames.shape == (6, 251, 333, 3)
    gaps = [np.abs(frame - photo).mean() for frame in frames]
    assert gaps[0] < 0.5
    assert min(gaps[1:]) > gaps[0]


def test_pocket_makes_a_photograph_nod_from_words_alone() -> None:
    picture = Path(__file__).parent.parent.parent / "samples" / "inputs" / "portrait.png"
    request = vg.ImageToVideo(picture, prompt="a woman nods", num_frames=8, num_inference_steps=3, seed=1)
    frames = vg.run(request, engine=vg.Engine("pocket", device="cpu")).frames
    photo = read_image(picture).astype(int)
    assert np.abs(frames[0] - photo).mean() < 0.5
    faces = np.abs(frames - photo)[:, 40:180, 120:280].mean((1, 2, 3))
    corners = np.abs(frames - photo)[:, -100:, :100].mean((1, 2, 3))
    assert faces.max() > 8
    assert corners.max() < 0.5 * faces.max(), "what is no part of the head stays"


def test_a_person_moves_without_words_too(person: Any) -> None:
    frames = frames_of(person, picture="person.png", prompt=None)
    assert (frames[1] != frames[0]).any()


def test_a_person_without_keypoints_is_drawn_anew_with_a_warning(
    person: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(person)
    assert any("photo.png has no keypoints" in message for message in caplog.messages)


def test_length_follows_seconds_and_rate(fake_engine: Any) -> None:
    assert len(frames_of(fake_engine, seconds=1)) == 8
    assert len(frames_of(fake_engine, seconds=1, fps=12)) == 12
    assert vg.ImageToVideo(**PLAIN).rate(Fraction(7)) == 7
    with pytest.raises(vg.RequestError, match="--seconds and --num-frames were both given"):
        vg.ImageToVideo(**PLAIN, seconds=1, num_frames=8)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ({}, {"motion_bucket": 100}, "--motion-bucket has no effect on the model pocket"),
        ({}, {"noise_augmentation": 0.1}, "--noise-augmentation has no effect on the model pocket"),
        ({"reads_carried": False}, {"keypoints": "person.json"}, "--keypoints has no effect"),
        ({"reads_words": False}, {}, "reads no words; leave --prompt out"),
        ({"needs_poses": True}, {}, "by poses; use videogen animate with --pose"),
        ({}, {"prompt": None}, "needs words or keypoints to move a picture; give --prompt"),
        ({}, {"prompt": None, "guidance_scale": 3}, "strengthens words, and there are none; give --prompt"),
        ({}, {"picture": "nothing.png"}, "nothing.png"),
        ({}, {"keypoints": "nothing.json"}, "nothing.json does not exist"),
        ({}, {"keypoints": "person.json"}, "--keypoints move a person, and the words tell of none"),
        ({}, {"width": 64, "height": 64}, "would stretch a picture of 333x251"),
        ({}, {"width": 2048, "seconds": 600}, "make it shorter or smaller"),
    ],
)
def test_what_the_model_cannot_be_told_is_refused_in_one_line(
    kind: dict[str, bool], fields: dict[str, Any], message: str, fake_engine: Any
) -> None:
    for name, value in kind.items():
        setattr(fake_engine, name, value)
    with pytest.raises(vg.VideogenError, match=message) as caught:
        frames_of(fake_engine, **fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fields", [{"motion_bucket": 0}, {"motion_bucket": 256}, {"noise_augmentation": 1.1}]
)
def test_motion_outside_its_range_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(vg.RequestError, match=r"expected a (whole|finite) number"):
        vg.ImageToVideo(**PLAIN, **fields)


def test_words_of_a_person_that_change_are_one_pose_and_the_picture_stays_known(
    person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = watch(person, monkeypatch)
    frames_of(person, picture="person.png", prompt="0: a red ball | 50%: a blue ball", num_frames=8)
    (without, _), (conditions, timeline) = told
    assert without.prompt is None
    assert isinstance(conditions.prompt, Schedule)
    assert conditions.carried is not None
    assert conditions.carried.shape[2] == 8
    assert timeline.known is not None


def test_words_over_time_change_the_clip_where_they_say(fake_engine: Any) -> None:
    plain = frames_of(fake_engine, num_frames=8)
    changed = frames_of(fake_engine, num_frames=8, prompt="0: a red ball | 75%: a blue ball")
    assert (plain != changed).any()
