"""Fetch sessions (KIP-227): a consumer names its partitions once, and afterwards only what has changed.

A request carries a session id and an epoch. Epoch 0 asks for a new session with everything named, -1 closes the
session, and any other must be the one that the session expects next.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.values import value_class

INITIAL_EPOCH: Final = 0
FINAL_EPOCH: Final = -1
NO_SESSION: Final = 0

_EVICTABLE_AFTER: Final = 120.0
"""Seconds without use after which a session may be evicted (a constant in Kafka, too)."""

TopicKey = str | bytes
"""A topic as the request names it: by name, or from version 13 on by id."""


@dataclass(slots=True)
class FetchPartition:
    """What a client wants of one partition, and within a session what the last response reported."""

    topic: TopicKey
    name: str | None
    """The topic's name; None as long as no topic has the id. A session keeps the name after the topic is deleted, so
    that the error differs from that of an id that never existed."""
    index: int
    fetch_offset: int
    max_bytes: int
    current_leader_epoch: int = -1
    last_fetched_epoch: int = -1
    reported_high_watermark: int = -1
    reported_log_start_offset: int = -1

    def update_reported(self, high_watermark: int, log_start_offset: int, *, has_data: bool, has_error: bool) -> bool:
        """Record what a response says; return whether an incremental response must contain the partition."""
        if has_error:
            self.reported_high_watermark = -1  # so that the next response contains it again
            return True
        has_changed = (
            high_watermark != self.reported_high_watermark or log_start_offset != self.reported_log_start_offset
        )
        self.reported_high_watermark, self.reported_log_start_offset = high_watermark, log_start_offset
        return has_data or has_changed


class FetchSession:
    """The partitions that one consumer follows, in the order in which they are served next."""

    __slots__ = ("epoch", "id", "last_used", "partitions", "uses_ids")

    def __init__(self, session_id: int, uses_ids: bool, now: float) -> None:
        self.id = session_id
        self.uses_ids = uses_ids
        self.epoch = 1
        self.last_used = now
        self.partitions: OrderedDict[tuple[TopicKey, int], FetchPartition] = OrderedDict()

    def update(self, wanted: Iterable[FetchPartition], forgotten: Iterable[tuple[TopicKey, int]]) -> None:
        """Apply the changes of an incremental request."""
        for partition in wanted:
            known = self.partitions.get((partition.topic, partition.index))
            if known is None:
                self.partitions[partition.topic, partition.index] = partition
            else:
                known.fetch_offset = partition.fetch_offset
                known.max_bytes = partition.max_bytes
                known.current_leader_epoch = partition.current_leader_epoch
                known.last_fetched_epoch = partition.last_fetched_epoch
        for key in forgotten:
            self.partitions.pop(key, None)

    def served(self, partition: FetchPartition) -> None:
        """Move a partition whose records were sent behind the others, so that none of them starves."""
        self.partitions.move_to_end((partition.topic, partition.index))


@value_class
class FetchPlan:
    """The partitions that a request asks for, and how to respond.

    ``session`` is None for a response outside any session. With ``error_code`` set there is nothing to read.
    """

    error_code: int
    session: FetchSession | None
    incremental: bool
    partitions: tuple[FetchPartition, ...]

    @property
    def session_id(self) -> int:
        """The session id of the response."""
        return NO_SESSION if self.session is None else self.session.id


class FetchSessions:
    """A bounded cache of sessions; a full one evicts the least recently used, if that was unused for two minutes."""

    def __init__(self, slots: int, new_id: Callable[[], int]) -> None:
        self._slots = slots
        self._new_id = new_id
        self._sessions: OrderedDict[int, FetchSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[FetchSession]:
        return iter(self._sessions.values())

    def plan(
        self,
        session_id: int,
        epoch: int,
        wanted: tuple[FetchPartition, ...],
        forgotten: Iterable[tuple[TopicKey, int]],
        *,
        uses_ids: bool,
        now: float,
    ) -> FetchPlan:
        """Find or create the session of a request; return what to read."""
        if epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._sessions.pop(session_id, None)
            session = self._create(wanted, uses_ids, now) if epoch == INITIAL_EPOCH else None
            return FetchPlan(ErrorCode.NONE, session, incremental=False, partitions=wanted)
        session = self._sessions.get(session_id)
        error = self._refusal(session, epoch, uses_ids)
        if session is None or error:
            return FetchPlan(error, None, incremental=False, partitions=())
        session.update(wanted, forgotten)
        session.last_used = now
        # Epochs stay positive: after the largest INT32 comes 1 again.
        session.epoch = session.epoch + 1 if session.epoch < 0x7FFFFFFF else 1
        self._sessions.move_to_end(session_id)
        if not session.partitions:
            del self._sessions[session_id]
            return FetchPlan(ErrorCode.NONE, None, incremental=False, partitions=())
        return FetchPlan(ErrorCode.NONE, session, incremental=True, partitions=tuple(session.partitions.values()))

    def close(self, session_id: int) -> None:
        """Close a session, if there is one with this id."""
        self._sessions.pop(session_id, None)

    def withdraw(self, session_id: int, partitions: Iterable[tuple[TopicKey, int]]) -> None:
        """Forget that a response has reported partitions, because it is not sent; the next one contains them."""
        session = self._sessions.get(session_id)
        if session is not None:
            for key in partitions:
                if key in session.partitions:
                    session.partitions[key].reported_high_watermark = -1

    def _refusal(self, session: FetchSession | None, epoch: int, uses_ids: bool) -> int:
        if session is None:
            return ErrorCode.FETCH_SESSION_ID_NOT_FOUND
        if session.epoch != epoch:
            return ErrorCode.INVALID_FETCH_SESSION_EPOCH
        if session.uses_ids != uses_ids:
            return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
        return ErrorCode.NONE

    def _create(self, wanted: tuple[FetchPartition, ...], uses_ids: bool, now: float) -> FetchSession | None:
        if len(self._sessions) >= self._slots:
            oldest = next(iter(self._sessions.values()), None)
            if oldest is None or now - oldest.last_used < _EVICTABLE_AFTER:
                return None
            del self._sessions[oldest.id]
        session_id = self._new_id()
        while session_id in self._sessions or session_id == NO_SESSION:
            session_id = self._new_id()
        session = FetchSession(session_id, uses_ids, now)
        session.update(wanted, ())
        self._sessions[session_id] = session
        return session
