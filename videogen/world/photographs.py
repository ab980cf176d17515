"""Photographs in the public domain that come with scikit-image: real appearance, for pictures to be carried.

Only files inside its package are read, and only those that its documentation calls public domain or CC0.
Some are held out of training. Without scikit-image there are none, and callers do with textures.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from videogen.errors import MediaError
from videogen.world.dice import Dice

TRAINED = (
    "camera.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "retina.jpg", "brick.png",
    "gravel.png", "text.png",
)  # fmt: skip
HELD_OUT_PHOTOGRAPHS = ("astronaut.png", "coffee.png", "grass.png")
"""Photographs that training never shows: a face, a still life, a texture."""
_LONGEST = 512
_LUMA = (0.299, 0.587, 0.114)


def count_photographs(*, held_out: bool) -> int:
    """How many photographs of a set are installed."""
    return len(_find(held_out=held_out))


def draw_photographs(dice: Dice, *, size: int, held_out: bool) -> Tensor:
    """Random crops of the set's photographs, mirrored, with other light and colours, 0…1, `b 3 size size`."""
    device = dice.uniform().device
    album = _load(held_out, device)
    which, zoom = dice.choice(len(album)).tolist(), dice.uniform(0.3, 1.0).tolist()
    places = dice.uniforms(2).tolist()
    crops = torch.stack(
        [_crop(album[n], z, x, y, size) for n, z, (x, y) in zip(which, zoom, places, strict=True)]
    )
    crops = torch.where(dice.chance(0.5)[:, None, None, None], crops.flip(-1), crops)
    return _relight(crops, dice)


def photographs(size: int) -> Tensor:
    """Held-out photographs to judge an autoencoder by, 0…1, `n 3 size size`.

    Of each: the whole, then nearer at the middle and at four places. Raises MediaError where they are
    missing.
    """
    album = _load(True, torch.device("cpu"))
    if not album:
        raise MediaError("the photographs of scikit-image are not there; install scikit-image again")
    views = [(1.0, 0.5, 0.5), (0.5, 0.5, 0.5), *((0.5, x, y) for x in (0.1, 0.9) for y in (0.1, 0.9))]
    return torch.stack([_crop(picture, *view, size) for picture in album for view in views])


def _crop(picture: Tensor, zoom: float, x: float, y: float, size: int) -> Tensor:
    """A square, `zoom` of the shorter side, at fractions x and y of the way, resampled, `3 size size`."""
    h, w = picture.shape[-2:]
    side = max(int(min(h, w) * zoom), 1)
    left, top = int(x * (w - side)), int(y * (h - side))
    square = picture[None, :, top : top + side, left : left + side].float() / 255
    return torch.nn.functional.interpolate(
        square, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )[0]


def _relight(pictures: Tensor, dice: Dice) -> Tensor:
    """Other exposure, contrast, saturation and tint."""
    gamma, gains = dice.uniform(0.75, 1.35)[:, None, None, None], dice.uniforms(3, 0.8, 1.15)[..., None, None]
    saturation = dice.uniform(0.5, 1.4)[:, None, None, None]
    grey = torch.einsum("b c h w, c -> b h w", pictures, pictures.new_tensor(_LUMA))[:, None]
    toned = torch.lerp(grey, pictures, saturation).clamp(1e-4, 1) ** gamma
    return (toned * gains).clamp(0, 1)


@cache
def _find(*, held_out: bool) -> tuple[Path, ...]:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "data"
    wanted = HELD_OUT_PHOTOGRAPHS if held_out else TRAINED
    return tuple(folder / name for name in wanted if (folder / name).is_file())


@cache
def _load(held_out: bool, device: torch.device) -> tuple[Tensor, ...]:
    """The photographs of a set as uint8 `3 h w`, the longer side at most 512."""
    album = []
    for path in _find(held_out=held_out):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
        album.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().to(device))
    return tuple(album)
