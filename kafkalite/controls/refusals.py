"""Refuse a request with an error code, in the shape that each API wants it in.

The table of shapes is imported when it is first needed, because brokers of most tests never refuse anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.apis import ApiKey


def groups_of(request: object, context: RequestContext) -> tuple[str, ...]:
    """Return the groups that a request is about, each once."""
    return groups_in(context.api.key, context.api_version, request)


def groups_in(key: ApiKey, version: int, request: object) -> tuple[str, ...]:
    """Return the groups that a request of some API and version is about, each once."""
    from kafkalite.requests.parts.table import SHAPES

    shape = SHAPES[key]
    if "group" not in shape.names:
        return ()
    return tuple(dict.fromkeys(part.group for part in shape.parts(request, version) if part.group is not None))


def is_about_groups(key: ApiKey) -> bool:
    """Return whether the requests of an API name groups."""
    from kafkalite.requests.parts.table import SHAPES

    return "group" in SHAPES[key].names


def refused(request: object, context: RequestContext, error: int) -> object:
    """Return the response that refuses all of a request with one error."""
    from kafkalite.requests.parts.table import SHAPES

    response: object = SHAPES[context.api.key].refused(request, context.api_version, error)
    return response
