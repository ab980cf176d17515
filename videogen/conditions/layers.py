"""A picture in two layers, a person and what is behind: the person moves, and the background stays.

The person's layer is the picture with a mask as its opacity; both are carried along the motion field. The
background is the picture where the person is not, bit for bit, and elsewhere what was found to be behind
them. If nothing was, colours spread in from around (Gortler et al. 1996, "The lumigraph": push and pull),
and what lies deep behind the person is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.conditions.geometry import smoothstep
from videogen.conditions.motion_field import MotionField, resample, stillness
from videogen.errors import RequestError

_PERSON, _NOBODY = 0.85, 0.25
"""What surely is the person and surely is not, in a mask."""
_CRISP = 0.5, 0.9
"""How far a mask rises within three pixels that needs no drawing to the picture's edges."""
_RIM = 1 / 64
"""How far around the person the background is not trusted, over the picture's shorter side."""
_AROUND = 8
"""How many such rims deep the filled background is trusted."""


@dataclass(frozen=True)
class Layers:
    """A picture −1…1 `1 c h w`, the person's opacity 0…1 `1 1 h w`, and what is behind.

    `behind` `1 c h w` is the picture with the person filled in, and `trusted` `1 1 h w` says how surely that
    is what was there, 0…1. Around the person they are filled, and not trusted, for `rim` pixels.
    Of a whole body there are the `arms`, `1 1 h w`, and the picture with arms filled in from the rest of the
    person, `bare`.
    """

    picture: Tensor
    person: Tensor
    behind: Tensor
    trusted: Tensor
    rim: int
    arms: Tensor | None = None
    bare: Tensor | None = None

    @classmethod
    def split(
        cls, picture: Tensor, mask: Tensor, *, ground: Tensor | None = None, arms: Tensor | None = None
    ) -> Layers:
        """Split a picture −1…1 `1 c h w` by a mask `h w` of its size, 0…1.

        `ground` `1 c h w` is the picture without the person, if that is known, and `arms` `h w` says where
        their arms are, if these move on their own.
        Raises RequestError where the sizes differ.
        """
        if mask.shape != picture.shape[-2:]:
            raise RequestError(
                f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels and the picture "
                f"{picture.shape[3]}x{picture.shape[2]}; expected the same"
            )
        opacity = smoothstep(_sharpened(mask[None, None].float(), picture), _NOBODY, _PERSON)
        reach = max(1, round(_RIM * min(mask.shape)))
        covered = _widest((opacity > 0.02).float(), reach)
        sleeves, bare = None, None
        if arms is not None:
            sleeves = arms[None, None]
            free = (opacity > 0.9) & (_widest(sleeves, reach) < 0.1)
            bare = spread(picture, free.float())
        if ground is not None:
            behind, trusted = torch.where(covered > 0, ground, picture), torch.ones_like(covered)
        else:
            behind = torch.where(covered > 0, spread(picture, 1 - covered), picture)
            around = 2 * _AROUND * reach + 1
            near = F.avg_pool2d(1 - covered, around, 1, padding=around // 2, count_include_pad=False)
            trusted = torch.maximum(1 - covered, (5 * near).clamp(0, 1))
        return cls(picture, opacity, behind, trusted, reach, sleeves, bare)

    def carry(self, field: MotionField, moved: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The picture with its person carried, `1 c t h w`, and how surely it is right, `1 t h w`, 0…1.

        `moved` is the picture carried as a whole along the field, `1 c t h w`, and `seen` how surely that is
        right for the person, `1 t h w`.
        """
        person = self._without_outlines(resample(self.person, field)[:, 0] * field.person, field)
        changed = (person - self.person).abs()
        if self.bare is not None:
            moved = torch.lerp(resample(self.bare, field), moved, seen[:, None])
            changed = _widest(torch.maximum(changed, 1 - seen), self.rim)
            seen = torch.ones_like(seen)
        stays = stillness(field) * (1 - changed)
        layered = torch.lerp(self.behind[:, :, None], moved, person[:, None])
        known = torch.lerp(self.trusted.expand_as(person), seen, person)
        return torch.lerp(layered, self.picture[:, :, None], stays[:, None]), torch.lerp(known, seen, stays)

    def _without_outlines(self, person: Tensor, field: MotionField) -> Tensor:
        """The carried person, `1 t h w`, less the thin outlines that stay where a limb has moved away."""
        nobody = _widest(1 - field.person, self.rim)
        thin = max(1, self.rim // 2)
        broad = _widest(-_widest(-person, thin), thin)
        return torch.lerp(person, torch.minimum(person, broad), nobody)


def _widest(values: Tensor, reach: int) -> Tensor:
    """The largest of values `b t h w` within `reach` pixels."""
    return F.max_pool2d(values, 2 * reach + 1, stride=1, padding=reach)


def spread(picture: Tensor, known: Tensor) -> Tensor:
    """Fill a picture `b c h w` where `known` `b 1 h w` is 0 with colours from around."""
    if min(picture.shape[-2:]) < 2 or bool((known > 0).all()):
        return picture * (known > 0)
    sides = -(-picture.shape[-2] // 2), -(-picture.shape[-1] // 2)
    room = (0, 2 * sides[1] - picture.shape[-1], 0, 2 * sides[0] - picture.shape[-2])
    weighed, weights = F.pad(picture * known, room), F.pad(known, room)
    weight = F.avg_pool2d(weights, 2)
    coarse = spread(F.avg_pool2d(weighed, 2) / weight.clamp_min(1e-6), (weight * 4).clamp_max(1))
    fine = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    fine = fine[..., : picture.shape[-2], : picture.shape[-1]]
    return known * picture + (1 - known) * fine


def _sharpened(mask: Tensor, picture: Tensor) -> Tensor:
    """A mask `1 1 h w` whose soft edges are drawn to those of the picture (He et al. 2010, guided filter)."""
    guide = picture.mean(1, keepdim=True) / 2
    reach = max(1, round(min(mask.shape[-2:]) / 64))

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)

    centre, level = mean(guide), mean(mask)
    slope = (mean(guide * mask) - centre * level) / (mean(guide * guide) - centre * centre + 1e-3)
    drawn = (mean(slope) * guide + mean(level - slope * centre)).clamp(0, 1)
    step = _widest(mask, 1) + _widest(-mask, 1)
    return torch.lerp(drawn, mask, smoothstep(step, *_CRISP))
