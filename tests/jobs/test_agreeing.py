"""The clip that agrees best is taken, with its ledger; aims follow the words over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import videogen as vg
from videogen.dry_run import describe
from videogen.errors import CheckpointError
from videogen.jobs import Progress, silent
from videogen.jobs.agreeing import Trial, agreement_of, aims_of, draw_best, seeds_of
from videogen.jobs.casting import Take
from videogen.jobs.ledger import Ledger
from videogen.jobs.text_to_video import generate
from videogen.schedule import read_prompt


def request(**fields: Any) -> vg.TextToVideo:
    return vg.TextToVideo(**{"prompt": "a red ball", "seed": 1, "num_inference_steps": 2, **fields})


def chosen(
    scores: dict[int, float], engine: Any, monkeypatch: pytest.MonkeyPatch, *, progress: Progress = silent
) -> tuple[list[Tensor], Ledger]:
    """What is taken of clips of one number, their seed's, where these are the scores of the seeds."""

    def pieces(seed: int, progress: Progress, ledger: Ledger) -> Iterator[Tensor]:
        yield ledger.once("clip", lambda: torch.full((1, 2, 4, 2, 2), float(seed)))
        ledger.join(seed % 7)
        progress("denoising", 1, 1)

    def draw(each: vg.TextToVideo, progress: Progress, ledger: Ledger) -> Take:
        assert each.seed is not None
        return Take(pieces(each.seed, progress, ledger))

    monkeypatch.setattr(
        "videogen.jobs.agreeing.agreement_of", lambda pieces, *_: scores[int(pieces[0].mean())]
    )
    ledger = Ledger()
    asked = request(best_of=len(scores))
    return list(draw_best(asked, engine, draw, fps=8, progress=progress, ledger=ledger).pieces), ledger


