"""ShareGroupDescribe (key 77): describe share groups and their members (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
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


@message(api_key=ApiKey.SHARE_GROUP_DESCRIBE)
class ShareGroupDescribeRequest:
    """The ids of the groups."""

    group_ids: tuple[str, ...] = field(array_of(STRING))
    include_authorized_operations: bool = field(BOOL)


@struct
class TopicPartitions:
    """Partitions of one topic."""

    topic_id: bytes = field(UUID)
    topic_name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class Assignment:
    """The partitions of a member."""

    topic_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))


@struct
class Member:
    """A member and what it has subscribed to."""

    member_id: str = field(STRING)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    member_epoch: int = field(INT32)
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    subscribed_topic_names: tuple[str, ...] = field(array_of(STRING))
    assignment: Assignment = field(struct_of(Assignment))


@struct
class DescribedGroup:
    """One group."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    group_id: str = field(STRING)
    group_state: str = field(STRING, default="")
    group_epoch: int = field(INT32, default=0)
    assignment_epoch: int = field(INT32, default=0)
    assignor_name: str = field(STRING, default="")
    members: tuple[Member, ...] = field(array_of(Member), default=())
    authorized_operations: int = field(INT32, default=-2147483648)


@message(api_key=ApiKey.SHARE_GROUP_DESCRIBE)
class ShareGroupDescribeResponse:
    """The groups, in the order of the request."""

    throttle_time_ms: int = field(INT32, default=0)
    groups: tuple[DescribedGroup, ...] = field(array_of(DescribedGroup))
