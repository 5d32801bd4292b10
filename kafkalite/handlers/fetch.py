"""Fetch, versions 4-18: read record batches, waiting for them if there are too few.

Long polls (``min_bytes``, ``max_wait_ms``), fetch sessions (KIP-227), topic ids from version 13 on (KIP-516), size
limits with at least one batch (KIP-74). Batches travel from the file to the socket as they are stored; the last one
may be cut off, which clients expect. There are no followers: replica fetches are served like a consumer's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kafkalite.fetch.sessions import FetchPartition, FetchPlan, TopicKey
from kafkalite.handlers.leader_epochs import epoch_error
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.fetch import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from kafkalite_wire.schema import NO_PAYLOAD, ZERO_UUID, Payload

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_storage.log.log import PartitionLog

_BY_TOPIC_ID: Final = 13
_READ_COMMITTED: Final = 1
_UNKNOWN_EPOCH: Final = -1


def handle(node: Node, request: FetchRequest, context: RequestContext) -> FetchResponse | None:
    """Answer at once if there is enough to tell, else when there is or when the time is up."""
    by_id = context.api_version >= _BY_TOPIC_ID
    plan = node.fetch_sessions.plan(
        request.session_id,
        request.session_epoch,
        _wanted(request, by_id),
        _forgotten(request, by_id),
        uses_ids=by_id,
        now=node.timers.now(),
    )
    if plan.error_code:
        return FetchResponse(throttle_time_ms=0, error_code=plan.error_code, responses=())
    fetch = _Fetch(node, request, plan)
    found = fetch.read()
    if found.urgent or found.size >= request.min_bytes or request.max_wait_ms <= 0 or not plan.partitions:
        return fetch.response(found)
    fetch.wait(request.min_bytes - found.size, context.defer())
    return None


@dataclass(slots=True)
class _Found:
    """What one pass over the partitions brought."""

    partitions: list[tuple[FetchPartition, PartitionData]]
    size: int = 0
    urgent: bool = False


class _Fetch:
    """One fetch, from its first look at the logs to its answer."""

    __slots__ = ("_deadline", "_node", "_pending", "_plan", "_reply", "_request")

    def __init__(self, node: Node, request: FetchRequest, plan: FetchPlan) -> None:
        self._node = node
        self._request = request
        self._plan = plan

    def wait(self, missing: int, reply: ResponseHandle[FetchResponse]) -> None:
        """Answer when ``missing`` more bytes have been written, or when the time is up."""
        self._reply = reply
        node = self._node
        named = ((node.topic_name(partition.topic), partition.index) for partition in self._plan.partitions)
        known = [(name, index) for name, index in named if name is not None]
        self._pending = node.delayed_fetches.add(known, missing, self._enough)
        until = node.timers.now() + self._request.max_wait_ms / 1000
        self._deadline = node.timers.call_at(until, self._time_is_up, self._reply.fail)
        self._reply.on_disconnect(self._abandon)

    def _enough(self) -> None:
        self._deadline.cancel()
        # In the turn of a request, or of something else, that has nothing to do with this one.
        self._node.crash_guard.guard("a fetch that waited", self._answer, self._reply.fail)

    def _time_is_up(self) -> None:
        self._node.delayed_fetches.remove(self._pending)
        self._answer()

    def _answer(self) -> None:
        self._reply.send(self.response(self.read()))

    def _abandon(self) -> None:
        self._deadline.cancel()
        self._node.delayed_fetches.remove(self._pending)

    def read(self) -> _Found:
        """Look at every partition once, within the request's limits of size."""
        found = _Found([])
        left = min(self._request.max_bytes, self._node.config.fetch_max_bytes)
        for partition in self._plan.partitions:
            data = self._read_partition(partition, left, found)
            found.partitions.append((partition, data))
        return found

    def _read_partition(self, wanted: FetchPartition, left: int, found: _Found) -> PartitionData:
        name = self._node.topic_name(wanted.topic)
        try:
            log = None if name is None else self._node.log(name, wanted.index)
        except StorageError as error:
            found.urgent = True
            return _failed(wanted, error.code)
        if log is None:
            found.urgent = True
            unknown = name is None and isinstance(wanted.topic, bytes)
            return _failed(
                wanted, ErrorCode.UNKNOWN_TOPIC_ID if unknown else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, aborted=()
            )
        refusal = epoch_error(log, wanted.current_leader_epoch)
        if refusal:
            found.urgent = True
            return _failed(wanted, refusal)
        if wanted.last_fetched_epoch > log.leader_epoch:
            found.urgent = True
            return _failed(wanted, ErrorCode.OFFSET_OUT_OF_RANGE)
        if wanted.last_fetched_epoch >= 0:
            diverging = _diverging_epoch(log, wanted)
            if diverging is not None:
                found.urgent = True
                return self._data(wanted, log, NO_PAYLOAD, diverging)
        try:
            records = log.read(
                wanted.fetch_offset,
                max_bytes=min(wanted.max_bytes, left - found.size),
                min_one_batch=found.size == 0,
                max_offset=log.last_stable_offset if self._request.isolation_level == _READ_COMMITTED else None,
            )
        except StorageError as error:
            found.urgent = True
            return _failed(wanted, error.code)
        found.size += len(records)
        return self._data(wanted, log, records)

    def _data(
        self,
        wanted: FetchPartition,
        log: PartitionLog,
        records: Payload,
        diverging: EpochEndOffset | None = None,
    ) -> PartitionData:
        aborted: tuple[AbortedTransaction, ...] | None = None
        if self._request.isolation_level == _READ_COMMITTED:
            aborted = tuple(
                AbortedTransaction(producer_id=transaction.producer_id, first_offset=transaction.first_offset)
                for transaction in log.aborted_transactions(wanted.fetch_offset, log.end_of_piece(wanted.fetch_offset))
            )
        data = PartitionData(
            partition_index=wanted.index,
            error_code=ErrorCode.NONE,
            high_watermark=log.high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log.log_start_offset,
            aborted_transactions=aborted,
            records=records,
        )
        if diverging is not None:
            data = replace(data, diverging_epoch=diverging)
        return data

    def response(self, found: _Found) -> FetchResponse:
        """Return what was found; within a session, only what the client does not know yet."""
        plan = self._plan
        topics: dict[TopicKey, list[PartitionData]] = {}
        for partition, data in found.partitions:
            news = partition.news(
                data.high_watermark,
                data.log_start_offset,
                data=bool(len(data.records)) if data.records is not None else False,
                failed=bool(data.error_code),
            )
            if news or not plan.incremental:
                topics.setdefault(partition.topic, []).append(data)
                if plan.session is not None and data.records:
                    plan.session.served(partition)
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
        )


