"""WriteTxnMarkers (key 27): append commit or abort markers, sent by transaction coordinators (KIP-98).

Versions: 2 the transaction version of a marker (KIP-1228).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class WritableTxnMarkerTopic:
    """Partitions of one topic."""

    name: str = field(STRING)
    partition_indexes: tuple[int, ...] = field(array_of(INT32))


@struct
class WritableTxnMarker:
    """The end of one transaction; ``transaction_result`` is true for a commit."""

    producer_id: int = field(INT64)
    producer_epoch: int = field(INT16)
    transaction_result: bool = field(BOOL)
    topics: tuple[WritableTxnMarkerTopic, ...] = field(array_of(WritableTxnMarkerTopic))
    coordinator_epoch: int = field(INT32)
    transaction_version: int = field(INT8, "2+", default=0)


@message(api_key=ApiKey.WRITE_TXN_MARKERS)
class WriteTxnMarkersRequest:
    """Markers to append to partitions."""

    markers: tuple[WritableTxnMarker, ...] = field(array_of(WritableTxnMarker))


@struct
class WritableTxnMarkerPartitionResult:
    """The result for one partition."""

    partition_index: int = field(INT32)
    error_code: int = field(INT16, default=0)


@struct
class WritableTxnMarkerTopicResult:
    """The partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[WritableTxnMarkerPartitionResult, ...] = field(array_of(WritableTxnMarkerPartitionResult))


@struct
class WritableTxnMarkerResult:
    """The partitions of one producer."""

    producer_id: int = field(INT64)
    topics: tuple[WritableTxnMarkerTopicResult, ...] = field(array_of(WritableTxnMarkerTopicResult))


@message(api_key=ApiKey.WRITE_TXN_MARKERS)
class WriteTxnMarkersResponse:
    """One result for each partition of each marker."""

    markers: tuple[WritableTxnMarkerResult, ...] = field(array_of(WritableTxnMarkerResult))
