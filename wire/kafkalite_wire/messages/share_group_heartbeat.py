"""ShareGroupHeartbeat (key 76): join, stay in and leave a share group (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
    struct_of,
)


@message(api_key=ApiKey.SHARE_GROUP_HEARTBEAT)
class ShareGroupHeartbeatRequest:
    """What has changed since the last heartbeat; null where nothing has. Epoch 0 joins, -1 leaves."""

    group_id: str = field(STRING)
    member_id: str = field(STRING)
    member_epoch: int = field(INT32)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    subscribed_topic_names: tuple[str, ...] | None = field(array_of(STRING), nullable="0+", default=None)


@struct
class TopicPartitions:
    """Partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class Assignment:
    """The partitions of the member, which others may have, too."""

    topic_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))


@message(api_key=ApiKey.SHARE_GROUP_HEARTBEAT)
class ShareGroupHeartbeatResponse:
    """The member's epoch, and its assignment where that has changed."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    member_id: str | None = field(STRING, nullable="0+", default=None)
    member_epoch: int = field(INT32, default=0)
    heartbeat_interval_ms: int = field(INT32, default=0)
    assignment: Assignment | None = field(struct_of(Assignment), nullable="0+", default=None)
