"""Scripts of people who act: whole, and as heads and shoulders."""

from __future__ import annotations

import torch
from torch import Tensor

from videogen.world import caption, closeup, figure, portrait
from videogen.world.acting import ACTIONS, DIRECTIONS, HEAD_MOTIONS, Joints, act, turn_heads
from videogen.world.dice import Dice
from videogen.world.dress import dress_body
from videogen.world.face import dress_portrait
from videogen.world.painter import Painting, paint
from videogen.world.scene import SCENES, draw_scene
from videogen.world.script import Script, no_tracks

_POSES = tuple(ACTIONS.index(name) for name in ("stand", "wave", "cheer", "point", "dance"))
"""What people may do in their reference picture: they face us and stand."""


def write_people(
    dice: Dice, time: Tensor, fps: Tensor, *, held_out: bool, who: figure.Character | None = None
) -> Script:
    """Scripts of people from head to foot; arguments as for `write_objects`, `who` is who they are."""
    drawn = figure.Character.draw(dice, held_out=held_out)
    who = drawn if who is None else who
    scene, action = dice.choice(len(SCENES)), dice.choice(len(ACTIONS))
    place = dice.fork()
    acting = act(action, time[:, 1:], dice, held_out=held_out)
    poses = action.new_tensor(_POSES)
    other = dice.choice(len(poses))
    other = torch.where(poses[other] == action, (other + 1) % len(poses), other)
    before = act(poses[other], time[:, :1], dice, held_out=held_out)
    joints = _join(before.joints, acting.joints)
    side = torch.where(dice.chance(0.5), 0.06, -0.06)
    x = 0.5 + torch.where(action == ACTIONS.index("walk"), 0.0, dice.uniform(-0.05, 0.05))
    at = torch.cat([(x + side)[:, None], x[:, None].expand_as(time[:, 1:])], 1)
    body = figure.pose_body(joints, dice, at=at)
    sitting = action == ACTIONS.index("sit")
    layers = dress_body(body, who, near_left=acting.near_left, chair=sitting)
    labels = _label(
        who, scene, [ACTIONS[a] for a in action.tolist()], acting.direction, directed=("walk", "point")
    )
    for label, lower, worn in zip(labels, who.trousers.tolist(), who.garment.tolist(), strict=True):
        label[figure.GARMENTS[worn]] = figure.TROUSER_NAMES[lower]

    def paint_all(size: int) -> Painting:
        return paint(draw_scene(scene, place.fork(), size=size), layers, num_frames=time.shape[1])

    return Script(
        "person",
        body.points,
        no_tracks(time),
        fps,
        _describe(dice, labels, portrait=False),
        labels,
        paint_all,
    )


def write_portraits(
    dice: Dice, time: Tensor, fps: Tensor, *, held_out: bool, who: figure.Character | None = None
) -> Script:
    """Scripts of heads and shoulders; arguments as for `write_people`."""
    drawn = figure.Character.draw(dice, held_out=held_out)
    who = drawn if who is None else who
    scene, moves = dice.choice(len(SCENES)), dice.choice(len(HEAD_MOTIONS))
    place = dice.fork()
    acting = turn_heads(moves, time[:, 1:], dice, held_out=held_out)
    still = torch.full_like(moves, HEAD_MOTIONS.index("still"))
    before = turn_heads(still, time[:, :1], dice, held_out=held_out)
    joints = _join(before.joints, acting.joints)
    points, head = portrait.pose_portrait(joints, dice)
    layers = dress_portrait(points, head, joints, who)
    labels = _label(
        who, scene, [HEAD_MOTIONS[m] for m in moves.tolist()], acting.direction, directed=("turn",)
    )

    def paint_all(size: int) -> Painting:
        return paint(draw_scene(scene, place.fork(), size=size), layers, num_frames=time.shape[1])

    captions = _describe(dice, labels, portrait=True)
    return Script("portrait", points, no_tracks(time), fps, captions, labels, paint_all)


def write_faces(dice: Dice, time: Tensor, fps: Tensor, *, held_out: bool) -> Script:
    """Scripts of faces seen from near; arguments as for `write_people`."""
    who = figure.Character.draw(dice, held_out=held_out)
    scene, moves = dice.choice(len(SCENES)), dice.choice(len(HEAD_MOTIONS))
    place = dice.fork()
    joints, direction = closeup.act_face(moves, time, dice, held_out=held_out)
    points, head = portrait.pose_portrait(joints, dice, framing=portrait.CLOSE_UP)
    layers = closeup.dress_face(points, head, joints, who, closeup.Looks.draw(dice, who))
    labels = _label(who, scene, [HEAD_MOTIONS[m] for m in moves.tolist()], direction, directed=("turn",))

    def paint_all(size: int) -> Painting:
        return paint(draw_scene(scene, place.fork(), size=size), layers, num_frames=time.shape[1])

    captions = _describe(dice, labels, portrait=True)
    return Script("face", points, no_tracks(time), fps, captions, labels, paint_all)


def _join(before: Joints, after: Joints) -> Joints:
    """Joints of the reference's moment, then those of the clip."""
    return {name: torch.cat([before[name], value], 1) for name, value in after.items()}


def _label(
    who: figure.Character, scene: Tensor, actions: list[str], direction: Tensor, *, directed: tuple[str, ...]
) -> list[dict[str, str]]:
    """What each clip shows; a direction only for actions that are `directed`."""
    rows = zip(
        who.hair.tolist(), who.shirt.tolist(), who.skin.tolist(), scene.tolist(), actions,
        direction.tolist(), strict=True,
    )  # fmt: skip
    labels = []
    for hair, shirt, skin, place, action, way in rows:
        label = {
            "hair": figure.HAIRS[hair], "shirt": figure.COLOURS[shirt], "skin": figure.SKIN_NAMES[skin],
            "scene": SCENES[place], "action": action,
        }  # fmt: skip
        if action in directed:
            label["direction"] = DIRECTIONS[way]
        labels.append(label)
    return labels


def _describe(dice: Dice, labels: list[dict[str, str]], *, portrait: bool) -> list[str]:
    rolls = dice.uniforms(caption.CAPTION_ROLLS).tolist()
    return [
        caption.describe_person(label, portrait=portrait, rolls=tuple(roll))
        for label, roll in zip(labels, rolls, strict=True)
    ]
