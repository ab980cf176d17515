"""The loop trains, averages, keeps to its budget, and goes on after a kill as if nothing had happened."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.tiny import UNET, WIDTH
from videogen.errors import CheckpointError, MissingExtra
from videogen.models.conditioned import ConditionedUNet, Inputs
from videogen.training.checkpoint import FILE
from videogen.training.loop import Budget, Trainer
from videogen.training.loss import draw_levels, flow_loss, make_noisy
from videogen.world import render_clips

ROOT = Path(__file__).parents[2]
STEADY = Budget(minutes=10, planned=math.inf, warmup=3)
"""A learning rate that does not depend on the clock."""


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


@pytest.mark.parametrize("stops", [[4], [1, 2, 11], list(range(1, 12))], ids=str)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, line: Any, stops: list[int]
) -> None:
    whole = trainer(line(), tmp_path / "whole")
    whole.train(STEADY)
    for stop in stops:
        trainer(line(last=stop), tmp_path / "parts").train(STEADY)
    resumed = trainer(line(), tmp_path / "parts")
    assert resumed.progress.step == stops[-1]
    resumed.train(STEADY)
    assert resumed.progress.step == 12
    assert_same(resumed, whole)


KILLED = """
import math, pathlib, sys, time
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from conftest import LineStage
from videogen.training.loop import Budget, Trainer

class Slow(LineStage):
    def loss(self, batch, *, step, device):
        time.sleep(0.02)
        return super().loss(batch, step=step, device=device)

stage = Slow(last=10**6)
budget = Budget(minutes=10, planned=math.inf, warmup=3, checkpoint_seconds=0)
Trainer(stage, pathlib.Path(sys.argv[1]), device="cpu", bf16=False).train(budget)
"""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums depend on the number of threads; the killed process has one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_to_the_same_end(tmp_path: Path, line: Any) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "killed")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    state = tmp_path / "killed" / "line" / FILE
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = trainer(line(), tmp_path / "killed").progress.step
    assert reached > 0
    resumed = trainer(line(last=reached + 5), tmp_path / "killed")
    resumed.train(STEADY)
    whole = trainer(line(last=reached + 5), tmp_path / "whole")
    whole.train(STEADY)
    assert_same(resumed, whole)


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
    plain = run._update_average

    def watched(decay: float) -> None:
        plain(decay)
        step = run.progress.step
        kept = min(decay, (1 + step) / (10 + step))
        for name, value in run.stage.model.state_dict().items():
            mixed = kept * expected[name] + (1 - kept) * value if value.is_floating_point() else value.clone()
            expected[name] = mixed

    monkeypatch.setattr(run, "_update_average", watched)
    run.train(STEADY)
    for name, value in run.average.items():
        torch.testing.assert_close(value, expected[name])
    assert run.average["1.num_batches_tracked"] == 6
    assert not torch.equal(run.average["0.weight"], run.stage.model.state_dict()["0.weight"])
    assert torch.equal(run.average["3.weight"], run.stage.model.state_dict()["3.weight"]), "frozen"


def rates(run: Trainer[Any], budget: Budget, *, steps: int, seconds: float) -> list[float]:
    """Return the learning rate at each step, of which each takes `seconds`."""
    found = []
    for step in range(steps):
        run.progress.step, run.progress.seconds = step, step * seconds
        run._set_learning_rate(budget)
        found.append(run.optimizer.param_groups[0]["lr"] / run.stage.learning_rate)
    return found


def test_the_learning_rate_warms_up_and_falls_with_the_time_that_is_given(tmp_path: Path, line: Any) -> None:
    run = trainer(line(), tmp_path)
    found = rates(run, Budget(minutes=1, planned=1, warmup=10), steps=80, seconds=1)
    assert found[:3] == pytest.approx([0.1, 0.2, 0.3], rel=0.02)
    assert found[30] == pytest.approx(0.51, rel=0.01)
    assert found[60] == pytest.approx(0.02)
    assert found[79] == pytest.approx(0.02)
    assert all(later < earlier for earlier, later in pairwise(found[10:61]))
    assert rates(run, STEADY, steps=9, seconds=1e6)[3:] == [1.0] * 6


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
    assert load_file(tmp_path / "line" / FILE)


def test_without_accelerate_the_extra_is_named(
    tmp_path: Path, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingExtra, match=r"run: pip install 'videogen\[train\]'"):
        trainer(line(), tmp_path)


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
