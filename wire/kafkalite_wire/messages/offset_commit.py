"""OffsetCommit (key 8): store the offsets of a group.

Versions: 5 no retention time, which the broker sets (KIP-211), 6 leader epochs (KIP-320), 7 static members
(KIP-345), 9 members of consumer groups (KIP-848), 10 topic ids in place of names (KIP-848).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    ZERO_UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class OffsetCommitRequestPartition:
    """The offset of the next record to read in one partition."""

    partition_index: int = field(INT32)
    committed_offset: int = field(INT64)
    committed_leader_epoch: int = field(INT32, "6+", default=-1)
    committed_metadata: str | None = field(STRING, nullable="0+")


@struct
class OffsetCommitRequestTopic:
    """The offsets of one topic."""

    name: str = field(STRING, "0-9", default="")
    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    partitions: tuple[OffsetCommitRequestPartition, ...] = field(array_of(OffsetCommitRequestPartition))


@message(api_key=ApiKey.OFFSET_COMMIT)
class OffsetCommitRequest:
    """Offsets to store; a commit from outside of the group has generation -1 and an empty member id."""

    group_id: str = field(STRING)
    generation_id_or_member_epoch: int = field(INT32, "1+", default=-1)
    member_id: str = field(STRING, "1+")
    group_instance_id: str | None = field(STRING, "7+", nullable="7+", default=None)
    retention_time_ms: int = field(INT64, "2-4", default=-1)
    topics: tuple[OffsetCommitRequestTopic, ...] = field(array_of(OffsetCommitRequestTopic))


@struct
class OffsetCommitResponsePartition:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)


@struct
class OffsetCommitResponseTopic:
    """The partitions of one topic."""

    name: str = field(STRING, "0-9", default="")
    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    partitions: tuple[OffsetCommitResponsePartition, ...] = field(array_of(OffsetCommitResponsePartition))


@message(api_key=ApiKey.OFFSET_COMMIT)
class OffsetCommitResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, "3+", default=0)
    topics: tuple[OffsetCommitResponseTopic, ...] = field(array_of(OffsetCommitResponseTopic))
