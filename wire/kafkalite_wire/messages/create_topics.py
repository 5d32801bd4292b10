"""CreateTopics (key 19): create topics (KIP-4).

Versions: 4 the broker's defaults for partitions and replicas (KIP-464), 5 configs in the response (KIP-525), 6 quota
errors (KIP-599), 7 topic ids in the response (KIP-516).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT8,
    INT16,
    INT32,
    STRING,
    UUID,
    ZERO_UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class CreatableReplicaAssignment:
    """The brokers of one partition, chosen by the client."""

    partition_index: int = field(INT32)
    broker_ids: tuple[int, ...] = field(array_of(INT32))


@struct
class CreatableTopicConfig:
    """One config of a new topic."""

    name: str = field(STRING)
    value: str | None = field(STRING, nullable="0+")


@struct
class CreatableTopic:
    """A topic to create; -1 partitions or replicas mean the broker's default."""

    name: str = field(STRING)
    num_partitions: int = field(INT32)
    replication_factor: int = field(INT16)
    assignments: tuple[CreatableReplicaAssignment, ...] = field(array_of(CreatableReplicaAssignment), default=())
    configs: tuple[CreatableTopicConfig, ...] = field(array_of(CreatableTopicConfig), default=())


@message(api_key=ApiKey.CREATE_TOPICS)
class CreateTopicsRequest:
    """Topics to create, or only to validate."""

    topics: tuple[CreatableTopic, ...] = field(array_of(CreatableTopic))
    timeout_ms: int = field(INT32, default=60000)
    validate_only: bool = field(BOOL, "1+", default=False)


@struct
class CreatableTopicConfigs:
    """One config of a created topic."""

    name: str = field(STRING, "5+")
    value: str | None = field(STRING, "5+", nullable="5+")
    read_only: bool = field(BOOL, "5+")
    config_source: int = field(INT8, "5+", default=-1)
    is_sensitive: bool = field(BOOL, "5+")


@struct
class CreatableTopicResult:
    """The result for one topic."""

    name: str = field(STRING)
    topic_id: bytes = field(UUID, "7+", default=ZERO_UUID)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "1+", nullable="0+")
    topic_config_error_code: int = field(INT16, "5+", tag=0, default=0)
    num_partitions: int = field(INT32, "5+", default=-1)
    replication_factor: int = field(INT16, "5+", default=-1)
    configs: tuple[CreatableTopicConfigs, ...] | None = field(
        array_of(CreatableTopicConfigs), "5+", nullable="5+", default=()
    )


@message(api_key=ApiKey.CREATE_TOPICS)
class CreateTopicsResponse:
    """One result for each topic."""

    throttle_time_ms: int = field(INT32, "2+", default=0)
    topics: tuple[CreatableTopicResult, ...] = field(array_of(CreatableTopicResult))
