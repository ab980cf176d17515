"""Colours: what a file says of its matrix and range is honoured, and what we write looks the same."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, ColorTrc

from videogen.media.video import read_video, write_video

COLOURS = [(200, 40, 40), (40, 160, 60), (50, 60, 200), (128, 128, 128), (235, 220, 60), (20, 20, 20)]


def patches() -> np.ndarray:
    """Six flat colours, side by side."""
    return np.repeat(np.array(COLOURS, np.uint8)[None], 96, 0).repeat(32, 1)


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020])
@pytest.mark.parametrize("span", [ColorRange.MPEG, ColorRange.JPEG])
def test_a_source_looks_the_same_after_reading_and_writing(
    folder: Path, matrix: Colorspace, span: ColorRange
) -> None:
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.height, stream.width = patches().shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = int(matrix)
        stream.codec_context.color_range = int(span)
        frame = av.VideoFrame.from_ndarray(patches(), format="rgb24")
        for number in range(4):
            picture = frame.reformat(
                format="yuv420p", dst_colorspace=matrix, src_color_range=ColorRange.JPEG, dst_color_range=span
            )
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with read_video(folder / "a.mp4") as video:
        write_video(folder / "b.mp4", video, fps=Fraction(25))
    for name in ("a.mp4", "b.mp4"):
        with read_video(folder / name) as video:
            seen = next(iter(video))[:, 16::32].astype(float).mean(0)
        assert np.abs(seen - COLOURS).mean() < 2, name
    with av.open(str(folder / "b.mp4")) as container:
        written = next(container.decode(video=0))
    assert (written.colorspace, written.color_range) == (Colorspace.ITU709, ColorRange.MPEG)


@pytest.mark.parametrize(
    ("curve", "warned"), [(ColorTrc.SMPTE2084, 1), (ColorTrc.ARIB_STD_B67, 1), (ColorTrc.BT709, 0)]
)
def test_hdr_is_read_with_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture, curve: ColorTrc, warned: int
) -> None:
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = patches().shape[:2]
        stream.pix_fmt = "yuv420p10le"
        stream.codec_context.color_trc = int(curve)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(patches(), format="rgb24")))
        container.mux(stream.encode(None))
    with read_video(folder / "a.mp4") as video:
        assert len(list(video)) == 1
    assert caplog.text.count("is HDR") == warned
