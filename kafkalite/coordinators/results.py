"""What goes into a coordinator with a request, and the result that comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol


class ResponseSink(Protocol):
    """What a coordinator needs of the response handle of a request."""

    def send(self, response: Any, /) -> None:
        """Send the response."""
        ...

    def fail(self, reason: str, /) -> None:
        """Close the connection in place of a response, and log why."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who sends a request; ``client_host`` is printed like Java does: ``/127.0.0.1``."""

    client_id: str
    client_host: str
    api_version: int


class Reply(NamedTuple):
    """A response for the request that came with ``handle``; each handle gets one unless its client has gone."""

    handle: ResponseSink
    response: object


class CoordinatorRecord(NamedTuple):
    """A record of the coordinator's topic; no value is a tombstone.

    ``key_id`` (a group id, a transactional id, ...) selects the partition.
    """

    key_id: str
    key: bytes
    value: bytes | None


class UserAppend(NamedTuple):
    """A batch for a partition of a user's topic, such as the marker that ends a transaction."""

    topic: str
    partition: int
    batch: bytes


@dataclass(frozen=True, slots=True)
class CoordinatorResult:
    """What the service does, in this order: append, wait for the sync if one is due, send, announce, continue."""

    records: tuple[CoordinatorRecord, ...]
    """Records for the coordinator's topic."""
    replies: tuple[Reply, ...]
    """Responses that are sent once everything has been appended."""
    appends: tuple[UserAppend, ...] = ()
    """Batches for users' partitions."""
    rebalancing: tuple[str, ...] = ()
    """Groups whose members have to rejoin: their delayed heartbeats are answered now."""
    then: tuple[Callable[[], CoordinatorResult], ...] = field(default=())
    """Called after the appends (and their sync) have succeeded; each returns the next result."""


NO_RESULT: Final = CoordinatorResult((), ())


class ResultBuilder:
    """One call of a coordinator: the time of the call, and what its result holds so far.

    ``now`` is monotonic seconds; ``wall_ms`` is record time, None while it is not known.
    """

    __slots__ = ("_appends", "_rebalancing", "_records", "_replies", "_then", "now", "wall_ms")

    def __init__(self, now: float, wall_ms: int | None) -> None:
        self.now = now
        self.wall_ms = wall_ms
        self._records: list[CoordinatorRecord] = []
        self._replies: list[Reply] = []
        self._appends: tuple[UserAppend, ...] = ()
        self._rebalancing: tuple[str, ...] = ()
        self._then: tuple[Callable[[], CoordinatorResult], ...] = ()

    def record(self, key_id: str, key: bytes, value: bytes | None) -> None:
        """Append a record to the coordinator's topic."""
        self._records.append(CoordinatorRecord(key_id, key, value))

    def reply(self, handle: ResponseSink, response: object) -> None:
        """Answer a request."""
        self._replies.append(Reply(handle, response))

    def append(self, topic: str, partition: int, batch: bytes) -> None:
        """Append a batch to a user's partition."""
        self._appends += (UserAppend(topic, partition, batch),)

    def announce_rebalance(self, group_id: str) -> None:
        """Answer the delayed heartbeats of a group: its members have to rejoin."""
        self._rebalancing += (group_id,)

    def then(self, call: Callable[[], CoordinatorResult]) -> None:
        """Continue with another result once everything of this one is appended and synced."""
        self._then += (call,)

    def build(self) -> CoordinatorResult:
        """Return the result."""
        return CoordinatorResult(
            tuple(self._records), tuple(self._replies), self._appends, self._rebalancing, self._then
        )


class WallTime:
    """Record time at any monotonic time, computed from the last pair of both that was noted.

    Groups note in milliseconds since 1970 when their state changed, from which the retention of their offsets counts
    (KIP-211). Retention is days, so a pair that is some seconds old is good enough.
    """

    __slots__ = ("_offset_ms",)

    def __init__(self) -> None:
        self._offset_ms: float | None = None

    def note(self, now: float, wall_ms: int) -> None:
        """Note that ``wall_ms`` was the record time at ``now``."""
        self._offset_ms = wall_ms - now * 1000

    def at(self, now: float) -> int | None:
        """Return the record time, or None before the first :meth:`note`."""
        return None if self._offset_ms is None else round(self._offset_ms + now * 1000)
