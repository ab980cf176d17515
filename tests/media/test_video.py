"""Clips: what is written comes back, what strangers wrote is shown as they meant it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from videogen.errors import MediaError
from videogen.media.image import write_image
from videogen.media.video import check_output, probe, read_video, write_video

NAMES = ["a.mp4", "a.webm", "a.gif", "a.webp", "a.sheet.png", "pictures"]
RATES = [
    Fraction(8),
    Fraction(30000, 1001),
    Fraction(24000, 1001),
    Fraction(25, 2),
    Fraction(50),
    Fraction(1, 2),
]
Clip = Callable[..., list[np.ndarray]]
Psnr = Callable[[list[np.ndarray], list[np.ndarray]], float]
Numbers = Callable[[Path], list[int]]


def read_all(path: Path) -> list[np.ndarray]:
    with read_video(path) as video:
        return list(video)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fps", RATES)
def test_a_clip_survives_a_round_trip(folder: Path, clip: Clip, psnr: Psnr, name: str, fps: Fraction) -> None:
    frames = clip(17)
    assert write_video(folder / name, frames, fps=fps) == 17
    with read_video(folder / name) as video:
        info, back = video.info, list(video)
    assert (info.width, info.height, info.fps, info.num_frames) == (64, 48, fps, 17)
    assert info.duration == 17 / fps
    assert not info.has_audio
    assert len(back) == 17
    assert all(frame.dtype == np.uint8 and frame.flags.c_contiguous for frame in back)
    assert (
        psnr(frames, back)
        > {"a.mp4": 37, "a.webm": 42, "a.gif": 30, "a.webp": 39, "a.sheet.png": 90, "pictures": 90}[name]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(49, 63), (48, 63), (49, 64), (17, 33)])
def test_odd_sizes_come_back_uncut_and_unstretched(
    folder: Path, clip: Clip, psnr: Psnr, name: str, size: tuple[int, int]
) -> None:
    frames = clip(3, *size)
    write_video(folder / name, frames, fps=Fraction(8), record={"seed": 1})
    back = read_all(folder / name)
    assert back[0].shape == (*size, 3)
    assert psnr(frames, back) > 29
    assert (probe(folder / name).height, probe(folder / name).width) == size


def test_odd_sizes_are_padded_by_repeating_the_edge(folder: Path, clip: Clip) -> None:
    frames = clip(2, 49, 63)
    write_video(folder / "a.mp4", frames, fps=Fraction(8))
    with av.open(str(folder / "a.mp4")) as container:
        padded = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert padded.shape == (50, 64, 3)
    assert np.abs(padded[:, 63] - padded[:, 62]).mean() < 4
    assert np.abs(padded[49] - padded[48]).mean() < 4


def test_a_stale_size_in_the_tags_does_not_crop(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.mp4", clip(3, 49, 63), fps=Fraction(8))
    with av.open(str(folder / "a.mp4")) as source, av.open(str(folder / "b.webm"), "w") as copy:
        copy.metadata.update(source.metadata)
        stream = copy.add_stream("libvpx-vp9", rate=8)
        stream.width, stream.height, stream.pix_fmt = 128, 100, "yuv420p"
        for frame in source.decode(video=0):
            copy.mux(stream.encode(frame.reformat(width=128, height=100)))
        copy.mux(stream.encode(None))
    assert read_all(folder / "b.webm")[0].shape == (100, 128, 3)


@pytest.mark.parametrize("name", NAMES)
def test_repeated_frames_are_not_lost(folder: Path, name: str, numbered: Clip, numbers_in: Numbers) -> None:
    pictures = numbered(4)
    frames = [pictures[number] for number in (0, 0, 0, 1, 2, 2, 3, 3)]
    write_video(folder / name, frames, fps=Fraction(30000, 1001))
    assert numbers_in(folder / name) == [0, 0, 0, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("name", NAMES)
def test_pure_colours_stay_pure(folder: Path, name: str) -> None:
    colours = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (128, 128, 128),
        (200, 150, 40),
    ]
    frames = [np.full((32, 32, 3), colour, np.uint8) for colour in colours]
    write_video(folder / name, frames, fps=Fraction(8))
    for frame, colour in zip(read_all(folder / name), colours, strict=True):
        assert np.abs(frame.astype(int) - colour).max() <= 4


def test_an_mp4_plays_everywhere(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.mp4", clip(3), fps=Fraction(30000, 1001), record={"seed": 1})
    content = (folder / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(folder / "a.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
        assert stream.average_rate == Fraction(30000, 1001)
        assert stream.frames == 3


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp"])
def test_the_same_frames_give_the_same_bytes(folder: Path, clip: Clip, name: str) -> None:
    hashes = set()
    for _ in range(2):
        write_video(folder / name, clip(5), fps=Fraction(8), record={"seed": 1})
        hashes.add(hashlib.sha256((folder / name).read_bytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_is_a_clip(folder: Path, clip: Clip, name: str) -> None:
    write_video(folder / name, clip(1), fps=Fraction(8))
    assert len(read_all(folder / name)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_is_refused_and_leaves_no_file(folder: Path, name: str) -> None:
    with pytest.raises(MediaError, match="no frame"):
        write_video(folder / name, [], fps=Fraction(8))
    assert not list(folder.iterdir())


def test_frames_of_another_kind_are_refused(folder: Path, clip: Clip) -> None:
    good = clip(1)[0]
    for wrong in (
        good.astype(np.float32),
        good[..., 0],
        good[..., :2],
        clip(1, 8, 64)[0],
        clip(1, 16, 9000)[0],
    ):
        with pytest.raises(MediaError):
            write_video(folder / "a.mp4", [wrong], fps=Fraction(8))
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "fps"), [("a.mp4", 0), ("a.mp4", -8), ("a.mp4", 10**9), ("a.gif", Fraction(60000, 1001))]
)
def test_rates_that_cannot_be_kept_are_refused(folder: Path, name: str, fps: Fraction) -> None:
    with pytest.raises(MediaError, match="frames a second"):
        check_output(folder / name, fps=Fraction(fps))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotation_flag_is_honoured(
    folder: Path, clip: Clip, psnr: Psnr, foreign: Callable[..., Path], turn: int
) -> None:
    frames = clip(3, 48, 80)
    foreign(folder / "a.mp4", frames, rotation=-turn)
    # Telephones mean the matrix (0 1; -1 0) as a quarter turn clockwise; the track header holds it as 16.16.
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = (number.to_bytes(2, "big", signed=True) + b"\0\0" for number in matrices[turn])
    assert a + b + b"\0" * 4 + c + d in (folder / "a.mp4").read_bytes()
    info = probe(folder / "a.mp4")
    assert info.rotation == turn
    assert (info.width, info.height) == ((80, 48) if turn == 180 else (48, 80))
    upright = [np.rot90(frame, -turn // 90) for frame in frames]
    assert psnr(upright, read_all(folder / "a.mp4")) > 30


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_variable_rate_keeps_its_timing(
    folder: Path, numbered: Clip, numbers_in: Numbers, foreign: Callable[..., Path], name: str
) -> None:
    tenths = [0, 1, 2, 3, 7, 8, 9, 13, 14, 15]
    foreign(folder / name, numbered(10), times=[Fraction(tenth, 10) for tenth in tenths])
    info = probe(folder / name)
    numbers = numbers_in(folder / name)
    assert abs(len(numbers) / info.fps - Fraction(16, 10)) <= 1 / info.fps
    assert abs((info.num_frames or 0) - len(numbers)) <= 1
    for index, number in enumerate(numbers):
        moment = index / info.fps
        begins = Fraction(tenths[number], 10)
        ends = Fraction(tenths[number + 1], 10) if number < 9 else Fraction(16, 10)
        assert begins - 1 / (2 * info.fps) <= moment <= ends + 1 / (2 * info.fps)


def test_a_gif_with_uneven_delays_keeps_its_timing(folder: Path, numbered: Clip, numbers_in: Numbers) -> None:
    images = [Image.fromarray(frame) for frame in numbered(4)]
    images[0].save(
        folder / "a.gif", save_all=True, append_images=images[1:], duration=[100, 300, 100, 300], loop=0
    )
    info = probe(folder / "a.gif")
    assert info.fps == 5
    assert info.num_frames == 4
    images[0].save(
        folder / "b.webp", save_all=True, append_images=images[1:], duration=[100, 300, 100, 300], loop=0
    )
    assert probe(folder / "b.webp").fps == 5
    assert numbers_in(folder / "b.webp") == numbers_in(folder / "a.gif")


@pytest.mark.parametrize(
    ("codec", "name"), [("ffv1", "a.mkv"), ("mjpeg", "a.avi"), ("mpeg4", "a.avi"), ("libx264", "a.mov")]
)
def test_other_containers_are_read(
    folder: Path, clip: Clip, psnr: Psnr, foreign: Callable[..., Path], codec: str, name: str
) -> None:
    pixels = {"ffv1": "bgr0", "mjpeg": "yuvj444p"}.get(codec, "yuv420p")
    foreign(folder / name, clip(5), codec=codec, pixels=pixels, rate=Fraction(24000, 1001))
    info = probe(folder / name)
    assert info.fps == Fraction(24000, 1001)
    assert psnr(clip(5), read_all(folder / name)) > 28


def test_a_gif_keeps_time_in_every_program(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.gif", clip(31), fps=Fraction(30000, 1001))
    with Image.open(folder / "a.gif") as image:
        delays = []
        for index in range(image.n_frames):
            image.seek(index)
            delays.append(image.info["duration"])
    assert set(delays) == {30, 40}
    assert abs(sum(delays) - 31 * 1001 / 30) <= 10


def test_a_clip_that_changes_its_size_is_refused(
    folder: Path, clip: Clip, foreign: Callable[..., Path]
) -> None:
    foreign(folder / "a.ts", clip(5))
    foreign(folder / "b.ts", clip(5, 80, 96))
    (folder / "c.ts").write_bytes((folder / "a.ts").read_bytes() + (folder / "b.ts").read_bytes())
    with pytest.raises(MediaError, match="changes its size from 64x48 to 96x80"):
        read_all(folder / "c.ts")


def test_pixels_that_are_not_square_are_made_square(
    folder: Path, clip: Clip, foreign: Callable[..., Path]
) -> None:
    foreign(folder / "a.mp4", clip(2), aspect=Fraction(3, 2))
    assert (probe(folder / "a.mp4").width, probe(folder / "a.mp4").height) == (96, 48)
    assert read_all(folder / "a.mp4")[0].shape == (48, 96, 3)


def test_transparency_in_a_video_lies_over_white(folder: Path, foreign: Callable[..., Path]) -> None:
    frame = np.zeros((32, 32, 4), np.uint8)
    frame[:, 16:] = (255, 0, 0, 255)
    foreign(folder / "a.mov", [frame] * 2, codec="png", pixels="rgba")
    back = read_all(folder / "a.mov")[0]
    assert tuple(back[0, 0]) == (255, 255, 255)
    assert tuple(back[0, 31]) == (255, 0, 0)


def test_a_folder_of_foreign_pictures_is_read_in_the_order_of_its_numbers(
    folder: Path, numbered: Clip, numbers_in: Numbers
) -> None:
    for number, frame in enumerate(numbered(12)):
        Image.fromarray(frame).save(folder / f"shot{number}.png")
    (folder / "notes.txt").write_text("ignored")
    assert numbers_in(folder) == list(range(12))
    assert probe(folder).num_frames == 12
    Image.new("RGB", (20, 20)).save(folder / "shot12.png")
    with pytest.raises(MediaError, match=r"shot12\.png.*20x20"):
        numbers_in(folder)


def test_a_clip_is_read_once_and_not_after_it_is_closed(folder: Path, clip: Clip) -> None:
    write_video(folder / "a.mp4", clip(3), fps=Fraction(8))
    with read_video(folder / "a.mp4") as video:
        assert len(list(video)) == 3
        with pytest.raises(MediaError, match="open it again"):
            iter(video)
    with read_video(folder / "a.mp4") as video:
        pass
    with pytest.raises(MediaError, match="open it again"):
        list(video)


def test_more_frames_than_allowed_are_refused_from_the_header(folder: Path, clip: Clip) -> None:
    for name in NAMES:
        write_video(folder / name, clip(9), fps=Fraction(8))
        with pytest.raises(MediaError, match="at most 8"):
            read_video(folder / name, max_frames=8)
        with read_video(folder / name, max_frames=9) as video:
            assert len(list(video)) == 9


def test_a_video_of_a_million_frames_is_refused_without_decoding(folder: Path) -> None:
    write_video(folder / "a.mp4", [np.zeros((16, 16, 3), np.uint8)] * 3, fps=Fraction(8))
    content = bytearray((folder / "a.mp4").read_bytes())
    place = content.index(b"stts")  # one entry: count, delay
    content[place + 12 : place + 16] = (2_000_000).to_bytes(4, "big")
    place = content.index(b"stsz")  # sample size given for all, count
    content[place + 8 : place + 16] = (1).to_bytes(4, "big") + (2_000_000).to_bytes(4, "big")
    (folder / "b.mp4").write_bytes(content)
    with pytest.raises(MediaError):
        read_all(folder / "b.mp4")


@pytest.mark.parametrize("size", [(16, 8200), (2, 64)])
def test_sizes_out_of_bounds_are_refused_from_the_header(
    folder: Path, foreign: Callable[..., Path], size: tuple[int, int]
) -> None:
    foreign(folder / "a.mp4", [np.zeros((*size, 3), np.uint8)], options={"preset": "ultrafast"})
    with pytest.raises(MediaError, match=f"{size[1]}x{size[0]} pixels"):
        read_video(folder / "a.mp4")


def test_a_still_picture_is_not_a_video(folder: Path, clip: Clip) -> None:
    for name in ("a.png", "a.jpg"):
        write_image(folder / name, clip(1)[0])
        with pytest.raises(MediaError, match="still picture"):
            read_video(folder / name)


def test_a_song_with_a_cover_is_not_a_video(folder: Path, clip: Clip) -> None:
    cover = io.BytesIO()
    Image.fromarray(clip(1)[0]).save(cover, format="JPEG")
    with av.open(str(folder / "a.flac"), "w") as container:
        sound = container.add_stream("flac", rate=8000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = 8000, 0, Fraction(1, 8000)
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    with pytest.raises(MediaError, match="no moving pictures"):
        read_video(folder / "a.flac")


def test_a_clip_cut_short_tells_what_is_missing(
    folder: Path, clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(folder / "a.mp4", clip(20), fps=Fraction(8))
    with av.open(str(folder / "a.mp4")) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    (folder / "b.mp4").write_bytes((folder / "a.mp4").read_bytes()[: places[12]])
    assert 0 < len(read_all(folder / "b.mp4")) < 20
    assert "20 frames were promised, 12 are there" in caplog.text
