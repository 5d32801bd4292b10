"""SaslAuthenticate (key 36): one token of an authentication (KIP-152).

Versions: 1 the lifetime of the session (KIP-368).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT64, STRING, field, message


@message(api_key=ApiKey.SASL_AUTHENTICATE)
class SaslAuthenticateRequest:
    """The client's token."""

    auth_bytes: bytes = field(BYTES)


@message(api_key=ApiKey.SASL_AUTHENTICATE)
class SaslAuthenticateResponse:
    """The server's token, or why the authentication failed."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default="")
    auth_bytes: bytes = field(BYTES)
    session_lifetime_ms: int = field(INT64, "1+", default=0)
    """Milliseconds after which the client has to authenticate again; 0 without a limit."""
