"""DescribeDelegationToken (key 41): describe delegation tokens (KIP-48).

Versions: 3 tokens for other users (KIP-373).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT32, INT64, STRING, array_of, field, message, struct


@struct
class DescribeDelegationTokenOwner:
    """The owner of tokens."""

    principal_type: str = field(STRING)
    principal_name: str = field(STRING)


@message(api_key=ApiKey.DESCRIBE_DELEGATION_TOKEN)
class DescribeDelegationTokenRequest:
    """The owners; null means all."""

    owners: tuple[DescribeDelegationTokenOwner, ...] | None = field(
        array_of(DescribeDelegationTokenOwner), nullable="0+"
    )


@struct
class DescribedDelegationTokenRenewer:
    """A principal that may renew the token."""

    principal_type: str = field(STRING)
    principal_name: str = field(STRING)


@struct
class DescribedDelegationToken:
    """One token; times are milliseconds since 1970."""

    principal_type: str = field(STRING)
    principal_name: str = field(STRING)
    token_requester_principal_type: str = field(STRING, "3+", default="")
    token_requester_principal_name: str = field(STRING, "3+", default="")
    issue_timestamp: int = field(INT64)
    expiry_timestamp: int = field(INT64)
    max_timestamp: int = field(INT64)
    token_id: str = field(STRING)
    hmac: bytes = field(BYTES)
    renewers: tuple[DescribedDelegationTokenRenewer, ...] = field(array_of(DescribedDelegationTokenRenewer))


@message(api_key=ApiKey.DESCRIBE_DELEGATION_TOKEN)
class DescribeDelegationTokenResponse:
    """The tokens that the client may see."""

    error_code: int = field(INT16, default=0)
    tokens: tuple[DescribedDelegationToken, ...] = field(array_of(DescribedDelegationToken))
    throttle_time_ms: int = field(INT32, default=0)
