"""OffsetForLeaderEpoch (key 23): where the records of a leader epoch end (KIP-101, KIP-279, KIP-320)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class OffsetForLeaderPartition:
    """The epoch to look up in one partition."""

    partition: int = field(INT32)
    current_leader_epoch: int = field(INT32, "2+", default=-1)
    leader_epoch: int = field(INT32)


@struct
class OffsetForLeaderTopic:
    """The partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[OffsetForLeaderPartition, ...] = field(array_of(OffsetForLeaderPartition))


@message(api_key=ApiKey.OFFSET_FOR_LEADER_EPOCH)
class OffsetForLeaderEpochRequest:
    """The partitions; the replica id of a consumer is -1."""

    replica_id: int = field(INT32, "3+", default=-2)
    topics: tuple[OffsetForLeaderTopic, ...] = field(array_of(OffsetForLeaderTopic))


@struct
class EpochEndOffset:
    """The greatest epoch up to the requested one, and the offset after its last record."""

    error_code: int = field(INT16, default=0)
    partition: int = field(INT32)
    leader_epoch: int = field(INT32, "1+", default=-1)
    end_offset: int = field(INT64, default=-1)


@struct
class OffsetForLeaderTopicResult:
    """The partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[EpochEndOffset, ...] = field(array_of(EpochEndOffset))


@message(api_key=ApiKey.OFFSET_FOR_LEADER_EPOCH)
class OffsetForLeaderEpochResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, "2+", default=0)
    topics: tuple[OffsetForLeaderTopicResult, ...] = field(array_of(OffsetForLeaderTopicResult))
