"""ListTransactions (key 66): list the transactions of a coordinator (KIP-664).

Versions: 1 a filter by duration (KIP-994), 2 a pattern of transactional ids (KIP-1152).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, array_of, field, message, struct


@message(api_key=ApiKey.LIST_TRANSACTIONS)
class ListTransactionsRequest:
    """Filters; an empty one matches all transactions."""

    state_filters: tuple[str, ...] = field(array_of(STRING))
    producer_id_filters: tuple[int, ...] = field(array_of(INT64))
    duration_filter: int = field(INT64, "1+", default=-1)
    transactional_id_pattern: str | None = field(STRING, "2+", nullable="2+", default=None)


@struct
class TransactionState:
    """One transaction."""

    transactional_id: str = field(STRING)
    producer_id: int = field(INT64)
    transaction_state: str = field(STRING)


@message(api_key=ApiKey.LIST_TRANSACTIONS)
class ListTransactionsResponse:
    """The transactions that match, and the state filters that are not names of states."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    unknown_state_filters: tuple[str, ...] = field(array_of(STRING))
    transaction_states: tuple[TransactionState, ...] = field(array_of(TransactionState))
