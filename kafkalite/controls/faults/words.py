"""From words, as they stand in a call or in a file, to a fault; what is wrong is said of the word that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.controls.faults.fault import ON, Fault
from kafkalite.requests.parts.table import part_names
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import Versions

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import On

_ACTS: Final = ("error", "delay", "hold", "disconnect", "drop", "corrupt", "throttle")
_ENDS: Final = ("error", "disconnect", "drop")
"""Of these a call can suffer one only."""
_LONGEST_THROTTLE: Final = 2_147_483
"""Seconds; the field has milliseconds in 32 bits."""


class FaultError(ValueError):
    """A fault that cannot be; ``key`` is the word that is wrong, empty if it is one that is missing."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key


def fault_of(words: Mapping[str, object]) -> Fault:
    """Make a fault. Raises FaultError."""
    for key in words:
        if key not in _READERS:
            raise FaultError(key, f"no such key{_near(key, _READERS)}; keys: {', '.join(_READERS)}")
    read: dict[str, Any] = {key: _READERS[key](key, value) for key, value in words.items() if value is not None}
    apis = read.pop("api", ())
    if read.get("corrupt") and not apis:
        apis = (APIS[ApiKey.FETCH],)
    if "on" not in read:
        read["on"] = "reply" if read.get("drop") or read.get("corrupt") else "request"
    fault = Fault(name=read.pop("name", ""), apis=apis, **read)
    _check_acts(fault, words)
    _check_matching(fault)
    return fault


def words_of(fault: Fault) -> dict[str, Any]:
    """Give the words that make a fault, as JSON has them."""
    by_default = Fault(name="")
    said = {field.name: getattr(fault, field.name) for field in fields(Fault)}
    words = {name: value for name, value in said.items() if value != getattr(by_default, name)}
    apis, version, error = words.pop("apis", ()), words.get("version"), words.get("error")
    words["on"] = fault.on  # what is left out depends on what is done
    if apis:
        words["api"] = [api.name for api in apis]
    if version is not None:
        words["version"] = str(version)
    if error is not None:
        words["error"] = error.name
    return words


# The values of words


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise FaultError(key, f"must be text, and is {value!r}")
    return value


def _integer(least: int) -> Callable[[str, object], int]:
    def read(key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise FaultError(key, f"must be a whole number from {least} on, and is {value!r}")
        return value

    return read


def _seconds(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < inf:
        raise FaultError(key, f"must be a number of seconds, and is {value!r}")
    return float(value)


def _throttle(key: str, value: object) -> float:
    seconds = _seconds(key, value)
    if seconds > _LONGEST_THROTTLE:
        most = f"{_LONGEST_THROTTLE} s, which throttle_time_ms can tell"
        raise FaultError(key, f"must be at most {most}, and is {value!r}")
    return seconds


def _probability(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise FaultError(key, f"must be a number from 0 to 1, and is {value!r}")
    return float(value)


def _truth(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FaultError(key, f"must be true or false, and is {value!r}")
    return value


def _on(key: str, value: object) -> On:
    for known in ON:
        if value == known:
            return known
    raise FaultError(key, f'must be "request" or "reply", and is {value!r}')


def _apis(key: str, value: object) -> tuple[Api, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Collection) or not names:
        raise FaultError(key, f"must be the name of an API, or several, and is {value!r}")
    return tuple(_api(key, name) for name in cast("Collection[object]", names))


def _api(key: str, name: object) -> Api:
    if not isinstance(name, str):
        raise FaultError(key, f"must be the name of an API, and is {name!r}")
    known = {_plain(api.name): api for api in APIS.values()}
    found = known.get(_plain(name))
    if found is None:
        near = [known[each].name for each in get_close_matches(_plain(name), known, n=3)]
        hint = f"did you mean {' or '.join(near)}?" if near else f"APIs: {', '.join(api.name for api in APIS.values())}"
        raise FaultError(key, f"no API is called {name!r}; {hint}")
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _version(key: str, value: object) -> Versions:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Versions(value, value)
    if isinstance(value, str):
        try:
            versions = Versions.parse(value)
        except ValueError:
            pass
        else:
            if 0 <= versions.low <= versions.high:
                return versions
    raise FaultError(key, f'must be a version such as 9, or several such as "0-8" or "12+", and is {value!r}')


def _error(key: str, value: object) -> ErrorCode:
    name = value.name if isinstance(value, ErrorCode) else _text(key, value).upper()
    if name == ErrorCode.NONE.name:
        raise FaultError(key, "NONE is no error")
    if name not in ErrorCode.__members__:
        hint = _near(name, ErrorCode.__members__) or "; names are those of Kafka's protocol guide"
        raise FaultError(key, f"no error is called {name!r}{hint}")
    return ErrorCode[name]


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


_READERS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "name": _text,
    "api": _apis,
    "version": _version,
    "client_id": _text,
    "group": _text,
    "member": _text,
    "topic": _text,
    "partition": _integer(0),
    "nth": _integer(1),
    "skip": _integer(0),
    "times": _integer(1),
    "probability": _probability,
    "seed": _integer(0),
    "since": _seconds,
    "until": _seconds,
    "error": _error,
    "delay": _seconds,
    "hold": _truth,
    "disconnect": _truth,
    "drop": _truth,
    "corrupt": _truth,
    "throttle": _throttle,
    "on": _on,
}
"""All words, in the order in which they are listed to people."""


# What goes together


def _check_acts(fault: Fault, words: Mapping[str, object]) -> None:
    given = [act for act in _ACTS if words.get(act) not in (None, False)]
    if not given:
        raise FaultError("", f"nothing is done: give one of {', '.join(_ACTS)}")
    ends = [act for act in _ENDS if act in given]
    if len(ends) > 1:
        raise FaultError(ends[1], f"excludes {ends[0]}: a call can end in one way only")
    if fault.hold and fault.delay:
        raise FaultError("delay", "excludes hold, which lasts until it is released")
    for edit in ("corrupt", "throttle"):
        if edit in given and (fault.drop or fault.disconnect):
            raise FaultError(edit, f"excludes {ends[0]}: there is no reply to change")
    if fault.corrupt and fault.error is not None:
        raise FaultError("corrupt", "excludes error, which leaves no records to corrupt")
    if fault.corrupt and fault.on == "request":
        raise FaultError("on", "is the reply for corrupt: there are records in replies to fetches only")
    if fault.nth is not None and (fault.skip or fault.times is not None):
        raise FaultError("nth", "excludes skip and times: it is one call")
    if fault.seed and fault.probability == 1:
        raise FaultError("seed", "does nothing without a probability")
    if fault.until <= fault.since:
        raise FaultError("until", "must be later than since")


def _check_matching(fault: Fault) -> None:
    apis = fault.apis or tuple(APIS.values())
    if fault.corrupt and any(api.key is not ApiKey.FETCH for api in apis):
        raise FaultError("corrupt", "is for Fetch only, whose replies have records")
    for api in fault.apis:
        versions = fault.version
        if versions is not None and (versions.high < api.min_version or api.max_version < versions.low):
            raise FaultError("version", f"{api.name} has the versions {api.min_version} to {api.max_version}")
    for key, name in (("group", "group"), ("topic", "topic"), ("partition", "partition"), ("member", "group")):
        able = [api.name for api in APIS.values() if name in part_names(api.key)]
        unable = [api.name for api in fault.apis if api.name not in able]
        if getattr(fault, key) is not None and unable:
            raise FaultError(key, f"a request of {unable[0]} is about no {key}; those that are: {', '.join(able)}")
