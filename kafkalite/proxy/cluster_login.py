"""The proxy's own login on a connection to the cluster, at its start and before its session ends (KIP-368)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from kafkalite.security.sasl import AuthenticationFailed
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest

if TYPE_CHECKING:
    from kafkalite.security.cluster_credentials import Credentials

_VERSION: Final = 1
"""Of both requests: since Kafka 2.2 a broker tells the lifetime of the session."""
_LOGIN: Final = 10.0
_EARLIEST, _LATEST = 0.85, 0.95
"""The part of a session's lifetime after which the next login begins, as of Kafka's clients."""

Call = Callable[[object, int], Awaitable[Any]]
"""Sends a request in a version and returns its response."""


async def log_in(credentials: Credentials, call: Call) -> float:
    """Authenticate. Return the seconds after which to do so again, infinity for never.

    Raises AuthenticationFailed, whose message holds no secret.
    """
    try:
        with trio.fail_after(_LOGIN):
            return await _log_in(credentials, call)
    except trio.TooSlowError:
        raise AuthenticationFailed(f"no answer within {_LOGIN:.0f} s") from None


async def _log_in(credentials: Credentials, call: Call) -> float:
    if credentials.blocks:
        client = await trio.to_thread.run_sync(credentials.client, abandon_on_cancel=True)
    else:
        client = credentials.client()
    chosen = await call(SaslHandshakeRequest(mechanism=credentials.mechanism), _VERSION)
    if chosen.error_code not in (ErrorCode.NONE, ErrorCode.UNSUPPORTED_SASL_MECHANISM):
        raise AuthenticationFailed(f"error {chosen.error_code}")
    if chosen.error_code:
        offered = ", ".join(chosen.mechanisms) or "none"
        raise AuthenticationFailed(f"the cluster does not take {credentials.mechanism}, but {offered}")
    token: bytes | None = client.first()
    lifetime_ms = 0
    while token is not None:
        answer = await call(SaslAuthenticateRequest(auth_bytes=token), _VERSION)
        if answer.error_code:
            raise AuthenticationFailed(answer.error_message or f"error {answer.error_code}")
        token, lifetime_ms = client.following(bytes(answer.auth_bytes)), answer.session_lifetime_ms
    if not lifetime_ms:
        return float("inf")
    return lifetime_ms / 1000 * random.uniform(_EARLIEST, _LATEST)  # noqa: S311  # spreads the logins
