"""DescribeQuorum (key 55): describe the quorum of the metadata log (KIP-595).

Versions: 1 times of the replicas (KIP-836), 2 directory ids, listeners and messages (KIP-853).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, UINT16, UUID, ZERO_UUID, array_of, field, message, struct


@struct
class PartitionData:
    """One partition."""

    partition_index: int = field(INT32)


@struct
class TopicData:
    """Partitions of one topic."""

    topic_name: str = field(STRING)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.DESCRIBE_QUORUM)
class DescribeQuorumRequest:
    """The partitions to describe: of ``__cluster_metadata``."""

    topics: tuple[TopicData, ...] = field(array_of(TopicData))


@struct
class ReplicaState:
    """A voter or observer, and how far it has replicated; times are milliseconds since 1970."""

    replica_id: int = field(INT32)
    replica_directory_id: bytes = field(UUID, "2+", default=ZERO_UUID)
    log_end_offset: int = field(INT64)
    last_fetch_timestamp: int = field(INT64, "1+", default=-1)
    last_caught_up_timestamp: int = field(INT64, "1+", default=-1)


@struct
class PartitionQuorum:
    """The leader, the voters and the observers of one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "2+", nullable="2+", default="")
    leader_id: int = field(INT32)
    leader_epoch: int = field(INT32)
    high_watermark: int = field(INT64)
    current_voters: tuple[ReplicaState, ...] = field(array_of(ReplicaState))
    observers: tuple[ReplicaState, ...] = field(array_of(ReplicaState))


@struct
class TopicQuorum:
    """Partitions of one topic."""

    topic_name: str = field(STRING)
    partitions: tuple[PartitionQuorum, ...] = field(array_of(PartitionQuorum))


@struct
class Listener:
    """One listener of a voter."""

    name: str = field(STRING, "2+", default="")
    host: str = field(STRING, "2+", default="")
    port: int = field(UINT16, "2+", default=0)


@struct
class Node:
    """The listeners of one voter."""

    node_id: int = field(INT32, "2+", default=0)
    listeners: tuple[Listener, ...] = field(array_of(Listener), "2+", default=())


@message(api_key=ApiKey.DESCRIBE_QUORUM)
class DescribeQuorumResponse:
    """The leader, the voters and the observers."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "2+", nullable="2+", default="")
    topics: tuple[TopicQuorum, ...] = field(array_of(TopicQuorum))
    nodes: tuple[Node, ...] = field(array_of(Node), "2+", default=())
