"""Checks of a prompt's words that several jobs make before they spend time.

What cannot be honoured is a `RequestError`; where the job can go on, a warning in the log.
"""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING

from videogen.errors import RequestError

if TYPE_CHECKING:
    from videogen.engine import Engine, ModelSpec

log = logging.getLogger(__name__)


def word_guidance(scale: float | None, *, negative_prompt: str | None, spec: ModelSpec) -> float:
    """Return the guidance scale for words, the model's own where None.

    Raises `RequestError` where a negative prompt would have no effect.
    """
    scale = spec.guidance_scale if scale is None else scale
    if scale == 1 and negative_prompt is not None:
        raise RequestError("--negative-prompt has no effect at --guidance-scale 1; raise it, or drop one")
    return scale


def warn_of_unknown_words(text: str, engine: Engine) -> None:
    """Name the words of `text` that the model was never taught, and the nearest ones that it was."""
    unknown = engine.unknown_words(text)
    if not unknown:
        return
    known = sorted(engine.known_words)
    near = [match for word in unknown for match in difflib.get_close_matches(word, known, n=2, cutoff=0.5)]
    examples = list(dict.fromkeys([*near, *known[:: max(1, len(known) // 8)]]))[:8]
    log.warning(
        "the model does not know %s and will not draw it; among the %d words it knows: %s",
        ", ".join(repr(word) for word in unknown[:8]),
        len(known),
        ", ".join(examples),
    )
