"""InitProducerId (key 22): a producer gets its id and epoch (KIP-98).

Versions: 3 a producer keeps its id after an error (KIP-360), 5 transactions of the second version (KIP-890).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, field, message


@message(api_key=ApiKey.INIT_PRODUCER_ID)
class InitProducerIdRequest:
    """A producer that wants an id; without a transactional id it is merely idempotent."""

    transactional_id: str | None = field(STRING, nullable="0+")
    transaction_timeout_ms: int = field(INT32)
    producer_id: int = field(INT64, "3+", default=-1)
    producer_epoch: int = field(INT16, "3+", default=-1)


@message(api_key=ApiKey.INIT_PRODUCER_ID)
class InitProducerIdResponse:
    """The id and epoch to put into batches."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    producer_id: int = field(INT64, default=-1)
    producer_epoch: int = field(INT16, default=0)
