"""Films whose pictures flash where their sound clicks, and how far apart the two are once decoded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIDE = 64
RATE = 48_000
CODECS = {".mp4": "aac", ".webm": "libopus", ".mkv": "libmp3lame"}


def click_film(path: Path, *, fps: Fraction, seconds: int, every: int = 1) -> Path:
    """Write a film that clicks on every second (or some of them), in the frame that flashes."""
    count = round(seconds * fps)
    flashes = {int(second * fps) for second in range(1, seconds, every)}
    with av.open(str(path), "w") as container:
        codec = "libvpx" if path.suffix == ".webm" else "libx264"
        options = {"preset": "ultrafast", "crf": "30"} if codec == "libx264" else {"deadline": "realtime"}
        picture = container.add_stream(codec, rate=fps, options=options)
        picture.width = picture.height = SIDE
        picture.pix_fmt = "yuv420p"
        picture.codec_context.time_base = 1 / fps
        sound = container.add_stream(CODECS[path.suffix], rate=RATE, layout="mono")
        for second in range(seconds):
            samples = 0.01 * np.sin(np.arange(RATE) * 0.05)
            if second >= 1 and (second - 1) % every == 0:
                samples[:96] = 0.9
            block = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, second * RATE, Fraction(1, RATE)
            container.mux(sound.encode(block))
            for number in range(-(-count * second // seconds), -(-count * (second + 1) // seconds)):
                level = 250 if number in flashes else 20
                frame = av.VideoFrame.from_ndarray(np.full((SIDE, SIDE, 3), level, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, 1 / fps
                container.mux(picture.encode(frame))
        container.mux(sound.encode(None))
        container.mux(picture.encode(None))
    return path


def flash_times(path: Path) -> list[float]:
    """When the picture begins to flash, in seconds from the file's zero."""
    times, before = [], 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            level = float(frame.to_ndarray(format="gray").mean())
            if level > 128 >= before:
                times.append(float(frame.pts * frame.time_base))
            before = level
    return times


def click_times(path: Path) -> list[float]:
    """When the sound clicks, in seconds from the file's zero."""
    times: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(np.float32)).max(0) > 0.4)
            found = float(frame.pts * frame.time_base) + loud / frame.sample_rate
            times.extend(time for time in found.tolist() if not times or time - times[-1] > 0.2)
    return times


def offsets(path: Path) -> list[float]:
    """By how many seconds each click comes after the flash nearest to it."""
    flashes = np.array(flash_times(path))
    return [time - float(flashes[np.abs(flashes - time).argmin()]) for time in click_times(path)]


def seconds_of(path: Path) -> tuple[float, float]:
    """How long pictures and sound last."""
    with av.open(str(path)) as container:
        ends = [0.0, 0.0]
        for kind, stream in enumerate((container.streams.video[0], container.streams.audio[0])):
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    end = float((packet.pts + (packet.duration or 0)) * stream.time_base)
                    ends[kind] = max(ends[kind], end)
            container.seek(0)
    return ends[0], ends[1]


def packets(path: Path) -> list[bytes]:
    """The sound's packets as they are."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
