"""Fetch (key 1): read record batches from partitions.

Versions: 4 transactions (KIP-98), 7 fetch sessions (KIP-227), 9 leader epochs (KIP-320), 11 reads from the
nearest replica (KIP-392), 12 diverging epochs (KIP-595), 13 topic ids in place of names (KIP-516), 15 replica
epochs (KIP-903), 16 leaders in the response (KIP-951), 17 directory ids (KIP-853), 18 the follower's high
watermark (KIP-1166).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT8,
    INT16,
    INT32,
    INT64,
    RECORDS,
    STRING,
    UUID,
    ZERO_UUID,
    Payload,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@struct
class ReplicaState:
    """Which replica fetches; both -1 for a consumer."""

    replica_id: int = field(INT32, "15+", default=-1)
    replica_epoch: int = field(INT64, "15+", default=-1)


@struct
class FetchPartition:
    """Where to start reading one partition, and how much to read."""

    partition: int = field(INT32)
    current_leader_epoch: int = field(INT32, "9+", default=-1)
    fetch_offset: int = field(INT64)
    last_fetched_epoch: int = field(INT32, "12+", default=-1)
    log_start_offset: int = field(INT64, "5+", default=-1)
    partition_max_bytes: int = field(INT32)
    replica_directory_id: bytes = field(UUID, "17+", tag=0, default=ZERO_UUID)
    high_watermark: int = field(INT64, "18+", tag=1, default=9223372036854775807)


@struct
class FetchTopic:
    """The partitions of one topic."""

    topic: str = field(STRING, "0-12", default="")
    topic_id: bytes = field(UUID, "13+", default=ZERO_UUID)
    partitions: tuple[FetchPartition, ...] = field(array_of(FetchPartition))


@struct
class ForgottenTopic:
    """Partitions to remove from the fetch session."""

    topic: str = field(STRING, "7-12", default="")
    topic_id: bytes = field(UUID, "13+", default=ZERO_UUID)
    partitions: tuple[int, ...] = field(array_of(INT32), "7+")


@message(api_key=ApiKey.FETCH)
class FetchRequest:
    """What to read and how long to wait; session epoch 0 opens a session, -1 means none."""

    cluster_id: str | None = field(STRING, "12+", nullable="12+", tag=0, default=None)
    replica_id: int = field(INT32, "0-14", default=-1)
    replica_state: ReplicaState = field(struct_of(ReplicaState), "15+", tag=1, default=ReplicaState())
    max_wait_ms: int = field(INT32)
    min_bytes: int = field(INT32)
    max_bytes: int = field(INT32, "3+", default=0x7FFFFFFF)
    isolation_level: int = field(INT8, "4+", default=0)
    session_id: int = field(INT32, "7+", default=0)
    session_epoch: int = field(INT32, "7+", default=-1)
    topics: tuple[FetchTopic, ...] = field(array_of(FetchTopic))
    forgotten_topics_data: tuple[ForgottenTopic, ...] = field(array_of(ForgottenTopic), "7+", default=())
    rack_id: str = field(STRING, "11+", default="")


@struct
class EpochEndOffset:
    """Where the log of a follower diverges from that of the leader."""

    epoch: int = field(INT32, "12+", default=-1)
    end_offset: int = field(INT64, "12+", default=-1)


@struct
class LeaderIdAndEpoch:
    """The current leader of a partition, -1 if unknown."""

    leader_id: int = field(INT32, "12+", default=-1)
    leader_epoch: int = field(INT32, "12+", default=-1)


@struct
class SnapshotId:
    """The snapshot that a follower must fetch instead."""

    end_offset: int = field(INT64, default=-1)
    epoch: int = field(INT32, default=-1)


@struct
class AbortedTransaction:
    """An aborted transaction: its records from this offset on are skipped by read_committed consumers."""

    producer_id: int = field(INT64, "4+")
    first_offset: int = field(INT64, "4+")


@struct
class PartitionData:
    """The batches of one partition; offsets of -1 are unknown."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    high_watermark: int = field(INT64)
    last_stable_offset: int = field(INT64, "4+", default=-1)
    log_start_offset: int = field(INT64, "5+", default=-1)
    diverging_epoch: EpochEndOffset = field(struct_of(EpochEndOffset), "12+", tag=0, default=EpochEndOffset())
    current_leader: LeaderIdAndEpoch = field(struct_of(LeaderIdAndEpoch), "12+", tag=1, default=LeaderIdAndEpoch())
    snapshot_id: SnapshotId = field(struct_of(SnapshotId), "12+", tag=2, default=SnapshotId())
    aborted_transactions: tuple[AbortedTransaction, ...] | None = field(
        array_of(AbortedTransaction), "4+", nullable="4+"
    )
    preferred_read_replica: int = field(INT32, "11+", default=-1)
    records: Payload | None = field(RECORDS, nullable="0+")


@struct
class FetchableTopicResponse:
    """The partitions of one topic."""

    topic: str = field(STRING, "0-12", default="")
    topic_id: bytes = field(UUID, "13+", default=ZERO_UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@struct
class NodeEndpoint:
    """The address of a leader that the response names."""

    node_id: int = field(INT32, "16+")
    host: str = field(STRING, "16+")
    port: int = field(INT32, "16+")
    rack: str | None = field(STRING, "16+", nullable="16+", default=None)


@message(api_key=ApiKey.FETCH)
class FetchResponse:
    """The partitions of the session that have batches or have changed."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, "7+", default=0)
    session_id: int = field(INT32, "7+", default=0)
    responses: tuple[FetchableTopicResponse, ...] = field(array_of(FetchableTopicResponse))
    node_endpoints: tuple[NodeEndpoint, ...] = field(array_of(NodeEndpoint), "16+", tag=0, default=())
