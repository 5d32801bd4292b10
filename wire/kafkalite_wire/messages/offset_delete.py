"""OffsetDelete (key 47): delete a group's offsets of topics that no member is subscribed to (KIP-496)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@struct
class OffsetDeleteRequestPartition:
    """A partition whose offset is deleted."""

    partition_index: int = field(INT32)


@struct
class OffsetDeleteRequestTopic:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[OffsetDeleteRequestPartition, ...] = field(array_of(OffsetDeleteRequestPartition))


@message(api_key=ApiKey.OFFSET_DELETE)
class OffsetDeleteRequest:
    """The group, and the offsets to delete."""

    group_id: str = field(STRING)
    topics: tuple[OffsetDeleteRequestTopic, ...] = field(array_of(OffsetDeleteRequestTopic))


@struct
class OffsetDeleteResponsePartition:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)


@struct
class OffsetDeleteResponseTopic:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[OffsetDeleteResponsePartition, ...] = field(array_of(OffsetDeleteResponsePartition))


@message(api_key=ApiKey.OFFSET_DELETE)
class OffsetDeleteResponse:
    """One result for each partition, or an error for the whole group."""

    error_code: int = field(INT16, default=0)
    throttle_time_ms: int = field(INT32, default=0)
    topics: tuple[OffsetDeleteResponseTopic, ...] = field(array_of(OffsetDeleteResponseTopic), default=())
