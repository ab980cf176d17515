"""The text-video encoder's stage: batches follow from numbers, what is true is no contrast; it learns."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from tests import tiny
from videogen.training import checkpoint
from videogen.training.clip import ClipBatch, ClipStage, build_clip, contrast, spoil, tell_all, through
from videogen.training.loop import Budget, Trainer
from videogen.training.pocket import PocketRun
from videogen.weights.text_video import load_text_video

CPU = torch.device("cpu")


def make_stage(**changes: object) -> ClipStage:
    return ClipStage(tiny.tokenizer(), config=tiny.TEXT_VIDEO, batch_size=12, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stage() -> ClipStage:
    return make_stage()


@pytest.fixture(scope="module")
def batch(stage: ClipStage) -> ClipBatch:
    return stage.batch(0)


def test_the_same_number_gives_the_same_batch_of_all_kinds(stage: ClipStage, batch: ClipBatch) -> None:
    again = make_stage().batch(0)
    assert torch.equal(batch.video, again.video)
    assert batch.labels == again.labels
    assert not torch.equal(batch.video, stage.batch(1).video)
    assert set(batch.kinds) == {"object", "person", "head"}
    assert batch.video.shape == (len(batch.labels), 3, 4, 32, 32)
    assert batch.video.dtype == torch.uint8


def test_every_clip_has_a_true_sentence_and_wrong_ones_of_its_own(batch: ClipBatch) -> None:
    count = len(batch.labels)
    sentences = tell_all(batch, random=Random(0))
    assert len(sentences) % count == 0
    for number, label in enumerate(batch.labels):
        assert all(label[name] == value for name, value in sentences[number].names.items())


def test_what_is_true_of_another_clip_is_no_contrast_to_it() -> None:
    logits = torch.tensor([[1.0, 9.0], [0.0, 2.0]])
    nothing = torch.eye(2, dtype=torch.bool)
    loss, right = contrast(logits, nothing)
    assert float(right) == 0.5
    assert float(loss) > 3
    loss, right = contrast(logits, torch.tensor([[True, True], [False, True]]))
    assert float(right) == 1
    assert float(loss) == pytest.approx(float(torch.tensor(-2.0).exp().log1p()) / 2, rel=1e-5)


def test_duplicates_of_a_sentence_do_not_push_their_clips_apart(stage: ClipStage, batch: ClipBatch) -> None:
    twice = ClipBatch(batch.video[:1].expand(6, -1, -1, -1, -1), batch.kinds[:1] * 6, batch.labels[:1] * 6)
    _, figures = stage.loss(twice, step=0, device=CPU)
    assert float(figures["sentence"]) == 1, "each is told by its own, as all others are left out"


def test_the_loss_goes_down_in_a_few_steps(batch: ClipBatch) -> None:
    stage = make_stage()
    optimizer = torch.optim.AdamW(stage.model.parameters(), lr=4e-3)
    losses = []
    for step in range(30):
        loss, _ = stage.loss(batch, step=step % 3, device=CPU)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_about_half_of_the_clips_are_left_as_they_are(batch: ClipBatch) -> None:
    video = batch.video.float().repeat(8, 1, 1, 1, 1) / 127.5 - 1
    spoilt = spoil(video, generator=torch.Generator().manual_seed(0))
    same = (spoilt == video).flatten(1).all(1).float().mean()
    assert 0.3 < float(same) < 0.6
    assert bool(torch.isfinite(spoilt).all())


def test_some_clips_go_through_the_autoencoder(batch: ClipBatch) -> None:
    video = batch.video[:4].float() / 127.5 - 1
    coded = through(tiny.autoencoder(), video, side=32, every=2)
    changed = (coded - video).flatten(1).abs().amax(1) > 1e-3
    assert changed.tolist() == [True, False, True, False]
    assert through(tiny.autoencoder(), video, side=16).shape == (4, 3, 4, 16, 16)
    stage = make_stage(vae=tiny.autoencoder())
    assert torch.equal(stage.batch(0).video, batch.video)
    assert stage.batch(3).video.shape == batch.video.shape


def test_it_trains_resumes_and_is_exported_with_its_record(tmp_path: Path) -> None:
    trainer: Trainer[ClipBatch] = Trainer(make_stage(), tmp_path, device="cpu", bf16=True)
    trainer.train(Budget(steps=2, decay=0))
    resumed: Trainer[ClipBatch] = Trainer(make_stage(), tmp_path, device="cpu", bf16=True)
    assert resumed.progress.step == 2


def test_the_trained_part_is_exported_alone_or_with_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = build_clip(tiny.tokenizer(), tiny.TEXT_VIDEO)
    state = {name: value.half().float() for name, value in encoder.state_dict().items()}
    kept = {f"encoder.{name}": value for name, value in state.items()} | {"readings.x": torch.zeros(1)}
    monkeypatch.setattr(checkpoint, "read_average", lambda directory, **_: (
        (7, 8.4, kept) if directory.name == "clip" else None
    ))  # fmt: skip
    monkeypatch.setattr("videogen.training.run_folder.build_clip", lambda words: encoder)
    model = tmp_path / "model"
    tiny.export_tiny(model)
    assert PocketRun(tmp_path, "cpu").export_others(model) == ["clip"]
    loaded = load_text_video(model).encoder.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    assert '"steps": 7' in (model / "clip" / "training.json").read_text(encoding="utf-8")
