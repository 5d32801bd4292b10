"""ExpireDelegationToken (key 40): shorten the life of a delegation token (KIP-48)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT32, INT64, field, message


@message(api_key=ApiKey.EXPIRE_DELEGATION_TOKEN)
class ExpireDelegationTokenRequest:
    """The token, and how long it stays valid; a negative time expires it at once."""

    hmac: bytes = field(BYTES)
    expiry_time_period_ms: int = field(INT64)


@message(api_key=ApiKey.EXPIRE_DELEGATION_TOKEN)
class ExpireDelegationTokenResponse:
    """When the token expires, in milliseconds since 1970."""

    error_code: int = field(INT16, default=0)
    expiry_timestamp_ms: int = field(INT64)
    throttle_time_ms: int = field(INT32, default=0)
