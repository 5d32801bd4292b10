"""ReadShareGroupStateSummary (key 87): read how far share partitions are, for the group coordinator (KIP-932).

Versions: 1 the number of offsets that are done (KIP-1226).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class PartitionData:
    """A partition, and the epoch of its leader."""

    partition: int = field(INT32)
    leader_epoch: int = field(INT32)


@struct
class ReadStateSummaryData:
    """The partitions of one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionData, ...] = field(array_of(PartitionData))


@message(api_key=ApiKey.READ_SHARE_GROUP_STATE_SUMMARY)
class ReadShareGroupStateSummaryRequest:
    """The share partitions of one group."""

    group_id: str = field(STRING)
    topics: tuple[ReadStateSummaryData, ...] = field(array_of(ReadStateSummaryData))


@struct
class PartitionResult:
    """How far one share partition is."""

    partition: int = field(INT32)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    state_epoch: int = field(INT32)
    leader_epoch: int = field(INT32)
    start_offset: int = field(INT64)
    delivery_complete_count: int = field(INT32, "1+", default=-1)


@struct
class ReadStateSummaryResult:
    """The results for one topic."""

    topic_id: bytes = field(UUID)
    partitions: tuple[PartitionResult, ...] = field(array_of(PartitionResult))


@message(api_key=ApiKey.READ_SHARE_GROUP_STATE_SUMMARY)
class ReadShareGroupStateSummaryResponse:
    """The summaries."""

    results: tuple[ReadStateSummaryResult, ...] = field(array_of(ReadStateSummaryResult))
