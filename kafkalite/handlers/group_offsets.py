"""OffsetCommit, TxnOffsetCommit, OffsetFetch and OffsetDelete: the committed offsets of groups.

The group coordinator answers them. A commit within a transaction also concerns the transaction coordinator: the group's
partition of ``__consumer_offsets`` must be in the transaction (KIP-890).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.cluster.internal_topics import OFFSETS_TOPIC
from kafkalite.coordinators.groups.offsets import merge_commit, merge_deletion, merge_topics, refuse_commit
from kafkalite.coordinators.results import CoordinatorResult, MappedSink, ProducerIdAndEpoch, Reply
from kafkalite.coordinators.transactions.versions import VERSION_2, verification_error
from kafkalite.handlers.authorized_operations import may_describe
from kafkalite.handlers.group_membership import client_of
from kafkalite.security.access_control import ResourceType
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponseTopic,
)
from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteRequestTopic
from kafkalite_wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.recording import Recording
    from kafkalite.coordinators.results import ResponseSink
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.messages.offset_fetch import (
        OffsetFetchRequest,
        OffsetFetchResponse,
        OffsetFetchResponseTopic,
        OffsetFetchResponseTopics,
    )


Topic = TypeVar("Topic", OffsetCommitRequestTopic, TxnOffsetCommitRequestTopic, OffsetDeleteRequestTopic)

_Fetched = TypeVar("_Fetched", "OffsetFetchResponseTopic", "OffsetFetchResponseTopics")

_PARTITIONS_PER_STEP: Final = 100
_SEVERAL_GROUPS: Final = 8
_ABORTABLE: Final = 4
_JOINS_TRANSACTION: Final = 5
_TRANSACTIONAL_BY_TOPIC_ID: Final = 6


def offset_commit(broker: BrokerEndpoint, request: OffsetCommitRequest, context: RequestContext) -> Steps[None]:
    """Store the offsets that a group has reached; a commit does not change who owns a partition.

    A commit of more partitions than fit into a step is carried out as several commits, one after the other; Kafka
    appends it in one batch.
    """
    cluster, groups, client, response = broker.cluster, broker.cluster.groups, client_of(context), context.defer()

    def commit(part: OffsetCommitRequest, handle: ResponseSink) -> CoordinatorResult:
        return groups.coordinator.offset_commit(part, client, handle, now=cluster.now(), wall_ms=cluster.wall_ms())

    context.outlives_client = True
    yield from groups.load()
    parts = [partial(commit, replace(request, topics=topics)) for topics in _split(request.topics)]
    yield from groups.perform_parts(parts, response, _merge)


def _split(topics: Iterable[Topic]) -> Iterator[tuple[Topic, ...]]:
    part: list[Topic] = []
    size = 0
    for topic in topics:
        left = topic.partitions
        while size + len(left) > _PARTITIONS_PER_STEP:
            room = _PARTITIONS_PER_STEP - size
            part.append(replace(topic, partitions=left[:room]))
            yield tuple(part)
            left, part, size = left[room:], [], 0
        part.append(replace(topic, partitions=left))
        size += len(left)
    yield tuple(part)


def _merge(parts: list[OffsetCommitResponse]) -> OffsetCommitResponse:
    return merge_commit(topic for part in parts for topic in part.topics)


def txn_offset_commit(broker: BrokerEndpoint, request: TxnOffsetCommitRequest, context: RequestContext) -> Steps[None]:
    """Keep offsets that a group has reached until a producer's transaction ends."""
    context.outlives_client = True
    yield from broker.cluster.groups.load()
    yield from broker.cluster.transactions.load()
    cluster, response, version = broker.cluster, context.defer(), context.api_version

    def part_of(topics: Iterable[TxnOffsetCommitRequestTopic]) -> OffsetCommitRequest:
        return OffsetCommitRequest(
            group_id=request.group_id,
            generation_id_or_member_epoch=request.generation_id_or_member_epoch,
            member_id=request.member_id,
            group_instance_id=request.group_instance_id,
            topics=tuple(_plain(topic) for topic in topics),
        )

    def refuse(error: ErrorCode) -> None:
        topics = refuse_commit(part_of(request.topics).topics, error)
        told = (_unless_unknown(topic, cluster, by_id=version >= _TRANSACTIONAL_BY_TOPIC_ID) for topic in topics)
        response.send(_transactional(OffsetCommitResponse(topics=tuple(told))))

    if not request.group_id:
        refuse(ErrorCode.INVALID_GROUP_ID)
        return
    try:
        partition = (OFFSETS_TOPIC, cluster.groups.partition_of(request.group_id))
    except StorageError:
        refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        return
    producer = (request.transactional_id, request.producer_id, request.producer_epoch)
    log = cluster.log(*partition)

    def has_joined() -> bool:
        return log is not None and log.producers.has_open_transaction(request.producer_id, request.producer_epoch)

    def refusal() -> ErrorCode:
        if has_joined():
            return ErrorCode.NONE
        error = cluster.transactions.coordinator.verify(*producer, (partition,))[partition]
        return verification_error(error, may_be_abortable=version >= _ABORTABLE)

    added: Recording | None = None
    if version >= _JOINS_TRANSACTION and not has_joined():
        added = cluster.transactions.add_partitions(*producer, (partition,), client_version=VERSION_2)
        error = verification_error(added.error, may_be_abortable=version >= _ABORTABLE)
    else:
        error = refusal()
    if error:
        refuse(error)
        return

    def send(answer: TxnOffsetCommitResponse) -> None:
        if added is None:
            response.send(answer)
        else:
            added.when_settled(lambda: response.send(answer))

    def keep(topics: tuple[TxnOffsetCommitRequestTopic, ...], part: ResponseSink) -> CoordinatorResult:
        handle = MappedSink(part, lambda answer: part.send(_transactional(answer)))
        # The transaction may have ended since the part before: no marker would follow this one.
        error = refusal()
        if error:
            refused = OffsetCommitResponse(topics=tuple(refuse_commit(part_of(topics).topics, error)))
            return CoordinatorResult((), (Reply(handle, refused),))
        return cluster.groups.coordinator.txn_offset_commit(
            part_of(topics),
            ProducerIdAndEpoch(request.producer_id, request.producer_epoch),
            handle,
            by_id=version >= _TRANSACTIONAL_BY_TOPIC_ID,
            now=cluster.now(),
            wall_ms=cluster.wall_ms(),
        )

    parts = [partial(keep, topics) for topics in _split(request.topics)]
    yield from cluster.groups.perform_parts(parts, MappedSink(response, send), _merge_transactional)


