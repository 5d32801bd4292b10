"""Refuse a request with an error code, in the layout of each API.

The table of layouts is imported when it is first needed, because brokers of most tests never refuse anything.
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
    from kafkalite.requests.parts.table import part_names, parts_of

    if "group" not in part_names(key):
        return ()
    parts = parts_of(key, version).parts(request, version)
    return tuple(dict.fromkeys(part.group for part in parts if part.group is not None))


def is_about_groups(key: ApiKey) -> bool:
    """Return whether the requests of an API name groups."""
    from kafkalite.requests.parts.table import part_names

    return "group" in part_names(key)


def refused(request: object, context: RequestContext, error: int) -> object:
    """Return the response that refuses all of a request with one error."""
    from kafkalite.requests.parts.table import parts_of

    response: object = parts_of(context.api.key, context.api_version).error_response(
        request, context.api_version, error
    )
    return response
