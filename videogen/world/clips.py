"""Index in, clip out: the endless data set of the procedural world.

A batch of indices becomes frames, captions, keypoints, a reference picture of the same thing in another
pose, and the exact motion of every pixel since that reference. Training and evaluation read the same
function; evaluation asks for `held_out` clips, whose combinations are never rendered for training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from videogen.skeleton import KEYPOINTS
from videogen.world import caption, figure, motion, portrait
from videogen.world.dice import Dice
from videogen.world.painter import Layer, Painting, paint
from videogen.world.scene import SCENES, draw_dead_leaves, draw_scene
from videogen.world.shapes import OBJECT_SHAPES

KINDS = ("object", "person", "portrait", "picture")

# (colour, shape, motion) that training never shows
HELD_OUT = (
    ("red", "ball", "bounce"), ("blue", "star", "spin"), ("yellow", "triangle", "right"),
    ("green", "heart", "grow"), ("purple", "square", "left"), ("orange", "ring", "orbit"),
    ("pink", "ball", "down"), ("white", "star", "up"),
)  # fmt: skip


@dataclass(frozen=True)
class Clips:
    """A batch of clips of one kind, with everything true of them.

    `video` and `reference` are −1…1, `b c t h w` and `b c h w`. `points` `b t k 3` and `reference_points`
    `b k 3` are keypoints (confidence 0 where there is no person). `source` `b t h w 2` says where each pixel
    was in the reference (fractions of width and height), `visible` 0/1 `b t h w` whether it was seen there.
    `fps` is `b`; `captions` one sentence per clip; `labels` what each clip shows, by attribute.
    """

    kind: str
    video: Tensor
    reference: Tensor
    points: Tensor
    reference_points: Tensor
    source: Tensor
    visible: Tensor
    fps: Tensor
    captions: list[str]
    labels: list[dict[str, str]] = field(default_factory=list)


@torch.no_grad()
def render_clips(
    kind: str, indices: Tensor, *, size: int = 64, num_frames: int = 8, seed: int = 0, held_out: bool = False,
    fps: float | None = None,
) -> Clips:  # fmt: skip
    """Render the clips of `kind` with these indices (int64 `b`, any device) at `size` pixels square.

    `fps` fixes the frame rate; None draws 4, 8 or 12 for each clip.
    """
    dice = Dice(indices * len(KINDS) + KINDS.index(kind), seed=seed * 2 + held_out)
    rates = indices.new_tensor([4.0, 8.0, 8.0, 12.0], dtype=torch.float32)[dice.choice(4)]
    if fps is not None:
        rates = torch.full_like(rates, fps)
    seconds = num_frames / rates
    slack = (motion.CROSSING - seconds).clamp_min(0)
    start = dice.uniform()[:, None] * slack[:, None]
    time = start + torch.arange(num_frames, device=indices.device) / rates[:, None]
    other = dice.uniform(0, motion.CROSSING)[:, None]
    time = torch.cat([other, time], 1)  # the reference is frame 0
    return _RENDERERS[kind](dice, time, rates, size, held_out)


def _assemble(
    kind: str,
    painting: Painting,
    points: Tensor,
    fps: Tensor,
    captions: list[str],
    labels: list[dict[str, str]],
) -> Clips:
    video = painting.video * 2 - 1
    return Clips(
        kind=kind,
        video=video[:, 1:].transpose(1, 2).contiguous(),
        reference=video[:, 0].contiguous(),
        points=points[:, 1:],
        reference_points=points[:, 0],
        source=painting.source[:, 1:],
        visible=painting.visible[:, 1:],
        fps=fps,
        captions=captions,
        labels=labels,
    )


def _choose_triples(dice: Dice, *, held_out: bool) -> tuple[Tensor, Tensor, Tensor]:
    colour, shape = dice.choice(len(figure.COLOURS)), dice.choice(len(OBJECT_SHAPES))
    moves = dice.choice(len(motion.OBJECT_MOTIONS))
    table = torch.tensor(
        [
            (figure.COLOURS.index(c), OBJECT_SHAPES.index(s), motion.OBJECT_MOTIONS.index(m))
            for c, s, m in HELD_OUT
        ],
        device=colour.device,
    )
    if held_out:
        row = table[dice.choice(len(HELD_OUT))]
        return row[:, 0], row[:, 1], row[:, 2]
    triple = torch.stack([colour, shape, moves], -1)
    forbidden = (triple[:, None] == table[None]).all(-1).any(-1)
    return colour, shape, torch.where(forbidden, torch.zeros_like(moves), moves)


def _render_objects(dice: Dice, time: Tensor, fps: Tensor, size: int, held_out: bool) -> Clips:
    colour, shape, moves = _choose_triples(dice, held_out=held_out)
    scene = _contrasting_scene(dice.choice(len(SCENES)), colour)
    background = draw_scene(scene, dice, size=size)
    radius = dice.uniform(0.17, 0.25)
    centre, angle, scale = motion.object_track(moves, time, dice, radius=radius)
    extent = (radius[:, None] * scale)[..., None].expand(-1, -1, 2)
    paint_ = figure.palette(figure.COLOUR_PAINTS, colour)
    layer = Layer("object", centre, angle, extent, paint_, variant=shape, shade=0.14)
    rim = Layer("object", centre, angle, extent * 1.07, paint_ * 0.55, variant=shape)
    painting = paint(background, [rim, layer], num_frames=time.shape[1])
    rolls = dice.uniforms(5).tolist()
    labels, captions = [], []
    rows = zip(colour.tolist(), shape.tolist(), moves.tolist(), scene.tolist(), rolls, strict=True)
    for c, s, m, place, roll in rows:
        label = {
            "colour": figure.COLOURS[c], "shape": OBJECT_SHAPES[s],
            "motion": motion.OBJECT_MOTIONS[m], "scene": SCENES[place],
        }  # fmt: skip
        labels.append(label)
        captions.append(caption.describe_object(**label, rolls=tuple(roll)))
    return _assemble("object", painting, _no_points(time), fps, captions, labels)


def _contrasting_scene(scene: Tensor, colour: Tensor) -> Tensor:
    """White things leave the snow, green ones the grass, blue ones the sea: they must be seen."""
    clash = torch.zeros_like(scene, dtype=torch.bool)
    for name, place in (("white", "snow"), ("green", "grass"), ("blue", "sea"), ("orange", "desert")):
        clash |= (scene == SCENES.index(place)) & (colour == figure.COLOURS.index(name))
    return torch.where(clash, torch.full_like(scene, SCENES.index("grey")), scene)


def _no_points(time: Tensor) -> Tensor:
    return torch.zeros(*time.shape, KEYPOINTS, 3, device=time.device)


def _render_people(dice: Dice, time: Tensor, fps: Tensor, size: int, held_out: bool) -> Clips:
    who = figure.Character.draw(dice, held_out=held_out)
    scene = dice.choice(len(SCENES))
    action, other = dice.choice(len(motion.ACTIONS)), dice.choice(len(motion.ACTIONS))
    background = draw_scene(scene, dice, size=size)
    angles = motion.body_angles(action, time, dice)
    elsewhere = motion.body_angles(other, time[:, :1], dice)
    angles = {name: torch.cat([elsewhere[name], value[:, 1:]], 1) for name, value in angles.items()}
    walking = (action == motion.ACTIONS.index("walk")).float()[:, None]
    direction = torch.where(dice.chance(0.5), 1.0, -1.0)[:, None]
    offset = direction * 0.16 * walking * (time - motion.CROSSING / 2)
    points, height = figure.pose_body(angles, dice, offset=offset)
    painting = paint(background, figure.dress_body(points, height, who), num_frames=time.shape[1])
    does = [caption.ACTION_PHRASES[motion.ACTIONS[a]] for a in action.tolist()]
    captions, labels = _describe_people(dice, who, does, scene, portrait_of=False)
    for label, a in zip(labels, action.tolist(), strict=True):
        label["action"] = motion.ACTIONS[a]
    return _assemble("person", painting, points, fps, captions, labels)


def _render_portraits(dice: Dice, time: Tensor, fps: Tensor, size: int, held_out: bool) -> Clips:
    who = figure.Character.draw(dice, held_out=held_out)
    scene, moves = dice.choice(len(SCENES)), dice.choice(len(motion.HEAD_MOTIONS))
    background = draw_scene(scene, dice, size=size)
    turns = motion.head_turns(moves, time, dice)
    points, head = portrait.pose_portrait(turns, dice)
    painting = paint(background, portrait.dress_portrait(points, head, turns, who), num_frames=time.shape[1])
    does = [caption.HEAD_PHRASES[motion.HEAD_MOTIONS[m]] for m in moves.tolist()]
    captions, labels = _describe_people(dice, who, does, scene, portrait_of=True)
    for label, m in zip(labels, moves.tolist(), strict=True):
        label["action"] = motion.HEAD_MOTIONS[m]
    return _assemble("portrait", painting, points, fps, captions, labels)


def _describe_people(
    dice: Dice, who: figure.Character, does: list[tuple[str, ...]], scene: Tensor, *, portrait_of: bool
) -> tuple[list[str], list[dict[str, str]]]:
    rolls = dice.uniforms(5).tolist()
    captions, labels = [], []
    rows = zip(who.hair.tolist(), who.shirt.tolist(), does, scene.tolist(), rolls, strict=True)
    for hair, shirt, action, place, roll in rows:
        label = {"hair": figure.HAIRS[hair], "shirt": figure.COLOURS[shirt], "scene": SCENES[place]}
        labels.append(label)
        captions.append(
            caption.describe_person(
                label["hair"], label["shirt"], action, label["scene"], portrait=portrait_of, rolls=tuple(roll)
            )
        )
    return captions, labels


def _render_pictures(dice: Dice, time: Tensor, fps: Tensor, size: int, held_out: bool) -> Clips:
    """Dead leaves carried along smooth random motion: appearance without meaning, to be carried exactly."""
    picture = draw_dead_leaves(dice, size=size)
    b, t = time.shape
    grid = (torch.arange(size, device=time.device) + 0.5) / size
    y, x = grid[:, None], grid[None, :]
    source = torch.stack(torch.broadcast_tensors(x, y), -1).expand(b, t, size, size, 2).clone()
    ramp = torch.sin(2 * torch.pi * 0.35 * time + dice.phase()[:, None])
    ramp = ramp - ramp[:, :1]
    for _ in range(3):
        kx, ky = dice.uniform(-1.6, 1.6)[:, None, None], dice.uniform(-1.6, 1.6)[:, None, None]
        wave = torch.sin(2 * torch.pi * (kx * x + ky * y) + dice.phase()[:, None, None])
        push = dice.uniforms(2, -0.045, 0.045)
        source += (ramp[..., None, None] * wave[:, None])[..., None] * push[:, None, None, None, :]
    source += (ramp[..., None] * dice.uniforms(2, -0.1, 0.1)[:, None])[:, :, None, None, :]
    flat = torch.nn.functional.grid_sample(
        picture[:, None].expand(b, t, 3, size, size).flatten(0, 1),
        source.flatten(0, 1) * 2 - 1,
        padding_mode="border",
        align_corners=False,
    )
    inside = ((source >= 0) & (source <= 1)).all(-1).float()
    painting = Painting(flat.view(b, t, 3, size, size), source, inside)
    return _assemble("picture", painting, _no_points(time), fps, [""] * b, [{} for _ in range(b)])


_RENDERERS = {
    "object": _render_objects, "person": _render_people,
    "portrait": _render_portraits, "picture": _render_pictures,
}  # fmt: skip


class WorldClips(IterableDataset[Clips]):
    """An endless stream of batches of training clips; batch number n is always the same.

    `mixture` gives kind → share. Each batch is of one kind, so that it renders in one pass. Workers of a
    `DataLoader` share the numbers out between them.
    """

    def __init__(
        self, *, mixture: dict[str, float], batch_size: int, size: int = 64, num_frames: int = 8,
        seed: int = 0, first_batch: int = 0, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.mixture, self.batch_size, self.size, self.num_frames = mixture, batch_size, size, num_frames
        self.seed, self.first_batch, self.device = seed, first_batch, device

    def batch(self, number: int) -> Clips:
        """The batch with this number."""
        pick = Dice(torch.tensor([number]), seed=self.seed + 1).uniform().item() * sum(self.mixture.values())
        kind = next(iter(self.mixture))
        for name, share in self.mixture.items():
            kind = name
            if pick < share:
                break
            pick -= share
        indices = torch.arange(number * self.batch_size, (number + 1) * self.batch_size, device=self.device)
        return render_clips(kind, indices, size=self.size, num_frames=self.num_frames, seed=self.seed)

    def __iter__(self) -> Iterator[Clips]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        number = self.first_batch + worker
        while True:
            yield self.batch(number)
            number += workers
