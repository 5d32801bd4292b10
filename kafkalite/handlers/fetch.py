"""Fetch: read record batches, waiting for them if there are too few.

Long polls (``min_bytes``, ``max_wait_ms``), fetch sessions (KIP-227), topic ids from version 13 on (KIP-516), size
limits with at least one batch (KIP-74). Batches travel from the file to the socket as they are stored; the last one
may be cut off, which clients expect. There are no followers: replica fetches are served like a consumer's. A consumer
may read from any broker that has a replica (KIP-392), and with RackAwareReplicaSelector is sent to one in its rack.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.background.timers import DelayedOperation
from kafkalite.fetch.reader import FetchReader, PartitionRead
from kafkalite.fetch.sessions import FetchPartition, FetchPlan, TopicKey
from kafkalite.handlers.node_endpoints import node_endpoints
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.security.access_control import Operation, ResourceType
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.fetch import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
)
from kafkalite_wire.schema import NO_PAYLOAD, ZERO_UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.security.authorizer import Access
    from kafkalite_storage.metadata.topics import Partition

_BY_TOPIC_ID: Final = 13
_FROM_FOLLOWERS: Final = 11
_NAMES_LEADERS: Final = 16
_LEADER_HAS_MOVED: Final = (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH)
_READ_UNCOMMITTED: Final = 0
_READ_COMMITTED: Final = 1
_NONE: Final[frozenset[int]] = frozenset()


def handle(broker: BrokerEndpoint, request: FetchRequest, context: RequestContext) -> Steps[FetchResponse | None]:
    """Respond at once if there is enough to read, otherwise when there is, or when the time is up."""
    by_id = context.api_version >= _BY_TOPIC_ID
    meter = WorkMeter()
    named = yield from _wanted(broker, request, by_id, meter)
    plan = broker.fetch_sessions.plan(
        request.session_id,
        request.session_epoch,
        named,
        _forgotten(request, by_id),
        uses_ids=by_id,
        now=broker.cluster.timers.now(),
    )
    if plan.error_code:
        return FetchResponse(throttle_time_ms=0, error_code=plan.error_code, responses=())
    if request.isolation_level not in (_READ_UNCOMMITTED, _READ_COMMITTED):
        return _unknown_isolation_level(request, by_id)
    for wanted in plan.partitions:
        if wanted.name is None:
            wanted.name = broker.cluster.topic_name(wanted.topic)
    refused = _NONE if context.access is None else _refused(request, plan, context.access)
    allowed: Sequence[FetchPartition] = plan.partitions
    if refused:
        allowed = [each for number, each in enumerate(plan.partitions) if number not in refused]
    may_follow = (
        broker.cluster.has_several_brokers and context.api_version >= _FROM_FOLLOWERS and request.replica_id < 0
    )
    reader = FetchReader(
        broker.cluster.storage,
        allowed,
        broker_id=broker.id,
        min_bytes=request.min_bytes,
        max_bytes=min(request.max_bytes, broker.config.fetch_max_bytes),
        read_committed=request.isolation_level == _READ_COMMITTED,
        may_follow=may_follow,
        nearest=_selector(broker, request.rack_id) if may_follow else None,
    )
    yield from reader.read()
    if request.max_wait_ms > 0 and allowed and not reader.is_satisfied:
        yield from _wait(broker, request, context, plan, reader, refused)
        return None
    return (yield from _response(broker, context, plan, _complete(reader.reads, refused), meter))


def _selector(broker: BrokerEndpoint, rack: str) -> Callable[[Partition], int | None] | None:
    """Return a function that selects the replica for a client in a rack, as Kafka's RackAwareReplicaSelector does."""
    if not rack or not broker.config.selects_replicas_by_rack:
        return None
    there = {each.id for each in broker.cluster.endpoints.values() if each.rack == rack}

    def select(partition: Partition) -> int | None:
        if partition.leader != broker.id or partition.leader in there:
            return None
        return max(there.intersection(partition.isr), default=None)

    return select


def _wait(
    broker: BrokerEndpoint,
    request: FetchRequest,
    context: RequestContext,
    plan: FetchPlan,
    reader: FetchReader,
    refused: frozenset[int],
) -> Steps[None]:
    response: ResponseHandle[FetchResponse] = context.defer()
    delayed_fetches = broker.cluster.delayed_fetches
    operation = DelayedOperation(
        broker.cluster.timers,
        request.max_wait_ms / 1000,
        response,
        lambda: response.send_from(_read_again(broker, context, plan, reader, refused)),
        on_end=lambda: delayed_fetches.remove(delayed),
    )
    delayed = delayed_fetches.add((), operation.complete, is_complete=reader.is_complete, fail=operation.fail)
    if (yield from reader.watch(partial(delayed_fetches.watch, delayed))):
        operation.complete()


def _read_again(
    broker: BrokerEndpoint,
    context: RequestContext,
    plan: FetchPlan,
    reader: FetchReader,
    refused: frozenset[int],
) -> Steps[FetchResponse]:
    yield from reader.read()
    return (yield from _response(broker, context, plan, _complete(reader.reads, refused), WorkMeter()))


