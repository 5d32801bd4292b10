"""GetTelemetrySubscriptions (key 71): ask which client metrics the broker wants (KIP-714)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT8,
    INT16,
    INT32,
    STRING,
    UUID,
    array_of,
    field,
    message,
)


@message(api_key=ApiKey.GET_TELEMETRY_SUBSCRIPTIONS)
class GetTelemetrySubscriptionsRequest:
    """The id of the client instance; zero to be given one."""

    client_instance_id: bytes = field(UUID)


@message(api_key=ApiKey.GET_TELEMETRY_SUBSCRIPTIONS)
class GetTelemetrySubscriptionsResponse:
    """The metrics by prefixes of their names, how often, and how large and compressed how.

    One empty prefix stands for all metrics, no prefix for none.
    """

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    client_instance_id: bytes = field(UUID)
    subscription_id: int = field(INT32)
    accepted_compression_types: tuple[int, ...] = field(array_of(INT8))
    push_interval_ms: int = field(INT32)
    telemetry_max_bytes: int = field(INT32)
    delta_temporality: bool = field(BOOL)
    requested_metrics: tuple[str, ...] = field(array_of(STRING))
