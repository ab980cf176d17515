"""The folder of a training: the frozen autoencoder, the tokenizer, the states, and models made of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from diffusers import AutoencoderTiny
from transformers import PreTrainedTokenizerFast

from videogen.errors import CheckpointError, RequestError
from videogen.models.conditioned import ConditionedUNet
from videogen.models.interpolator import Interpolator
from videogen.models.motion_planner import MotionPlanner, MotionPlannerConfig
from videogen.models.upscaler import Upscaler, UpscalerConfig
from videogen.training import checkpoint
from videogen.training.clip import build_clip
from videogen.training.export import (
    Trained,
    export,
    export_clip,
    export_enhancer,
    export_planner,
    export_student,
)
from videogen.training.frozen import FROZEN, load_frozen_autoencoder
from videogen.training.journal import FILE, read_journal
from videogen.training.planner import build_words_encoder
from videogen.training.text import build_text_encoder, build_tokenizer
from videogen.training.unet import pocket_config
from videogen.weights.load import find_model, load_networks

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """A training's `directory`, and the name of the `device` that it is trained on."""

    directory: Path
    device: str

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The words of this training: made once, since their numbers must never change."""
        own = self.directory / "tokenizer"
        for folder in (own, self.directory / "export" / "tokenizer"):
            if (folder / "tokenizer.json").exists():
                kept: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
                    folder, local_files_only=True
                )
                return kept
        made = build_tokenizer()
        made.save_pretrained(own)
        return made

    @property
    def vae(self) -> AutoencoderTiny:
        """The frozen autoencoder; raises RequestError where there is none yet."""
        if not (self.directory / FROZEN).exists():
            raise RequestError(
                f"{self.directory} has no autoencoder yet; train it first with --stage autoencoder or all, "
                f"or take one over with --init"
            )
        return load_frozen_autoencoder(self.directory / FROZEN)

    def export(self, folder: Path, *, annealed: bool = True) -> bool:
        """Write the model folder with what is trained; False where there is no U-Net yet."""
        unet = checkpoint.read_average(self.directory / "unet", annealed=annealed)
        if unet is None:
            return False
        steps, seconds, weights = unet
        words = self.tokenizer
        figures = [line for line in read_journal(self.directory / FILE) if line["stage"] == "unet"]
        trained = Trained(
            vae=self.vae,
            networks=weights,
            unet_config=pocket_config(),
            text_config=build_text_encoder(len(words), length=words.model_max_length).config,
            tokenizer=words,
            record={
                "steps": steps,
                "seconds": round(seconds),
                "device": self.device,
                "loss": next((line["figures"] for line in reversed(figures) if "rate" in line), {}),
                "torch": version("torch"),
                "diffusers": version("diffusers"),
            },
        )
        export(trained, folder)
        self._export_planner(folder)
        return True

    def _export_planner(self, folder: Path) -> None:
        """Add the motion planner to a model folder, where one is trained."""
        found = checkpoint.read_average(self.directory / "planner", annealed=True)
        if found is None:
            log.info("%s has no motion planner yet; train one with --stage planner", self.directory)
            return
        steps, seconds, weights = found
        words = build_words_encoder(len(self.tokenizer), length=self.tokenizer.model_max_length)
        planner = MotionPlanner(MotionPlannerConfig(), words)
        planner.load_state_dict(weights)
        export_planner(planner, folder, record={"steps": steps, "seconds": round(seconds)})

    def export_others(self, folder: Path) -> list[str]:
        """Write the trained interpolator, upscaler and text-video encoder into a folder; their names.

        A model need not be there.
        """
        done = []
        for network in (Interpolator(), Upscaler(UpscalerConfig())):
            part = type(network).__name__.lower()
            found = checkpoint.read_average(self.directory / part, annealed=True)
            if found is None:
                continue
            steps, seconds, weights = found
            network.load_state_dict(weights)
            record = {"steps": steps, "seconds": round(seconds), "device": self.device}
            export_enhancer(network, folder, part=part, config=network.config.to_dict(), record=record)
            done.append(part)
        found = checkpoint.read_average(self.directory / "clip", annealed=True)
        if found is not None:
            steps, seconds, weights = found
            encoder = build_clip(self.tokenizer)
            own = {name.removeprefix("encoder."): value for name, value in weights.items()}
            encoder.load_state_dict({name: own[name] for name in encoder.state_dict()})
            record = {"steps": steps, "seconds": round(seconds), "device": self.device}
            export_clip(encoder, folder, record=record)
            done.append("clip")
        return done

    def export_student(self, folder: Path, *, teacher: str) -> None:
        """Write a model folder with the student of the model `teacher`, on whose other parts it stands."""
        found = checkpoint.read_average(self.directory / "distill", annealed=True)
        if found is None:
            raise CheckpointError(f"{self.directory} has no student yet; train one with --stage distill")
        steps, seconds, weights = found
        networks = load_networks(find_model(teacher))
        denoiser: ConditionedUNet = networks.pocket
        denoiser.load_state_dict(weights)
        record = {"steps": steps, "seconds": round(seconds), "device": self.device, "teacher": teacher}
        export_student(denoiser, folder, teacher=teacher, spec=networks.spec, record=record)
