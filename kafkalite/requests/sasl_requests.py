"""SaslHandshake and SaslAuthenticate (KIP-43, KIP-152, KIP-368), for a broker and for a proxy that checks logins.

A refused client is answered late (``connection.failed.authentication.delay.ms``), so that it cannot try again quickly,
and its connection is closed behind the response. These functions return the response, or None where ``refuse`` has been
called with it, or with None to close the connection without one, and with the reason for the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kafkalite.security.authenticator import AFTER_AUTHENTICATION, IllegalSaslState, UnsupportedMechanism
from kafkalite.security.sasl import AuthenticationFailed
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

if TYPE_CHECKING:
    from kafkalite.security.authenticator import Authenticator

Refuse = Callable[["object | None", str], None]


def handshake(
    authenticator: Authenticator | None, request: SaslHandshakeRequest, version: int, refuse: Refuse
) -> SaslHandshakeResponse | None:
    """Choose a mechanism; ``authenticator`` is None where the listener has no SASL."""
    if authenticator is None:
        return SaslHandshakeResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE, mechanisms=())
    try:
        authenticator.begin(request.mechanism, version)
    except IllegalSaslState:
        return SaslHandshakeResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE, mechanisms=())
    except UnsupportedMechanism as error:
        refusal = SaslHandshakeResponse(
            error_code=ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms=authenticator.mechanisms
        )
        refuse(refusal, str(error))
        return None
    except AuthenticationFailed as error:
        refuse(None, error.reason)
        return None
    return SaslHandshakeResponse(mechanisms=authenticator.mechanisms)


def authenticate(
    authenticator: Authenticator | None, request: SaslAuthenticateRequest, refuse: Refuse
) -> SaslAuthenticateResponse | None:
    """Take a token of the client; ``authenticator`` is None where the listener has no SASL."""
    try:
        if authenticator is None:
            raise IllegalSaslState(AFTER_AUTHENTICATION)
        token, lifetime = authenticator.evaluate(bytes(request.auth_bytes))
    except IllegalSaslState as error:
        return SaslAuthenticateResponse(
            error_code=ErrorCode.ILLEGAL_SASL_STATE, error_message=str(error), auth_bytes=b""
        )
    except AuthenticationFailed as error:
        refusal = SaslAuthenticateResponse(
            error_code=ErrorCode.SASL_AUTHENTICATION_FAILED, error_message=str(error), auth_bytes=b""
        )
        refuse(refusal, error.reason)
        return None
    return SaslAuthenticateResponse(error_message="", auth_bytes=token, session_lifetime_ms=round(lifetime * 1000))
