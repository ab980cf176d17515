"""Folders of networks that animate a reference picture, as their authors lay them out.

AnimateAnyone (MooreThreads' reproduction): `denoising_unet.pth`, `reference_unet.pth`, `motion_module.pth`,
`pose_guider.pth`, `image_encoder/` and an autoencoder. MagicAnimate: `appearance_encoder/`,
`densepose_controlnet/`, `temporal_attention/`, Stable Diffusion 1.5 and an autoencoder. The settings of the
U-Net are those of Stable Diffusion 1.5 where the folder has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from torch import Tensor

from videogen.models.config import TemporalUNetConfig
from videogen.models.stable import StableUNet
from videogen.models.temporal_unet import TemporalUNet
from videogen.weights.controlnets import controlnet_of
from videogen.weights.diffusers_folder import check_together, fill_vae, read_tokenizer, spec_of
from videogen.weights.folder import Folder
from videogen.weights.formats import read_json
from videogen.weights.keymaps import MOTION_MODULES, REFERENCE_UNET, rename
from videogen.weights.motion import BETAS
from videogen.weights.parts import Networks, build, fill, make_image_encoder, make_text_encoder, plain
from videogen.weights.recognise import config_of, hint_widths, shapes_of

BASE, VAE = "stable-diffusion-v1-5", "sd-vae-ft-mse"


class _Animator(Folder):
    """The parts that both have alike."""

    @property
    def settings(self) -> dict[str, Any]:
        """Those of Stable Diffusion's U-Net, empty where the folder has none."""
        file = self.file(f"{BASE}/unet/config.json")
        return read_json(file) if file.is_file() else {}

    def config(
        self, tensors: Mapping[str, Tensor], motion: Mapping[str, Tensor] | None = None, **more: Any
    ) -> TemporalUNetConfig:
        """The settings of a U-Net: sizes from its tensors and motion modules, the rest from the folder."""
        known = self.settings
        return config_of(
            shapes_of(tensors),
            None if motion is None else shapes_of(motion),
            source=str(self.path),
            attention_heads=known.get("attention_head_dim", 8),
            norm_num_groups=known.get("norm_num_groups", 32),
            norm_eps=known.get("norm_eps", 1e-5),
            motion_heads=known.get("motion_num_attention_heads", 8),
            motion_num_groups=known.get("motion_norm_num_groups", 32),
            **more,
        )

    def unet(self, file: str, motion: str, **more: Any) -> TemporalUNet:
        """A U-Net with its motion modules, each from its own file."""
        (tensors, source), (moving, _) = self.tensors(file), self.tensors(motion)
        config = self.config(tensors, moving, **more)
        whole = tensors | rename(moving, MOTION_MODULES)
        return fill(lambda: TemporalUNet(config), whole, source=source)

    def reference(self, file: str) -> TemporalUNet:
        """A network that is only read."""
        tensors, source = self.tensors(file)
        config = self.config(tensors, only_read=True)
        return fill(lambda: TemporalUNet(config), rename(tensors, REFERENCE_UNET), source=source)

    def vae(self) -> Any:
        """The autoencoder, by its own name or beside the others."""
        name = VAE if self.holds(VAE) else f"{BASE}/vae"
        settings, tensors, source = self.part(name)
        return fill_vae(settings, tensors, source)


def load_animate_anyone(path: Path, *, files: Mapping[str, Path] | None = None) -> Networks:
    """Every network of AnimateAnyone, float32 on the CPU; `files` lie elsewhere. Raises CheckpointError."""
    folder = _Animator(path, files=files)
    unet = folder.unet("denoising_unet.pth", "motion_module.pth")
    guides, source = folder.tensors("pose_guider.pth")
    first, widths = unet.config.block_out_channels[0], hint_widths(shapes_of(guides))
    guider = fill(
        lambda: ControlNetConditioningEmbedding(first, 3, widths),
        guides,
        source=source,
    )
    network = StableUNet(unet, guider=guider, reference=folder.reference("reference_unet.pth"))
    vae, (settings, tensors, source) = folder.vae(), folder.part("image_encoder")
    window = min(24, unet.config.motion_max_frames)
    pictures = fill(lambda: make_image_encoder(plain(settings)), tensors, source=source)
    check_together(unet, vae, words=pictures.config.projection_dim, folder=path)
    return Networks(
        spec=replace(
            spec_of(unet, vae, folder.settings), window=window, pose_guidance=3.5, skeleton_style="dwpose"
        ),
        denoiser=network.eval(),
        vae=vae,
        text_encoder=None,
        planner=None,
        tokenizer=None,
        scheduler_class=DDIMScheduler,
        scheduler_config={
            **BETAS, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
        },
        hashes=folder.hashes,
        image_encoder=pictures,
    )  # fmt: skip


def load_magic_animate(path: Path, *, files: Mapping[str, Path] | None = None) -> Networks:
    """Every network of MagicAnimate, float32 on the CPU; `files` lie elsewhere. Raises CheckpointError."""
    folder = _Animator(path, files=files)
    modules = next(
        (file for file in ("temporal_attention/temporal_attention.ckpt", "temporal_attention.ckpt")
         if folder.holds(file)),
        "temporal_attention",
    )  # fmt: skip
    unet = folder.unet(f"{BASE}/unet", modules, norm_over_frames=True)
    control = controlnet_of(folder, "densepose_controlnet", like=unet.config)
    network = StableUNet(
        unet, [control], reference=folder.reference("appearance_encoder"),
        lending=("mid_block.", "up_blocks."), every_step=True, share_words=True,
    )  # fmt: skip
    vae, (words, tensors, source) = folder.vae(), folder.part(f"{BASE}/text_encoder")
    tokens = folder.file(f"{BASE}/tokenizer")
    check_together(unet, vae, words=words.get("hidden_size", 512), folder=path)
    return Networks(
        spec=replace(spec_of(unet, vae, folder.settings), pose_guidance=7.5),
        denoiser=network.eval(),
        vae=vae,
        text_encoder=fill(lambda: make_text_encoder(plain(words)), tensors, source=source),
        planner=None,
        tokenizer=build(tokens, lambda: read_tokenizer(tokens)),
        scheduler_class=DDIMScheduler,
        scheduler_config=dict(BETAS),
        hashes=folder.hashes,
    )


def is_animate_anyone(folder: Path) -> bool:
    """Whether a folder is laid out as AnimateAnyone's."""
    return (folder / "denoising_unet.pth").is_file() and (folder / "reference_unet.pth").is_file()


def is_magic_animate(folder: Path) -> bool:
    """Whether a folder is laid out as MagicAnimate's."""
    return (folder / "appearance_encoder").is_dir() and (folder / "densepose_controlnet").is_dir()
