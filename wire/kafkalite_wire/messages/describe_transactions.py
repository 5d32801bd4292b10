"""DescribeTransactions (key 65): describe the transactions of transactional ids (KIP-664)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, array_of, field, message, struct


@message(api_key=ApiKey.DESCRIBE_TRANSACTIONS)
class DescribeTransactionsRequest:
    """The transactional ids to describe."""

    transactional_ids: tuple[str, ...] = field(array_of(STRING))


@struct
class TopicData:
    """Partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@struct
class TransactionState:
    """One transaction, and the partitions that are part of it or await their marker."""

    error_code: int = field(INT16, default=0)
    transactional_id: str = field(STRING)
    transaction_state: str = field(STRING)
    transaction_timeout_ms: int = field(INT32)
    transaction_start_time_ms: int = field(INT64)
    producer_id: int = field(INT64)
    producer_epoch: int = field(INT16)
    topics: tuple[TopicData, ...] = field(array_of(TopicData))


@message(api_key=ApiKey.DESCRIBE_TRANSACTIONS)
class DescribeTransactionsResponse:
    """One state for each transactional id."""

    throttle_time_ms: int = field(INT32, default=0)
    transaction_states: tuple[TransactionState, ...] = field(array_of(TransactionState))
