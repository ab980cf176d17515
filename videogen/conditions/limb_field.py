"""The motion field of a whole body: every limb carries the pixels that lie on it.

Output pixels on a limb follow the affine map that takes it from the driving pose to the reference: along
the bone by the bones' lengths, across by the bodies' sizes; near joints the maps of neighbouring limbs
blend (linear blend skinning). Everything else is background and stays where it is, hidden where the
reference shows the body. Limbs are as wide as limbs usually are or, given a mask of the person, as wide as
they are in the picture, with clothes and hair.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from videogen.conditions.geometry import pixel_centres, smoothstep, within_picture
from videogen.conditions.limb_mask import dressed
from videogen.conditions.limbs import ORDER, SEEN, SIDE, Limbs, limbs

_COARSE = 96  # maps and weights are smooth; only the body's outline is drawn at full size
_FINE = 384  # with a mask limbs have true outlines
_CHUNK = 16  # frames at a time: small enough for the processor's cache
_FAINT = 0.02


def limb_field(
    reference: Tensor, driving: Tensor, *, height: int, width: int, aspect: float, masks: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Carry whole bodies: for each output pixel the place in the reference, and its visibility.

    `reference` is `b k 3`, `driving` `b t k 3` and `masks` `b 2 h w`, as in `motion_field`. Returns places as
    fractions `b t h w 2`, visibility and how surely a limb is there, `b t h w`, 0…1. With a mask a limb is
    wherever what surrounds it in the reference goes, and the visibility is that of the person alone.
    """
    clips, length = driving.shape[:2]
    there = reference[:, None].expand_as(driving).reshape(clips * length, -1, 3)
    here = driving.reshape(clips * length, -1, 3)
    of = None if masks is None else masks.repeat_interleave(length, 0)
    pieces = [
        _carry(
            there[rows],
            here[rows],
            height=height,
            width=width,
            aspect=aspect,
            masks=None if of is None else of[rows],
        )
        for rows in (slice(start, start + _CHUNK) for start in range(0, clips * length, _CHUNK))
    ]
    place, shown, body = (torch.cat(values) for values in zip(*pieces, strict=True))
    places = rearrange(place, "(b t) h w xy -> b t h w xy", b=clips)
    visibility, limb = (rearrange(value, "(b t) h w -> b t h w", b=clips) for value in (shown, body))
    if masks is None:
        visibility = visibility * within_picture(places)
    else:
        places = 1 - (1 - places.abs()).abs()  # a skirt goes on beyond the picture as its mirror image
    return places, visibility, limb


def _carry(
    reference: Tensor, driving: Tensor, *, height: int, width: int, aspect: float, masks: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """`limb_field` for single frames: points `n k 3`, places `n h w 2`, the others `n h w`."""
    stretch = reference.new_tensor([aspect, 1.0])
    most = _COARSE if masks is None else _FINE
    rows, columns = min(height, most), min(width, most)
    coarse = pixel_centres(rows, columns, like=reference) * stretch
    there = limbs(reference[..., :2] * stretch, reference[..., 2] >= SEEN)
    here = limbs(driving[..., :2] * stretch, driving[..., 2] >= SEEN)
    pixel, affine = 1.0 / rows, _maps(here, there)
    order = coarse.new_tensor(ORDER)[:, None]
    places = coarse.reshape(1, -1, 2)
    if masks is None:
        covered, depth = here.coverage(places, pixel=pixel)  # n p q
        share = torch.softmax((order * covered).sub_(depth.clamp_max_(20.0)).mul_(10), 1)
        share = share * (covered.amax(1, keepdim=True) > 0)  # far from every limb nothing moves
        body = covered.amax(1)
    else:
        share, shown, body = dressed(there, here, affine, masks, places=coarse, stretch=stretch)
    maps = torch.einsum("npq,npab->nabq", share, affine)
    moved = torch.einsum("nabq,mqb->nqa", maps[:, :, :2], places) + maps[:, :, 2].mT + places
    if masks is None:
        shown = _shown_limbs(moved, share, covered, here, there, pixel)
        was = there.coverage(places, pixel=pixel)[0].amax(1)
        shown = torch.lerp(1 - (was - body).clamp_min(0), shown, body)

    def enlarge(field: Tensor) -> Tensor:
        field = field.reshape(field.shape[0], -1, rows, columns)
        if (rows, columns) == (height, width):
            return field
        return F.interpolate(field, (height, width), mode="bilinear", align_corners=False)

    centre = rearrange(pixel_centres(height, width, like=reference) * stretch, "h w xy -> 1 xy h w")
    fine = rearrange(enlarge(maps.flatten(1, 2)), "n (a b) h w -> n a b h w", a=2)
    shift = (fine[:, :, :2] * centre[:, None]).sum(2) + fine[:, :, 2]
    limb = enlarge(body)
    found = centre + shift * (limb >= (0.5 if masks is None else _FAINT))
    return rearrange(found, "n xy h w -> n h w xy") / stretch, enlarge(shown)[:, 0], limb[:, 0]


def _maps(here: Limbs, there: Limbs) -> Tensor:
    """Affine maps from driving limbs to reference limbs, less the identity, `n p 2 3`."""
    along = there.length / here.length
    across = (there.core + there.radius) / (here.core + here.radius)
    side_here = torch.stack([-here.axis[..., 1], here.axis[..., 0]], -1)
    side_there = torch.stack([-there.axis[..., 1], there.axis[..., 0]], -1)
    turn = along[..., None, None] * there.axis[..., :, None] * here.axis[..., None, :]
    turn = turn + across[..., None, None] * side_there[..., :, None] * side_here[..., None, :]
    shift = there.start - (turn @ here.start[..., None])[..., 0]
    maps = torch.cat([turn - torch.eye(2, device=turn.device, dtype=turn.dtype), shift[..., None]], -1)
    return torch.where((here.seen & there.seen)[..., None, None], maps, torch.zeros_like(maps))


def _shown_limbs(
    places: Tensor, share: Tensor, covered: Tensor, here: Limbs, there: Limbs, pixel: float
) -> Tensor:
    """How far the reference shows what the limbs carry to their pixels, `n q`.

    `places` is `n q 2` in the reference; `share` (of each limb in a pixel) and `covered` are `n p q`.
    """
    order, side = share.new_tensor(ORDER), share.new_tensor(SIDE)
    front = (order[:, None] > order).float()  # row: the limb that hides, column: the hidden one
    rivals = (order[:, None] == order) & (side[:, None] * side < 0)  # who is in front is unknown
    risk = (front + 0.5 * rivals.float()) @ share
    # A limb that hides the same pixel in the output is no loss.
    hidden = (there.coverage(places, pixel=pixel)[0] - covered).clamp_min(0).mul_(risk).amax(1)
    along = there.length / here.length
    trust = smoothstep(along, 0.2, 0.5) * smoothstep(along.reciprocal(), 0.15, 0.4) * there.seen
    turned = there.facing * here.facing < -0.02
    trust[:, :2] = trust[:, :2] * (~turned)[:, None]  # a front does not show a back
    return (share * trust[..., None]).sum(1) * (1 - hidden)
