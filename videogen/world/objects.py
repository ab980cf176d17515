"""Scripts of coloured things that move through places."""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.tracks import Tracks
from videogen.world import caption, figure, motion
from videogen.world.camera import CAMERAS, choose_camera, film_scene, move_camera, see_layers, see_tracks
from videogen.world.cast import HELD_OUT, Role, draw_cast
from videogen.world.creatures import SHAPES, build_thing, outlines
from videogen.world.dice import Dice
from videogen.world.painter import Layer, Painting, paint
from videogen.world.scene import SCENES
from videogen.world.script import Script, no_points
from videogen.world.surface import PATTERNS

__all__ = ["HELD_OUT", "write_objects"]

_RESTING = 0.12
"""Two things that move against each other less than this over a clip have a relation."""
_SHADOWED = ("grass", "desert", "snow", "room", "grey")


def write_objects(
    dice: Dice, time: Tensor, fps: Tensor, *, held_out: bool, share: float | None = None
) -> Script:
    """Scripts of things that move; `time` in seconds `b t`, frame 0 the reference; `fps` `b`.

    `share` is that of clips with two things, `pairs` of `draw_cast`.
    """
    one, two, scene = draw_cast(dice, held_out=held_out, pairs=share)
    place = dice.fork()
    crossing = ((time.shape[1] - 1) / fps).clamp_min(motion.CROSSING)
    lens = _choose_lens(dice, one, two, held_out=held_out)
    camera = move_camera(lens, time, dice, crossing=crossing)
    tracks = Tracks.none(*time.shape, device=time.device)
    shadows: list[Layer] = []
    bodies: list[list[Layer]] = []
    for number, role in enumerate((one, two)):
        centre, angle, scale = motion.object_track(
            role.moves, time, dice, radius=role.radius, room=role.room, crossing=crossing, speed=role.speed
        )
        size = role.radius[:, None] * scale
        state = torch.stack([*centre.unbind(-1), size, angle, torch.ones_like(angle)], -1)
        tracks.state[:, :, number] = state * role.present[:, None, None]
        tracks.outline[:, number] = outlines(role.shape, role.mirrored) * role.present[:, None]
        colour = figure.palette(figure.COLOUR_PAINTS, role.colour)
        body = build_thing(
            role.shape, colour, centre, angle, size, mirrored=role.mirrored, pattern=role.pattern,
            thing=number + 1, present=role.present,
        )  # fmt: skip
        shadows.append(_cast_shadow(centre, size, scene, present=role.present))
        bodies.insert(0, body)  # the first thing lies in front
    layers = see_layers([*reversed(shadows), *bodies[0], *bodies[1]], camera)
    labels = _label(one, two, scene, lens, tracks)
    rolls = dice.uniforms(caption.CAPTION_ROLLS).tolist()
    captions = [
        caption.describe_things(label, rolls=tuple(roll)) for label, roll in zip(labels, rolls, strict=True)
    ]

    def paint_all(size: int) -> Painting:
        film = film_scene(scene, place, camera, size=size)
        return paint(film, layers, num_frames=time.shape[1], camera=camera)

    seen = see_tracks(tracks, camera)
    return Script("object", no_points(time), seen, fps, captions, labels, paint_all)


def _choose_lens(dice: Dice, one: Role, two: Role, *, held_out: bool) -> Tensor:
    """Cameras that do not undo what the things are said to do, index of `CAMERAS`, `b`."""
    lens = choose_camera(dice, moving=0.0 if held_out else 0.2)
    pans = _named(lens, CAMERAS, "left", "right")
    zooms = _named(lens, CAMERAS, "in", "out")
    for role in (one, two):
        sideways = _named(role.moves, motion.OBJECT_MOTIONS, "left", "right", "orbit")
        sized = _named(role.moves, motion.OBJECT_MOTIONS, "grow", "shrink")
        lens = torch.where(role.present & ((pans & sideways) | (zooms & sized)), torch.zeros_like(lens), lens)
    return lens


def _named(index: Tensor, names: tuple[str, ...], *wanted: str) -> Tensor:
    return torch.stack([index == names.index(name) for name in wanted]).any(0)


def _cast_shadow(centre: Tensor, size: Tensor, scene: Tensor, *, present: Tensor) -> Layer:
    """A soft shadow on the ground below a thing, fainter the higher that is."""
    feet = centre[..., 1] + size
    ground = feet.amax(1, keepdim=True).clamp_min(motion.FLOOR)
    near = (1 - (ground - feet) / 0.55).clamp(0, 1)
    spot = torch.stack([centre[..., 0], ground.expand_as(feet)], -1)
    extent = torch.stack([size * (0.6 + 0.25 * near), size * 0.16], -1)
    there = present & _named(scene, SCENES, *_SHADOWED) & (ground[:, 0] < 0.97)
    return Layer(
        "ellipse", spot, torch.zeros_like(size), extent, torch.zeros(len(scene), 3, device=scene.device),
        present=there, soft=0.14, opacity=0.34 * near, thing=0,
    )  # fmt: skip


def _label(one: Role, two: Role, scene: Tensor, lens: Tensor, tracks: Tracks) -> list[dict[str, str]]:
    """What each clip shows, by attribute."""
    names = {
        "colour": (figure.COLOURS, one.colour), "shape": (SHAPES, one.shape),
        "motion": (motion.OBJECT_MOTIONS, one.moves), "scene": (SCENES, scene),
        "texture": (PATTERNS, one.pattern), "camera": (CAMERAS, lens),
        "speed": (motion.SPEEDS, one.speed), "colour2": (figure.COLOURS, two.colour),
        "shape2": (SHAPES, two.shape), "motion2": (motion.OBJECT_MOTIONS, two.moves),
        "relation": (("", "left", "right", "above", "below"), _relate(tracks)),
    }  # fmt: skip
    columns = {key: [table[i] for i in index.tolist()] for key, (table, index) in names.items()}
    labels = []
    for row, both in enumerate(two.present.tolist()):
        label = {key: column[row] for key, column in columns.items() if both or not key.endswith("2")}
        label["count"] = "2" if both else "1"
        if label["speed"] == "normal":
            del label["speed"]
        if not label["relation"]:
            del label["relation"]
        labels.append(label)
    return labels


def _relate(tracks: Tracks) -> Tensor:
    """Where thing one lies seen from thing two: 1…4 left, right, above, below; 0 where that changes."""
    apart = tracks.state[:, 1:, 0, :2] - tracks.state[:, 1:, 1, :2]
    resting = ((apart.amax(1) - apart.amin(1)) < _RESTING).all(1) & (tracks.state[:, 0, 1, 4] > 0)
    dx, dy = apart[:, apart.shape[1] // 2].unbind(-1)
    across = torch.where(dx < 0, 1, 2)
    down = torch.where(dy < 0, 3, 4)
    clear = torch.where(dx.abs() > 1.5 * dy.abs(), across, torch.where(dy.abs() > 1.5 * dx.abs(), down, 0))
    return torch.where(resting, clear, torch.zeros_like(clear))
