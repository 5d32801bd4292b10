"""ConsumerGroupDescribe (key 69): describe consumer groups with their epochs, members and assignments (KIP-848).

Versions: 1 tells members of the classic protocol from those of the consumer protocol (KIP-1099).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, UUID, array_of, field, message, struct, struct_of


@message(api_key=ApiKey.CONSUMER_GROUP_DESCRIBE)
class ConsumerGroupDescribeRequest:
    """The groups to describe."""

    group_ids: tuple[str, ...] = field(array_of(STRING))
    include_authorized_operations: bool = field(BOOL, default=False)


@struct
class TopicPartitions:
    """Partitions of one topic."""

    topic_id: bytes = field(UUID)
    topic_name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class Assignment:
    """Assigned partitions."""

    topic_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions), default=())


@struct
class Member:
    """One member; its type is 0 for the classic protocol, 1 for the consumer protocol, -1 if unknown."""

    member_id: str = field(STRING)
    instance_id: str | None = field(STRING, nullable="0+", default=None)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    member_epoch: int = field(INT32)
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    subscribed_topic_names: tuple[str, ...] = field(array_of(STRING))
    subscribed_topic_regex: str | None = field(STRING, nullable="0+", default=None)
    assignment: Assignment = field(struct_of(Assignment))
    target_assignment: Assignment = field(struct_of(Assignment))
    member_type: int = field(INT8, "1+", default=-1)


@struct
class DescribedGroup:
    """One group: its state, epochs and members."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    group_id: str = field(STRING)
    group_state: str = field(STRING, default="")
    group_epoch: int = field(INT32, default=0)
    assignment_epoch: int = field(INT32, default=0)
    assignor_name: str = field(STRING, default="")
    members: tuple[Member, ...] = field(array_of(Member), default=())
    authorized_operations: int = field(INT32, default=-2147483648)


@message(api_key=ApiKey.CONSUMER_GROUP_DESCRIBE)
class ConsumerGroupDescribeResponse:
    """One description for each requested group."""

    throttle_time_ms: int = field(INT32, default=0)
    groups: tuple[DescribedGroup, ...] = field(array_of(DescribedGroup))
