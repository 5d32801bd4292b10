"""OffsetFetch (key 9): read the committed offsets of groups.

Versions: 2 all topics by null, 5 leader epochs (KIP-320), 7 stable offsets only (KIP-447), 8 several groups
(KIP-709), 9 members of consumer groups (KIP-848), 10 topic ids in place of names (KIP-848).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    ZERO_UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class OffsetFetchRequestTopic:
    """Partitions of one topic, in the form for a single group."""

    name: str = field(STRING, "0-7")
    partition_indexes: tuple[int, ...] = field(array_of(INT32), "0-7")


@struct
class OffsetFetchRequestTopics:
    """Partitions of one topic, in the form for several groups."""

    name: str = field(STRING, "8-9", default="")
    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    partition_indexes: tuple[int, ...] = field(array_of(INT32), "8+")


@struct
class OffsetFetchRequestGroup:
    """One group and its topics, null for all."""

    group_id: str = field(STRING, "8+")
    member_id: str | None = field(STRING, "9+", nullable="9+", default=None)
    member_epoch: int = field(INT32, "9+", default=-1)
    topics: tuple[OffsetFetchRequestTopics, ...] | None = field(array_of(OffsetFetchRequestTopics), "8+", nullable="8+")


@message(api_key=ApiKey.OFFSET_FETCH)
class OffsetFetchRequest:
    """The offsets to read: of one group (versions 1 to 7) or of several."""

    group_id: str = field(STRING, "0-7", default="")
    topics: tuple[OffsetFetchRequestTopic, ...] | None = field(
        array_of(OffsetFetchRequestTopic), "0-7", nullable="2-7", default=()
    )
    groups: tuple[OffsetFetchRequestGroup, ...] = field(array_of(OffsetFetchRequestGroup), "8+", default=())
    require_stable: bool = field(BOOL, "7+", default=False)


@struct
class OffsetFetchResponsePartition:
    """The committed offset of one partition, -1 for none, in the form for a single group."""

    partition_index: int = field(INT32, "0-7")
    committed_offset: int = field(INT64, "0-7")
    committed_leader_epoch: int = field(INT32, "5-7", default=-1)
    metadata: str | None = field(STRING, "0-7", nullable="0-7")
    error_code: int = field(INT16, "0-7", default=0)


@struct
class OffsetFetchResponseTopic:
    """The partitions of one topic, in the form for a single group."""

    name: str = field(STRING, "0-7")
    partitions: tuple[OffsetFetchResponsePartition, ...] = field(array_of(OffsetFetchResponsePartition), "0-7")


@struct
class OffsetFetchResponsePartitions:
    """The committed offset of one partition, -1 for none, in the form for several groups."""

    partition_index: int = field(INT32, "8+")
    committed_offset: int = field(INT64, "8+")
    committed_leader_epoch: int = field(INT32, "8+", default=-1)
    metadata: str | None = field(STRING, "8+", nullable="8+")
    error_code: int = field(INT16, "8+", default=0)


@struct
class OffsetFetchResponseTopics:
    """The partitions of one topic, in the form for several groups."""

    name: str = field(STRING, "8-9", default="")
    topic_id: bytes = field(UUID, "10+", default=ZERO_UUID)
    partitions: tuple[OffsetFetchResponsePartitions, ...] = field(array_of(OffsetFetchResponsePartitions), "8+")


@struct
class OffsetFetchResponseGroup:
    """The offsets of one group."""

    group_id: str = field(STRING, "8+")
    topics: tuple[OffsetFetchResponseTopics, ...] = field(array_of(OffsetFetchResponseTopics), "8+")
    error_code: int = field(INT16, "8+", default=0)


@message(api_key=ApiKey.OFFSET_FETCH)
class OffsetFetchResponse:
    """The committed offsets: of one group (versions 1 to 7) or of several."""

    throttle_time_ms: int = field(INT32, "3+", default=0)
    topics: tuple[OffsetFetchResponseTopic, ...] = field(array_of(OffsetFetchResponseTopic), "0-7", default=())
    error_code: int = field(INT16, "2-7", default=0)
    groups: tuple[OffsetFetchResponseGroup, ...] = field(array_of(OffsetFetchResponseGroup), "8+", default=())
