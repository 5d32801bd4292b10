"""Between JSON and the types of the controls, both ways, for the HTTP server and the remote client.

Parameters and results are described by their type hints. Bytes are text where they are UTF-8 and otherwise stand in
base64 under ``NAME_base64``; partitions are ``topic-0``. Our own code, because no library has these forms without a
hook for each, and because every message names the parameter and what it must be.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from inspect import Parameter, Signature
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.records import as_bytes, check_headers
from kafkalite.controls.views import Header, TopicPartition
from kafkalite.record_json import bytes_in, decoded, encoded, member

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
_Object = Mapping[str, object]

_SHOWN: Final = 60
_BASE64: Final = "_base64"
_WORDS: Final[Mapping[object, tuple[str, str]]] = {
    str: ("a string", "strings"),
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "booleans"),
    NoneType: ("null", "null"),
    TopicPartition: ("a partition such as clicks-0", "partitions"),
    tuple[str, int]: ("a partition such as clicks-0", "partitions"),
    Header: ("a header", "headers"),
}


# Writing


def encode(value: object) -> Json:
    """Return the JSON form of a result or an argument."""
    match value:
        case Enum():
            return value.value if isinstance(value.value, str) else value.name
        case None | str() | bool() | int() | float():
            return value
        case TopicPartition():
            return str(value)
        case Mapping():
            return {str(key): encode(each) for key, each in cast("Mapping[object, object]", value).items()}
        case frozenset() | set():
            return sorted((encode(each) for each in cast("frozenset[object]", value)), key=str)
        case Collection():
            return [encode(each) for each in cast("Collection[object]", value)]
        case _ if hasattr(value, "as_json"):
            return encode(cast("Any", value).as_json())
        case _:
            fields = dataclasses.fields(cast("Any", value))
            return {field.name: encode(getattr(value, field.name)) for field in fields}


def encode_arguments(arguments: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Json]:
    """Return the JSON object of a call's arguments, with base64 where Python takes bytes. Raises TypeError."""
    members: dict[str, Json] = {}
    for name, value in arguments.items():
        if value is None:
            continue
        if _is_text(hints[name]):
            members[f"{name}{_BASE64}"] = encoded(as_bytes(value))
        elif _is_texts(hints[name]):
            members[f"{name}{_BASE64}"] = [encoded(as_bytes(each)) for each in value]
        elif hints[name] == Sequence[Header]:
            check_headers(value)
            members[name] = [{"name": header, **member("value", data)} for header, data in value]
        elif _takes_partitions(hints[name]):
            members[name] = {
                key: [str(TopicPartition.of(partition)) for partition in partitions]
                for key, partitions in value.items()
            }
        else:
            members[name] = encode(value)
            if not _fits_any(hints[name], members[name]):
                raise TypeError(f"{name!r} must be {_describe(hints[name])}, not {value!r}")
    return members


# Reading


def parse_object(data: bytes) -> _Object:
    """Parse a body: a JSON object, or nothing at all. Raises InvalidRequest."""
    if not data:
        return {}
    try:
        value: object = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body must be a JSON object, not {_shown(value)}")
    return cast("dict[str, object]", value)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not a number in JSON")