def _failed(
    wanted: FetchPartition, error_code: int, aborted: tuple[AbortedTransaction, ...] | None = None
) -> PartitionData:
    return PartitionData(
        partition_index=wanted.index,
        error_code=error_code,
        high_watermark=-1,
        last_stable_offset=-1,
        log_start_offset=-1,
        aborted_transactions=aborted,
        records=NO_PAYLOAD,
    )


def _diverging_epoch(log: PartitionLog, wanted: FetchPartition) -> EpochEndOffset | None:
    """Tell a client whose last batch this log never had how far the two agree (KIP-595)."""
    epoch, end_offset = log.end_offset_for_epoch(wanted.last_fetched_epoch)
    if epoch < wanted.last_fetched_epoch or end_offset < wanted.fetch_offset:
        return EpochEndOffset(epoch=epoch, end_offset=end_offset)
    return None


def _wanted(request: FetchRequest, by_id: bool) -> tuple[FetchPartition, ...]:
    # A partition that is named twice counts once, as what was said of it last.
    wanted: dict[tuple[TopicKey, int], FetchPartition] = {}
    for topic in request.topics:
        key = topic.topic_id if by_id else topic.topic
        for partition in topic.partitions:
            wanted[key, partition.partition] = FetchPartition(
                topic=key,
                index=partition.partition,
                fetch_offset=partition.fetch_offset,
                max_bytes=partition.partition_max_bytes,
                current_leader_epoch=max(partition.current_leader_epoch, _UNKNOWN_EPOCH),
                last_fetched_epoch=partition.last_fetched_epoch,
            )
    return tuple(wanted.values())


def _forgotten(request: FetchRequest, by_id: bool) -> Iterable[tuple[TopicKey, int]]:
    return [
        (topic.topic_id if by_id else topic.topic, index)
        for topic in request.forgotten_topics_data
        for index in topic.partitions
    ]
