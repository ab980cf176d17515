"""What may be behind a person: the picture without them, made from pieces of what is around.

OpenCV's shift map (He & Sun 2012, "Statistics of patch offsets for image completion") copies whole pieces
of the picture, so that the ground keeps its texture and lines. It works at a small size. The module that
holds it comes with opencv-contrib-python, which mediapipe brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from videogen.errors import MissingExtra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from videogen.types import Frame

_SIDE = 256
_LEAST = 16  # pixels
_SOMEBODY = 0.02
_RIM = 1 / 48  # of the shorter side: light from a person reaches a little around them


def fill_ground(frame: Frame, person: NDArray[np.float32]) -> Frame | None:
    """Take a person, `h w` 0…1, out of a frame uint8 `h w 3`; elsewhere the frame is as it was.

    None where too little is seen around the person. Raises MissingExtra where OpenCV's module is absent.
    """
    try:
        cv2: Any = import_module("cv2")
        inpaint, method = cv2.xphoto.inpaint, cv2.xphoto.INPAINT_SHIFTMAP
    except (ImportError, AttributeError) as error:
        raise MissingExtra("opencv-contrib-python", extra="pose") from error
    height, width = frame.shape[:2]
    scale = min(1.0, _SIDE / min(height, width))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    if min(rows, columns) < _LEAST:
        return None
    small = np.asarray(Image.fromarray(frame).resize((columns, rows), Image.Resampling.BOX))
    somebody = np.asarray(Image.fromarray(person).resize((columns, rows), Image.Resampling.BOX)) > _SOMEBODY
    hidden = ndimage.binary_dilation(somebody, iterations=max(1, round(_RIM * min(rows, columns))))
    if not hidden.any() or hidden.mean() > 0.9:
        return None
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    filled = np.zeros_like(lab)
    inpaint(lab, np.where(hidden, 0, 255).astype(np.uint8), filled, method)
    missed = hidden & (filled == 0).all(-1)
    made = cv2.cvtColor(filled, cv2.COLOR_LAB2RGB)
    if missed.any():
        made = cv2.inpaint(made, missed.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    made[~hidden] = small[~hidden]
    large = np.array(Image.fromarray(made).resize((width, height), Image.Resampling.BICUBIC))
    outside = ~np.asarray(Image.fromarray(hidden).resize((width, height), Image.Resampling.NEAREST))
    large[outside] = frame[outside]
    return large
