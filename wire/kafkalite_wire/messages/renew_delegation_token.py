"""RenewDelegationToken (key 39): renew a delegation token (KIP-48)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT32, INT64, field, message


@message(api_key=ApiKey.RENEW_DELEGATION_TOKEN)
class RenewDelegationTokenRequest:
    """The token, and for how long to renew it."""

    hmac: bytes = field(BYTES)
    renew_period_ms: int = field(INT64)


@message(api_key=ApiKey.RENEW_DELEGATION_TOKEN)
class RenewDelegationTokenResponse:
    """When the token expires, in milliseconds since 1970."""

    error_code: int = field(INT16, default=0)
    expiry_timestamp_ms: int = field(INT64)
    throttle_time_ms: int = field(INT32, default=0)