def members_of(signature: Signature, hints: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return the members of the JSON object that a control takes, with the parameter that each belongs to."""
    members: dict[str, Parameter] = {}
    for name, parameter in signature.parameters.items():
        members[name] = parameter
        if _is_text(hints[name]) or _is_texts(hints[name]):
            members[f"{name}{_BASE64}"] = parameter
    return members


def decode_arguments(
    signature: Signature, hints: Mapping[str, Any], given: _Object, texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the arguments of a call; ``texts`` come from the path and the query, where numbers look like text.

    Raises InvalidRequest that names what is missing, unknown or of the wrong type.
    """
    known = members_of(signature, hints)
    for name in (*given, *texts):
        if name not in known:
            raise InvalidRequest(f"{name!r} is unknown here; known: {', '.join(known) or 'nothing'}")
        if name in given and name in texts:
            raise InvalidRequest(f"{name!r} is given twice: in the address and in the body")
    arguments: dict[str, Any] = {}
    for name, parameter in known.items():
        if name not in given and name not in texts:
            continue
        hint = hints[parameter.name]
        value = given[name] if name in given else _from_text(hint, texts[name])
        if name != parameter.name:
            arguments[parameter.name] = (*arguments.get(parameter.name, ()), *_base64s(name, value)) if _is_texts(
                hint
            ) else _base64(name, value)  # fmt: skip
        else:
            arguments[name] = decode(_json_hint(hint), value, name)
    missing = [name for name, each in known.items() if _is_required(each) and each.name not in arguments]
    if missing:
        raise InvalidRequest(f"{', '.join(map(repr, missing))} {'is' if len(missing) == 1 else 'are'} missing")
    return {name: arguments[name] for name in signature.parameters if name in arguments}


def _is_required(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind is not Parameter.VAR_POSITIONAL


def _json_hint(hint: Any) -> Any:
    """Return the type that stands in JSON for a parameter that may be bytes in Python."""
    return str | None if _is_text(hint) else tuple[str | None, ...] if _is_texts(hint) else hint


def _from_text(hint: Any, text: str) -> object:
    if str in _options(hint):
        return text
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < _SHOWN else text


def _base64(name: str, value: object) -> bytes | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{name!r} must be a string or null, not {_shown(value)}")
    try:
        return decoded(value)
    except ValueError as error:
        raise InvalidRequest(f"{name!r} is not base64: {error}") from None


def _base64s(name: str, value: object) -> tuple[bytes | None, ...]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{name!r} must be a list of strings or null, not {_shown(value)}")
    return tuple(_base64(name, each) for each in cast("list[object]", value))


def decode(hint: Any, value: object, name: str) -> Any:
    """Return the value of a type that stands in JSON. Raises InvalidRequest, which calls it ``name``."""
    for option in _options(hint):
        if _fits(option, value):
            return _decoded(option, value, name)
    raise InvalidRequest(f"{name!r} must be {_describe(hint)}, not {_shown(value)}")


def _decoded(hint: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if _is_partition(hint):
        return TopicPartition.parse(value)
    if hint == Header:
        return _header(value)
    if origin is Mapping:
        return {_key(arguments[0], key, name): decode(arguments[1], each, name) for key, each in value.items()}
    if isinstance(value, Mapping) and arguments == (Header,):
        return tuple((key, _text_of(each).encode()) for key, each in cast("_Object", value).items())
    if isinstance(value, list):
        items = [decode(arguments[0], each, name) for each in cast("list[object]", value)]
        return items if origin is list else frozenset(items) if origin is frozenset else tuple(items)
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(cast("type[Any]", hint), cast("Any", value))
    return hint(value) if isinstance(hint, type) and issubclass(hint, Enum) else cast("object", value)


def _decode_dataclass(kind: type[Any], given: Mapping[str, Any]) -> Any:
    if hasattr(kind, "from_json"):
        return kind.from_json(given)
    hints, names = get_type_hints(kind), getattr(kind, "json_names", {})
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        name = names.get(field.name, field.name)
        if bytes in _options(hints[field.name]):
            values[field.name] = bytes_in(given, name)
        elif name in given:
            values[field.name] = decode(hints[field.name], given[name], name)
    return kind(**values)


def _header(given: _Object) -> Header:
    name = given.get("name")
    if not isinstance(name, str) or not given.keys() <= {"name", "value", "value_base64"}:
        raise InvalidRequest(f"'headers' has {dict(given)}: each has a name, and a value or value_base64")
    texts = {key: None if each is None else _text_of(each) for key, each in given.items()}
    try:
        return name, bytes_in(texts, "value")
    except ValueError as error:
        raise InvalidRequest(f"the value of header {name!r} is not base64: {error}") from None


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"'headers' must have strings as their values, not {_shown(value)}")
    return value


def _key(hint: Any, key: str, name: str) -> Any:
    if hint is not int:
        return TopicPartition.parse(key) if hint is TopicPartition else key
    try:
        return int(key)
    except ValueError:
        raise InvalidRequest(f'{name!r} has partition numbers as its names, as {{"0": 5}}') from None


def _fits(hint: Any, value: object) -> bool:
    """Return whether a JSON value may be of a type; its elements are looked at later."""
    origin = get_origin(hint)
    if hint == Header:
        return isinstance(value, dict)
    if hint is str or _is_partition(hint):
        return isinstance(value, str) and _is_unicode(value)
    if hint is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    if hint is float:
        # An integer beyond 64 bits may be more than a float can hold.
        return (type(value) is int and abs(value) < 2**63) or (type(value) is float and isfinite(value))
    if origin is Literal:
        return value in get_args(hint)
    if origin is Mapping:
        return isinstance(value, dict) and all(
            _fits_any(get_args(hint)[1], each) for each in cast("_Object", value).values()
        )
    if origin in (tuple, list, frozenset, Sequence, Collection):
        element = get_args(hint)[0]
        if isinstance(value, dict):
            return bool(element == Header)
        return isinstance(value, list) and all(_fits_any(element, each) for each in cast("list[object]", value))
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return isinstance(value, str)
    return isinstance(hint, type) and isinstance(value, hint)


def _fits_any(hint: Any, value: object) -> bool:
    return any(_fits(option, value) for option in _options(hint))


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _describe(hint: Any, *, plural: bool = False) -> str:
    if get_origin(hint) in (Union, UnionType):
        described = dict.fromkeys(_describe(option, plural=plural) for option in get_args(hint) if _is_in_json(option))
        return " or ".join(described)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(json.dumps, arguments))
    if origin is Mapping:
        return f"{'objects' if plural else 'an object'} of {_describe(arguments[1], plural=True)}"
    if origin is not None and hint not in _WORDS:
        return f"{'lists' if plural else 'a list'} of {_describe(arguments[0], plural=True)}"
    if hint not in _WORDS:
        return "an object"
    return _WORDS[hint][plural]


def _is_in_json(option: Any) -> bool:
    return not (isinstance(option, type) and issubclass(option, (bytes, Enum)))


def _is_text(hint: Any) -> bool:
    return {bytes, str} <= set(_options(hint))


def _is_partition(hint: Any) -> bool:
    return hint is TopicPartition or hint == tuple[str, int]


def _is_texts(hint: Any) -> bool:
    return get_origin(hint) is tuple and _is_text(get_args(hint)[0])


def _takes_partitions(hint: Any) -> bool:
    return get_origin(hint) is Mapping and get_args(get_args(hint)[1]) == (tuple[str, int],)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 cannot
        return False
    return True


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
