"""What a fault is: the requests that it matches, and what happens to them.

This is the only declaration of it. Its fields are the keyword arguments of a test, the keys of a TOML file and the
members of a JSON object.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from math import inf
from typing import Any, Final, Literal, cast

from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.faults.resources import TYPES, names_resources
from kafkalite.controls.names import find_api, find_error, near
from kafkalite.interceptors.named_fields import NameKind, has_names
from kafkalite.requests.parts.table import part_names
from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import Versions

On = Literal["request", "reply"]
"""Where a fault acts: before the handler has run, or after it, on the reply."""

Apis = str | Collection[str]
"""The name of an API, such as "Produce", or several."""

_ACTIONS: Final = ("error", "delay", "hold", "disconnect", "drop", "corrupt", "throttle")
_ENDINGS: Final = ("error", "disconnect", "drop")
"""A request can end in one of these ways only."""
_LONGEST_THROTTLE: Final = 2_147_483
"""Seconds; the field has milliseconds in 32 bits."""


class FaultError(InvalidRequest):
    """A fault that is not possible; ``key`` is the wrong field, empty if one is missing."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key


# The values of fields


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise FaultError(key, f"must be a string, and is {value!r}")
    return value


def _name(key: str, value: object) -> str:
    return "" if value == "" else _text(key, value)


