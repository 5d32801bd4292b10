"""Refuse a request with an error code, in the shape that each API wants it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.controls.shapes.table import SHAPES

if TYPE_CHECKING:
    from kafkalite.controls.engine import Call


def groups_of(call: Call) -> tuple[str, ...]:
    """Name the groups that a request is about, each once."""
    shape = SHAPES[call.api.key]
    if "group" not in shape.names:
        return ()
    parts = shape.parts(call.request, call.api_version)
    return tuple(dict.fromkeys(part.group for part in parts if part.group is not None))


def refused(call: Call, error: int) -> object:
    """Make the response that refuses all of a request with one error."""
    response: object = SHAPES[call.api.key].refused(call.request, call.api_version, error)
    return response
