"""PushTelemetry (key 72): send client metrics to the broker (KIP-714)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    BYTES,
    INT8,
    INT16,
    INT32,
    UUID,
    field,
    message,
)


@message(api_key=ApiKey.PUSH_TELEMETRY)
class PushTelemetryRequest:
    """Metrics in the Protobuf format of OpenTelemetry, compressed."""

    client_instance_id: bytes = field(UUID)
    subscription_id: int = field(INT32)
    terminating: bool = field(BOOL)
    compression_type: int = field(INT8)
    metrics: bytes = field(BYTES)


@message(api_key=ApiKey.PUSH_TELEMETRY)
class PushTelemetryResponse:
    """Whether they were accepted."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