def _unless_unknown(topic: OffsetCommitResponseTopic, cluster: Cluster, *, by_id: bool) -> OffsetCommitResponseTopic:
    """Replace the error of partitions that do not exist: that is found before anything about the transaction."""
    storage = cluster.storage
    found = storage.topics_by_id.get(topic.topic_id) if by_id else storage.topics.get(topic.name)
    unknown = ErrorCode.UNKNOWN_TOPIC_ID if found is None and by_id else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    count = 0 if found is None else found.partitions
    partitions = (
        each if 0 <= each.partition_index < count else replace(each, error_code=unknown) for each in topic.partitions
    )
    return replace(topic, partitions=tuple(partitions))


def _merge_transactional(parts: list[TxnOffsetCommitResponse]) -> TxnOffsetCommitResponse:
    return TxnOffsetCommitResponse(topics=merge_topics(topic for part in parts for topic in part.topics))


def _plain(topic: TxnOffsetCommitRequestTopic) -> OffsetCommitRequestTopic:
    return OffsetCommitRequestTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=tuple(
            OffsetCommitRequestPartition(
                partition_index=partition.partition_index,
                committed_offset=partition.committed_offset,
                committed_leader_epoch=partition.committed_leader_epoch,
                committed_metadata=partition.committed_metadata,
            )
            for partition in topic.partitions
        ),
    )


def _transactional(response: OffsetCommitResponse) -> TxnOffsetCommitResponse:
    return TxnOffsetCommitResponse(
        topics=tuple(
            TxnOffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=tuple(
                    TxnOffsetCommitResponsePartition(
                        partition_index=partition.partition_index, error_code=partition.error_code
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in response.topics
        )
    )


def offset_fetch(
    broker: BrokerEndpoint, request: OffsetFetchRequest, context: RequestContext
) -> Steps[OffsetFetchResponse]:
    """Return the committed offsets of groups, for some partitions or for all that the client may see."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.offset_fetch(request, client_of(context))
    return response if context.access is None else _visible(broker, request, response, context)


def _visible(
    broker: BrokerEndpoint, request: OffsetFetchRequest, response: OffsetFetchResponse, context: RequestContext
) -> OffsetFetchResponse:
    """Leave out the topics that the client may not describe, where it has asked for all."""

    def visible(topics: Iterable[_Fetched]) -> tuple[_Fetched, ...]:
        return tuple(topic for topic in topics if may_see(broker.cluster.topic_name(key_of(topic))))

    def key_of(topic: OffsetFetchResponseTopic | OffsetFetchResponseTopics) -> str | bytes:
        topic_id: bytes = getattr(topic, "topic_id", ZERO_UUID)
        return topic.name if topic_id == ZERO_UUID else topic_id

    def may_see(name: str | None) -> bool:
        return name is not None and may_describe(context, ResourceType.TOPIC, name)

    if context.api_version < _SEVERAL_GROUPS:
        return response if request.topics is not None else replace(response, topics=visible(response.topics))
    asked_all = {group.group_id for group in request.groups if group.topics is None}
    return replace(
        response,
        groups=tuple(
            replace(group, topics=visible(group.topics)) if group.group_id in asked_all else group
            for group in response.groups
        ),
    )


def offset_delete(broker: BrokerEndpoint, request: OffsetDeleteRequest, context: RequestContext) -> Steps[None]:
    """Delete committed offsets, except in topics that members of the group may be reading (KIP-496)."""
    groups, client, response = broker.cluster.groups, client_of(context), context.defer()

    def delete(part: OffsetDeleteRequest, handle: ResponseSink) -> CoordinatorResult:
        return groups.coordinator.offset_delete(part, client, handle)

    context.outlives_client = True
    yield from groups.load()
    parts = [partial(delete, replace(request, topics=topics)) for topics in _split(request.topics)]
    yield from groups.perform_parts(parts, response, merge_deletion)
