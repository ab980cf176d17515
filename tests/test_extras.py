"""What can be added to a model, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from videogen.extras import Extra, Extras, parse_extra


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.ckpt", Extra(Path("a.ckpt"))),
        ("a.ckpt@0.5", Extra(Path("a.ckpt"), 0.5)),
        ("a@-1", Extra(Path("a"), -1.0)),
        ("dir/b@2.safetensors@+.5", Extra(Path("dir/b@2.safetensors"), 0.5)),
        ("me@home/a", Extra(Path("me@home/a"))),
        ("a b.ckpt@1@0.2-0.8", Extra(Path("a b.ckpt"), 1.0, 0.2, 0.8)),
        ("a@0.7@.5-1", Extra(Path("a"), 0.7, 0.5, 1.0)),
    ],
)
def test_a_file_its_scale_and_when_it_acts_are_read(text: str, expected: Extra) -> None:
    assert parse_extra(text) == expected


def test_what_is_asked_is_named_by_its_flags() -> None:
    assert Extras().asked == []
    assert Extras(lora=("a",), sparse_control="b").asked == ["--lora", "--sparse-control"]
    assert hash(Extras(lora=("a",))) == hash(Extras(lora=("a",)))
