"""DescribeTopicPartitions (key 75): describe the partitions of topics, page by page (KIP-966)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, STRING, UUID, array_of, field, message, struct, struct_of


@struct
class TopicRequest:
    """The name of a topic."""

    name: str = field(STRING)


@struct
class Cursor:
    """The first partition of a response; in a response, where the next one begins."""

    topic_name: str = field(STRING)
    partition_index: int = field(INT32)


@message(api_key=ApiKey.DESCRIBE_TOPIC_PARTITIONS)
class DescribeTopicPartitionsRequest:
    """The topics, or all if there are none, and the largest number of partitions to return."""

    topics: tuple[TopicRequest, ...] = field(array_of(TopicRequest))
    response_partition_limit: int = field(INT32, default=2000)
    cursor: Cursor | None = field(struct_of(Cursor), nullable="0+", default=None)


@struct
class DescribeTopicPartitionsResponsePartition:
    """The leader and the replicas of one partition."""

    error_code: int = field(INT16, default=0)
    partition_index: int = field(INT32)
    leader_id: int = field(INT32)
    leader_epoch: int = field(INT32, default=-1)
    replica_nodes: tuple[int, ...] = field(array_of(INT32))
    isr_nodes: tuple[int, ...] = field(array_of(INT32))
    eligible_leader_replicas: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", default=None)
    last_known_elr: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", default=None)
    offline_replicas: tuple[int, ...] = field(array_of(INT32))


@struct
class DescribeTopicPartitionsResponseTopic:
    """Partitions of one topic, at most as many as the limit allows."""

    error_code: int = field(INT16, default=0)
    name: str | None = field(STRING, nullable="0+")
    topic_id: bytes = field(UUID)
    is_internal: bool = field(BOOL, default=False)
    partitions: tuple[DescribeTopicPartitionsResponsePartition, ...] = field(
        array_of(DescribeTopicPartitionsResponsePartition, may_be_kept=True)
    )
    topic_authorized_operations: int = field(INT32, default=-2147483648)


@message(api_key=ApiKey.DESCRIBE_TOPIC_PARTITIONS)
class DescribeTopicPartitionsResponse:
    """Topics in the order of their names; a next cursor says that there is more."""

    throttle_time_ms: int = field(INT32, default=0)
    topics: tuple[DescribeTopicPartitionsResponseTopic, ...] = field(array_of(DescribeTopicPartitionsResponseTopic))
    next_cursor: Cursor | None = field(struct_of(Cursor), nullable="0+", default=None)
