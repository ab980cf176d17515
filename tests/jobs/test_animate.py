"""Animate, from the request to the frames, on an engine without networks."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import videogen as vg
from videogen.conditions.pose import read_pose, write_pose
from videogen.extras import Extras
from videogen.jobs.animate import generate
from videogen.jobs.driving import read_driving
from videogen.media.image import read_image
from videogen.media.video import write_video
from videogen.skeleton import draw_skeleton
from videogen.types import Pose
from videogen.world.clips import render_clips

Frames = np.ndarray[Any, np.dtype[np.uint8]]
PLAIN: dict[str, Any] = {"portrait": "photo.png", "pose": "pose.json", "seed": 1}
CHANGES: dict[str, Any] = {
    "portrait": "other.png",
    "pose": "backwards.json",
    "keypoints": "turned.json",
    "mask": "mask.png",
    "control": "canny",
    "prompt": "a red ball",
    "person": 2,
    "seconds": 0.25,
    "smoothing": 1.0,
    "skeleton_style": "openpose",
    "smooth": "one-euro",
    "motion": "absolute",
    "motion_scale": 1.5,
    "audio": "none",
    "side_by_side": True,
    "width": 167,
    "height": 300,
    "num_inference_steps": 5,
    "guidance_scale": 4.5,
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
    "interpolate": 2,
    "upscale": 2,
    "seed": 2,
    "fps": "12000/1001",
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
BESIDE: dict[str, dict[str, Any]] = {"smooth": {"smoothing": 0.5}, "person": {"pose": "two.json"}}
CHOOSES_THE_ENGINE = {
    "model", "device", "precision", "offload", "compile", "weights", "motion_modules",
}  # fmt: skip
ADDED = {"lora", "controlnet", "ip_adapter"}
FOR_PUBLIC_MODELS = {"skeleton_style"}
DRAWN_FROM_A_VIDEO = {"control"}  # see test_shapes


@pytest.fixture(autouse=True)
def folder(portrait_folder: Path) -> Path:
    """Files beside those of `portrait_folder`, so that each field can be changed."""
    turned = read_image("photo.png")[:, ::-1]
    Image.fromarray(turned).save("other.png")
    white = np.zeros((251, 333), dtype=np.uint8)
    white[40:220, 80:250] = 255
    Image.fromarray(white).save("mask.png")
    Path("other.json").write_bytes(Path("photo.json").read_bytes())
    pose = read_pose("pose.json")
    two = json.loads(Path("pose.json").read_text())
    smaller = replace(pose, points=pose.points[::-1] * np.array([0.5, 0.5, 1], dtype=np.float32))
    save_pose("smaller.json", smaller)
    for frame, other in zip(two, json.loads(Path("smaller.json").read_text()), strict=True):
        frame["people"] += other["people"]
    Path("two.json").write_text(json.dumps(two))
    save_pose("backwards.json", replace(pose, points=pose.points[::-1]))
    save_pose("turned.json", replace(pose, points=pose.points[-1:], fps=None))
    return portrait_folder


def save_pose(path: str, pose: Pose) -> None:
    write_pose(path, pose, width=333, height=251)


def frames_of(engine: Any, **fields: Any) -> Frames:
    return np.stack(list(generate(vg.Animate(**{**PLAIN, **fields}), engine)))


@pytest.mark.parametrize(
    "name",
    sorted(
        CHANGES.keys()
        - SAME_CLIP
        - SOUND
        - CHOOSES_THE_ENGINE
        - ADDED
        - FOR_PUBLIC_MODELS
        - DRAWN_FROM_A_VIDEO
    ),
)
def test_every_field_changes_the_clip(name: str, fake_engine: Any) -> None:
    beside = BESIDE.get(name, {})
    plain = frames_of(fake_engine, **beside)
    changed = frames_of(fake_engine, **beside, **{name: CHANGES[name]})
    assert plain.shape != changed.shape or (plain != changed).any()


@pytest.mark.parametrize("name", sorted(CHOOSES_THE_ENGINE))
def test_what_says_which_networks_chooses_the_engine(name: str, asked_engines: list[dict[str, Any]]) -> None:
    vg.run(vg.Animate(**{**PLAIN, name: CHANGES[name]}))
    [asked] = asked_engines
    assert asked["extras"] == Extras()
    assert asked[name] == CHANGES[name]


@pytest.mark.parametrize("name", sorted(ADDED))
def test_what_is_added_to_the_model_reaches_the_engine(
    name: str, asked_engines: list[dict[str, Any]]
) -> None:
    vg.run(vg.Animate(**PLAIN, **{name: CHANGES[name]}))
    assert [asked["extras"] for asked in asked_engines] == [Extras(**{name: CHANGES[name]})]


def test_a_public_model_is_shown_the_pose_in_the_style_asked_for_or_its_own(fake_engine: Any) -> None:
    fake_engine.reads_carried = False
    fake_engine.spec.skeleton_style = "dwpose"
    own = frames_of(fake_engine)
    np.testing.assert_array_equal(frames_of(fake_engine, skeleton_style="dwpose"), own)
    assert (frames_of(fake_engine, skeleton_style="mimicmotion") != own).any()


def test_a_model_with_a_drawing_of_its_own_takes_no_other(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match="--skeleton-style has no effect on the model pocket"):
        frames_of(fake_engine, skeleton_style="dwpose")


def test_window_batch_changes_the_work_and_not_the_clip(fake_engine: Any) -> None:
    one = frames_of(fake_engine)
    assert set(fake_engine.rows) == {1}
    four = frames_of(fake_engine, window_batch=4)
    assert max(fake_engine.rows) > 1
    np.testing.assert_array_equal(one, four)


def test_the_same_seed_gives_the_same_clip(fake_engine: Any) -> None:
    np.testing.assert_array_equal(frames_of(fake_engine), frames_of(fake_engine))


def test_a_clip_is_as_large_as_the_portrait_and_as_long_as_the_pose(fake_engine: Any) -> None:
    assert frames_of(fake_engine).shape == (8, 251, 333, 3)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 11])
def test_a_pose_of_any_length_is_followed(length: int, fake_engine: Any) -> None:
    pose = read_pose("pose.json")
    there_and_back = np.concatenate([pose.points, pose.points[::-1]])
    save_pose("pose.json", replace(pose, points=there_and_back[:length]))
    assert len(frames_of(fake_engine)) == length
    for smooth in ("savgol", "one-euro", "spline"):
        assert len(frames_of(fake_engine, smooth=smooth, smoothing=1.0)) == length


def test_a_driver_that_begins_in_the_portrait_s_pose_begins_with_the_portrait(fake_engine: Any) -> None:
    photo, frames = read_image("photo.png").astype(int), frames_of(fake_engine)
    close = [(np.abs(frame - photo).max(-1) <= 1).mean() for frame in frames]
    assert close[0] > 0.9
    assert close[-1] < 0.5


def test_a_photo_turned_by_its_camera_stands_upright(fake_engine: Any) -> None:
    upright = Image.open("photo.png")
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: show it a quarter clockwise
    upright.rotate(90, expand=True).save("photo.jpg", quality=95, exif=exif)
    frame = frames_of(fake_engine, portrait="photo.jpg")[0]
    assert frame.shape == (251, 333, 3)
    assert np.abs(frame.astype(int) - np.asarray(upright)).mean() < 6


def save_as(kind: str, photo: Image.Image) -> Path:
    """Write the photo as a file of another kind; none of them loses more than JPEG does."""
    path = Path(f"{kind}.png")
    match kind:
        case "grey":
            photo.convert("L").save(path)
        case "palette":
            photo.convert("P", palette=Image.Palette.ADAPTIVE).save(path)
        case "see-through":
            whole = np.dstack([np.asarray(photo), np.full(photo.size[::-1], 255, np.uint8)])
            whole[:60, :, 3] = 0
            Image.fromarray(whole).save(path)
        case "sixteen-bit":
            Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(path)
        case "cmyk":
            path = path.with_suffix(".jpg")
            photo.convert("CMYK").save(path, quality=98, subsampling=0)
    return path


@pytest.mark.parametrize("kind", ["grey", "palette", "see-through", "sixteen-bit", "cmyk"])
def test_a_portrait_of_any_kind_of_file_is_the_picture_that_people_see(kind: str, fake_engine: Any) -> None:
    photo = Image.open("photo.png")
    expected = np.asarray(photo).astype(int)
    if kind in ("grey", "sixteen-bit"):
        expected = np.asarray(photo.convert("L").convert("RGB")).astype(int)
    if kind == "see-through":
        expected = np.concatenate([np.full_like(expected[:60], 255), expected[60:]])
    path = save_as(kind, photo)
    if kind == "palette":
        expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
    frame = frames_of(fake_engine, portrait=path, keypoints="photo.json", seconds=0.1)[0]
    assert frame.shape == (251, 333, 3)
    assert np.abs(frame.astype(int) - expected).mean() < 8


def test_a_tall_and_a_small_portrait_keep_their_sizes(fake_engine: Any) -> None:
    for width, height in ((61, 99), (17, 16)):
        Image.open("photo.png").resize((width, height)).save("small.png")
        Path("small.json").write_bytes(Path("photo.json").read_bytes())
        assert frames_of(fake_engine, portrait="small.png", seconds=0.2).shape[1:] == (height, width, 3)


def test_seconds_cut_the_pose(fake_engine: Any) -> None:
    whole, cut = frames_of(fake_engine), frames_of(fake_engine, seconds=0.5)
    assert len(cut) == 4
    np.testing.assert_array_equal(cut[0], whole[0])


def test_more_seconds_than_the_pose_has_are_refused_with_its_length(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match=r"--seconds 30 is longer than the pose, which lasts 1\.00 s"):
        frames_of(fake_engine, seconds=30)


def test_another_rate_keeps_the_duration(fake_engine: Any) -> None:
    assert len(frames_of(fake_engine, fps=16)) == 16
    assert vg.Animate(**PLAIN).rate(Fraction(99)) == 8


def test_a_pose_that_does_not_say_its_rate_is_played_at_the_model_s(
    fake_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save_pose("pose.json", replace(read_pose("pose.json"), fps=None))
    with caplog.at_level(logging.WARNING, logger="videogen"):
        assert len(frames_of(fake_engine)) == 8
    assert "pose.json does not say its frame rate; played at 8 frames per second" in caplog.messages


def test_a_skeleton_video_drives_a_person(fake_engine: Any) -> None:
    clip = render_clips("person", torch.tensor([1]), size=256, num_frames=5, fps=8)
    points = clip.points[0].numpy()
    drawn = draw_skeleton(clip.points[0], height=512, width=512)
    pictures = (drawn * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    write_video("dance.mp4", iter(pictures), fps=Fraction(8))
    person = clip.video[0, :, 0].add(1).mul(127.5).round().to(torch.uint8).permute(1, 2, 0)
    Image.fromarray(person.numpy()).save("person.png")
    write_pose("person.json", Pose(points[:1], aspect=1.0), width=256, height=256)
    write_pose("dance.json", Pose(points, fps=Fraction(8), aspect=1.0), width=256, height=256)
    from_video = frames_of(fake_engine, portrait="person.png", pose="dance.mp4")
    from_json = frames_of(fake_engine, portrait="person.png", pose="dance.json")
    assert from_video.shape == from_json.shape == (5, 256, 256, 3)
    read = [
        read_driving(Path(name), rate=Fraction(8), smoothing=0.0, seconds=None).points[:, :14]
        for name in ("dance.mp4", "dance.json")
    ]
    gaps = np.linalg.norm(read[0][..., :2] - read[1][..., :2], axis=-1)
    assert (gaps[read[1][..., 2] > 0] < 0.03).mean() > 0.95
    still = frames_of(fake_engine, portrait="person.png", pose="person.json")
    moved = np.abs(from_json.astype(int) - still[:1]).mean()
    assert np.abs(from_video.astype(int) - from_json).mean() < 0.3 * moved


def test_a_video_of_a_person_drives_a_portrait_without_keypoints(fake_engine: Any) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed: pip install 'videogen[pose]'")
    inputs = Path(__file__).parents[2] / "samples" / "inputs"
    Path("me.png").write_bytes((inputs / "portrait.png").read_bytes())
    me = read_image("me.png")
    wide = np.pad(me, ((20, 20), (20, 20), (0, 0)), mode="edge")
    write_video(
        "people.mp4", (np.roll(wide, 6 * n, axis=1)[20:-20, 20:-20] for n in range(3)), fps=Fraction(8)
    )
    frames = frames_of(fake_engine, portrait="me.png", pose="people.mp4").astype(int)
    assert frames.shape == (3, 512, 512, 3)
    face = slice(80, 180), slice(160, 280)
    assert np.abs(frames[0][face] - me[face]).mean() < 8
    moved = [np.abs(frames[2][face] - np.roll(me, shift, axis=1)[face]).mean() for shift in (0, 12)]
    assert moved[1] < 0.5 * moved[0]


def test_a_folder_of_keypoints_is_a_pose(fake_engine: Any) -> None:
    Path("poses").mkdir()
    for number, frame in enumerate(json.loads(Path("pose.json").read_text())):
        Path(f"poses/{number}.json").write_text(json.dumps(frame))
    np.testing.assert_array_equal(frames_of(fake_engine, pose="poses"), frames_of(fake_engine))


def test_what_a_mask_leaves_out_never_moves(fake_engine: Any) -> None:
    frames, photo = frames_of(fake_engine, mask="mask.png"), read_image("photo.png")
    for frame in frames:
        np.testing.assert_array_equal(frame[:10], photo[:10])
        np.testing.assert_array_equal(frame[:, :20], photo[:, :20])


def test_a_mask_of_other_proportions_is_refused(fake_engine: Any) -> None:
    Image.new("L", (64, 64)).save("square.png")
    with pytest.raises(
        vg.RequestError, match=r"--mask square\.png has 64x64 pixels and the portrait 333x251"
    ):
        frames_of(fake_engine, mask="square.png")


def test_missing_keypoints_say_where_they_were_sought(fake_engine: Any) -> None:
    Path("photo.json").unlink()
    with pytest.raises(vg.VideogenError, match=r"photo\.json does not exist.*give --keypoints"):
        frames_of(fake_engine)
    with pytest.raises(vg.RequestError, match=r"other-face\.json does not exist"):
        frames_of(fake_engine, keypoints="other-face.json")
    assert len(frames_of(fake_engine, keypoints="turned.json", seconds=0.2)) == 2


def test_keypoints_of_nobody_are_refused(fake_engine: Any) -> None:
    Path("photo.json").write_text('[{"people": [], "canvas_width": 333, "canvas_height": 251}]')
    with pytest.raises(vg.VideogenError, match="nobody"):
        frames_of(fake_engine)


@pytest.mark.parametrize(
    ("wish", "size"),
    [({"width": 167}, (126, 167)), ({"height": 64}, (64, 85)), ({"width": 333, "height": 252}, (252, 333))],
)
def test_one_side_asked_for_brings_the_other_along(
    wish: dict[str, int], size: tuple[int, int], fake_engine: Any
) -> None:
    assert frames_of(fake_engine, **wish, seconds=0.2).shape[1:3] == size


def test_a_portrait_is_never_stretched(fake_engine: Any) -> None:
    with pytest.raises(vg.RequestError, match="would stretch a picture of 333x251"):
        frames_of(fake_engine, width=256, height=256)


def test_a_large_portrait_is_made_smaller_unless_a_size_is_asked_for(fake_engine: Any) -> None:
    Image.open("photo.png").resize((1332, 1004)).save("large.png")
    fields = {"portrait": "large.png", "keypoints": "photo.json", "seconds": 0.1}
    assert frames_of(fake_engine, **fields).shape[1:3] == (772, 1024)
    assert frames_of(fake_engine, **fields, width=1332).shape[1:3] == (1004, 1332)


def test_unknown_words_are_named(fake_engine: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="videogen"):
        frames_of(fake_engine, prompt="a zebra", seconds=0.2)
    assert any("'zebra'" in message for message in caplog.messages)
