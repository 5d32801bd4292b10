"""AddOffsetsToTxn (key 25): add a group's partition of ``__consumer_offsets`` to a transaction (KIP-98).

Versions: 4 TRANSACTION_ABORTABLE (KIP-890).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, field, message


@message(api_key=ApiKey.ADD_OFFSETS_TO_TXN)
class AddOffsetsToTxnRequest:
    """The group whose offsets are committed with a transaction."""

    transactional_id: str = field(STRING)
    producer_id: int = field(INT64)
    producer_epoch: int = field(INT16)
    group_id: str = field(STRING)


@message(api_key=ApiKey.ADD_OFFSETS_TO_TXN)
class AddOffsetsToTxnResponse:
    """Whether the partition of the group was added to the transaction."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
