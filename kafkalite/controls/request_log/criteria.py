"""Which requests of the log are meant. The fields of `Criteria` are the filters of Python and of HTTP alike."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.names import error_name, find_api, find_error
from kafkalite.controls.request_log.exchange import Outcome
from kafkalite.controls.waiting import DEFAULT_TIMEOUT
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.controls.request_log.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a request must be like; fields that are left out match everything. Raises TypeError and ValueError."""

    api: str | ApiKey | None = None
    _: KW_ONLY
    client_id: str | None = None
    broker: int | None = None
    """The id of the broker that was asked."""
    connection: int | None = None
    group: str | None = None
    topic: str | None = None
    partition: int | None = None
    error: str | int | None = None
    """An error anywhere in the response, by Kafka's name or code; ``NONE`` for answers without any."""
    outcome: str | None = None
    """``waiting``, ``answered``, ``unanswered``, ``cut off``, ``malformed`` or ``disconnected``."""
    since: int = 0
    """Only what came after this mark."""
    since_ms: int | None = None
    until_ms: int | None = None
    """The broker's time, milliseconds since 1970, at which the request came."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, get_args(hints[each.name]) or (hints[each.name], int)):
                raise TypeError(f"{each.name}={value!r}: a filter of another type would find nothing")
        try:
            if self.api is not None:
                object.__setattr__(self, "api", find_api(self.api).key)
            if self.error is not None:
                object.__setattr__(self, "error", find_error(self.error))
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
        if self.outcome is not None and self.outcome not in tuple(Outcome):
            known = ", ".join(map(repr, (each.value for each in Outcome)))
            raise InvalidRequest(f"there is no outcome {self.outcome!r}; outcomes: {known}")

    def as_arguments(self, *, since: int = 0) -> dict[str, Any]:
        """Return the fields that are given, for requests after ``since`` only."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        given["since"] = max(since, self.since)
        return {name: value for name, value in given.items() if value is not None}

    def admits(self, exchange: Exchange) -> bool:
        """Return whether an exchange matches; cheap criteria are checked first."""
        return (
            exchange.number > self.since
            and self.api in (None, exchange.api_key)
            and self.client_id in (None, exchange.client_id)
            and self.broker in (None, exchange.broker)
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
        """Describe the criteria."""
        words = [
            "request" if self.api is None else find_api(self.api).name,
            *(
                f"{name} {value!r}"
                for name, value in (
                    ("of client", self.client_id),
                    ("at broker", self.broker),
                    ("on connection", self.connection),
                    ("of group", self.group),
                    ("about topic", self.topic),
                    ("about partition", self.partition),
                )
                if value is not None
            ),
        ]
        if self.error is not None:
            words.append(f"answered {error_name(find_error(self.error))}")
        if self.outcome is not None:
            words.append(f"that is {self.outcome}")
        if self.since:
            words.append(f"after #{self.since}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class AwaitedRequest(Criteria):
    """The same, with the time-out of a wait in seconds."""

    _: KW_ONLY
    timeout: float = DEFAULT_TIMEOUT
