"""Heartbeat (key 12): keep a member of a classic group alive.

Versions: 3 static members (KIP-345).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, field, message


@message(api_key=ApiKey.HEARTBEAT)
class HeartbeatRequest:
    """The heartbeat of a member in a generation."""

    group_id: str = field(STRING)
    generation_id: int = field(INT32)
    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)


@message(api_key=ApiKey.HEARTBEAT)
class HeartbeatResponse:
    """The result; the error code also notifies the member of a rebalance."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, default=0)
