"""What goes into a coordinator with a request, and the result that comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite_wire.records import BatchBuilder


class ResponseSink(Protocol):
    """What a coordinator needs of the response handle of a request."""

    def send(self, response: Any, /) -> None:
        """Send the response."""
        ...

    def fail(self, reason: str, /) -> None:
        """Close the connection in place of a response, and log why."""
        ...


class MappedSink:
    """Takes the response of a part of a request, and passes it on to a function; a failure goes to the request."""

    __slots__ = ("_request", "_send")

    def __init__(self, request: ResponseSink, send: Callable[[Any], None]) -> None:
        self._request = request
        self._send = send

    def send(self, response: Any, /) -> None:
        """Pass the response on."""
        self._send(response)

    def fail(self, reason: str, /) -> None:
        """Close the connection of the request."""
        self._request.fail(reason)


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

    ``key_id`` (a group id, a transactional id, ...) selects the partition, unless there is a ``partition``.
    """

    key_id: str
    key: bytes
    value: bytes | None
    partition: int | None = None


class ProducerIdAndEpoch(NamedTuple):
    """The producer in whose transaction records are appended."""

    producer_id: int
    producer_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMarker:
    """The end of a transaction in a partition (KIP-98)."""

    producer_id: int
    producer_epoch: int
    commit: bool
    coordinator_epoch: int
    must_raise_epoch: bool = False
    """Whether a marker that does not raise the producer's epoch is refused (KIP-1228)."""


class MarkerAppend(NamedTuple):
    """A marker for a partition; ``done`` is called with the error, or NONE, and returns the next result."""

    topic: str
    partition: int
    marker: TransactionMarker
    done: Callable[[ErrorCode], CoordinatorResult]


@dataclass(frozen=True, slots=True)
class CoordinatorResult:
    """What the service does: append, wait for the sync if one is due, send, announce, write the markers, continue."""

    records: tuple[CoordinatorRecord, ...]
    """Records for the coordinator's topic."""
    replies: tuple[Reply, ...]
    """Responses that are sent once everything has been appended."""
    producer: ProducerIdAndEpoch | None = None
    """The producer in whose transaction the records are appended."""
    markers: Iterable[MarkerAppend] = ()
    """Markers of transactions, each of which succeeds or fails on its own.

    The service takes them one after the other, in steps; one that is no longer due by then is not among them.
    """
    rebalancing: tuple[str, ...] = ()
    """Groups whose members have to rejoin: their delayed heartbeats are answered now."""
    begun: tuple[str, BatchBuilder] | None = None
    """A key id, and records for its partition that were encoded before: the others follow in the same batch."""
    then: tuple[Callable[[], CoordinatorResult], ...] = field(default=())
    """Called after the appends (and their sync) have succeeded; each returns the next result."""


NO_RESULT: Final = CoordinatorResult((), ())


class ResultBuilder:
    """One call of a coordinator: the time of the call, and what its result holds so far.

    ``now`` is monotonic seconds; ``wall_ms`` is record time, None while it is not known. ``producer`` may be set: the
    records are then appended as a part of its transaction.
    """

    __slots__ = ("_begun", "_markers", "_rebalancing", "_records", "_replies", "_then", "now", "producer", "wall_ms")

    def __init__(self, now: float, wall_ms: int | None) -> None:
        self.now = now
        self.wall_ms = wall_ms
        self.producer: ProducerIdAndEpoch | None = None
        self._records: list[CoordinatorRecord] = []
        self._replies: list[Reply] = []
        self._markers: Iterable[MarkerAppend] = ()
        self._rebalancing: tuple[str, ...] = ()
        self._begun: tuple[str, BatchBuilder] | None = None
        self._then: tuple[Callable[[], CoordinatorResult], ...] = ()

    def record(self, key_id: str, key: bytes, value: bytes | None, *, partition: int | None = None) -> None:
        """Append a record to the coordinator's topic."""
        self._records.append(CoordinatorRecord(key_id, key, value, partition))

    def continue_batch(self, key_id: str, begun: BatchBuilder) -> None:
        """Append records that were encoded before, and in the same batch those that are recorded for the key id."""
        self._begun = key_id, begun

    def reply(self, handle: ResponseSink, response: object) -> None:
        """Answer a request."""
        self._replies.append(Reply(handle, response))

    def write_markers(self, markers: Iterable[MarkerAppend]) -> None:
        """Write the markers of a transaction, which are taken later, one after the other."""
        self._markers = markers

    def announce_rebalance(self, group_id: str) -> None:
        """Answer the delayed heartbeats of a group: its members have to rejoin."""
        self._rebalancing += (group_id,)

    def then(self, call: Callable[[], CoordinatorResult]) -> None:
        """Continue with another result once everything of this one is appended and synced."""
        self._then += (call,)

    def build(self) -> CoordinatorResult:
        """Return the result."""
        return CoordinatorResult(
            records=tuple(self._records),
            replies=tuple(self._replies),
            producer=self.producer,
            markers=self._markers,
            rebalancing=self._rebalancing,
            begun=self._begun,
            then=self._then,
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
