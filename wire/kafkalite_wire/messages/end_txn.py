"""EndTxn (key 26): commit or abort a transaction (KIP-98).

Versions: 4 TRANSACTION_ABORTABLE, 5 a new epoch after each transaction (KIP-890).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, INT64, STRING, field, message


@message(api_key=ApiKey.END_TXN)
class EndTxnRequest:
    """The transaction, and whether to commit or to abort it."""

    transactional_id: str = field(STRING)
    producer_id: int = field(INT64)
    producer_epoch: int = field(INT16)
    committed: bool = field(BOOL)


@message(api_key=ApiKey.END_TXN)
class EndTxnResponse:
    """The result, and from version 5 on the producer's next id and epoch."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    producer_id: int = field(INT64, "5+", default=-1)
    producer_epoch: int = field(INT16, "5+", default=-1)
