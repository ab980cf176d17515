"""The body that is chosen is the best of all, and nothing that stands alone belongs to it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from videogen.conditions.pose_tree import choose, without_strays
from videogen.skeleton import BODY, LIMBS


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_is_the_best_of_all_that_are_possible(seed: int) -> None:
    random = np.random.default_rng(seed)
    free = [1, 2, 3, 4, 0, 14]  # one candidate each, the others none: all choices can be tried
    alone = [random.normal(size=2 if joint in (1, 3) else int(joint in free)) for joint in range(18)]
    together = {limb: random.normal(size=(len(alone[a]), len(alone[b]))) for limb, (a, b) in enumerate(LIMBS)}

    def worth(chosen: tuple[int, ...]) -> float:
        joints = sum(float(alone[joint][place]) for joint, place in enumerate(chosen) if place >= 0)
        limbs = [
            together[limb][chosen[a], chosen[b]]
            for limb, (a, b) in enumerate(LIMBS)
            if chosen[a] >= 0 and chosen[b] >= 0
        ]
        return joints + float(sum(limbs))

    best = max(product(*(range(-1, len(each)) for each in alone)), key=worth)
    chosen, score = choose(alone, together)
    assert tuple(chosen) == best
    assert score == pytest.approx(worth(best))


def test_without_candidates_nothing_is_chosen() -> None:
    none = [np.zeros(0)] * 18
    chosen, score = choose(none, {limb: np.zeros((0, 0)) for limb in range(len(LIMBS))})
    assert chosen == [-1] * 18
    assert score == 0


def test_strays_that_no_limb_speaks_for_are_left_out_unless_there_is_nothing_else() -> None:
    nothing = {limb: np.zeros((1, 1)) for limb in range(len(LIMBS))}
    body = [0 if joint < 8 else -1 for joint in range(18)]
    stray = list(body)
    stray[BODY["left_knee"]] = stray[BODY["left_ankle"]] = 0
    assert without_strays(stray, nothing) == body
    shin = LIMBS.index((BODY["left_knee"], BODY["left_ankle"]))
    assert without_strays(stray, {**nothing, shin: np.ones((1, 1))}) == stray
    stray[BODY["left_hip"]] = 0  # now it hangs on the neck
    assert without_strays(stray, nothing) == stray
    alone = [0 if joint == 12 else -1 for joint in range(18)]
    assert without_strays(alone, nothing) == alone
    assert without_strays([-1] * 18, nothing) == [-1] * 18
