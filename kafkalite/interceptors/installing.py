"""The interceptors of messages in the pipeline of a proxy or broker, in their order, replaced all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kafkalite.interceptors.interface import Context, MessageInterceptor, Refuse, Respond
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite.requests.parts.message_parts import has_field
from kafkalite.requests.parts.table import parts_of
from kafkalite.requests.refusal_sentences import with_sentences
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.pipeline import Pipeline
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api

_RESOLUTION: Final = 0.001


class Server(Protocol):
    """A proxy or a broker."""

    @property
    def pipeline(self) -> Pipeline:
        """What its requests go through."""
        ...

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def topic_name(self, key: str | bytes, /) -> str | None:
        """Return the name of a topic by its name or id, or None if it is not known."""
        ...


class InstalledInterceptors:
    """The interceptors of messages that a server has now; they stand behind all others."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._installed: tuple[_Installed, ...] = ()

    def replace(self, interceptors: Iterable[MessageInterceptor]) -> None:
        """Install these in place of the present ones, for requests from the next one on.

        Requests in flight, and their responses, pass the interceptors that they have begun with.
        """
        chain = self._server.pipeline.interceptors
        for each in self._installed:
            chain.remove(each)
        self._installed = tuple(_Installed(each, self._server) for each in interceptors)
        for each in self._installed:
            chain.add(each)


def wants(interceptor: MessageInterceptor, api: Api, version: int) -> bool:
    """Return whether an interceptor has to see an API, also for what it hides."""
    return interceptor.wants(api, version) or interceptor.hides(api.key) or api.key is ApiKey.API_VERSIONS


def request_of(interceptor: MessageInterceptor, request: Any, context: Context) -> Any:
    """Return what an interceptor makes of a request: a request, Refuse or Respond; as it is if it does not want it."""
    return interceptor.on_request(request, context) if interceptor.wants(context.api, context.version) else request


def response_of(interceptor: MessageInterceptor, response: Any, request: Any, context: Context) -> Any:
    """Return what an interceptor makes of a response, without the APIs that it hides."""
    if context.api.key is ApiKey.API_VERSIONS:
        shown = tuple(each for each in response.api_keys if not interceptor.hides(each.api_key))
        if len(shown) < len(response.api_keys):
            response = replace(response, api_keys=shown)
    if interceptor.wants(context.api, context.version):
        response = interceptor.on_response(response, request, context)
    return _throttled(response, context)


def remaining(request: Any, refusal: Refuse, context: Context) -> Any | None:
    """Return what a refusal leaves of a request, None if the cluster has nothing to do."""
    if refusal.parts is None:
        return None
    return parts_of(context.api.key, context.version).without(request, context.version, refusal.parts)


def refused(request: Any, refusal: Refuse, response: Any | None, context: Context) -> Any:
    """Return the response with the errors of a refusal; ``response`` is the cluster's, None if it was not asked."""
    layout, version = parts_of(context.api.key, context.version), context.version
    if refusal.parts is None:
        made = layout.error_response(request, version, refusal.error)
    else:
        made = layout.with_errors(request, version, response, refusal.parts, refusal.error)
    if refusal.message is not None:
        made = with_sentences(made, lambda error, present: refusal.message if error == refusal.error else present)
    return _throttled(made, context)


def has_no_response(request: Any, context: Context) -> bool:
    """Return whether Kafka does not answer a request."""
    return context.api.key is ApiKey.PRODUCE and request.acks == 0


class _Installed(Interceptor):
    stage = Stage.MESSAGES

    def __init__(self, interceptor: MessageInterceptor, server: Server) -> None:
        self.interceptor = interceptor
        self._server = server

    def wants(self, api: Api, version: int) -> bool:
        return wants(self.interceptor, api, version)

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        if self.interceptor.hides(context.api.key):
            response.fail(f"{context.api.name} is hidden by an interceptor")
            return
        own = Context(
            api=context.api,
            version=context.api_version,
            client_id=context.client_id,
            connection=context.info,
            topic_name=self._server.topic_name,
            now=self._server.now,
        )
        result = request_of(self.interceptor, request, own)

        def send(answer: Any) -> None:
            if own.throttled:
                response.mute(own.throttled)
            response.send(answer)

        def on_response(answer: Any) -> None:
            send(None if answer is None else response_of(self.interceptor, answer, request, own))

        if isinstance(result, Refuse | Respond) and has_no_response(request, own):
            # As Kafka does when a produce request that is not answered fails.
            response.fail("an interceptor refuses a produce request with acks=0")
        elif isinstance(result, Respond):
            send(result.response)
        elif isinstance(result, Refuse):
            self._refuse(request, result, own, send, response, forward)
        else:
            forward(request=result, response=response.redirected(on_response))

    def _refuse(
        self,
        request: Any,
        refusal: Refuse,
        context: Context,
        send: Any,
        response: ResponseHandle[Any],
        forward: Forward,
    ) -> None:
        left = remaining(request, refusal, context)
        if left is None:
            send(refused(request, refusal, None, context))
            return

        def on_response(answer: Any) -> None:
            send(refused(request, refusal, response_of(self.interceptor, answer, request, context), context))

        forward(request=left, response=response.redirected(on_response))


def _throttled(response: Any, context: Context) -> Any:
    declared = type(cast("object", response))
    if context.throttled < _RESOLUTION or not has_field(declared, "throttle_time_ms", context.version):
        return response
    return replace(response, throttle_time_ms=max(response.throttle_time_ms, round(context.throttled * 1000)))
