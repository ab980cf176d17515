"""A request's fields as flags of the command line: their names, kinds and help texts."""

from __future__ import annotations

import types
from dataclasses import field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from tyro.conf import Positional, UseAppendAction, arg

from videogen.request import Folder, Request

METAVARS = {int: "INT", float: "NUMBER", Fraction: "RATE", Folder: "DIR", Path: "FILE"}


def flag_of(request: type[Request], name: str) -> tuple[str, Any, Any]:
    """Describe one field to tyro; numbers stay text, so that one place judges them: the request."""
    info = request.model_fields[name]
    many = get_origin(info.annotation) is tuple
    members = [kind for kind in get_args(info.annotation) if kind not in (types.NoneType, ...)]
    members = members or [info.annotation]
    kinds = [get_args(kind)[0] if hasattr(kind, "__metadata__") else kind for kind in members]
    kind: Any = UseAppendAction[tuple[str, ...]] if many else info.annotation
    default = info.default
    if kinds[0] in (int, float, Fraction):
        kind = str if info.is_required() or default is not None else str | None
        default = default if default is None else str(default)
    metavar = METAVARS.get(members[0]) or METAVARS.get(kinds[0], "TEXT" if kinds == [str] else None)
    place = name in request.by_place()
    help_text = arg(
        help=info.description,
        metavar=name.upper() if place else metavar,
        help_behavior_hint="" if info.is_required() or default in (None, ()) else None,
    )
    kind = Annotated[kind, help_text, Positional] if place else Annotated[kind, help_text]
    return (name, kind, field()) if info.is_required() else (name, kind, field(default=default))
