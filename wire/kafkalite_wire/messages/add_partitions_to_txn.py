"""AddPartitionsToTxn (key 24): add partitions to a transaction before the first write to them (KIP-98).

Versions: 4 several transactions, sent by brokers to add or to verify partitions; 5 TRANSACTION_ABORTABLE (KIP-890).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class AddPartitionsToTxnTopic:
    """Partitions of one topic."""

    name: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class AddPartitionsToTxnTransaction:
    """One transaction, and the partitions to add to it, or to verify."""

    transactional_id: str = field(STRING, "4+", default="")
    producer_id: int = field(INT64, "4+", default=0)
    producer_epoch: int = field(INT16, "4+", default=0)
    verify_only: bool = field(BOOL, "4+", default=False)
    topics: tuple[AddPartitionsToTxnTopic, ...] = field(array_of(AddPartitionsToTxnTopic), "4+", default=())


@message(api_key=ApiKey.ADD_PARTITIONS_TO_TXN)
class AddPartitionsToTxnRequest:
    """Partitions of one transaction up to version 3, of several from version 4 on."""

    transactions: tuple[AddPartitionsToTxnTransaction, ...] = field(
        array_of(AddPartitionsToTxnTransaction), "4+", default=()
    )
    v3_and_below_transactional_id: str = field(STRING, "0-3", default="")
    v3_and_below_producer_id: int = field(INT64, "0-3", default=0)
    v3_and_below_producer_epoch: int = field(INT16, "0-3", default=0)
    v3_and_below_topics: tuple[AddPartitionsToTxnTopic, ...] = field(
        array_of(AddPartitionsToTxnTopic), "0-3", default=()
    )


@struct
class AddPartitionsToTxnPartitionResult:
    """The result for one partition."""

    partition_index: int = field(INT32)
    partition_error_code: int = field(INT16)


@struct
class AddPartitionsToTxnTopicResult:
    """The partitions of one topic."""

    name: str = field(STRING)
    results_by_partition: tuple[AddPartitionsToTxnPartitionResult, ...] = field(
        array_of(AddPartitionsToTxnPartitionResult)
    )


@struct
class AddPartitionsToTxnResult:
    """The results of one transaction."""

    transactional_id: str = field(STRING, "4+", default="")
    topic_results: tuple[AddPartitionsToTxnTopicResult, ...] = field(
        array_of(AddPartitionsToTxnTopicResult), "4+", default=()
    )


@message(api_key=ApiKey.ADD_PARTITIONS_TO_TXN)
class AddPartitionsToTxnResponse:
    """One result for each partition."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, "4+", default=0)
    results_by_transaction: tuple[AddPartitionsToTxnResult, ...] = field(
        array_of(AddPartitionsToTxnResult), "4+", default=()
    )
    results_by_topic_v3_and_below: tuple[AddPartitionsToTxnTopicResult, ...] = field(
        array_of(AddPartitionsToTxnTopicResult), "0-3", default=()
    )
