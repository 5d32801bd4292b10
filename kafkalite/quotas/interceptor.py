"""Enforces the quotas of clients (KIP-13, KIP-124, KIP-219, KIP-599).

A request that exceeds a quota is handled, and answered at once with its throttle time; then the connection is muted for
that long. There are two exceptions, as in Kafka: a throttled fetch is answered without records, and does not count; and
new or deleted partitions above ``controller_mutation_rate`` are refused with THROTTLING_QUOTA_EXCEEDED, in versions
whose clients know that error.

The time of a request is the time until its handler returns: what it does later, in steps or after a wait, is not
counted. Kafka does not count waits either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.errors import RefusedError
from kafkalite.quotas.entities import QuotaKey
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.frames import encode_response_steps
from kafkalite_wire.headers import start_response
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kafkalite.quotas.client_quotas import ClientQuotas
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.apis import Api
    from kafkalite_wire.messages.fetch import FetchRequest, FetchResponse

_LARGEST_INT: Final = (1 << 31) - 1
_NEVER_TIMED: Final = frozenset((ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE, ApiKey.WRITE_TXN_MARKERS))
_REFUSED_SINCE: Final = {
    ApiKey.CREATE_TOPICS: 6,
    ApiKey.DELETE_TOPICS: 5,
    ApiKey.CREATE_PARTITIONS: 3,
    ApiKey.METADATA: 0,  # what it creates, it creates later
}
"""The first version in which new or deleted partitions are refused; in older ones the client is throttled only."""


class Sessions(Protocol):
    """What is needed of the fetch sessions."""

    def close(self, session_id: int) -> None:
        """Close a session, if there is one with this id."""
        ...

    def withdraw(self, session_id: int, partitions: Iterable[tuple[str | bytes, int]]) -> None:
        """Forget that a response has reported partitions."""
        ...


class Endpoint(Protocol):
    """What is needed of a broker; it has other fetch sessions when it starts again."""

    @property
    def ports(self) -> Sequence[int]:
        """Where it listens."""
        ...

    @property
    def fetch_sessions(self) -> Sessions:
        """The sessions of its clients."""
        ...


@value_class(kw_only=True)
class LimitedBroker:
    """What the clients of one broker use; the quotas themselves are those of the cluster."""

    endpoint: Endpoint
    quotas: ClientQuotas
    mutations: ClientQuotas
    """Of new and deleted partitions, which are counted for all brokers together, as by Kafka's controller."""


class QuotaEnforcer(Interceptor):
    """Throttles clients that exceed their quotas."""

    stage = Stage.QUOTAS

    def __init__(
        self, brokers: Sequence[LimitedBroker], *, now: Callable[[], float], busy: Callable[[], float]
    ) -> None:
        """``now`` returns the brokers' time, ``busy`` the time that is used up by work, in seconds."""
        self.busy = busy
        self._brokers = brokers
        self._now = now

    def wants(self, api: Api, version: int) -> bool:
        """Return whether a quota may apply to requests of an API."""
        del version
        keys = self._brokers[0].quotas.keys()
        return (
            (QuotaKey.REQUEST_TIME in keys and api.key not in _NEVER_TIMED)
            or (QuotaKey.PRODUCED in keys and api.key is ApiKey.PRODUCE)
            or (QuotaKey.FETCHED in keys and api.key is ApiKey.FETCH)
            or (QuotaKey.MUTATIONS in keys and api.key in _REFUSED_SINCE)
        )

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Forward a request, and throttle its client when it is answered."""
        authenticator = context.info.authenticator
        if authenticator is not None and not authenticator.is_authenticated:
            forward()
            return
        kind = _KINDS.get(ApiKey(context.api.key), _Throttled)
        kind(self, request, context, response).handle(forward)

    def broker_of(self, context: RequestContext) -> LimitedBroker:
        """Return the broker that a request is for."""
        port = context.info.local[1]
        return next((broker for broker in self._brokers if port in broker.endpoint.ports), self._brokers[0])

    def now_ms(self) -> int:
        """Return the broker's time in milliseconds."""
        return int(self._now() * 1000)


