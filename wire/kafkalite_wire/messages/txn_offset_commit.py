"""TxnOffsetCommit (key 28): commit the offsets of a group within a transaction (KIP-98).

Versions: 2 leader epochs (KIP-320), 3 members of the group (KIP-447), 4 TRANSACTION_ABORTABLE, 5 adds the group to the
transaction (KIP-890), 6 topic ids in place of names (KIP-1319).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, UUID, ZERO_UUID, array_of, field, message, struct


@struct
class TxnOffsetCommitRequestPartition:
    """The offset of the next record to read in one partition."""

    partition_index: int = field(INT32)
    committed_offset: int = field(INT64)
    committed_leader_epoch: int = field(INT32, "2+", default=-1)
    committed_metadata: str | None = field(STRING, nullable="0+")


@struct
class TxnOffsetCommitRequestTopic:
    """The offsets of one topic."""

    name: str = field(STRING, "0-5", default="")
    topic_id: bytes = field(UUID, "6+", default=ZERO_UUID)
    partitions: tuple[TxnOffsetCommitRequestPartition, ...] = field(array_of(TxnOffsetCommitRequestPartition))


@message(api_key=ApiKey.TXN_OFFSET_COMMIT)
class TxnOffsetCommitRequest:
    """Offsets that become visible when the transaction is committed."""

    transactional_id: str = field(STRING)
    group_id: str = field(STRING)
    producer_id: int = field(INT64)
    producer_epoch: int = field(INT16)
    generation_id_or_member_epoch: int = field(INT32, "3+", default=-1)
    member_id: str = field(STRING, "3+", default="")
    group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)
    topics: tuple[TxnOffsetCommitRequestTopic, ...] = field(array_of(TxnOffsetCommitRequestTopic))


@struct
class TxnOffsetCommitResponsePartition:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)


@struct
class TxnOffsetCommitResponseTopic:
    """The partitions of one topic."""

    name: str = field(STRING, "0-5", default="")
    topic_id: bytes = field(UUID, "6+", default=ZERO_UUID)
    partitions: tuple[TxnOffsetCommitResponsePartition, ...] = field(array_of(TxnOffsetCommitResponsePartition))


@message(api_key=ApiKey.TXN_OFFSET_COMMIT)
class TxnOffsetCommitResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    topics: tuple[TxnOffsetCommitResponseTopic, ...] = field(array_of(TxnOffsetCommitResponseTopic))
