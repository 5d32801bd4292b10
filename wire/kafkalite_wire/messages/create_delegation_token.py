"""CreateDelegationToken (key 38): create a delegation token (KIP-48).

Versions: 3 tokens for other users (KIP-373).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class CreatableRenewers:
    """A principal that may renew the token."""

    principal_type: str = field(STRING)
    principal_name: str = field(STRING)


@message(api_key=ApiKey.CREATE_DELEGATION_TOKEN)
class CreateDelegationTokenRequest:
    """The owner of a token and those who may renew it."""

    owner_principal_type: str | None = field(STRING, "3+", nullable="3+", default="")
    owner_principal_name: str | None = field(STRING, "3+", nullable="3+", default="")
    renewers: tuple[CreatableRenewers, ...] = field(array_of(CreatableRenewers))
    max_lifetime_ms: int = field(INT64)


@message(api_key=ApiKey.CREATE_DELEGATION_TOKEN)
class CreateDelegationTokenResponse:
    """The token; times are milliseconds since 1970."""

    error_code: int = field(INT16, default=0)
    principal_type: str = field(STRING)
    principal_name: str = field(STRING)
    token_requester_principal_type: str = field(STRING, "3+", default="")
    token_requester_principal_name: str = field(STRING, "3+", default="")
    issue_timestamp_ms: int = field(INT64)
    expiry_timestamp_ms: int = field(INT64)
    max_timestamp_ms: int = field(INT64)
    token_id: str = field(STRING)
    hmac: bytes = field(BYTES)
    throttle_time_ms: int = field(INT32, default=0)
