"""Metadata: the brokers, and the topics with their leaders.

A topic that is asked for by name and does not exist is created when both the request and ``auto.create.topics.enable``
allow it: as in Kafka the answer is UNKNOWN_TOPIC_OR_PARTITION, and the topic is created right after it. With
``kafkalite.auto.create.topics.immediately`` it is created first, and the same answer describes it. Leaders and leader
epochs are those of the catalogue; one that is not up is not available.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.handlers.authorized_operations import NOT_ASKED, cluster_operations, may_describe, operations
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.security.access_control import ResourceType
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.topics import INTERNAL_TOPICS, METADATA_TOPIC, check_topic_name
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.metadata.topics import Partition, Topic

_EMPTY_MEANS_ALL: Final = 0
_NO_LEADER: Final = -1
_TOPIC: Final = ResourceType.TOPIC


def handle(broker: BrokerEndpoint, request: MetadataRequest, context: RequestContext) -> Steps[MetadataResponse]:
    """Describe the brokers and the wanted topics."""
    everything = request.topics is None or (context.api_version == _EMPTY_MEANS_ALL and not request.topics)
    cluster = broker.cluster
    if everything:
        found: Iterable[Topic | MetadataResponseTopic] = tuple(cluster.storage.topics.values())
        if context.access is not None:
            found = [topic for topic in cluster.storage.topics.values() if may_describe(context, _TOPIC, topic.name)]
    else:
        wanted = dict.fromkeys((topic.name, topic.topic_id) for topic in request.topics or ())
        if (None, ZERO_UUID) in wanted:
            return _failed(request)
        found = (
            _find_by_name(broker, name, request, context)
            if name is not None and topic_id == ZERO_UUID
            else cluster.storage.topics_by_id.get(topic_id) or _missing(None, topic_id, ErrorCode.UNKNOWN_TOPIC_ID)
            for name, topic_id in wanted
        )
    meter = WorkMeter()
    topics: list[MetadataResponseTopic] = []
    for topic in found:
        if isinstance(topic, MetadataResponseTopic):
            if meter.add():
                yield
            topics.append(_with_operations(topic, context) if request.include_topic_authorized_operations else topic)
        else:
            allowed = (
                operations(context, _TOPIC, topic.name) if request.include_topic_authorized_operations else NOT_ASKED
            )
            topics.append(
                MetadataResponseTopic(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    is_internal=topic.is_internal,
                    partitions=(yield from cluster.described_partitions.of(topic, _described, meter)),
                    topic_authorized_operations=allowed,
                )
            )
    addresses = cluster.addresses(context.client_host, context.info.local)
    return MetadataResponse(
        brokers=tuple(
            MetadataResponseBroker(node_id=node_id, host=host, port=port, rack=cluster.brokers[node_id].rack)
            for node_id, (host, port) in addresses.items()
        ),
        cluster_id=cluster.storage.cluster_id,
        controller_id=cluster.controller_id,
        topics=tuple(topics),
        cluster_authorized_operations=(
            cluster_operations(context) if request.include_cluster_authorized_operations else NOT_ASKED
        ),
    )


def _failed(request: MetadataRequest) -> MetadataResponse:
    """Answer a request with a topic that has neither a name nor an id: as in Kafka, it fails as a whole."""
    code = ErrorCode.UNKNOWN_SERVER_ERROR
    topics = tuple(
        MetadataResponseTopic(name=topic.name or "", topic_id=topic.topic_id, error_code=code, partitions=())
        for topic in request.topics or ()
    )
    return MetadataResponse(brokers=(), topics=topics, error_code=code)


def _find_by_name(
    broker: BrokerEndpoint, name: str, request: MetadataRequest, context: RequestContext
) -> Topic | MetadataResponseTopic:
    topic = broker.cluster.storage.topics.get(name)
    if topic is not None:
        return topic
    try:
        check_topic_name(name)
        may_create = request.allow_auto_topic_creation and broker.config.auto_create_topics_enable
        if may_create and name != METADATA_TOPIC:
            context.charge_partitions(broker.config.num_partitions)
            if broker.config.auto_create_topics_immediately:
                return broker.cluster.auto_create_topic(name)
            broker.cluster.auto_create_topic_later(name)
    except StorageError as error:
        return _missing(name, ZERO_UUID, error.code)
    except RefusedError:
        pass  # above its quota, a client does not create the topic, as in Kafka
    return _missing(name, ZERO_UUID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)


def _with_operations(missing: MetadataResponseTopic, context: RequestContext) -> MetadataResponseTopic:
    if missing.name is None:
        return missing
    return replace(missing, topic_authorized_operations=operations(context, _TOPIC, missing.name))


def _missing(name: str | None, topic_id: bytes, error_code: int) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=name, topic_id=topic_id, error_code=error_code, is_internal=name in INTERNAL_TOPICS, partitions=()
    )


def _described(online: Collection[int], index: int, partition: Partition) -> MetadataResponsePartition:
    is_online = partition.leader in online
    return MetadataResponsePartition(
        error_code=ErrorCode.NONE if is_online else ErrorCode.LEADER_NOT_AVAILABLE,
        partition_index=index,
        leader_id=partition.leader if is_online else _NO_LEADER,
        leader_epoch=partition.leader_epoch,
        replica_nodes=partition.replicas,
        isr_nodes=partition.isr,
        offline_replicas=tuple(replica for replica in partition.replicas if replica not in online),
    )
