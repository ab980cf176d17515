"""Where the weights of controlnet-aux's detectors are."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from videogen.errors import CheckpointError, RequestError
from videogen.weights.annotators import annotator_files

OPENPOSE = ["body_pose_model.pth", "hand_pose_model.pth", "facenet.pth"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("under", ["", "lllyasviel--Annotators", "Annotators"])
def test_files_in_the_user_s_folder_are_found_in_their_order(tmp_path: Path, under: str) -> None:
    (tmp_path / under).mkdir(exist_ok=True)
    for name in OPENPOSE:
        (tmp_path / under / name).write_bytes(b"weights")
    assert [path.name for path in annotator_files("openpose", weights=tmp_path)] == OPENPOSE


@pytest.mark.parametrize(
    "kind", ["openpose", "dwpose", "depth", "softedge", "lineart", "lineart-anime", "normal"]
)
def test_missing_files_are_named_with_the_place_to_put_them(kind: str, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=rf"the {kind} detector needs \d more file.*put them here"
    ) as caught:
        annotator_files(kind, weights=tmp_path)
    assert f"give --weights {tmp_path}" in str(caught.value)
    assert ("non-commercial" in str(caught.value)) == (kind == "openpose")


def test_canny_needs_no_files() -> None:
    assert annotator_files("canny") == []


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no folder"):
        annotator_files("depth", weights=tmp_path / "missing")
