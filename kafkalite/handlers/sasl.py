"""SaslHandshake and SaslAuthenticate (KIP-43, KIP-152, KIP-368).

A refused client is answered after ``connection.failed.authentication.delay.ms``, so that it cannot try again quickly,
and its connection is closed behind the response.

Not done: the mechanism GSSAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.background.refusals import refuse
from kafkalite.security.authenticator import AFTER_AUTHENTICATION, IllegalSaslState, UnsupportedMechanism
from kafkalite.security.sasl import AuthenticationFailed
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def sasl_handshake(
    broker: BrokerEndpoint, request: SaslHandshakeRequest, context: RequestContext
) -> SaslHandshakeResponse | None:
    """Choose a mechanism."""
    authenticator = context.info.authenticator
    if authenticator is None:
        return SaslHandshakeResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE, mechanisms=())
    try:
        authenticator.begin(request.mechanism, context.api_version)
    except IllegalSaslState:
        return SaslHandshakeResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE, mechanisms=())
    except UnsupportedMechanism as error:
        refusal = SaslHandshakeResponse(
            error_code=ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms=authenticator.mechanisms
        )
        _refuse(broker, context, refusal, str(error))
        return None
    except AuthenticationFailed as error:
        _refuse(broker, context, None, error.reason)
        return None
    return SaslHandshakeResponse(mechanisms=authenticator.mechanisms)


def sasl_authenticate(
    broker: BrokerEndpoint, request: SaslAuthenticateRequest, context: RequestContext
) -> SaslAuthenticateResponse | None:
    """Take a token of the client."""
    authenticator = context.info.authenticator
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
        _refuse(broker, context, refusal, error.reason)
        return None
    return SaslAuthenticateResponse(error_message="", auth_bytes=token, session_lifetime_ms=round(lifetime * 1000))


def _refuse(broker: BrokerEndpoint, context: RequestContext, refusal: object | None, reason: str) -> None:
    delay = broker.config.connection_failed_authentication_delay
    refuse(broker.cluster.timers, delay, context.defer(), refusal, reason)
