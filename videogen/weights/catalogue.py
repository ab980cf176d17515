"""Public models by short names: which files each needs, from where, how large, under which licence.

Only facts about files stand here. Sizes are those of the hub's pages, rounded; `place` is the path that a
file has in the layout that its loader reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Licence:
    """A licence's name, and whether it allows commercial use."""

    name: str
    commercial: bool = True

    def __str__(self) -> str:
        return self.name if self.commercial else f"{self.name}, non-commercial"


@dataclass(frozen=True)
class File:
    """A file `path` of the hub's `repo`, `size` in bytes; `also` are paths that families give it."""

    repo: str
    path: str
    size: int
    licence: Licence
    place: str
    also: tuple[str, ...] = ()


Choice = tuple[File, ...]
"""Files that belong together."""


@dataclass(frozen=True)
class Need:
    """A part of a model, and the choices of files that fill it, the first as a rule."""

    part: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Preset:
    """A model's short name, what it is, the loader that its `layout` is for, and what it needs."""

    name: str
    title: str
    layout: Literal["animatediff", "magicanimate", "animate-anyone", "folder"]
    needs: tuple[Need, ...]


_RAIL, _APACHE, _MIT = Licence("CreativeML OpenRAIL-M"), Licence("Apache-2.0"), Licence("MIT")
_STABILITY = Licence("Stability AI Community License", commercial=False)
_NC = Licence("CC-BY-NC-4.0", commercial=False)
_MSE = "stabilityai/sd-vae-ft-mse"
_SD, _CLIP = "stable-diffusion-v1-5/stable-diffusion-v1-5", "openai/clip-vit-large-patch14"
_ST = "diffusion_pytorch_model.safetensors"
_KB = 1_000


def _files(
    repo: str, licence: Licence, sizes: dict[str, int], *, under: str = "", also: bool = False
) -> Choice:
    """Files of one repository, placed `under` a folder; `also` where that alone tells what they are."""
    return tuple(
        File(repo, path, size, licence, f"{under}{path}", (f"{under}{path}",) if also else ())
        for path, size in sizes.items()
    )


_WORDS = {"tokenizer/vocab.json": 1_060 * _KB, "tokenizer/merges.txt": 525 * _KB}
_READING = {
    "text_encoder/config.json": _KB, "text_encoder/model.safetensors": 492_000 * _KB, **_WORDS,
}  # fmt: skip
_UNET = {"unet/config.json": _KB, f"unet/{_ST}": 3_440_000 * _KB}
_VAE = {"vae/config.json": _KB, f"vae/{_ST}": 335_000 * _KB}

TOKENIZER = Need(
    "tokenizer",
    (
        tuple(
            File(_CLIP, name, size, _MIT, f"tokenizer/{name}", (f"tokenizer/{name}",))
            for name, size in (("vocab.json", 961 * _KB), ("merges.txt", 525 * _KB))
        ),
        _files(_SD, _RAIL, _WORDS),
    ),
)
"""CLIP's tokenizer, which single files do not hold."""

_SINGLE = "v1-5-pruned-emaonly.safetensors"
_STABLE = Need(
    "Stable Diffusion 1.5",
    (
        (File(_SD, _SINGLE, 4_270_000 * _KB, _RAIL, f"checkpoint/{_SINGLE}"), *TOKENIZER.choices[0]),
        _files(_SD, _RAIL, {**_UNET, **_VAE, **_READING}),
    ),
)
_FINE_VAE = Need(
    "autoencoder",
    (
        _files(
            _MSE,
            _MIT,
            {"config.json": _KB, _ST: 335_000 * _KB},
            under="sd-vae-ft-mse/",
        ),
    ),
)


def _motion(repo: str, licence: Licence, size: int, name: str) -> Choice:
    return (File(repo, name, size, licence, f"motion_modules/{name}"),)


def _animatediff(name: str, title: str, *motion: Choice, lora: File | None = None) -> Preset:
    loras = () if lora is None else (Need("LoRA", ((lora,),)),)
    return Preset(name, title, "animatediff", (_STABLE, Need("motion modules", motion), *loras))


def _lightning(steps: int) -> Choice:
    name = f"animatediff_lightning_{steps}step_diffusers.safetensors"
    return _motion("ByteDance/AnimateDiff-Lightning", _RAIL, 908_000 * _KB, name)


def _variants(repo: str, licence: Licence, plain: dict[str, int], sizes: dict[str, int]) -> Need:
    """A folder in diffusers' layout: weights in half precision, or in single."""
    halves = {f"{name}.fp16.safetensors": size for name, size in sizes.items()}
    wholes = {f"{name}.safetensors": 2 * size for name, size in sizes.items()}
    choices = tuple(_files(repo, licence, {**plain, **each}) for each in (halves, wholes))
    return Need("every part", choices)


