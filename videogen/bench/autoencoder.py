"""How much of a picture survives the autoencoder: frames of the world, and photographs at twice the size."""

from __future__ import annotations

import torch

from videogen.bench.figures import MADE, Evaluation
from videogen.bench.frames import through_autoencoder, to_frames
from videogen.bench.metrics import psnr
from videogen.engine import Engine
from videogen.world.clips import KINDS, render_clips
from videogen.world.photographs import photographs


def evaluate_autoencoder(engine: Engine, *, clips: int) -> Evaluation:
    """PSNR in dB on two frames of each held-out clip of every kind, and on held-out photographs."""
    found = Evaluation()
    for kind in (name for name in KINDS if name != "picture"):
        batch = render_clips(kind, torch.arange(clips), size=engine.spec.height, num_frames=2, held_out=True)
        for number, video in enumerate(batch.video):
            truth = to_frames(video)
            coded = through_autoencoder(engine, truth)
            for name in (f"autoencoder: PSNR, {kind}", "autoencoder: PSNR, world"):
                found.add(name, MADE, psnr(coded, truth))
            if number < 4:
                found.show("autoencoder", truth, coded)
    for picture in photographs(2 * engine.spec.height):
        truth = to_frames(picture[:, None] * 2 - 1)
        found.add("autoencoder: PSNR, photographs", MADE, psnr(through_autoencoder(engine, truth), truth))
    return found
