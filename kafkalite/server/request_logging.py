"""Log the requests of a broker: the request log's ways into it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from kafkalite.controls.request_log.log import Bounds, LoggedCall, RequestLog
from kafkalite_storage.segment import FetchSlice

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite_wire.schema import Payload


def request_log(
    node: Node, *, bounds: Bounds | None = None, on_change: Callable[[LoggedCall], None] | None = None
) -> RequestLog:
    """Make a log of what a broker is asked; it keeps nothing before its ``observe`` is among the engine's observers."""
    return RequestLog(
        now=node.now,
        wall_ms=node.wall_ms,
        topic_names=lambda: {topic_id: topic.name for topic_id, topic in node.storage.topics_by_id.items()},
        beginning_of=beginning_of,
        bounds=bounds,
        on_change=on_change,
    )


def beginning_of(payload: Payload, size: int) -> bytes:
    """Read the first bytes of records in a response, which may still lie in a file; none where it cannot be read."""
    if not isinstance(payload, FetchSlice):
        return bytes(memoryview(payload)[:size])  # type: ignore[arg-type]  # what is no piece of a file is a buffer
    with suppress(OSError):
        return FetchSlice(payload.file, payload.position, min(size, payload.size)).read()
    return b""
