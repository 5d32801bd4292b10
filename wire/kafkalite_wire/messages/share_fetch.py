"""ShareFetch (key 78): acquire records for a member of a share group, and acknowledge earlier ones (KIP-932).

Versions: 1 the first stable one, 2 acquire modes (KIP-1206) and renewed locks (KIP-1222).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    RECORDS,
    STRING,
    UUID,
    Payload,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@struct
class AcknowledgementBatch:
    """What became of a range of offsets: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.

    One type holds for the whole range, or there is one for each offset.
    """

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    acknowledge_types: tuple[int, ...] = field(array_of(INT8))


@struct
class FetchPartition:
    """A partition to fetch from, with acknowledgements of what was acquired before."""

    partition_index: int = field(INT32)
    acknowledgement_batches: tuple[AcknowledgementBatch, ...] = field(array_of(AcknowledgementBatch))


@struct
class FetchTopic:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[FetchPartition, ...] = field(array_of(FetchPartition))


@struct
class ForgottenTopic:
    """Partitions to remove from the share session."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.SHARE_FETCH)
class ShareFetchRequest:
    """What to acquire and how long to wait.

    Session epoch 0 opens a session, -1 closes it; acquire mode 0 takes whole batches, 1 keeps to the record limit.
    """

    group_id: str | None = field(STRING, nullable="0+", default=None)
    member_id: str | None = field(STRING, nullable="0+")
    share_session_epoch: int = field(INT32)
    max_wait_ms: int = field(INT32)
    min_bytes: int = field(INT32)
    max_bytes: int = field(INT32, default=0x7FFFFFFF)
    max_records: int = field(INT32)
    batch_size: int = field(INT32)
    share_acquire_mode: int = field(INT8, "2+", default=0)
    is_renew_ack: bool = field(BOOL, "2+", default=False)
    topics: tuple[FetchTopic, ...] = field(array_of(FetchTopic))
    forgotten_topics_data: tuple[ForgottenTopic, ...] = field(array_of(ForgottenTopic))


@struct
class LeaderIdAndEpoch:
    """The current leader of a partition, -1 if unknown; 0 of epoch 0 where it is not told."""

    leader_id: int = field(INT32, default=0)
    leader_epoch: int = field(INT32, default=0)


@struct
class AcquiredRecords:
    """A range of offsets that the member now holds, and how often they have been delivered."""

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    delivery_count: int = field(INT16)


@struct
class PartitionData:
    """The batches of one partition, and which of their records were acquired."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    acknowledge_error_code: int = field(INT16, default=0)
    acknowledge_error_message: str | None = field(STRING, nullable="0+", default=None)
    current_leader: LeaderIdAndEpoch = field(struct_of(LeaderIdAndEpoch), default=LeaderIdAndEpoch())
    records: Payload = field(RECORDS)
    acquired_records: tuple[AcquiredRecords, ...] = field(array_of(AcquiredRecords))


@struct
class ShareFetchableTopicResponse:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@struct
class NodeEndpoint:
    """The address of a leader that the response names."""

    node_id: int = field(INT32)
    host: str = field(STRING)
    port: int = field(INT32)
    rack: str | None = field(STRING, nullable="0+", default=None)


@message(api_key=ApiKey.SHARE_FETCH)
class ShareFetchResponse:
    """Records of the session's partitions; the lock time-out is 0 where none were acquired."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    acquisition_lock_timeout_ms: int = field(INT32)
    responses: tuple[ShareFetchableTopicResponse, ...] = field(array_of(ShareFetchableTopicResponse))
    node_endpoints: tuple[NodeEndpoint, ...] = field(array_of(NodeEndpoint))
