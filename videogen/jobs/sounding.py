"""What a job's option `--audio` stands for, as a layout of sound.

`keep` is the video's own sound, in step with its own pictures and silent beside new ones; `loop` the same
sound again and again until the clip is full; `none` silence; anything else a file's, from its beginning.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from videogen.sound import Sound, in_step, joined, repeated


def sound_beside(audio: str, video: Path) -> Sound | None:
    """The sound of a clip that is as long as `video` or shorter, None for silence.

    Raises `MediaError` for a file without sound.
    """
    from videogen.media.soundtrack import check_sound, has_sound

    if audio == "none":
        return None
    if audio == "keep":
        return Sound.of(video, asked=False) if has_sound(video) else None
    check_sound(audio)
    return Sound.of(audio, asked=True)


def sound_around(audio: str, video: Path, *, at: Fraction, length: Fraction, total: Fraction) -> Sound | None:
    """The sound of a clip of `total` seconds that shows `video` from `at` on for `length`, None for silence.

    Raises `MediaError` for a file without sound.
    """
    from videogen.media.voice import sound_span

    sound = sound_beside("keep" if audio == "loop" else audio, video)
    if sound is None or sound.asked:
        return sound
    if audio == "loop":
        begin, end = sound_span(video)
        span = max(begin, Fraction(0)), min(end, length)
        return (
            Sound(repeated(video, at=at, total=total, span=span), asked=False) if span[0] < span[1] else None
        )
    return Sound(in_step(video, at=at, length=length, total=total), asked=False)


def sound_across(
    audio: str, first: Path, second: Path, *, first_length: Fraction, second_at: Fraction,
    second_length: Fraction,
) -> Sound | None:  # fmt: skip
    """The sound of a clip that shows two videos, with something new between them; None for silence.

    Lengths and places in seconds; see `joined`. Raises `MediaError` for a file without sound.
    """
    sounds = [sound_beside(audio, video) for video in (first, second)]
    if sounds[0] is not None and sounds[0].asked:
        return sounds[0]
    paths = [None if sound is None else sound.parts[0].path for sound in sounds]
    parts = joined(*paths, first_length=first_length, second_at=second_at, second_length=second_length)
    return Sound(parts, asked=False) if parts else None
