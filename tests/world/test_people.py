"""Scripts of people tell the truth: labels, keypoints and pictures agree."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from videogen.skeleton import BODY, FACE_SLICE, LEFT_HAND_SLICE, RIGHT_HAND_SLICE
from videogen.world import people, render_clips
from videogen.world.acting import ACTIONS, HEAD_MOTIONS
from videogen.world.clips import write_script
from videogen.world.dice import Dice
from videogen.world.figure import (
    COLOUR_PAINTS,
    COLOURS,
    GARMENTS,
    HAIR_PAINTS,
    HAIRS,
    SHOES,
    SKIN_NAMES,
    SKINS,
    TROUSER_NAMES,
    Character,
)
from videogen.world.scene import SCENES
from videogen.world.script import Clips, Script

LARGE = 160
PALETTE = torch.tensor(COLOUR_PAINTS) / 255
HANDS = {"left": LEFT_HAND_SLICE, "right": RIGHT_HAND_SLICE}


@cache
def script(kind: str, held_out: bool = False) -> Script:
    return write_script(kind, torch.arange(600), held_out=held_out, fps=8.0)


@cache
def picture(kind: str) -> Clips:
    return render_clips(kind, torch.arange(48), size=LARGE, num_frames=1)


def rows(kind: str, action: str) -> list[int]:
    return [row for row, label in enumerate(script(kind).labels) if label["action"] == action]


def signs(kind: str, action: str) -> Tensor:
    """1 for each clip of an action to the right, −1 to the left."""
    labels = script(kind).labels
    return torch.tensor([1 if labels[row]["direction"] == "right" else -1 for row in rows(kind, action)])


def at(kind: str, action: str, name: str) -> Tensor:
    """A joint of the clips of an action, `m t 2`."""
    return script(kind).points[rows(kind, action), 1:, BODY[name], :2]


@pytest.mark.parametrize("kind", ["person", "portrait"])
def test_labels_hold_what_is_promised(kind: str) -> None:
    directed = ("walk", "point") if kind == "person" else ("turn",)
    found = script(kind).labels
    for label in found:
        assert label["hair"] in HAIRS
        assert label["shirt"] in COLOURS
        assert label["skin"] in SKIN_NAMES
        assert label["scene"] in SCENES
        assert ("direction" in label) == (label["action"] in directed)
        worn = [label[garment] for garment in GARMENTS if garment in label]
        assert len(worn) == (kind == "person")
        assert all(colour in TROUSER_NAMES for colour in worn)
    assert {label["action"] for label in found} == set(ACTIONS if kind == "person" else HEAD_MOTIONS)
    assert {label["direction"] for label in found if "direction" in label} == {"left", "right"}


@pytest.mark.parametrize("kind", ["person", "portrait"])
def test_held_out_people_are_never_seen_in_training_and_always_when_held_out(kind: str) -> None:
    for held_out in (False, True):
        for label in script(kind, held_out).labels:
            assert (HAIRS.index(label["hair"]) == COLOURS.index(label["shirt"]) % 5) is held_out


@pytest.mark.parametrize("kind", ["person", "portrait"])
def test_a_part_can_be_given_to_somebody_and_all_else_stays_as_it_was(kind: str) -> None:
    count = 6
    somebody = Character.draw(Dice(torch.zeros(count, dtype=torch.int64), seed=5), held_out=False)
    drawn, played = (
        write_script(kind, torch.arange(count), num_frames=4, who=who) for who in (None, somebody)
    )
    assert {(label["hair"], label["shirt"], label["skin"]) for label in played.labels} == {
        (HAIRS[int(somebody.hair[0])], COLOURS[int(somebody.shirt[0])], SKIN_NAMES[int(somebody.skin[0])])
    }
    for before, after in zip(drawn.labels, played.labels, strict=True):
        assert (before["action"], before["scene"]) == (after["action"], after["scene"])
    assert torch.equal(drawn.points, played.points)


def test_directions_are_those_of_the_picture() -> None:
    labels = script("person").labels
    for action in ("walk", "point"):
        sign = torch.tensor(
            [1 if labels[row]["direction"] == "right" else -1 for row in rows("person", action)]
        )
        neck, wrists = (
            at("person", action, "neck"),
            [at("person", action, f"{s}_wrist") for s in ("left", "right")],
        )
        moved = neck[:, -1, 0] - neck[:, 0, 0]
        out = torch.stack([wrist[..., 0] - neck[..., 0] for wrist in wrists]).mean(2)
        reach = out.gather(0, out.abs().argmax(0)[None])[0]
        assert ((moved if action == "walk" else reach) * sign > 0.1).all()
    labels = script("portrait").labels
    sign = torch.tensor(
        [1 if labels[row]["direction"] == "right" else -1 for row in rows("portrait", "turn")]
    )
    nose = at("portrait", "turn", "nose") - at("portrait", "turn", "neck")
    assert ((nose[:, -1, 0] - nose[:, 0, 0]) * signs("portrait", "turn") > 0.03).all()


def test_jumpers_leave_the_ground_and_others_stand_on_it() -> None:
    for action in ACTIONS:
        ankles = [at("person", action, f"{side}_ankle")[..., 1] for side in ("left", "right")]
        lowest = torch.maximum(*ankles)
        rise = lowest.amax(1) - lowest.amin(1)
        assert (rise > 0.03).all() if action == "jump" else (rise < 0.02).all(), action


def test_who_turns_around_hides_the_face_and_nobody_else_does() -> None:
    turned = torch.tensor(rows("person", "turn"))
    seen = script("person").points[:, 1:, BODY["nose"], 2]
    hidden = (seen == 0).any(1)
    assert hidden[turned].float().mean() > 0.6
    assert hidden.sum() == hidden[turned].sum()


def test_references_stand_facing_us_in_another_pose() -> None:
    people = script("person")
    points = people.points
    assert (points[:, 0, BODY["nose"], 2] == 1).all()
    legs = points[:, 0, BODY["left_ankle"], 1] - points[:, 0, BODY["left_hip"], 1]
    assert (legs > 0.22).all()
    bodies = points[:, :, :18, :2] - points[:, :, 1:2, :2]
    assert ((bodies[:, 1:] - bodies[:, :1]).norm(dim=-1).amax(2).mean(1) > 0.04).float().mean() > 0.95
    faces = script("portrait").points[:, 0, FACE_SLICE, :2]
    assert (faces[:, 66, 1] - faces[:, 62, 1]).max() < 0.03, "mouths closed"
    assert (faces[:, 41, 1] - faces[:, 37, 1]).min() > 0.03, "eyes open"


def colours_at(clips: Clips, places: Tensor) -> Tensor:
    """Colours 0…1 `b 3` of the first frame at places `b 2`, fractions."""
    column, row = (places * LARGE).long().clamp(0, LARGE - 1).unbind(-1)
    return (clips.video[torch.arange(len(places)), :, 0, row, column] + 1) / 2


def off_hue(colours: Tensor, paints: Tensor) -> Tensor:
    """How far colours `b 3` are from the nearest of paints `k 3` but for their brightness, `b`."""
    return torch.cdist(F.normalize(colours, dim=1), F.normalize(paints, dim=1)).amin(1)


def test_keypoints_of_people_lie_on_the_figure() -> None:
    clips = picture("person")
    points, skins = clips.points[:, 0], torch.tensor(SKINS) / 255
    own = skins[[SKIN_NAMES.index(label["skin"]) for label in clips.labels]]
    near = torch.zeros(len(points))
    for side, hand in HANDS.items():
        palm = colours_at(clips, points[:, hand, :2][:, (0, 9)].mean(1))
        near += (torch.cdist(palm[:, None], own[:, None])[:, 0, 0] < 0.12).float()
        shoe = colours_at(clips, points[:, BODY[f"{side}_ankle"], :2] + torch.tensor([0.0, 0.012]))
        covered = torch.cdist(shoe, torch.tensor(SHOES) / 255).amin(1)
        assert (covered < 0.2).float().mean() > 0.85, side
    assert (near == 2).float().mean() > 0.85
    assert (near >= 1).float().mean() > 0.97
    for name in ("right_eye", "left_eye"):
        seen = points[:, BODY[name], 2] > 0
        assert (colours_at(clips, points[:, BODY[name], :2])[seen].amax(1) < 0.25).float().mean() > 0.95
    hips = (points[:, BODY["right_hip"], :2] + points[:, BODY["left_hip"], :2]) / 2
    shirts = PALETTE[[COLOURS.index(label["shirt"]) for label in clips.labels]]
    along = torch.linspace(0.1, 0.9, 17)
    torso = [colours_at(clips, torch.lerp(points[:, 1, :2], hips, float(k))) for k in along]
    off = torch.stack([(F.normalize(c, dim=1) - F.normalize(shirts, dim=1)).norm(dim=1) for c in torso])
    assert off.amin(0).max() < 0.05


def test_keypoints_of_portraits_lie_on_the_face() -> None:
    clips = picture("portrait")
    points = clips.points[:, 0, :, :2]
    face, paints = points[:, FACE_SLICE], torch.tensor(SKINS + HAIR_PAINTS) / 255
    for name, number in (("jaw", 2), ("chin", 8), ("other jaw", 14), ("nose", 30)):
        off = off_hue(colours_at(clips, face[:, number]), paints)
        assert (off < 0.04).float().mean() > 0.9, name  # an outline mixes with what is behind it
    for pupil, upper, lower in ((68, 37, 41), (69, 43, 47)):
        opened = (face[:, lower, 1] - face[:, upper, 1]) * LARGE > 5
        assert opened.float().mean() > 0.6
        assert (colours_at(clips, face[:, pupil]).amax(1) < 0.3)[opened].float().mean() > 0.9
    talks = torch.tensor([label["action"] == "talk" for label in clips.labels])
    gaping = talks & ((face[:, 66, 1] - face[:, 62, 1]) * LARGE > 8)
    inside = colours_at(clips, torch.lerp(face[:, 62], face[:, 66], 0.8))
    assert gaping.any()
    assert inside[gaping].amax(1).max() < 0.4
    for name in ("right_shoulder", "left_shoulder"):
        place = points[:, BODY[name]]
        shirt = PALETTE[[COLOURS.index(label["shirt"]) for label in clips.labels]]
        off = (F.normalize(colours_at(clips, place), dim=1) - F.normalize(shirt, dim=1)).norm(dim=1)
        assert (off < 0.06).float().mean() > 0.6, "patterns have a second colour"


def test_fingers_spread_from_the_wrist() -> None:
    points = script("person").points
    for side, hand in HANDS.items():
        palm = points[:, :, hand, :2] - points[:, :, BODY[f"{side}_wrist"], None, :2]
        assert palm[:, :, 0].abs().max() < 1e-6
        far = palm[:, :, (8, 12, 16, 20)].norm(dim=-1)
        assert far.min() > 0.03
        assert far.max() < 0.09
        assert (points[:, :, hand, 2] == 1).all()


def test_layers_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(people, "paint", lambda scene, layers, *, num_frames: counts.append(len(layers)))
    for kind in ("person", "portrait"):
        write_script(kind, torch.arange(2), num_frames=1).paint(8)
    assert len(counts) == 2
    assert max(counts) < 35
