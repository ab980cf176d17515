"""Opening audio and video containers with PyAV, safely.

The file is opened by us and handed over as an object: a path given to FFmpeg may name a protocol, a pipe or
a playlist. Only containers that hold their own data are allowed (a file named .mp4 that holds an ffconcat
list otherwise reads its neighbours), no protocol may be opened from inside one, and only decoders of
formats that people have are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from videogen.media.files import media_errors, open_file
from videogen.media.info import MAX_SIDE

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,h264,hevc,ivf,wav,w64,mp3,flac,ogg,aac"
)
DECODERS = (
    "h264,hevc,libdav1d,av1,vp8,vp9,libvpx,libvpx-vp9,mpeg4,msmpeg4v3,mpeg1video,mpeg2video,h263,flv,wmv2,wmv3,vc1,"
    "mjpeg,png,gif,prores,dnxhd,ffv1,huffyuv,ffvhuff,utvideo,rawvideo,qtrle,theora,"
    "aac,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,wmav2,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_u8,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav"
)
# FFmpeg's quick default repeats colour in blocks of two pixels: these flags gain 3 to 12 dB on a round trip.
SCALING = int(Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
DECODER_LIMITS = {"max_pixels": str(MAX_SIDE * MAX_SIDE), "codec_whitelist": DECODERS}


@contextmanager
def open_container(path: str | Path, *, doing: str) -> Iterator[InputContainer]:
    """Open a media file for reading and close it at the end.

    Raises MediaError for what is not a plain file in one of FORMATS, and maps every failure in the block.
    """
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none", **DECODER_LIMITS}
    with (
        media_errors(path, doing=doing),
        open_file(path, doing=doing) as file,
        # Damaged tags must not keep a clip from being read.
        av.open(file, "r", options=options, metadata_errors="replace") as container,
    ):
        yield container


def picture_stream(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures that can be decoded, None where there is none."""
    for stream in container.streams.video:
        # A file cut within its first frame opens with no codec context; decoding it has killed processes.
        if stream.codec_context is None or stream.disposition & av.stream.Disposition.attached_pic:
            continue
        return stream
    return None
