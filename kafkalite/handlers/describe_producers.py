"""DescribeProducers: the producers that have written to partitions, with their open transactions (KIP-664)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kafkalite.partitions import WORK_OF_OPENING_A_LOG, guarded
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.metadata.topics import check_topic_name
from kafkalite_wire.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.partitions import PartitionError
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.state.producer_state import Producer, ProducerStates


def handle(
    broker: BrokerEndpoint, request: DescribeProducersRequest, context: RequestContext
) -> Steps[DescribeProducersResponse]:
    """Describe each partition on its own."""
    del context
    meter = WorkMeter()
    open_logs = broker.cluster.storage.open_logs
    topics: list[TopicResponse] = []
    for topic in request.topics:
        partitions: list[PartitionResponse] = []
        for index in topic.partition_indexes:
            if meter.add(1 if (topic.name, index) in open_logs else WORK_OF_OPENING_A_LOG):
                yield
            described = guarded(partial(_describe, broker, topic.name, index), partial(_refused, index))
            partitions.append(described)
            if meter.add(len(described.active_producers)):
                yield
        topics.append(TopicResponse(name=topic.name, partitions=tuple(partitions)))
    return DescribeProducersResponse(topics=tuple(topics))


def _describe(broker: BrokerEndpoint, topic: str, index: int) -> PartitionResponse:
    check_topic_name(topic)
    producers = broker.led_log(topic, index).producers
    return PartitionResponse(
        partition_index=index,
        active_producers=tuple(_state(producers, producer) for producer in producers),
    )


def _state(producers: ProducerStates, producer: Producer) -> ProducerState:
    return ProducerState(
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        last_sequence=producer.batches[-1].last_sequence if producer.batches else -1,
        last_timestamp=producer.timestamp,
        coordinator_epoch=producer.coordinator_epoch,
        current_txn_start_offset=producers.open_transactions.get(producer.producer_id, -1),
    )


def _refused(index: int, error: PartitionError) -> PartitionResponse:
    return PartitionResponse(
        partition_index=index, error_code=error.code, error_message=str(error), active_producers=()
    )