class _Throttled:
    """One request, from its handling to its response."""

    def __init__(
        self, enforcer: QuotaEnforcer, request: Any, context: RequestContext, response: ResponseHandle[Any]
    ) -> None:
        self.enforcer = enforcer
        self.broker = enforcer.broker_of(context)
        self.quotas = self.broker.quotas
        self.request = request
        self.context = context
        self.response = response
        self.user = context.info.principal.partition(":")[2]
        self.client_id = context.client_id
        self._started = enforcer.busy()
        self._seconds: float | None = None

    def handle(self, forward: Forward) -> None:
        forward(request=self.request, response=self.response.redirected(self.answer))
        if self._seconds is None:
            self._seconds = self.enforcer.busy() - self._started

    def answer(self, answer: Any) -> None:
        """Send the response, and mute the connection."""
        self.send(answer, self.time_ms())

    def use(self, key: QuotaKey, value: float) -> int:
        return self.quotas.use(key, self.user, self.client_id, value, self.enforcer.now_ms())

    def time_ms(self) -> int:
        """Record the time of the request. Return the throttle time."""
        if self._seconds is None:
            self._seconds = self.enforcer.busy() - self._started
        return min(self.use(QuotaKey.REQUEST_TIME, 100 * self._seconds), self.quotas.throttle_limit_ms)

    def send(self, answer: Any, throttle_ms: int) -> None:
        if throttle_ms:
            self.response.mute(throttle_ms / 1000)
            if hasattr(answer, "throttle_time_ms"):
                answer = replace(answer, throttle_time_ms=min(throttle_ms, _LARGEST_INT))
        self.response.send(answer)


class _Produced(_Throttled):
    def answer(self, answer: Any) -> None:
        bandwidth_ms = self.use(QuotaKey.PRODUCED, len(self.context.frame))
        self.send(answer, max(bandwidth_ms, self.time_ms() if self.request.acks else 0))


class _Fetched(_Throttled):
    request: FetchRequest

    def handle(self, forward: Forward) -> None:
        most = self.quotas.most_at_once(QuotaKey.FETCHED, self.user, self.client_id)
        if most is not None and most < self.request.max_bytes:
            # More would be throttled for certain, and so never be sent.
            max_bytes = int(most)
            min_bytes = min(self.request.min_bytes, max_bytes)
            self.request = replace(self.request, max_bytes=max_bytes, min_bytes=min_bytes)
        super().handle(forward)

    def answer(self, answer: FetchResponse) -> None:
        time_ms = self.time_ms()
        self.response.send_from(self._throttled(answer, time_ms))

    def _throttled(self, answer: FetchResponse, time_ms: int) -> Steps[FetchResponse]:
        context = self.context
        parts = yield from encode_response_steps(context.api, context.api_version, 0, answer)
        # As Kafka counts: the message and four bytes.
        size = sum(map(len, parts)) - len(start_response(context.api, context.api_version, 0)) + 4
        throttle_ms = max(time_ms, self.use(QuotaKey.FETCHED, size))
        if not throttle_ms:
            return answer
        self.use(QuotaKey.FETCHED, -size)
        self.response.mute(throttle_ms / 1000)
        return replace(self._without_records(answer), throttle_time_ms=min(throttle_ms, _LARGEST_INT))

    def _without_records(self, answer: FetchResponse) -> FetchResponse:
        sessions, session_id = self.broker.endpoint.fetch_sessions, answer.session_id
        if session_id and self.request.session_epoch == 0:
            sessions.close(session_id)  # as in Kafka, a throttled fetch opens none
            session_id = 0
        elif session_id:
            sessions.withdraw(
                session_id,
                (
                    (topic.topic or topic.topic_id, partition.partition_index)
                    for topic in answer.responses
                    for partition in topic.partitions
                ),
            )
        return replace(answer, session_id=session_id, responses=(), node_endpoints=())


class _Mutation(_Throttled):
    """A request that may create or delete partitions; its handler is charged for each topic."""

    def __init__(
        self, enforcer: QuotaEnforcer, request: Any, context: RequestContext, response: ResponseHandle[Any]
    ) -> None:
        super().__init__(enforcer, request, context, response)
        self._refuses = context.api_version >= _REFUSED_SINCE[ApiKey(context.api.key)]
        self._throttled_until_ms = 0
        context.partition_quota = self

    def charge(self, partitions: int) -> None:
        """Record that partitions are to be created or deleted. Raises RefusedError if they may not be."""
        now_ms = self.enforcer.now_ms()
        if self._refuses:
            owed_ms = self.broker.mutations.owed_ms(QuotaKey.MUTATIONS, self.user, self.client_id, now_ms)
            if owed_ms:
                self._throttled_until_ms = now_ms + owed_ms
                raise RefusedError(ErrorCode.THROTTLING_QUOTA_EXCEEDED, "")
        throttle_ms = self.broker.mutations.use(QuotaKey.MUTATIONS, self.user, self.client_id, partitions, now_ms)
        if not self._refuses:
            self._throttled_until_ms = now_ms + throttle_ms

    def answer(self, answer: Any) -> None:
        left_ms = self._throttled_until_ms - self.enforcer.now_ms()
        if self.context.api.key is ApiKey.METADATA:
            left_ms = 0  # as in Kafka, where the broker asks the controller later
        self.send(answer, max(left_ms, self.time_ms(), 0))


_KINDS: Final[dict[ApiKey, type[_Throttled]]] = {
    ApiKey.PRODUCE: _Produced,
    ApiKey.FETCH: _Fetched,
    **dict.fromkeys(_REFUSED_SINCE, _Mutation),
}
