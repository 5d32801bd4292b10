"""The interceptor that lets clients do only what they may (stage AUTHORIZATION).

It asks :mod:`kafkalite.requests.access_rules` about everything that a request names. What is refused is taken out of
the request, and answered with Kafka's error in the place where Kafka has it. What a handler finds on its own, such as
all topics, or the partitions of a fetch session, it asks ``context.access`` about.

A request of which nothing is refused costs a look-up for each topic or group that it names: it is looked at before its
frame is copied, and goes on as if there were no interceptor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.access_rules import Asked, rule_of
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite.requests.parts.table import parts_of
from kafkalite.requests.refusal_sentences import worded
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.requests.access_rules import KnownTopics, Refusal, Rule
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.parts.message_parts import MessageParts
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.security.authorizer import Authorizer
    from kafkalite_wire.apis import Api

ALLOWED_TO_ALL: Final = (ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE)


class Authorization(Interceptor):
    """Refuses what a client may not do."""

    stage = Stage.AUTHORIZATION
    screens = True

    def __init__(self, authorizer: Authorizer, topics: KnownTopics) -> None:
        self._authorizer = authorizer
        self._topics = topics
        self._rules: dict[int, tuple[Rule, MessageParts]] = {}

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API needs any permission."""
        del version
        return api.key not in ALLOWED_TO_ALL

    def concerns(self, request: Any, context: RequestContext) -> bool:
        """Return whether any of a request is refused; let its handler know what the client may do."""
        return self._refusal(request, context) is not None

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Forward what the client may do, and answer the rest with errors."""
        refusal = self._refusal(request, context)
        if refusal is None:
            forward()
        elif refusal.closes is not None:
            response.fail(refusal.closes)
        elif refusal.left is None:
            self._send(refusal, context, response, None)
        else:
            answered = response.redirected(lambda answer: self._send(refusal, context, response, answer))
            forward(request=refusal.left, response=answered)

    def _send(
        self, refusal: Refusal, context: RequestContext, response: ResponseHandle[Any], handled: Any | None
    ) -> None:
        response.send(worded(context.api.key, context.api_version, refusal.answer(handled)))

    def _refusal(self, request: Any, context: RequestContext) -> Refusal | None:
        info = context.info
        context.access = access = self._authorizer.access_of(info.principal, info.host)
        if access.is_super:
            return None
        version = context.api_version
        known = self._rules.get(context.api.key << 8 | version)
        if known is None:
            key = context.api.key
            known = self._rules[key << 8 | version] = rule_of(key), parts_of(key, version)
        rule, parts = known
        return rule(Asked(request, version, access, parts, self._topics))
