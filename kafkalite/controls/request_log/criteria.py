"""Which exchanges somebody asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.controls.request_log.exchange import Outcome
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.controls.request_log.exchange import Exchange

_KEYS: Final = {api.name.lower(): api.key for api in APIS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What an exchange must be like; None means that it does not matter."""

    api: ApiKey | None = None
    client_id: str | None = None
    connection: int | None = None
    group: str | None = None
    topic: str | None = None
    partition: int | None = None
    error: int | None = None
    outcome: Outcome | None = None
    since: int = 0
    """The number of the last exchange that is too old."""
    since_ms: int | None = None
    until_ms: int | None = None

    def admits(self, exchange: Exchange) -> bool:
        """Tell whether an exchange is as asked for; what is cheap to tell is looked at first."""
        return (
            exchange.number > self.since
            and self.api in (None, exchange.api_key)
            and self.client_id in (None, exchange.client_id)
            and self.connection in (None, exchange.connection)
            and self.outcome in (None, exchange.outcome)
            and (self.since_ms is None or exchange.asked_ms >= self.since_ms)
            and (self.until_ms is None or exchange.asked_ms < self.until_ms)
            and (self.group is None or self.group in exchange.groups)
            and self._admits_partition(exchange)
            and (self.error is None or self._admits_error(exchange))
        )

    def _admits_partition(self, exchange: Exchange) -> bool:
        if self.partition is None:
            return self.topic is None or self.topic in exchange.topics
        return any(
            partition == self.partition and self.topic in (None, topic) for topic, partition in exchange.partitions
        )

    def _admits_error(self, exchange: Exchange) -> bool:
        if self.error == ErrorCode.NONE:
            return exchange.outcome is Outcome.ANSWERED and not exchange.errors
        return any(error.code == self.error for error in exchange.errors)

    def __str__(self) -> str:
        """Say in words what is asked for."""
        words = [
            "request" if self.api is None else APIS[self.api].name,
            *(
                f"{name} {value!r}"
                for name, value in (
                    ("of client", self.client_id),
                    ("on connection", self.connection),
                    ("of group", self.group),
                    ("about topic", self.topic),
                    ("about partition", self.partition),
                )
                if value is not None
            ),
        ]
        if self.error is not None:
            words.append(f"answered {error_name(self.error)}")
        if self.outcome is not None:
            words.append(f"that is {self.outcome.value}")
        if self.since:
            words.append(f"after #{self.since}")
        return " ".join(words)


def api_key(api: str | ApiKey | int) -> ApiKey:
    """Find an API by its name, in any case, or its key. Raises ValueError and suggests names."""
    if not isinstance(api, str):
        return ApiKey(api)
    found = _KEYS.get(api.lower())
    if found is None:
        raise ValueError(f"there is no API {api!r}{_suggestion(api, (known.name for known in APIS.values()))}")
    return found


def error_code(error: str | int) -> int:
    """Find an error by its name, in any case, or its code. Raises ValueError and suggests names."""
    if not isinstance(error, str):
        return error
    found = ErrorCode.__members__.get(error.upper())
    if found is None:
        raise ValueError(f"there is no error {error!r}{_suggestion(error.upper(), ErrorCode.__members__)}")
    return found


def error_name(code: int) -> str:
    """Give Kafka's name of an error."""
    return ErrorCode(code).name if code in ErrorCode.__members__.values() else str(code)


def _suggestion(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