def _response(
    broker: BrokerEndpoint,
    context: RequestContext,
    plan: FetchPlan,
    reads: list[PartitionRead],
    meter: WorkMeter,
) -> Steps[FetchResponse]:
    """Return a response with what was read; within a session, only what the client does not know yet."""
    topics: dict[TopicKey, list[PartitionData]] = {}
    leaders: set[int] = set()
    for wanted, read in zip(plan.partitions, reads, strict=True):
        if meter.add():
            yield
        must_report = wanted.update_reported(
            read.high_watermark,
            read.log_start_offset,
            has_data=len(read.records) > 0
            or read.diverging_epoch is not None
            or read.preferred_read_replica is not None,
            has_error=read.error_code != ErrorCode.NONE,
        )
        if must_report or not plan.incremental:
            data = _partition_data(wanted, read)
            if context.api_version >= _NAMES_LEADERS and read.error_code in _LEADER_HAS_MOVED:
                assert wanted.name is not None, "an unknown topic has another error"
                leader = broker.cluster.storage.topics[wanted.name].assignment[wanted.index]
                leaders.add(leader.leader)
                data = replace(
                    data, current_leader=LeaderIdAndEpoch(leader_id=leader.leader, leader_epoch=leader.leader_epoch)
                )
            topics.setdefault(wanted.topic, []).append(data)
            if plan.session is not None and len(read.records):
                plan.session.served(wanted)
    return FetchResponse(
        throttle_time_ms=0,
        error_code=ErrorCode.NONE,
        session_id=plan.session_id,
        responses=tuple(
            FetchableTopicResponse(
                topic=key if isinstance(key, str) else "",
                topic_id=key if isinstance(key, bytes) else ZERO_UUID,
                partitions=tuple(partitions),
            )
            for key, partitions in topics.items()
        ),
        node_endpoints=node_endpoints(broker.cluster, context, leaders, NodeEndpoint),
    )


def _refused(request: FetchRequest, plan: FetchPlan, access: Access) -> frozenset[int]:
    """Return which partitions the client may not read; those of the session are checked each time, as in Kafka."""
    is_replica = request.replica_id >= 0 or request.replica_state.replica_id >= 0
    if is_replica:
        return _NONE if access.allows_cluster(Operation.CLUSTER_ACTION) else frozenset(range(len(plan.partitions)))
    return frozenset(
        number
        for number, wanted in enumerate(plan.partitions)
        if wanted.name is not None and not access.allows(Operation.READ, ResourceType.TOPIC, wanted.name)
    )


def _complete(reads: list[PartitionRead], refused: frozenset[int]) -> list[PartitionRead]:
    """Return the reads of all partitions of a plan."""
    if not refused:
        return reads
    left = iter(reads)
    return [
        PartitionRead(error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED, aborted_transactions=())
        if number in refused
        else next(left)
        for number in range(len(reads) + len(refused))
    ]


def _unknown_isolation_level(request: FetchRequest, by_id: bool) -> FetchResponse:
    code = ErrorCode.UNKNOWN_SERVER_ERROR
    topics = tuple(
        FetchableTopicResponse(
            topic=topic.topic,
            partitions=tuple(
                PartitionData(
                    partition_index=partition.partition,
                    error_code=code,
                    high_watermark=-1,
                    aborted_transactions=(),
                    records=NO_PAYLOAD,
                )
                for partition in topic.partitions
            ),
        )
        for topic in request.topics
    )
    return FetchResponse(error_code=code, session_id=request.session_id, responses=() if by_id else topics)


def _partition_data(wanted: FetchPartition, read: PartitionRead) -> PartitionData:
    aborted = read.aborted_transactions
    data = PartitionData(
        partition_index=wanted.index,
        error_code=read.error_code,
        high_watermark=read.high_watermark,
        last_stable_offset=read.last_stable_offset,
        log_start_offset=read.log_start_offset,
        aborted_transactions=None
        if aborted is None
        else tuple(AbortedTransaction(producer_id=producer, first_offset=offset) for producer, offset in aborted),
        records=read.records,
    )
    if read.diverging_epoch is not None:
        epoch, end_offset = read.diverging_epoch
        data = replace(data, diverging_epoch=EpochEndOffset(epoch=epoch, end_offset=end_offset))
    if read.preferred_read_replica is not None:
        data = replace(data, preferred_read_replica=read.preferred_read_replica)
    return data


def _wanted(
    broker: BrokerEndpoint, request: FetchRequest, by_id: bool, meter: WorkMeter
) -> Steps[tuple[FetchPartition, ...]]:
    # The last row of a partition that is named twice counts, as in Kafka.
    wanted: dict[tuple[TopicKey, int], FetchPartition] = {}
    for topic in request.topics:
        key = topic.topic_id if by_id else topic.topic
        name = broker.cluster.topic_name(key)
        for partition in topic.partitions:
            if meter.add():
                yield
            wanted[key, partition.partition] = FetchPartition(
                topic=key,
                name=name,
                index=partition.partition,
                fetch_offset=partition.fetch_offset,
                max_bytes=partition.partition_max_bytes,
                # Unlike in other requests, any negative epoch means none.
                current_leader_epoch=max(partition.current_leader_epoch, -1),
                last_fetched_epoch=partition.last_fetched_epoch,
            )
    return tuple(wanted.values())


def _forgotten(request: FetchRequest, by_id: bool) -> list[tuple[TopicKey, int]]:
    return [
        (topic.topic_id if by_id else topic.topic, index)
        for topic in request.forgotten_topics_data
        for index in topic.partitions
    ]
