"""ShareAcknowledge (key 79): acknowledge records of a share group without fetching more (KIP-932).

Versions: 1 the first stable one, 2 renewed locks (KIP-1222).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@struct
class AcknowledgementBatch:
    """What became of a range of offsets: 0 gap, 1 accept, 2 release, 3 reject, 4 renew."""

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    acknowledge_types: tuple[int, ...] = field(array_of(INT8))


@struct
class AcknowledgePartition:
    """The acknowledgements of one partition."""

    partition_index: int = field(INT32)
    acknowledgement_batches: tuple[AcknowledgementBatch, ...] = field(array_of(AcknowledgementBatch))


@struct
class AcknowledgeTopic:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[AcknowledgePartition, ...] = field(array_of(AcknowledgePartition))


@message(api_key=ApiKey.SHARE_ACKNOWLEDGE)
class ShareAcknowledgeRequest:
    """The acknowledgements; session epoch -1 closes the share session."""

    group_id: str | None = field(STRING, nullable="0+", default=None)
    member_id: str | None = field(STRING, nullable="0+")
    share_session_epoch: int = field(INT32)
    is_renew_ack: bool = field(BOOL, "2+", default=False)
    topics: tuple[AcknowledgeTopic, ...] = field(array_of(AcknowledgeTopic))


@struct
class LeaderIdAndEpoch:
    """The current leader of a partition, -1 if unknown; 0 of epoch 0 where it is not told."""

    leader_id: int = field(INT32, default=0)
    leader_epoch: int = field(INT32, default=0)


@struct
class PartitionData:
    """Whether the acknowledgements of one partition were accepted."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    current_leader: LeaderIdAndEpoch = field(struct_of(LeaderIdAndEpoch), default=LeaderIdAndEpoch())


@struct
class ShareAcknowledgeTopicResponse:
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


@message(api_key=ApiKey.SHARE_ACKNOWLEDGE)
class ShareAcknowledgeResponse:
    """The result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    acquisition_lock_timeout_ms: int = field(INT32, "2+", default=0)
    responses: tuple[ShareAcknowledgeTopicResponse, ...] = field(array_of(ShareAcknowledgeTopicResponse))
    node_endpoints: tuple[NodeEndpoint, ...] = field(array_of(NodeEndpoint))
