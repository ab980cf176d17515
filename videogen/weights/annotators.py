"""Weights of the detectors that controlnet-aux brings the code of, and their paths on this machine.

In: a detector's name, and the user's folder. Out: a path for every file, or one CheckpointError that names
each that is missing with its size, its licence and the place to put it.
"""

from __future__ import annotations

from pathlib import Path

from videogen.weights.catalogue import File, Licence, Need
from videogen.weights.places import obtain

_REPO, _DWPOSE_REPO = "lllyasviel/Annotators", "wanghaofan/dw-ll_ucoco_384"
YOLOX = "yolox_l_8x8_300e_coco_20211126_140236-d3bd2b23.pth"
"""What finds people for DWPose; OpenMMLab's own downloads have it, not the hub."""
_CMU = Licence("CMU OpenPose licence", commercial=False)
_APACHE, _MIT = Licence("Apache-2.0"), Licence("MIT")
_MB = 1_000_000
_FILES = {
    "openpose": (
        ("body_pose_model.pth", 209, _CMU), ("hand_pose_model.pth", 147, _CMU), ("facenet.pth", 154, _CMU)
    ),
    "dwpose": (("dw-ll_ucoco_384.pth", 407, _APACHE),),
    "canny": (),
    "depth": (("dpt_hybrid-midas-501f0c75.pt", 493, _MIT),),
    "normal": (("scannet.pt", 291, _MIT),),
    "softedge": (("ControlNetHED.pth", 29, _APACHE),),
    "scribble": (("ControlNetHED.pth", 29, _APACHE),),
    "lineart": (("sk_model.pth", 17, _MIT), ("sk_model2.pth", 17, _MIT)),
    "lineart-anime": (("netG.pth", 218, _MIT),),
}  # fmt: skip


def annotator_files(name: str, *, weights: Path | None = None) -> list[Path]:
    """Paths of the files of a detector, in its order; what is missing is fetched from the hub.

    `weights` is a folder that is looked into first. Raises CheckpointError naming every file that cannot be
    had, RequestError where `weights` is no folder.
    """
    repo = _DWPOSE_REPO if name == "dwpose" else _REPO
    files = tuple(File(repo, path, size * _MB, licence, path) for path, size, licence in _FILES[name])
    if not files:
        return []
    found = obtain([Need(name, (files,))], name=f"the {name} detector", weights=weights)
    return [found[file.place] for file in files]
