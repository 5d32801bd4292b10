"""ShareFetch: acquire records for a member of a share group, and acknowledge earlier ones (KIP-932).

The partitions are those of the member's share session. A fetch that can acquire nothing waits, like a consumer's,
until records arrive or are released. What is acquired is locked for the member until it acknowledges it, its session
ends, or the time is up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.background.timers import DelayedOperation
from kafkalite.handlers.node_endpoints import node_endpoints
from kafkalite.handlers.share_acknowledgements import (
    Acknowledged,
    acknowledge,
    end_session,
    end_sessions,
    led_partition,
)
from kafkalite.partitions import guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.sharing.share_partition import AcquireMode
from kafkalite.sharing.share_partitions import Wanted
from kafkalite.sharing.share_sessions import CLOSING, OPENING, Member
from kafkalite_storage.segment.segment import NOTHING
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_fetch import (
    AcquiredRecords,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
    ShareFetchableTopicResponse,
    ShareFetchRequest,
    ShareFetchResponse,
)
from kafkalite_wire.schema import NO_PAYLOAD

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite.sharing.share_partition import Acquired
    from kafkalite.sharing.share_partitions import LedPartition
    from kafkalite.sharing.share_sessions import PartitionKey, ShareSession
    from kafkalite_storage.segment.segment import FetchSlice

_WORK_OF_ACQUIRING: Final = 20
_NO_FETCH: Final = (0, 0, 0, 0)
"""The limits of a request that renews locks, and so must not fetch."""
_MODES: Final = frozenset(AcquireMode)
_NOTHING_ACQUIRED: Final[tuple[list[Acquired], FetchSlice]] = ([], NOTHING)


def handle(
    broker: BrokerEndpoint, request: ShareFetchRequest, context: RequestContext
) -> Steps[ShareFetchResponse | None]:
    """Respond at once if there is something to acquire, otherwise when there is, or when the time is up."""
    if request.group_id is None or not request.member_id:
        return _refused(ErrorCode.INVALID_REQUEST)
    if (
        request.is_renew_ack
        and (request.max_bytes, request.min_bytes, request.max_records, request.max_wait_ms) != _NO_FETCH
    ):
        return _refused(ErrorCode.INVALID_REQUEST)
    if request.share_acquire_mode not in _MODES:
        return _refused(ErrorCode.INVALID_REQUEST)
    yield from broker.cluster.share_states.load()
    member = Member(request.group_id, request.member_id)
    epoch = request.share_session_epoch
    has_acknowledgements = any(part.acknowledgement_batches for topic in request.topics for part in topic.partitions)
    if epoch == OPENING and has_acknowledgements:
        return _refused(ErrorCode.INVALID_REQUEST)
    error, session = broker.share_sessions.use(member, epoch, context.info)
    if session is None:
        return _refused(error)
    if epoch == OPENING and broker.share_sessions.is_new(context.info):
        context.info.on_end.append(partial(end_sessions, broker, context.info))
    named = [(topic.topic_id, part.partition_index) for topic in request.topics for part in topic.partitions]
    forgotten = [(topic.topic_id, index) for topic in request.forgotten_topics_data for index in topic.partitions]
    broker.share_sessions.update(session, named, forgotten)
    fetch = _ShareFetch(broker, request, context, member, session)
    yield from fetch.acknowledge()
    if epoch == CLOSING:
        end_session(broker, member)
        return fetch.respond_when_settled()
    if request.max_wait_ms > 0 and not (yield from fetch.is_complete()):
        yield from fetch.wait()
        return None
    yield from fetch.acquire()
    return fetch.respond_when_settled()


class _ShareFetch:
    """One request, from its acknowledgements to its response."""

    def __init__(
        self,
        broker: BrokerEndpoint,
        request: ShareFetchRequest,
        context: RequestContext,
        member: Member,
        session: ShareSession,
    ) -> None:
        self._broker = broker
        self._request = request
        self._context = context
        self._member = member
        self._session = session
        self._names_all = request.share_session_epoch == OPENING
        self._acknowledged = Acknowledged()
        self._acquired: dict[PartitionKey, tuple[list[Acquired], FetchSlice]] = {}
        self._errors: dict[PartitionKey, tuple[int, str]] = {}
        self._waits_for: dict[tuple[str, int], PartitionKey] = {}

    def acknowledge(self) -> Steps[None]:
        """Take over the acknowledgements that came with the request."""
        meter = WorkMeter()
        for topic in self._request.topics:
            for part in topic.partitions:
                if part.acknowledgement_batches:
                    if meter.add(_WORK_OF_ACQUIRING):
                        yield
                    acknowledge(
                        self._broker,
                        self._context,
                        self._member,
                        (topic.topic_id, part.partition_index),
                        part.acknowledgement_batches,
                        self._acknowledged,
                        may_renew=self._request.is_renew_ack,
                    )

    def is_complete(self) -> Steps[bool]:
        """Return whether there is enough to acquire, or nothing to wait for. All partitions are looked at, in steps."""
        meter = WorkMeter()
        available = 0
        for key in tuple(self._session.partitions):
            if meter.add(_WORK_OF_ACQUIRING):
                yield
            available += guarded(partial(self._available, key), lambda _: 0)
        return available >= max(self._request.min_bytes, 1) or not self._waits_for

    def _available(self, key: PartitionKey) -> int:
        """Return how many bytes could be acquired of a partition. Raises RefusedError and StorageError."""
        led: LedPartition = led_partition(self._broker, self._context, self._member.group_id, key)
        self._waits_for[led.topic, led.key.partition] = key
        config = self._broker.cluster.share_partitions.config_of(self._member.group_id)
        offset, end = max(led.share.next_offset, led.log.log_start_offset), led.readable_end(config)
        if offset >= end or not led.share.can_acquire(config.partition_max_record_locks):
            return 0
        return led.log.bytes_available(offset, end)

    def acquire(self) -> Steps[None]:
        """Acquire what there is, partition by partition, until there are enough records."""
        if self._request.is_renew_ack:
            return
        self._errors.clear()
        meter = WorkMeter()
        left = self._request.max_records
        bytes_left = self._request.max_bytes
        for key in tuple(self._session.partitions):
            if left <= 0 or bytes_left <= 0:
                break
            if meter.add(_WORK_OF_ACQUIRING):
                yield
            acquired, piece = guarded(partial(self._acquire, key, left, bytes_left), partial(self._failed, key))
            if acquired:
                self._acquired[key] = acquired, piece
                left -= sum(each.last - each.first + 1 for each in acquired)
                bytes_left -= piece.size
        self._rotate()

    def _acquire(self, key: PartitionKey, max_records: int, max_bytes: int) -> tuple[list[Acquired], FetchSlice]:
        led = led_partition(self._broker, self._context, self._member.group_id, key)
        wanted = Wanted(
            max_records=max_records,
            max_bytes=max_bytes,
            batch_size=max(self._request.batch_size, 1),
            mode=AcquireMode(self._request.share_acquire_mode),
        )
        return self._broker.cluster.share_partitions.acquire(led, self._member.member_id, wanted)

    def _failed(self, key: PartitionKey, error: PartitionError) -> tuple[list[Acquired], FetchSlice]:
        self._errors[key] = (error.code, str(error))
        return _NOTHING_ACQUIRED

    def _rotate(self) -> None:
        """Put partitions that were served behind the others."""
        for key in self._acquired:
            del self._session.partitions[key]
            self._session.partitions[key] = None

    # Waiting

    def wait(self) -> Steps[None]:
        """Respond when records can be acquired, or when the time is up."""
        response = self._context.defer()
        delayed_fetches = self._broker.cluster.delayed_fetches
        operation = DelayedOperation(
            self._broker.cluster.timers,
            self._request.max_wait_ms / 1000,
            response,
            lambda: self._acknowledged.when_settled(lambda: response.send_from(self._acquire_again())),
            on_end=lambda: delayed_fetches.remove(delayed),
        )
        delayed = delayed_fetches.add(
            self._waits_for, operation.complete, is_complete=self._completes, fail=operation.fail
        )
        # Records may have arrived since the partitions were looked at.
        if (yield from self.is_complete()):
            operation.complete()

    def _completes(self, partition: tuple[str, int]) -> bool:
        """Return whether there is enough to acquire, after something has changed in a partition."""
        changed = self._waits_for[partition]
        available = guarded(partial(self._available, changed), lambda _: None)
        if available is None:
            return True  # it has another leader, for instance
        for key in self._waits_for.values() if available < self._request.min_bytes else ():
            available += guarded(partial(self._available, key), lambda _: 0) if key != changed else 0
        return available >= max(self._request.min_bytes, 1)

    def _acquire_again(self) -> Steps[ShareFetchResponse]:
        yield from self.acquire()
        return self._response()

    # The response

    def respond_when_settled(self) -> ShareFetchResponse | None:
        """Return the response, or None if it is sent when the acknowledgements are on disk."""
        sent: list[ShareFetchResponse] = []
        self._acknowledged.when_settled(lambda: sent.append(self._response()))
        if sent:
            return sent[0]
        response = self._context.defer()
        self._acknowledged.when_settled(lambda: response.send(self._response()))
        return None

    def _response(self) -> ShareFetchResponse:
        keys = dict.fromkeys([*self._acquired, *self._errors, *self._acknowledged.errors])
        if self._names_all:
            keys |= dict.fromkeys(self._session.partitions)
        topics: dict[bytes, list[PartitionData]] = {}
        leaders: set[int] = set()
        for key in keys:
            topics.setdefault(key[0], []).append(self._partition(key, leaders))
        cluster, context = self._broker.cluster, self._context
        config = cluster.share_partitions.config_of(self._member.group_id)
        return ShareFetchResponse(
            acquisition_lock_timeout_ms=round(config.record_lock_duration * 1000),
            responses=tuple(
                ShareFetchableTopicResponse(topic_id=topic_id, partitions=tuple(partitions))
                for topic_id, partitions in topics.items()
            ),
            node_endpoints=node_endpoints(cluster, context, leaders, NodeEndpoint),
        )

    def _partition(self, key: PartitionKey, leaders: set[int]) -> PartitionData:
        topic_id, index = key
        acquired, piece = self._acquired.get(key, _NOTHING_ACQUIRED)
        error, reason = self._errors.get(key, (ErrorCode.NONE, None))
        acknowledge_error, acknowledge_reason = self._acknowledged.errors.get(key, (ErrorCode.NONE, None))
        leader = LeaderIdAndEpoch()
        if ErrorCode.NOT_LEADER_OR_FOLLOWER in (error, acknowledge_error):
            found = self._broker.cluster.storage.topics_by_id[topic_id].assignment[index]
            leader = LeaderIdAndEpoch(leader_id=found.leader, leader_epoch=found.leader_epoch)
            leaders.add(found.leader)
        return PartitionData(
            partition_index=index,
            error_code=error,
            error_message=reason,
            acknowledge_error_code=acknowledge_error,
            acknowledge_error_message=acknowledge_reason,
            current_leader=leader,
            records=piece if acquired else NO_PAYLOAD,
            acquired_records=tuple(
                AcquiredRecords(first_offset=each.first, last_offset=each.last, delivery_count=each.delivery_count)
                for each in acquired
            ),
        )


def _refused(error: ErrorCode) -> ShareFetchResponse:
    return ShareFetchResponse(error_code=error, acquisition_lock_timeout_ms=0, responses=(), node_endpoints=())
