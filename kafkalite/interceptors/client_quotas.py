"""``quotas``: byte rates of users and client ids, by the rules and meters of the broker's quotas (KIP-13, KIP-55)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor
from kafkalite.interceptors.produced import fetched_bytes, produced_bytes
from kafkalite.quotas.client_quotas import ClientQuotas
from kafkalite.quotas.entities import CLIENT_ID, DEFAULT, USER, QuotaKey
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite.quotas.entities import Entity
    from kafkalite_wire.apis import Api

_ENTITY_TYPES: Final = {"user": USER, "client_id": CLIENT_ID}
_RATES: Final = {ApiKey.PRODUCE: QuotaKey.PRODUCED, ApiKey.FETCH: QuotaKey.FETCHED}
_KEYS: Final = (*_ENTITY_TYPES, *_RATES.values())
_ANY: Final = "<default>"


@dataclass
class Quotas(MessageInterceptor):
    """Throttles users and client ids that exceed the quota that applies to them."""

    limits: tuple[Mapping[str, str | float], ...]
    """Each with ``user`` or ``client_id`` or both, ``<default>`` for all without one of their own, and byte rates."""
    _used: ClientQuotas = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        quotas: dict[Entity, Mapping[str, float]] = {}
        for number, limit in enumerate(self.limits, 1):
            entity = _entity_of(limit, number)
            if entity in quotas:
                raise OptionError("limits", f"limit {number} is for the same user and client id as one before it")
            quotas[entity] = _rates_of(limit, number)
        if not quotas:
            raise OptionError("limits", "there must be at least one")
        self._used = ClientQuotas(lambda: quotas)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether a rate is limited that an API has to do with."""
        del version
        return _RATES.get(api.key) in self._used.keys()  # noqa: SIM118  (not a mapping)

    def on_request(self, request: Any, context: Context) -> Any:
        """Count what is produced; fetch no more than the quota allows at once."""
        if context.api.key is ApiKey.PRODUCE:
            self._use(produced_bytes(request), context)
            return request
        most = self._used.most_at_once(QuotaKey.FETCHED, _user(context), context.client_id)
        if most is None or most >= request.max_bytes:
            return request
        max_bytes = int(most)
        return replace(request, max_bytes=max_bytes, min_bytes=min(request.min_bytes, max_bytes))

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Count what is fetched."""
        del request
        if context.api.key is ApiKey.FETCH:
            self._use(fetched_bytes(response), context)
        return response

    def _use(self, size: int, context: Context) -> None:
        now_ms = int(context.now() * 1000)
        throttle_ms = self._used.use(_RATES[context.api.key], _user(context), context.client_id, size, now_ms)
        if throttle_ms:
            context.throttle(throttle_ms / 1000)


def _user(context: Context) -> str:
    return context.principal.partition(":")[2]


def _entity_of(limit: Mapping[str, str | float], number: int) -> Entity:
    names: dict[str, str | None] = {}
    for key, kind in _ENTITY_TYPES.items():
        name = limit.get(key)
        if name is None:
            continue
        if not isinstance(name, str) or not name:
            raise OptionError("limits", f"{key} of limit {number} must be a name, and is {name!r}")
        names[kind] = DEFAULT if name == _ANY else name
    if not names:
        raise OptionError("limits", f"limit {number} is for neither a user nor a client_id")
    return frozenset(names.items())


def _rates_of(limit: Mapping[str, str | float], number: int) -> Mapping[str, float]:
    rates: dict[str, float] = {}
    for key, rate in limit.items():
        if key not in _KEYS:
            raise OptionError("limits", f"limit {number} has {key!r}; keys: {', '.join(_KEYS)}")
        if key in _ENTITY_TYPES:
            continue
        if isinstance(rate, str) or rate <= 0:
            raise OptionError("limits", f"{key} of limit {number} must be a number above 0, and is {rate!r}")
        rates[key] = float(rate)
    if not rates:
        raise OptionError("limits", f"limit {number} has no rate; rates: {', '.join(_RATES.values())}")
    return rates
