"""``rate-limit``: requests and bytes per second, for each client; the others wait as with Kafka's quotas (KIP-219)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor
from kafkalite.interceptors.produced import fetched_bytes, produced_bytes
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.interceptors.interface import Context
    from kafkalite_wire.apis import Api

_MOST: Final = 10_000
_OWNERS: Final[dict[str, Callable[[Context], object]]] = {
    "client_id": lambda context: context.client_id,
    "principal": lambda context: context.principal,
    "host": lambda context: context.connection.host,
    "connection": lambda context: id(context.connection),
    "all": lambda _: "",
}
_LOGIN: Final = frozenset((ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE))


@dataclass
class RateLimit(MessageInterceptor):
    """Throttles a client that uses more than its rate, after a burst of one second's worth."""

    by: str = "client_id"
    """What has a rate of its own: ``client_id``, ``principal``, ``host``, ``connection``, or ``all`` together."""
    requests: float | None = None
    """Requests per second."""
    produced_bytes: float | None = None
    """Bytes of produced batches per second."""
    fetched_bytes: float | None = None
    """Bytes of fetched batches per second."""
    _buckets: OrderedDict[tuple[str, object], _Bucket] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.by not in _OWNERS:
            raise OptionError("by", f"must be one of {', '.join(_OWNERS)}, and is {self.by!r}")
        rates = {key: getattr(self, key) for key in ("requests", "produced_bytes", "fetched_bytes")}
        for key, rate in rates.items():
            if rate is not None and rate <= 0:
                raise OptionError(key, f"must be more than 0, and is {rate}")
        if all(rate is None for rate in rates.values()):
            raise OptionError("", f"nothing is limited: set {', '.join(rates)}")
        self._buckets = OrderedDict()

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API counts."""
        del version
        if self.requests is not None and api.key not in _LOGIN:
            return True
        return (self.produced_bytes is not None and api.key is ApiKey.PRODUCE) or (
            self.fetched_bytes is not None and api.key is ApiKey.FETCH
        )

    def on_request(self, request: Any, context: Context) -> Any:
        """Count the request, and what it produces."""
        if self.requests is not None:
            self._use("requests", self.requests, 1, context)
        if self.produced_bytes is not None and context.api.key is ApiKey.PRODUCE:
            size = produced_bytes(request)
            self._use("produced_bytes", self.produced_bytes, size, context)
        return request

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Count what is fetched."""
        del request
        if self.fetched_bytes is not None and context.api.key is ApiKey.FETCH:
            size = fetched_bytes(response)
            self._use("fetched_bytes", self.fetched_bytes, size, context)
        return response

    def _use(self, what: str, rate: float, amount: float, context: Context) -> None:
        key = (what, _OWNERS[self.by](context))
        bucket = self._buckets.pop(key, None) or _Bucket(rate, context.now())
        self._buckets[key] = bucket  # the one that was used last
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        wait = bucket.take(amount, rate, context.now())
        if wait > 0:
            context.throttle(wait)


class _Bucket:
    __slots__ = ("_since", "_tokens")

    def __init__(self, tokens: float, now: float) -> None:
        self._tokens = tokens
        self._since = now

    def take(self, amount: float, rate: float, now: float) -> float:
        """Take tokens, and return the seconds until none is owed."""
        self._tokens = min(rate, self._tokens + (now - self._since) * rate) - amount
        self._since = now
        return -self._tokens / rate
