"""Logins that are checked at the proxy, or that need none: what happens to the SASL requests of clients then.

Installed where the listeners have SASL, and where the proxy logs in to the cluster itself, so that no SASL request of a
client may reach the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafkalite.background.refusals import refuse
from kafkalite.requests import sasl_requests
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api

_ANSWERED: Final = frozenset((ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE))


class Logins(Interceptor):
    """Answers SaslHandshake and SaslAuthenticate."""

    stage = Stage.AUTHENTICATION

    def __init__(self, timers: TimerQueue, delay: float) -> None:
        """``delay`` is the number of seconds after which a refused client is answered."""
        self._timers = timers
        self._delay = delay

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API has to do with authentication."""
        del version
        return api.key in _ANSWERED

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Take the authentication of the connection one step further."""
        authenticator = context.info.authenticator

        def refused(refusal: object | None, reason: str) -> None:
            refuse(self._timers, self._delay, response, refusal, reason)

        if context.api.key is ApiKey.SASL_HANDSHAKE:
            answer: object | None = sasl_requests.handshake(authenticator, request, context.api_version, refused)
        elif context.api.key is ApiKey.SASL_AUTHENTICATE:
            answer = sasl_requests.authenticate(authenticator, request, refused)
        else:
            # The cluster may know no such version: then the client asks once more (KIP-511).
            def shown(versions: Any) -> None:
                if authenticator is not None and not versions.error_code:
                    authenticator.versions_shown()
                response.send(versions)

            forward(response=response.redirected(shown))
            return
        if answer is not None:
            response.send(answer)
