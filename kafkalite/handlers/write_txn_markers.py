"""WriteTxnMarkers: end transactions in partitions, as coordinators of other brokers and administrators do (KIP-664)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.results import TransactionMarker
from kafkalite.coordinators.transactions.versions import VERSION_2
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.write_txn_markers import (
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_WORK_OF_ANSWERING: Final = 0.2
_WORK_OF_A_MARKER: Final = 80

_Key = tuple[int, str, int]
"""The number of the marker, the topic and the partition."""


def handle(broker: BrokerEndpoint, request: WriteTxnMarkersRequest, context: RequestContext) -> Steps[None]:
    """Append each marker to each of its partitions, and answer when all of them are durable."""
    context.outlives_client = True
    response = context.defer()
    errors: dict[_Key, ErrorCode] = {}
    keys = dict.fromkeys(
        (number, topic.name, index)
        for number, marker in enumerate(request.markers)
        for topic in marker.topics
        for index in topic.partition_indexes
    )
    left = len(keys)

    def done(key: _Key, error: ErrorCode) -> None:
        nonlocal left
        errors[key] = error
        left -= 1
        if not left:
            response.send_from(_response(request, errors))

    if not keys:
        response.send_from(_response(request, errors))
    meter = WorkMeter()
    for key in keys:
        if meter.add(_WORK_OF_A_MARKER):
            yield
        number, topic, index = key
        marker = request.markers[number]
        if marker.producer_epoch < 0:
            done(key, ErrorCode.UNKNOWN_SERVER_ERROR)
            continue
        if not _may_lead(broker, topic, index):
            done(key, ErrorCode.NOT_LEADER_OR_FOLLOWER)
            continue
        broker.cluster.write_marker(
            topic,
            index,
            TransactionMarker(
                producer_id=marker.producer_id,
                producer_epoch=marker.producer_epoch,
                commit=marker.transaction_result,
                coordinator_epoch=marker.coordinator_epoch,
                must_raise_epoch=marker.transaction_version >= VERSION_2,
            ),
            partial(done, key),
        )


def _may_lead(broker: BrokerEndpoint, name: str, index: int) -> bool:
    topic = broker.cluster.storage.topics.get(name)
    is_known = topic is not None and 0 <= index < topic.partitions
    return topic is None or not is_known or topic.assignment[index].leader == broker.id


def _response(request: WriteTxnMarkersRequest, errors: dict[_Key, ErrorCode]) -> Steps[WriteTxnMarkersResponse]:
    meter = WorkMeter()
    markers: list[WritableTxnMarkerResult] = []
    for number, marker in enumerate(request.markers):
        topics: list[WritableTxnMarkerTopicResult] = []
        for topic in marker.topics:
            partitions: list[WritableTxnMarkerPartitionResult] = []
            for index in dict.fromkeys(topic.partition_indexes):
                if meter.add(_WORK_OF_ANSWERING):
                    yield
                error = errors[number, topic.name, index]
                partitions.append(WritableTxnMarkerPartitionResult(partition_index=index, error_code=error))
            if partitions:
                topics.append(WritableTxnMarkerTopicResult(name=topic.name, partitions=tuple(partitions)))
        if topics:
            markers.append(WritableTxnMarkerResult(producer_id=marker.producer_id, topics=tuple(topics)))
    return WriteTxnMarkersResponse(markers=tuple(markers))
