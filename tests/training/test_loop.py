"""The loop trains, averages, keeps to its budget, and goes on after a kill as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.tiny import UNET, WIDTH
from videogen.errors import CheckpointError
from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.training.checkpoint import ANNEALED, Progress, read_average
from videogen.training.checkpoint import FILE as FILE_OF_STATE
from videogen.training.journal import FILE, read_journal
from videogen.training.loop import Budget, Trainer, learning_rate
from videogen.training.loss import draw_levels, flow_loss, make_noisy
from videogen.world import render_clips

ROOT = Path(__file__).parents[2]
STEADY = Budget(minutes=10, decay=0, warmup=3)
"""A learning rate that stays."""
FALLING = Budget(steps=12, decay=0.25, warmup=3, checkpoint_seconds=0, report_seconds=0)
"""Three steps of decay, and everything written at every step."""


def trainer(stage: Any, folder: Path) -> Trainer[Any]:
    return Trainer(stage, folder, device="cpu", bf16=False)


def assert_same(found: Trainer[Any], expected: Trainer[Any]) -> None:
    assert found.progress.step == expected.progress.step
    for name, value in expected.average.items():
        assert torch.equal(found.average[name], value), name
    theirs = expected.stage.model.state_dict()
    for name, value in found.stage.model.state_dict().items():
        assert torch.equal(value, theirs[name]), name
    moments = [each.optimizer.state_dict()["state"] for each in (found, expected)]
    assert moments[0].keys() == moments[1].keys()
    for index, kept in moments[0].items():
        for key, value in kept.items():
            assert torch.equal(value, moments[1][index][key]), key


@pytest.mark.parametrize("stops", [[4], [1, 2, 9, 11], list(range(1, 12))], ids=str)
@pytest.mark.parametrize("budget", [STEADY, FALLING], ids=["steady", "falling"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, line: Any, stops: list[int], budget: Budget
) -> None:
    whole = trainer(line(), tmp_path / "whole")
    whole.train(budget)
    for stop in stops:
        trainer(line(last=stop), tmp_path / "parts").train(budget)
    resumed = trainer(line(), tmp_path / "parts")
    assert resumed.progress.step == stops[-1]
    resumed.train(budget)
    assert resumed.progress.step == 12
    assert_same(resumed, whole)


KILLED = """
import pathlib, sys, time
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from conftest import LineStage
from videogen.training.loop import Budget, Trainer

class Slow(LineStage):
    def loss(self, batch, *, step, device):
        time.sleep(0.01)
        return super().loss(batch, step=step, device=device)

