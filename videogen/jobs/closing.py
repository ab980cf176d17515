"""What a loop can be asked for: of a video all of it, from words what a ring has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videogen.generative import TimelineRequest

if TYPE_CHECKING:
    from videogen.jobs.loop import Loop

_OF_PIECES = ("context", "resamplings", "colour_anchor")


def check_loop(request: Loop) -> None:
    """Raise ValueError where there is nothing to loop, or something is asked that words alone do not make."""
    if request.video is not None:
        return
    if request.prompt is None:
        raise ValueError("there is nothing to loop; give a video, or --prompt")
    if not request.carry or request.keep_background or request.audio != "keep":
        raise ValueError("--no-carry, --keep-background and --audio are for loops of a video; leave them out")
    fields = TimelineRequest.model_fields
    if request.mode == "outpaint" or any(
        getattr(request, name) != fields[name].default for name in _OF_PIECES
    ):
        raise ValueError(
            "a loop from words is made at once; --mode outpaint, --context, --resamplings and "
            "--colour-anchor are for loops of a video, leave them out"
        )
