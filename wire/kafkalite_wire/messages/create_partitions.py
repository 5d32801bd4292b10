"""CreatePartitions (key 37): add partitions to topics (KIP-195)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, STRING, array_of, field, message, struct


@struct
class CreatePartitionsAssignment:
    """The brokers of one new partition, chosen by the client."""

    broker_ids: tuple[int, ...] = field(array_of(INT32))


@struct
class CreatePartitionsTopic:
    """The number of partitions that a topic is to have in total."""

    name: str = field(STRING)
    count: int = field(INT32)
    assignments: tuple[CreatePartitionsAssignment, ...] | None = field(
        array_of(CreatePartitionsAssignment), nullable="0+"
    )


@message(api_key=ApiKey.CREATE_PARTITIONS)
class CreatePartitionsRequest:
    """Topics that get more partitions; may be validated only."""

    topics: tuple[CreatePartitionsTopic, ...] = field(array_of(CreatePartitionsTopic))
    timeout_ms: int = field(INT32)
    validate_only: bool = field(BOOL)


@struct
class CreatePartitionsTopicResult:
    """The result for one topic."""

    name: str = field(STRING)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@message(api_key=ApiKey.CREATE_PARTITIONS)
class CreatePartitionsResponse:
    """One result for each topic."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[CreatePartitionsTopicResult, ...] = field(array_of(CreatePartitionsTopicResult))