_LCM = "AnimateLCM_sd15_t2v_lora.safetensors"
_MAGIC, _MOORE = "zcxu-eric/MagicAnimate", "patrolli/AnimateAnyone"
_PICTURES = "lambdalabs/sd-image-variations-diffusers"
_XT, _MODELSCOPE = "stabilityai/stable-video-diffusion-img2vid-xt", "ali-vilab/text-to-video-ms-1.7b"
_SVD_PLAIN = (
    "model_index.json", "feature_extractor/preprocessor_config.json", "image_encoder/config.json",
    "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json",
)  # fmt: skip
_MODELSCOPE_PLAIN = (
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "unet/config.json",
    "vae/config.json",
)  # fmt: skip
_BSD = Licence("BSD-3-Clause")

PRESETS = {
    preset.name: preset
    for preset in (
        _animatediff(
            "animatediff", "AnimateDiff v3 on Stable Diffusion 1.5",
            _motion("guoyww/animatediff", _APACHE, 1_560_000 * _KB, "v3_sd15_mm.ckpt"),
            _files(
                "guoyww/animatediff-motion-adapter-v1-5-3", _APACHE,
                {"config.json": _KB, "diffusion_pytorch_model.fp16.safetensors": 837_000 * _KB},
                under="motion_modules/",
            ),
        ),
        _animatediff(
            "animatediff-lcm", "AnimateLCM: six steps",
            _motion("wangfuyun/AnimateLCM", _MIT, 1_810_000 * _KB, "AnimateLCM_sd15_t2v.ckpt"),
            lora=File("wangfuyun/AnimateLCM", _LCM, 135_000 * _KB, _MIT, f"lora/{_LCM}"),
        ),
        _animatediff(
            "animatediff-lightning", "AnimateDiff-Lightning: four steps",
            *(_lightning(steps) for steps in (4, 8, 2)),
        ),
        Preset(
            "magicanimate", "MagicAnimate: a picture moved by a pose", "magicanimate",
            (
                Need("MagicAnimate", (
                    _files(_MAGIC, _BSD, {
                        f"appearance_encoder/{_ST}": 3_440_000 * _KB,
                        "densepose_controlnet/config.json": _KB,
                        f"densepose_controlnet/{_ST}": 1_450_000 * _KB,
                        "temporal_attention/temporal_attention.ckpt": 5_090_000 * _KB,
                    }, also=True),
                )),
                Need("Stable Diffusion 1.5", (
                    _files(_SD, _RAIL, {**_UNET, **_READING}, under="stable-diffusion-v1-5/"),
                )),
                _FINE_VAE,
            ),
        ),
        Preset(
            "animate-anyone", "AnimateAnyone (Moore): a picture moved by a pose", "animate-anyone",
            (
                Need("AnimateAnyone", (
                    _files(_MOORE, _APACHE, {
                        "denoising_unet.pth": 3_440_000 * _KB, "reference_unet.pth": 3_440_000 * _KB,
                        "motion_module.pth": 1_820_000 * _KB, "pose_guider.pth": 4_350 * _KB,
                    }),
                )),
                Need("image encoder", (
                    _files(_PICTURES, _RAIL, {
                        "image_encoder/config.json": _KB, "image_encoder/pytorch_model.bin": 1_220_000 * _KB,
                    }, also=True),
                )),
                Need("settings", (
                    _files(_SD, _RAIL, {"unet/config.json": _KB}, under="stable-diffusion-v1-5/"),
                )),
                _FINE_VAE,
            ),
        ),
        Preset(
            "svd", "Stable Video Diffusion XT: a picture set in motion", "folder",
            (_variants(_XT, _STABILITY, dict.fromkeys(_SVD_PLAIN, _KB), {
                f"unet/{_ST.split('.')[0]}": 3_050_000 * _KB, "image_encoder/model": 1_260_000 * _KB,
                f"vae/{_ST.split('.')[0]}": 196_000 * _KB,
            }),),
        ),
        Preset(
            "modelscope", "ModelScope text-to-video 1.7b", "folder",
            (_variants(_MODELSCOPE, _NC, {**dict.fromkeys(_MODELSCOPE_PLAIN, _KB), **_WORDS}, {
                f"unet/{_ST.split('.')[0]}": 2_820_000 * _KB, "text_encoder/model": 681_000 * _KB,
                f"vae/{_ST.split('.')[0]}": 167_000 * _KB,
            }),),
        ),
    )
}  # fmt: skip
"""Every preset by its name."""
