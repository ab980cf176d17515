"""Make the inputs in samples/inputs that come from arithmetic alone, and so are free of anyone's rights.

`head.json` is a talking head and `dance.json` a dancer, both to drive with; `puppet.png` with `puppet.json`
is a cartoon character that training never showed. Run: python samples/make_inputs.py
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from videogen.conditions.face_model import FACE_MODEL
from videogen.conditions.pose import write_pose
from videogen.media.image import write_image
from videogen.skeleton import BODY, FACE_SLICE, KEYPOINTS
from videogen.types import Pose
from videogen.world import render_clips

FRAMES, FPS, CANVAS = 48, Fraction(12), 512
Array = NDArray[np.float64]


def track(*keys: tuple[float, float]) -> Array:
    """A smooth curve through (second, value) pairs that never overshoots them, one value a frame."""
    seconds, values = zip(*keys, strict=True)
    return np.asarray(PchipInterpolator(seconds, values)(np.arange(FRAMES) / float(FPS)))


def rotations(yaw: Array, pitch: Array, roll: Array) -> Array:
    """Rotations by angles in degrees, `t 3 3`: first yaw, then pitch, then roll."""
    (cy, sy), (cp, sp), (cr, sr) = (
        (np.cos(np.radians(a)), np.sin(np.radians(a))) for a in (yaw, pitch, roll)
    )
    one, nil = np.ones_like(cy), np.zeros_like(cy)

    def matrix(*rows: tuple[Array, Array, Array]) -> Array:
        return np.stack([np.stack(row, -1) for row in rows], -2)

    about_y = matrix((cy, nil, sy), (nil, one, nil), (-sy, nil, cy))
    about_x = matrix((one, nil, nil), (nil, cp, sp), (nil, -sp, cp))
    about_z = matrix((cr, -sr, nil), (sr, cr, nil), (nil, nil, one))
    return np.asarray(about_z @ about_x @ about_y)


def expressions() -> Array:
    """The plain face, speaking, blinking and lifting its brows, `t 70 3`."""
    face = np.repeat(np.array(FACE_MODEL)[None], FRAMES, 0)
    closed = track((0, 0), (0.92, 0), (1.0, 1), (1.17, 0), (2.75, 0), (2.83, 1), (3.0, 0), (4, 0))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        gap = face[:, lower, 1] - face[:, upper, 1]
        face[:, upper, 1] += 0.7 * closed * gap
        face[:, lower, 1] -= 0.15 * closed * gap
    syllables = ((1.45, 0.8), (1.6, 0.2), (1.75, 0.9), (1.95, 0.1), (2.1, 0.6))
    word = ((3.25, 0.5), (3.4, 0.1))
    says = track((0, 0), (1.3, 0), *syllables, (2.3, 0), (3.1, 0), *word, (3.55, 0), (4, 0))
    down = 0.16 * says
    face[:, 55:60, 1] += down[:, None]
    face[:, 65:68, 1] += down[:, None]
    jaw = np.sin(np.linspace(0, np.pi, 17)) ** 2
    face[:, :17, 1] += 0.9 * down[:, None] * jaw
    narrow = 0.05 * says
    face[:, [48, 60], 0] += narrow[:, None]
    face[:, [54, 64], 0] -= narrow[:, None]
    brows = track((0, 0), (1.3, 0), (1.6, 1), (2.2, 0.2), (2.6, 0), (3.1, 0.6), (3.5, 0), (4, 0))
    face[:, 17:27, 1] -= 0.07 * brows[:, None]
    gaze = track((0, 0), (0.5, 0.05), (1.2, -0.04), (2, 0), (2.5, 0.04), (3.2, 0), (4, 0))
    face[:, 68:70, 0] += gaze[:, None]
    return np.asarray(face)


def head() -> Pose:
    """A head and shoulders that looks aside, nods, speaks and tilts, and ends as it began."""
    turn = rotations(
        yaw=track((0, 0), (0.6, 20), (1.3, -6), (2.0, -20), (2.7, -4), (3.3, 8), (4, 0)),
        pitch=track((0, 0), (0.5, 2), (1.4, -5), (1.7, 6), (2.0, -3), (2.4, 10), (2.8, -8), (3.2, 3), (4, 0)),
        roll=track((0, 0), (0.6, -4), (1.5, 5), (2.1, 3), (3.0, -9), (3.5, -4), (4, 0)),
    )
    pivot = np.array([0.0, 1.9, -0.35])  # the top of the neck's bones
    solid = (expressions() - pivot) @ turn.transpose(0, 2, 1) + pivot
    nearer = 1 / (1 - solid[..., 2:] / 14)  # a camera some 80 cm away
    scale, centre = 0.11, np.array([0.5, 0.4])
    breath = 0.004 * np.sin(2 * np.pi * np.arange(FRAMES) / FRAMES)
    sway = track((0, 0), (0.7, 0.008), (2.0, -0.01), (3.2, 0.004), (4, 0))
    drift = np.stack([sway, -breath], -1)
    points = np.zeros((FRAMES, KEYPOINTS, 3))
    points[:, FACE_SLICE, :2] = centre + drift[:, None] + scale * solid[..., :2] * nearer
    points[:, FACE_SLICE, 2] = 1
    for name, x, y in (("neck", 0.0, 2.5), ("right_shoulder", -2.1, 2.6), ("left_shoulder", 2.1, 2.6)):
        points[:, BODY[name], :2] = centre + scale * np.array([x, y]) + drift
        points[:, BODY[name], 2] = 1
    for name, index in (
        ("nose", 30),
        ("right_eye", 68),
        ("left_eye", 69),
        ("right_ear", 0),
        ("left_ear", 16),
    ):
        points[:, BODY[name]] = points[:, FACE_SLICE.start + index]
    return Pose(points.astype(np.float32), fps=FPS, aspect=1.0)


# Key poses, one every half second; degrees from hanging straight down, outwards positive. Each row: hips
# aside (of the figure's height), lean, head; then for right and left: upper arm, forearm, thigh, shin.
DANCE = (
    (0.00, 0, 0, (12, 8, 4, 0), (12, 8, 4, 0)),
    (0.02, -3, 6, (120, 175, 4, 2), (14, 10, 8, 4)),
    (0.02, -3, -4, (120, 140, 4, 2), (14, 10, 8, 4)),
    (0.00, 3, 5, (115, 178, 6, 2), (40, 70, 6, 2)),
    (-0.07, 8, -6, (60, 20, 16, 2), (95, 165, 2, -4)),
    (0.07, -8, 6, (95, 165, 2, -4), (60, 20, 16, 2)),
    (0.00, 0, 0, (150, 168, 14, -2), (150, 168, 14, -2)),
    (0.03, 4, -5, (50, 105, 10, 2), (50, 105, 22, -26)),
)


def dance() -> Pose:
    """A whole body that waves, steps from side to side and lifts its arms, and ends as it began."""
    rows = np.array([[x, lean, tilt, *right, *left] for x, lean, tilt, right, left in DANCE])
    rows = np.concatenate([rows, rows[:1]])
    curves = CubicSpline(np.arange(len(rows)) / 2, rows, bc_type="periodic")(np.arange(FRAMES) * 4 / FRAMES)
    size = 0.8
    points = np.zeros((FRAMES, KEYPOINTS, 3))

    def step(start: Array, length: float, degrees: Array) -> Array:
        radians = np.radians(degrees)
        return start + size * length * np.stack([np.sin(radians), np.cos(radians)], -1)

    def put(name: str, place: Array) -> Array:
        points[:, BODY[name], :2], points[:, BODY[name], 2] = place, 1
        return place

    hips = np.stack([0.5 + curves[:, 0] * size, np.full(FRAMES, 0.5)], -1)
    lean, tilt = curves[:, 1], curves[:, 2]
    neck = put("neck", step(hips, 0.29, 180 + lean))
    face = step(neck, 0.13, 180 + lean + 0.5 * tilt)
    put("nose", step(face, 0.02, tilt))
    for side, sign, column in (("right", -1.0, 3), ("left", 1.0, 7)):
        arm, forearm, thigh, shin = (sign * curves[:, column + index] for index in range(4))
        put(f"{side}_eye", step(face, 0.033, tilt + sign * 105))
        put(f"{side}_ear", step(face, 0.066, tilt + sign * 92))
        shoulder = put(f"{side}_shoulder", step(neck, 0.105, lean + sign * 84))
        put(f"{side}_wrist", step(put(f"{side}_elbow", step(shoulder, 0.155, arm)), 0.15, forearm))
        hip = put(f"{side}_hip", step(hips, 0.06, np.full(FRAMES, sign * 80)))
        put(f"{side}_ankle", step(put(f"{side}_knee", step(hip, 0.22, thigh)), 0.21, shin))
    ankles = points[:, [BODY["right_ankle"], BODY["left_ankle"]], 1].max(1)
    points[:, :18, 1] += (0.93 - ankles)[:, None]  # the lower foot stands on the floor
    return Pose(points.astype(np.float32), fps=FPS, aspect=1.0)


def puppet(folder: Path, *, index: int = 109, side: int = 256) -> None:
    """Write a held-out character of the procedural world at rest, and its keypoints."""
    clip = render_clips("person", torch.tensor([index]), size=side, num_frames=1, held_out=True, fps=8)
    picture = ((clip.video[0, :, 0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8)
    write_image(folder / "puppet.png", picture.numpy())
    points = clip.points[0].numpy()
    write_pose(folder / "puppet.json", Pose(points, aspect=1.0), width=side, height=side)


def main() -> None:
    """Write the files beside this program."""
    folder = Path(__file__).parent / "inputs"
    puppet(folder)
    for name, pose in (("head", head()), ("dance", dance())):
        write_pose(folder / f"{name}.json", pose, width=CANVAS, height=CANVAS)


if __name__ == "__main__":
    main()