def _integer(least: int) -> Callable[[str, object], int]:
    def check(key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise FaultError(key, f"must be an integer of at least {least}, and is {value!r}")
        return value

    return check


def _seconds(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < inf:
        raise FaultError(key, f"must be a number of seconds, and is {value!r}")
    return float(value)


def _throttle(key: str, value: object) -> float:
    seconds = _seconds(key, value)
    if seconds > _LONGEST_THROTTLE:
        raise FaultError(key, f"must be at most {_LONGEST_THROTTLE} s, the limit of throttle_time_ms, and is {value!r}")
    return seconds


def _resource(key: str, value: object) -> str:
    text = _text(key, value)
    kind, colon, name = text.partition(":")
    if not (colon and name and kind in TYPES):
        raise FaultError(key, f"must be TYPE:NAME with a type of {', '.join(TYPES)}, and is {value!r}")
    return text


def _probability(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise FaultError(key, f"must be a number from 0 to 1, and is {value!r}")
    return float(value)


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FaultError(key, f"must be true or false, and is {value!r}")
    return value


def _on(key: str, value: object) -> str:
    if value not in ("request", "reply"):
        raise FaultError(key, f'must be "request" or "reply", and is {value!r}')
    return str(value)


def _apis(key: str, value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Collection) or not names:
        raise FaultError(key, f"must be the name of an API, or several, and is {value!r}")
    return tuple(_api(key, name) for name in cast("Collection[object]", names))


def _api(key: str, name: object) -> str:
    if not isinstance(name, str):
        raise FaultError(key, f"must be the name of an API, and is {name!r}")
    try:
        return find_api(name).name
    except ValueError as error:
        raise FaultError(key, str(error)) from None


def _version(key: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str):
        try:
            versions = Versions.parse(value)
        except ValueError:
            pass
        else:
            if 0 <= versions.low <= versions.high:
                return str(versions)
    raise FaultError(key, f'must be a version such as 9, or several such as "0-8" or "12+", and is {value!r}')


def _error(key: str, value: object) -> str:
    try:
        code = ErrorCode(find_error(value if isinstance(value, ErrorCode) else _text(key, value)))
    except FaultError:
        raise
    except ValueError as error:
        raise FaultError(key, str(error)) from None
    if code is ErrorCode.NONE:
        raise FaultError(key, "NONE is no error")
    return code.name


def _checked(check: Callable[[str, object], object]) -> Any:
    """Declare an optional field with the check of its value."""
    return field(default=None, metadata={"check": check})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. Fields that are left out match everything; names may have ``*`` and ``?`` in them. Raises FaultError."""

    api: Apis | None = _checked(_apis)
    error: str | ErrorCode | None = _checked(_error)
    """An error to answer with, by Kafka's name."""
    _: KW_ONLY
    name: str | None = _checked(_name)
    """What the fault is called in the log of faults."""

    # Which requests match

    version: int | str | None = _checked(_version)
    """9, "0-8" or "12+"."""
    client_id: str | None = _checked(_text)
    group: str | None = _checked(_text)
    member: str | None = _checked(_text)
    """A member of a group, by member id, instance id or client id."""
    topic: str | None = _checked(_text)
    partition: int | None = _checked(_integer(0))
    transactional_id: str | None = _checked(_text)
    broker: int | None = _checked(_integer(0))
    """The id of the broker that the client dialled."""
    resource: str | None = _checked(_resource)
    """A resource of configurations or ACLs, such as "broker:1" or "topic:orders-*"."""
    since: float | None = _checked(_seconds)
    """Seconds on the broker's clock after the fault was added."""
    until: float | None = _checked(_seconds)

    # Which of those it acts on

    nth: int | None = _checked(_integer(1))
    """Only the n-th request that matches, counted from 1."""
    skip: int | None = _checked(_integer(0))
    """The number of matching requests that go through first."""
    times: int | None = _checked(_integer(1))
    """The most requests that it acts on."""
    probability: float | None = _checked(_probability)
    seed: int | None = _checked(_integer(0))
    """Selects another random sequence; with the same one, the same runs meet the same faults."""

    # What happens

    delay: float | None = _checked(_seconds)
    """Seconds on the broker's clock."""
    hold: bool | None = _checked(_boolean)
    disconnect: bool | None = _checked(_boolean)
    drop: bool | None = _checked(_boolean)
    corrupt: bool | None = _checked(_boolean)
    throttle: float | None = _checked(_throttle)
    """Seconds that the client is asked to wait, and for which it is muted."""
    on: On | None = _checked(_on)
    """By default the request; the reply for `drop` and `corrupt`."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                object.__setattr__(self, each.name, each.metadata["check"](each.name, value))
        if self.corrupt and not self.api:
            object.__setattr__(self, "api", (DECLARED_APIS[ApiKey.FETCH].name,))
        if self.on is None:
            object.__setattr__(self, "on", "reply" if self.drop or self.corrupt else "request")
        self._check_actions()
        self._check_matching()

    @property
    def apis(self) -> tuple[Api, ...]:
        """The APIs that match; empty for all."""
        return tuple(map(find_api, self.api or ()))

    @property
    def versions(self) -> Versions | None:
        """The versions that match, None for all."""
        return None if self.version is None else Versions.parse(str(self.version))

    @property
    def error_code(self) -> ErrorCode | None:
        """The error to answer with."""
        return None if self.error is None else ErrorCode[str(self.error)]

    @property
    def chooses_parts(self) -> bool:
        """Whether it is about some partitions only, so that others in the same request go on."""
        return self.topic is not None or self.partition is not None

    def as_json(self) -> dict[str, object]:
        """Return the fields that are given."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value is not None}

    def __str__(self) -> str:
        """Describe what happens."""
        done: list[str] = []
        if self.hold:
            done.append("held")
        if self.delay:
            done.append(f"delayed by {self.delay:g} s")
        if self.error is not None:
            done.append(f"answered {self.error}")
        if self.disconnect:
            done.append("disconnected")
        if self.drop:
            done.append("request lost" if self.on == "request" else "reply lost")
        if self.corrupt:
            done.append("CRC corrupted")
        if self.throttle is not None:
            done.append(f"throttled by {self.throttle:g} s")
        return ", ".join(done) + (", though handled" if self.on == "reply" and (self.error or self.disconnect) else "")

    def _check_actions(self) -> None:
        given = [action for action in _ACTIONS if getattr(self, action) not in (None, False)]
        if not given:
            raise FaultError("", f"nothing happens: give one of {', '.join(_ACTIONS)}")
        endings = [action for action in _ENDINGS if action in given]
        if len(endings) > 1:
            raise FaultError(endings[1], f"excludes {endings[0]}: a request can end in one way only")
        if self.hold and self.delay:
            raise FaultError("delay", "excludes hold, which lasts until it is released")
        for edit in ("corrupt", "throttle"):
            if edit in given and (self.drop or self.disconnect):
                raise FaultError(edit, f"excludes {endings[0]}: there is no reply to change")
        if self.corrupt and self.error is not None:
            raise FaultError("corrupt", "excludes error, which leaves no records to corrupt")
        if self.corrupt and self.on == "request":
            raise FaultError("on", "is the reply for corrupt: only replies to fetches have records")
        if self.nth is not None and (self.skip or self.times is not None):
            raise FaultError("nth", "excludes skip and times: it is one request")
        if self.seed and self.probability in (None, 1):
            raise FaultError("seed", "has no effect without a probability")
        if self.until is not None and self.until <= (self.since or 0):
            raise FaultError("until", "must be later than since")

    def _check_matching(self) -> None:
        apis = self.apis
        if self.corrupt and any(api.key is not ApiKey.FETCH for api in apis):
            raise FaultError("corrupt", "is for Fetch only, whose replies have records")
        versions = self.versions
        for api in apis:
            if versions is not None and (versions.high < api.min_version or api.max_version < versions.low):
                raise FaultError("version", f"{api.name} has the versions {api.min_version} to {api.max_version}")
        for key, is_able in (("transactional_id", _has_transactional_id), ("resource", names_resources)):
            unable = [api.name for api in apis if not is_able(api)]
            if getattr(self, key) is not None and unable:
                able = [api.name for api in DECLARED_APIS.values() if is_able(api)]
                raise FaultError(key, f"a request of {unable[0]} has no {key}; those that have: {', '.join(able)}")
        for key, name in (("group", "group"), ("topic", "topic"), ("partition", "partition"), ("member", "group")):
            able = [api.name for api in DECLARED_APIS.values() if name in part_names(api.key)]
            unable = [api.name for api in apis if api.name not in able]
            if getattr(self, key) is not None and unable:
                raise FaultError(key, f"a request of {unable[0]} has no {key}; those that have: {', '.join(able)}")


def _has_transactional_id(api: Api) -> bool:
    return api.key is ApiKey.FIND_COORDINATOR or has_names(api.request_type, NameKind.TRANSACTIONAL_ID)


def fault_from(given: Mapping[str, object]) -> Fault:
    """Make a fault from the keys and values of a file. Raises FaultError."""
    known = [each.name for each in fields(Fault)]
    for key in given:
        if key not in known:
            raise FaultError(key, f"no such key{near(key, known)}; keys: {', '.join(known)}")
    return Fault(**cast("dict[str, Any]", given))
