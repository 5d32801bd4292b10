"""UnregisterBroker (key 64): remove the registration of a broker (KIP-500)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, field, message


@message(api_key=ApiKey.UNREGISTER_BROKER)
class UnregisterBrokerRequest:
    """The broker to remove."""

    broker_id: int = field(INT32)


@message(api_key=ApiKey.UNREGISTER_BROKER)
class UnregisterBrokerResponse:
    """Whether the broker was removed."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
