"""A text clip drawn from noise: a person's first frame first, and carried along."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from videogen.engine import Conditions
from videogen.jobs.drawing import carried_along


def test_a_person_carries_the_first_frame_along(fake_engine: Any, head_moves: np.ndarray[Any, Any]) -> None:
    person = torch.from_numpy(head_moves)
    first = torch.rand(1, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    told = carried_along(Conditions(fps=8.0, prompt="a"), first, fake_engine, person=person)
    assert told.prompt == "a"
    assert told.reference is first
    assert told.carried is not None
    assert told.visibility is not None
    assert told.carried.shape == (1, 2, 8, 8, 8)
    assert told.visibility.shape == (1, 1, 8, 8, 8)
    seen = told.visibility[0, 0, 0] > 0.99
    assert seen.float().mean() > 0.9
    drawn = first[0, 0, 0].div(2)
    torch.testing.assert_close(told.carried[0, 0, 0][seen], drawn[seen], atol=0.02, rtol=0)
    assert (told.carried[0, 0, -1] - told.carried[0, 0, 0]).abs().mean() > 0.01