@pytest.mark.parametrize("best", [0, 1, 3])
def test_the_clip_with_the_highest_score_is_taken(
    best: int, fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = seeds_of(1, 4)
    monkeypatch.setattr("videogen.jobs.agreeing.seeds_of", lambda seed, count: [1, 12, 23, 34][:count])
    scores = dict.fromkeys((1, 12, 23, 34), 0.1) | {[1, 12, 23, 34][best]: 0.9}
    pieces, ledger = chosen(scores, fake_engine, monkeypatch)
    taken = [1, 12, 23, 34][best]
    assert [float(piece.mean()) for piece in pieces] == [taken]
    assert ledger.notes == {"best_seed": taken, "agreement": 0.9}
    assert ledger.joins == [taken % 7], "only the joins of what is shown are noted"
    assert len(set(seeds)) == 4


def test_of_equals_the_first_is_taken_and_progress_is_of_all(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videogen.jobs.agreeing.seeds_of", lambda seed, count: [1, 12, 23][:count])
    seen: list[tuple[str, int, int | None]] = []
    pieces, _ = chosen(
        dict.fromkeys((1, 12, 23), 0.5), fake_engine, monkeypatch, progress=lambda *told: seen.append(told)
    )
    assert float(pieces[0].mean()) == 1
    assert seen == [("denoising", number, 3) for number in (1, 2, 3)]


def test_seeds_begin_with_the_request_and_are_the_same_every_time() -> None:
    assert seeds_of(5, 1) == [5]
    assert seeds_of(5, 4)[:2] == seeds_of(5, 2)
    assert seeds_of(5, 16) == seeds_of(5, 16)
    assert len({*seeds_of(5, 16), *seeds_of(6, 16)}) == 32
    assert all(0 <= seed < 2**31 for seed in seeds_of(5, 16))


def test_the_best_is_one_of_the_clips_of_its_seeds_and_comes_again(fake_engine: Any) -> None:
    ledger = Ledger()
    best = np.stack(list(generate(request(best_of=4), fake_engine, ledger=ledger)))
    again = np.stack(list(generate(request(best_of=4), fake_engine)))
    alone = np.stack(list(generate(request(seed=int(ledger.notes["best_seed"])), fake_engine)))
    np.testing.assert_array_equal(best, again)
    np.testing.assert_array_equal(best, alone)
    one = Ledger()
    np.testing.assert_array_equal(
        np.stack(list(generate(request(best_of=1), fake_engine, ledger=one))),
        np.stack(list(generate(request(), fake_engine))),
    )
    assert one.notes == {}


def test_the_record_says_which_clip_was_taken_and_by_which_weights(
    fake_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = vg.run(request(best_of=3), engine=fake_engine)
    assert len(clip.frames) == 6
    assert clip.record["numbers"]["best_seed"] in seeds_of(1, 3)
    assert -10 < clip.record["numbers"]["agreement"] < 0
    assert "clip/model.safetensors" in clip.record["weights"]
    plain = vg.run(request(), engine=fake_engine)
    assert len(plain.frames) == 6
    assert "best_seed" not in plain.record["numbers"]
    assert "clip/model.safetensors" not in plain.record["weights"]
    led = vg.run(request(clip_guidance=2.0), engine=fake_engine)
    assert "clip/model.safetensors" in led.record["weights"]


def test_guidance_raises_the_agreement_and_none_is_the_same_clip(fake_engine: Any) -> None:
    found = []
    for scale in (0.0, 2.0, 8.0):
        ledger = Ledger()
        asked = request(clip_guidance=scale, best_of=2, close_ups=False)
        list(generate(asked, fake_engine, ledger=ledger))
        found.append(ledger.notes["agreement"])
    assert found[0] < found[1] < found[2]
    np.testing.assert_array_equal(
        np.stack(list(generate(request(clip_guidance=0.0), fake_engine))),
        np.stack(list(generate(request(), fake_engine))),
    )


def test_trials_keep_what_they_make_under_names_of_their_own() -> None:
    class Kept(Ledger):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def once(self, name: str, make: Any) -> Tensor:
            self.names.append(name)
            return super().once(name, make)

    whole = Kept()
    for name in ("", "1-"):
        Trial(whole, name=name).once("clip", lambda: torch.zeros(1))
    assert whole.names == ["clip", "1-clip"]
    assert Trial(whole, name="1-").steps("clip") is None


def test_words_that_change_are_aims_for_their_own_frames(fake_engine: Any) -> None:
    prompt = read_prompt("0: a red ball | 50%: a blue ball", length=10, fps=8.0)
    assert [(aim.first, aim.last) for aim in aims_of(prompt, fake_engine, length=10)] == [(0, 5), (5, 10)]
    long = aims_of("a red ball", fake_engine, length=60)
    assert [(aim.first, aim.last) for aim in long] == [(0, 20), (20, 40), (40, 60)]
    words = fake_engine.agreement.words("a red ball", "a blue ball")[:, 0]
    latents = torch.cat([words[0].expand(1, 2, 5, 2, 2), words[1].expand(1, 2, 5, 2, 2)], 2)
    assert agreement_of([latents[:, :, :3], latents[:, :, 3:]], prompt, fake_engine) == pytest.approx(0)
    assert agreement_of([latents.flip(2)], prompt, fake_engine) < -0.01


def test_a_dry_run_counts_every_clip() -> None:
    def calls(**fields: Any) -> int:
        line = next(each for each in describe(request(**fields), "clip.mp4") if "calls" in each)  # type: ignore[arg-type]
        return int(line.split("about ")[1].split()[0])

    assert calls(best_of=3) == 3 * calls()


def test_pocket_without_the_encoder_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from videogen.agreement import Agreement

    monkeypatch.setattr("videogen.weights.text_video.POCKET", tmp_path)
    with pytest.raises(CheckpointError, match="which --clip-guidance and --best-of need"):
        Agreement(torch.device("cpu"))


def test_guidance_without_words_is_refused() -> None:
    with pytest.raises(vg.RequestError, match="leads to the words of a prompt; give --prompt"):
        vg.ImageToVideo("photo.png", clip_guidance=2.0)
