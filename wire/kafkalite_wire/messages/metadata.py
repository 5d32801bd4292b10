"""Metadata (key 3): brokers, topics, partitions and their leaders.

Versions: 1 all topics by null, 4 whether to create topics (KIP-4), 7 leader epochs (KIP-320), 8 authorized
operations (KIP-430), 10 topic ids (KIP-516), 12 topics by id in the request, 13 an error for the whole
response (KIP-1102).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT16,
    INT32,
    STRING,
    UUID,
    ZERO_UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class MetadataRequestTopic:
    """One topic, by its name or its id."""

    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    name: str | None = field(STRING, nullable="10+")


@message(api_key=ApiKey.METADATA)
class MetadataRequest:
    """The topics to describe; null means all, as does the empty list in version 0."""

    topics: tuple[MetadataRequestTopic, ...] | None = field(array_of(MetadataRequestTopic), nullable="1+")
    allow_auto_topic_creation: bool = field(BOOL, "4+", default=True)
    include_cluster_authorized_operations: bool = field(BOOL, "8-10", default=False)
    include_topic_authorized_operations: bool = field(BOOL, "8+", default=False)


@struct
class MetadataResponseBroker:
    """A broker that clients can connect to."""

    node_id: int = field(INT32)
    host: str = field(STRING)
    port: int = field(INT32)
    rack: str | None = field(STRING, "1+", nullable="1+", default=None)


@struct
class MetadataResponsePartition:
    """One partition and its replicas; the leader is -1 if it has none."""

    error_code: int = field(INT16, default=0)
    partition_index: int = field(INT32)
    leader_id: int = field(INT32)
    leader_epoch: int = field(INT32, "7+", default=-1)
    replica_nodes: tuple[int, ...] = field(array_of(INT32))
    isr_nodes: tuple[int, ...] = field(array_of(INT32))
    offline_replicas: tuple[int, ...] = field(array_of(INT32), "5+", default=())


@struct
class MetadataResponseTopic:
    """One topic, or an error."""

    error_code: int = field(INT16, default=0)
    name: str | None = field(STRING, nullable="12+")
    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    is_internal: bool = field(BOOL, "1+", default=False)
    partitions: tuple[MetadataResponsePartition, ...] = field(array_of(MetadataResponsePartition, may_be_kept=True))
    topic_authorized_operations: int = field(INT32, "8+", default=-2147483648)


@message(api_key=ApiKey.METADATA)
class MetadataResponse:
    """The cluster as one broker knows it."""

    throttle_time_ms: int = field(INT32, "3+", default=0)
    brokers: tuple[MetadataResponseBroker, ...] = field(array_of(MetadataResponseBroker))
    cluster_id: str | None = field(STRING, "2+", nullable="2+", default=None)
    controller_id: int = field(INT32, "1+", default=-1)
    topics: tuple[MetadataResponseTopic, ...] = field(array_of(MetadataResponseTopic))
    cluster_authorized_operations: int = field(INT32, "8-10", default=-2147483648)
    error_code: int = field(INT16, "13+", default=0)
