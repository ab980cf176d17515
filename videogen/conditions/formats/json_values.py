"""Any JSON of keypoints as frames: the family is told by the keys, coordinates are left as written.

Known: OpenPose (BODY_25 or COCO-18), ControlNet and openpose-editor, COCO-WholeBody (133, or 134 with a
neck, flat or nested, and mmpose's result files), DWPose's dictionary, bare arrays. Anything else raises a
MediaError that says what was found and expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from videogen.conditions.formats.coco import by_picture, read_instance
from videogen.conditions.formats.dwpose import read_dictionary
from videogen.conditions.formats.openpose import read_editor, read_person
from videogen.conditions.formats.points import Points, RawFrame, from_rows, listed, numbers
from videogen.errors import MediaError


def parse(value: Any) -> list[RawFrame]:
    """Read a whole JSON value as frames; a single object is one frame. Raises MediaError."""
    if isinstance(value, Mapping) and isinstance(value.get("instance_info"), list):
        return [_frame(entry, number) for number, entry in enumerate(value["instance_info"])]
    if isinstance(value, Mapping) and isinstance(value.get("annotations"), list):
        return by_picture(value["annotations"])
    if isinstance(value, Mapping):
        return [_frame(value, 0)]
    if not isinstance(value, list):
        raise MediaError(f"a {type(value).__name__} is no pose; expected a list of frames or an object")
    if not value:
        raise MediaError("the list of frames is empty; expected at least one frame")
    if isinstance(value[0], list):
        return _arrays(value)
    if isinstance(value[0], Mapping) and "image_id" in value[0]:
        return by_picture(value)
    return [_frame(entry, number) for number, entry in enumerate(value)]


def _frame(entry: Any, number: int) -> RawFrame:
    """One frame in any of the forms that are objects."""
    if not isinstance(entry, Mapping):
        raise MediaError(f"frame {number} is a {type(entry).__name__}; expected an object with 'people'")
    where = f"frame {number}"
    canvas, rate, coordinates = _canvas(entry, where), entry.get("fps"), entry.get("coordinates")
    if "people" in entry:
        people = [read_person(person, where) for person in listed(entry["people"] or [], f"{where}: people")]
    elif "instances" in entry:
        found = listed(entry["instances"], f"{where}: instances")
        people = [read_instance(person, where) for person in found]
    elif "bodies" in entry:
        people, coordinates = read_dictionary(entry, where), "fractions"
    elif "keypoints" in entry:
        found = listed(entry["keypoints"], f"{where}: keypoints")
        people = read_editor(found, where) if _is_nested(found) else [read_instance(entry, where)]
    else:
        keys = ", ".join(sorted(map(str, entry))[:5]) or "nothing"
        raise MediaError(f"{where} holds {keys}; expected 'people', 'keypoints', 'bodies' or 'instances'")
    return RawFrame(people, canvas, rate, coordinates)


def _is_nested(found: list[Any]) -> bool:
    """Whether a list of keypoints is one of people; an empty one is of none."""
    if not found:
        return True
    first = found[0]
    return isinstance(first, list) and (not first or first[0] is None or isinstance(first[0], list))


def _canvas(entry: Mapping[Any, Any], where: str) -> tuple[float, float] | None:
    """Width and height that the frame states."""
    for wide, tall in (("canvas_width", "canvas_height"), ("width", "height")):
        if entry.get(wide) is not None and entry.get(tall) is not None:
            size = numbers([entry[wide], entry[tall]], where)
            if size.shape != (2,) or not bool((size > 0).all()):
                raise MediaError(
                    f"{where}: {wide} and {tall} are {entry[wide]!r} and {entry[tall]!r}; expected sizes"
                )
            return float(size[0]), float(size[1])
    return None


def _arrays(value: list[Any]) -> list[RawFrame]:
    """Bare numbers: points, frames of points, or frames of people of points."""
    deep = value[0][0] if value[0] else None
    if not isinstance(deep, list):
        return [RawFrame([_person(value, "frame 0")])]
    if not (deep and isinstance(deep[0], list)):
        return [RawFrame([_person(one, f"frame {n}")]) for n, one in enumerate(value)]
    return [
        RawFrame([_person(one, f"frame {n}") for one in listed(people, f"frame {n}")])
        for n, people in enumerate(value)
    ]


def _person(value: Any, where: str) -> Points:
    return from_rows(numbers(value, where), where)
