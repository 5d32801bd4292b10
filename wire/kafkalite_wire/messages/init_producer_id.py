"""InitProducerId (key 22): get a producer id and epoch (KIP-98).

Versions: 3 producers keep their ids after errors (KIP-360), 5 transactions version 2 (KIP-890).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, INT64, STRING, field, message


@message(api_key=ApiKey.INIT_PRODUCER_ID)
class InitProducerIdRequest:
    """A producer without a transactional id is idempotent only."""

    transactional_id: str | None = field(STRING, nullable="0+")
    transaction_timeout_ms: int = field(INT32)
    producer_id: int = field(INT64, "3+", default=-1)
    producer_epoch: int = field(INT16, "3+", default=-1)


@message(api_key=ApiKey.INIT_PRODUCER_ID)
class InitProducerIdResponse:
    """The id and epoch for the producer's batches."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    producer_id: int = field(INT64, default=-1)
    producer_epoch: int = field(INT16, default=0)
