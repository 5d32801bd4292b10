"""SaslHandshake and SaslAuthenticate at a broker.

Not done: the mechanism GSSAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.background.refusals import refuse
from kafkalite.requests import sasl_requests

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
    from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse


def sasl_handshake(
    broker: BrokerEndpoint, request: SaslHandshakeRequest, context: RequestContext
) -> SaslHandshakeResponse | None:
    """Choose a mechanism."""
    return sasl_requests.handshake(context.info.authenticator, request, context.api_version, _refusing(broker, context))


def sasl_authenticate(
    broker: BrokerEndpoint, request: SaslAuthenticateRequest, context: RequestContext
) -> SaslAuthenticateResponse | None:
    """Take a token of the client."""
    return sasl_requests.authenticate(context.info.authenticator, request, _refusing(broker, context))


def _refusing(broker: BrokerEndpoint, context: RequestContext) -> sasl_requests.Refuse:
    delay = broker.config.connection_failed_authentication_delay
    return lambda refusal, reason: refuse(broker.cluster.timers, delay, context.defer(), refusal, reason)
