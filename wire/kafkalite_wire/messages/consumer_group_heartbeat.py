"""ConsumerGroupHeartbeat (key 68): a member of a consumer group joins, stays, reconciles and leaves (KIP-848).

Versions: 1 subscriptions by regular expression, and member ids that the client makes (KIP-1082).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, UUID, array_of, field, message, struct, struct_of


@struct
class TopicPartitions:
    """Partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(api_key=ApiKey.CONSUMER_GROUP_HEARTBEAT)
class ConsumerGroupHeartbeatRequest:
    """What a member wants and owns; null and -1 stand for unchanged.

    The member epoch is 0 to join, -1 to leave, and -2 for a static member that will come back.
    """

    group_id: str = field(STRING)
    member_id: str = field(STRING)
    member_epoch: int = field(INT32)
    instance_id: str | None = field(STRING, nullable="0+", default=None)
    rack_id: str | None = field(STRING, nullable="0+", default=None)
    rebalance_timeout_ms: int = field(INT32, default=-1)
    subscribed_topic_names: tuple[str, ...] | None = field(array_of(STRING), nullable="0+", default=None)
    subscribed_topic_regex: str | None = field(STRING, "1+", nullable="1+", default=None)
    server_assignor: str | None = field(STRING, nullable="0+", default=None)
    topic_partitions: tuple[TopicPartitions, ...] | None = field(array_of(TopicPartitions), nullable="0+", default=None)


@struct
class Assignment:
    """The partitions that the member may use now."""

    topic_partitions: tuple[TopicPartitions, ...] = field(array_of(TopicPartitions))


@message(api_key=ApiKey.CONSUMER_GROUP_HEARTBEAT)
class ConsumerGroupHeartbeatResponse:
    """The member's epoch, when to send the next heartbeat, and its assignment; null stands for unchanged."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    member_id: str | None = field(STRING, nullable="0+", default=None)
    member_epoch: int = field(INT32, default=0)
    heartbeat_interval_ms: int = field(INT32, default=0)
    assignment: Assignment | None = field(struct_of(Assignment), nullable="0+", default=None)
