"""Refuse a request with an error code, in the shape that each API wants it in.

The table of shapes is imported when it is first needed, because brokers of most tests never refuse anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.controls.engine import Call
    from kafkalite_wire.apis import ApiKey


def groups_of(call: Call) -> tuple[str, ...]:
    """Name the groups that a request is about, each once."""
    return groups_in(call.api.key, call.api_version, call.request)


def groups_in(key: ApiKey, version: int, request: object) -> tuple[str, ...]:
    """Name the groups that a request of some API and version is about, each once."""
    from kafkalite.controls.shapes.table import SHAPES

    shape = SHAPES[key]
    if "group" not in shape.names:
        return ()
    return tuple(dict.fromkeys(part.group for part in shape.parts(request, version) if part.group is not None))


def refused(call: Call, error: int) -> object:
    """Make the response that refuses all of a request with one error."""
    from kafkalite.controls.shapes.table import SHAPES

    response: object = SHAPES[call.api.key].refused(call.request, call.api_version, error)
    return response