budget = Budget(steps=40, decay=0.5, warmup=3, checkpoint_seconds=0, report_seconds=0)
Trainer(Slow(last=40), pathlib.Path(sys.argv[1]), device="cpu", bf16=False).train(budget)
"""


def kill_at(step: int, folder: Path) -> None:
    """Train in another process, and kill it with SIGKILL once its state has passed `step`."""
    code = KILLED.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / FILE).exists() and reached(folder) > step:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def reached(folder: Path) -> int:
    """Return the last step that the journal tells of."""
    return max((line["step"] for line in read_journal(folder / FILE)), default=0)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_to_the_same_weights_by_the_same_losses(tmp_path: Path, line: Any) -> None:
    budget = Budget(steps=40, decay=0.5, warmup=3, report_seconds=0)
    for step in (5, 25):  # once before the learning rate falls, once while it does
        kill_at(step, tmp_path / "killed")
        assert step <= trainer(line(), tmp_path / "killed").progress.step < 40
    resumed = trainer(line(last=40), tmp_path / "killed")
    assert resumed.progress.decay_start == 20
    resumed.train(budget)
    whole = trainer(line(last=40), tmp_path / "whole")
    whole.train(budget)
    assert_same(resumed, whole)
    losses = [
        {entry["step"]: entry["figures"] for entry in read_journal(folder / FILE) if "rate" in entry}
        for folder in (tmp_path / "killed", tmp_path / "whole")
    ]
    assert losses[0] == losses[1]
    assert sorted(losses[1]) == list(range(1, 41))


def test_training_lowers_the_loss(tmp_path: Path, line: Any) -> None:
    run = trainer(line(last=200), tmp_path)
    first = run.stage.loss(next(iter(run.stage.batches(0))), step=0, device=torch.device("cpu"))[1]["error"]
    run.train(STEADY)
    last = run.stage.loss(next(iter(run.stage.batches(0))), step=0, device=torch.device("cpu"))[1]["error"]
    assert last < first / 2


def test_the_running_average_follows_its_formula(
    tmp_path: Path, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(line(last=6), tmp_path)
    expected = {name: value.clone() for name, value in run.stage.model.state_dict().items()}
    plain = run.update_average

    def watched(decay: float) -> None:
        plain(decay)
        step = run.progress.step
        kept = min(decay, (1 + step) / (10 + step))
        for name, value in run.stage.model.state_dict().items():
            mixed = kept * expected[name] + (1 - kept) * value if value.is_floating_point() else value.clone()
            expected[name] = mixed

    monkeypatch.setattr(run, "update_average", watched)
    run.train(STEADY)
    for name, value in run.average.items():
        torch.testing.assert_close(value, expected[name])
    assert run.average["1.num_batches_tracked"] == 6
    assert not torch.equal(run.average["0.weight"], run.stage.model.state_dict()["0.weight"])
    assert torch.equal(run.average["3.weight"], run.stage.model.state_dict()["3.weight"]), "frozen"


def test_the_learning_rate_warms_up_stays_and_falls_from_a_step_on() -> None:
    steps = [Progress(step=step, decay_start=20, decay_steps=4) for step in range(30)]
    found = [learning_rate(progress, warmup=10) for progress in steps]
    assert found[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert found[10:21] == [1.0] * 11
    assert found[21:24] == pytest.approx([0.5, 1 - 0.5**0.5, 1 - 0.75**0.5])
    assert found[24:] == [0.02] * 6
    assert learning_rate(Progress(step=10**6), warmup=10) == 1.0


def test_the_decay_begins_once_the_last_share_of_the_steps_or_minutes_is_left(
    tmp_path: Path, line: Any
) -> None:
    by_steps = trainer(line(last=99), tmp_path / "steps")
    by_steps.train(Budget(steps=20, decay=0.2))
    assert by_steps.progress.step == 20
    assert (by_steps.progress.decay_start, by_steps.progress.decay_steps) == (16, 4)
    by_time = trainer(line(last=10**6), tmp_path / "time")
    by_time.train(Budget(minutes=0.5 / 60, decay=0.4))
    progress = by_time.progress
    assert progress.annealed
    assert progress.step == progress.decay_start + progress.decay_steps
    assert 0.1 < progress.decay_steps / progress.step < 0.8
    assert by_time.progress.seconds < 3


def test_a_later_run_goes_on_from_the_decay_and_lets_the_rate_rise_again(tmp_path: Path, line: Any) -> None:
    trainer(line(last=99), tmp_path).train(Budget(steps=10, decay=0.5, warmup=3))
    annealed = (tmp_path / "line" / ANNEALED).read_bytes()
    again = trainer(line(last=99), tmp_path)
    assert again.progress == Progress(step=10, seconds=again.progress.seconds, rise_start=10)
    rates = [learning_rate(replace(again.progress, step=step), warmup=3) for step in (10, 11, 12, 13)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, 1])
    again.train(replace(STEADY, steps=14))
    assert trainer(line(), tmp_path).progress == replace(again.progress, step=14, rise_start=10)
    assert (tmp_path / "line" / ANNEALED).read_bytes() == annealed
    found = read_average(tmp_path / "line", annealed=True)
    assert found is not None
    assert found[0] == 10


def test_a_state_of_the_first_format_is_taken_up(tmp_path: Path, line: Any) -> None:
    run = trainer(line(last=4), tmp_path)
    run.train(STEADY)
    path = tmp_path / "line" / FILE_OF_STATE
    old = {"progress": '{"step": 4, "seconds": 1.5}'}
    save_file(load_file(path), path, metadata=old)
    found = trainer(line(settings={"seed": 1}), tmp_path)
    assert found.progress == Progress(step=4, seconds=1.5)
    assert_same(found, run)


def test_a_state_of_other_settings_is_refused_in_one_line(tmp_path: Path, line: Any) -> None:
    trainer(line(last=2, settings={"seed": 1}), tmp_path).train(STEADY)
    assert trainer(line(settings={"seed": 1}), tmp_path).progress.step == 2
    with pytest.raises(
        CheckpointError, match="was made with seed 1, this training has 2; use another"
    ) as told:
        trainer(line(settings={"seed": 2}), tmp_path)
    assert "\n" not in str(told.value)


def test_evaluations_come_as_often_as_asked_and_at_the_end(tmp_path: Path, line: Any) -> None:
    calls = iter(range(100))
    run = trainer(line(last=3), tmp_path)
    run.train(replace(STEADY, evaluate_seconds=0), evaluate=lambda: {"score": next(calls)})
    found = [each for each in read_journal(tmp_path / FILE) if each["event"] == "evaluation"]
    assert [(each["step"], each["figures"]) for each in found] == [
        (1, {"score": 0}), (2, {"score": 1}), (3, {"score": 2}), (3, {"score": 3}),
    ]  # fmt: skip


def test_the_share_of_the_time_that_was_spent_waiting_is_told(tmp_path: Path, line: Any) -> None:
    stage = line(last=3)
    plain = stage.batches

    def slow(first: int) -> Iterator[Tensor]:
        for batch in plain(first):
            time.sleep(0.1)
            yield batch

    stage.batches = slow
    trainer(stage, tmp_path).train(STEADY)
    assert 0.5 < read_journal(tmp_path / FILE)[-1]["waited"] <= 1


@pytest.mark.parametrize(
    ("asked", "gains", "expected"),
    [(True, True, torch.bfloat16), (False, True, torch.float32), (True, False, torch.float32)],
)
def test_half_precision_is_used_where_asked_and_where_it_gains(
    asked: bool, gains: bool, expected: torch.dtype, tmp_path: Path, line: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("videogen.training.loop.gains_by_bfloat16", lambda device: gains)
    stage, kinds = line(last=1), []
    stage.model[0].register_forward_hook(lambda *found: kinds.append(found[2].dtype))
    Trainer(stage, tmp_path, device="cpu", bf16=asked).train(STEADY)
    assert kinds == [expected]


def test_the_budget_ends_training_and_the_state_is_saved(tmp_path: Path, line: Any) -> None:
    run = trainer(line(last=10**6), tmp_path)
    started = time.monotonic()
    figures = run.train(replace(STEADY, minutes=0.3 / 60))
    assert 0.3 < time.monotonic() - started < 5
    assert figures.keys() == {"error", "step"}
    assert run.progress.step > 3
    again = trainer(line(), tmp_path)
    assert again.progress == run.progress
    assert 0.3 < again.progress.seconds < 5
    again.stage.last = again.progress.step + 2
    again.train(STEADY)
    assert again.progress.seconds > run.progress.seconds


def test_the_state_is_saved_as_often_as_asked(
    tmp_path: Path, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    run = trainer(line(last=5), tmp_path)
    monkeypatch.setattr(run, "save", lambda: saved.append(run.progress.step))
    run.train(replace(STEADY, checkpoint_seconds=0))
    assert saved == [1, 2, 3, 4, 5, 5]
    saved.clear()
    run.train(replace(STEADY, checkpoint_seconds=1000))
    assert saved == [5]


def test_figures_are_means_since_the_last_report(tmp_path: Path, line: Any) -> None:
    assert trainer(line(last=5), tmp_path).train(STEADY)["step"] == 2.0


def test_gradients_are_clipped(tmp_path: Path, line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(line(last=3), tmp_path)
    plain, norms = run.optimizer.step, []

    def watched() -> None:
        grads = [p.grad for p in run.stage.model.parameters() if p.grad is not None]
        norms.append(float(torch.cat([grad.flatten() for grad in grads]).norm()))
        plain()

    monkeypatch.setattr(run.optimizer, "step", watched)
    monkeypatch.setattr(
        run.stage, "loss", lambda batch, **_: (1e4 * run.stage.model(batch).square().mean(), {})
    )
    run.train(STEADY)
    assert norms == pytest.approx([1.0] * 3, rel=1e-3)


def test_stages_keep_their_states_apart_and_foreign_ones_are_refused(tmp_path: Path, line: Any) -> None:
    trainer(line(last=2), tmp_path).train(STEADY)
    assert trainer(line(name="other"), tmp_path).progress.step == 0
    stage = line()
    stage.model = nn.Linear(3, 3)
    with pytest.raises(CheckpointError, match="was made by another network"):
        trainer(stage, tmp_path)
    assert load_file(tmp_path / "line" / FILE_OF_STATE)


@dataclass
class OneClip:
    """A small conditioned U-Net learns one clip of the world by heart, from words alone."""

    last: int
    learning_rate: float = 6e-3
    name: str = "clip"
    model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        levels = (False, True)
        config = replace(UNET, block_out_channels=(16, 32), attention_levels=levels, motion_levels=levels)
        self.model = ConditionedUNet(config, latent_channels=8)
        clip = render_clips("object", torch.tensor([3]), size=32, num_frames=4).video
        small = F.avg_pool3d(clip, (1, 4, 4)) * 1.5
        self.clean = torch.cat([small, small, small[:, :2]], 1).expand(4, -1, -1, -1, -1)  # b c t h w

    def batches(self, first: int) -> Iterator[int]:
        """Nothing but numbers."""
        return iter(range(first, self.last))

    def loss(self, batch: int, *, step: int, device: torch.device) -> tuple[Tensor, dict[str, float]]:
        """Flow matching."""
        clean = self.clean.to(device)
        generator = torch.Generator().manual_seed(step)
        levels = draw_levels(4, generator=generator)
        noisy, velocity = make_noisy(clean, torch.randn(clean.shape, generator=generator), levels)
        nothing, empty = torch.zeros_like(clean), torch.zeros_like(clean[:, :1])
        given = Inputs(
            text=torch.ones(4, 3, WIDTH), fps=torch.full((4,), 8.0), known=nothing, mask=empty,
            carried=nothing, visibility=empty, reference=nothing[:, :, 0], reference_present=torch.zeros(4),
            pose=torch.zeros(4, 3, 4, 32, 32),
        )  # fmt: skip
        loss = flow_loss(self.model(noisy, levels * 1000, given), velocity, 1 - empty).mean()
        return loss, {"loss": loss.item()}


def test_one_clip_is_learnt_by_heart_in_under_a_minute(tmp_path: Path) -> None:
    run = trainer(OneClip(last=80), tmp_path)

    @torch.no_grad()
    def loss() -> float:
        steps = range(10**6, 10**6 + 8)
        return sum(run.stage.loss(0, step=step, device=torch.device("cpu"))[1]["loss"] for step in steps) / 8

    before, started = loss(), time.process_time()
    run.train(replace(STEADY, warmup=10))
    assert time.process_time() - started < 60
    assert loss() < before / 4
