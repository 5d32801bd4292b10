"""From JSON to a typed dataclass: the declaration of what a route takes is all that is written about it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from kafkalite.web.answers import BadInput

T = TypeVar("T")

_SHOWN: Final = 60
_WORDS: Final[Mapping[object, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
    tuple[str, ...]: "a list of texts",
    tuple[str | None, ...]: "a list of texts or null",
    tuple[Mapping[str, str | None], ...]: "a list of objects of texts or null",
    Mapping[str, str]: "an object of texts",
    Mapping[str, int]: "an object of whole numbers",
    Mapping[str, tuple[str, ...]]: "an object of lists of texts",
}


def parse_object(data: bytes) -> Mapping[str, object]:
    """Read a body: a JSON object, or nothing at all. Raises BadInput."""
    if not data:
        return {}
    try:
        value: object = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput(f"the body must be a JSON object, not {_shown(value)}")
    return cast("dict[str, object]", value)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number in JSON")


def read(kind: type[T], given: Mapping[str, object], texts: Mapping[str, str]) -> T:
    """Make a dataclass of what was given; ``texts`` come from the address, where numbers look like texts.

    Raises BadInput that names what is missing, unknown or of another type.
    """
    wanted = declared(kind)
    values: dict[str, object] = {}
    for name, value in given.items():
        values[name] = _checked(name, _hint(wanted, name), value)
    for name, text in texts.items():
        hint = _hint(wanted, name)
        if name in values:
            raise BadInput(f"{name!r} is given twice: in the address and in the body")
        values[name] = _checked(name, hint, text if str in _options(hint) else _number(text))
    missing = [name for name, field in wanted.items() if field.is_required and name not in values]
    if missing:
        raise BadInput(f"{', '.join(map(repr, missing))} is missing" if len(missing) == 1 else f"{missing} are missing")
    return kind(**values)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A field of what a route takes."""

    hint: Any
    is_required: bool
    default: object


def declared(kind: type[Any]) -> Mapping[str, Declared]:
    """Tell what a dataclass wants."""
    hints = get_type_hints(kind)
    return {
        field.name: Declared(
            hint=hints[field.name],
            is_required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            default=None if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(kind)
    }


def _hint(wanted: Mapping[str, Declared], name: str) -> object:
    if name not in wanted:
        raise BadInput(f"{name!r} is unknown here; known: {', '.join(wanted) or 'nothing'}")
    return wanted[name].hint


def _options(hint: object) -> tuple[object, ...]:
    return (hint,) if hint in _WORDS else get_args(hint)


def _number(text: str) -> object:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < _SHOWN else text


def _checked(name: str, hint: object, value: object) -> object:
    options = _options(hint)
    if not any(_is(option, value) for option in options):
        words = " or ".join(_WORDS[option] for option in options)
        raise BadInput(f"{name!r} must be {words}, not {_shown(value)}")
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _is(option: object, value: object) -> bool:
    """Tell whether a value that JSON can have is of a type; whole numbers are those that Kafka can have."""
    if option is str:
        return isinstance(value, str) and _is_unicode(value)
    if option is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    if option is float:
        # Beyond 64 bits an integer may be more than a float can be.
        return (type(value) is int and abs(value) < 2**63) or (type(value) is float and isfinite(value))
    origin, arguments = get_origin(option), get_args(option)
    if origin is UnionType:
        return any(_is(each, value) for each in arguments)
    if origin is tuple:
        return isinstance(value, list) and all(_is(arguments[0], each) for each in cast("list[object]", value))
    if origin is Mapping:
        items = cast("dict[str, object]", value).items() if isinstance(value, dict) else None
        return items is not None and all(_is(str, name) and _is(arguments[1], each) for name, each in items)
    return isinstance(value, cast("type", option))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 cannot
        return False
    return True


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
