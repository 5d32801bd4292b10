"""Options as the fields of a dataclass, read from a table of a TOML file.

The type of a field says what its value may be: text, a number, true or false, a list, or a table of those. A field
without a default has to be given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from sys import modules
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_HERE = Path()

_WORDS: dict[object, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
}


class OptionError(ValueError):
    """An option with a wrong value; ``key`` is the option, empty if the mistake is in no single one."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key


def made_from(declared: type[T], given: Mapping[str, object], folder: Path = _HERE) -> T:
    """Make an object of a dataclass from keys and values of a file. Raises OptionError.

    A path is found from ``folder``.
    """
    if not is_dataclass(declared):
        if given:
            raise OptionError(next(iter(given)), f"no such key; {declared.__name__} has no options")
        return declared()
    options = [each for each in fields(declared) if each.init]
    names = [each.name for each in options]
    for key in given:
        if key not in names:
            close = get_close_matches(key, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; keys: {', '.join(names)}" if names else ""
            raise OptionError(key, f"no such key{hint}")
    for each in options:
        if each.name not in given and each.default is MISSING and each.default_factory is MISSING:
            raise OptionError("", f"the key {each.name} is missing")
    types = _types_of(declared, names)
    values = {key: value_of(key, value, types[key]) for key, value in given.items()}
    values = {key: folder / value if isinstance(value, Path) else value for key, value in values.items()}
    return cast("type[T]", declared)(**values)


def _types_of(declared: type[Any], names: list[str]) -> dict[str, Any]:
    # Other annotations than those of options may be for type checkers only.
    stated = {each.name: each.type for each in fields(declared) if each.name in names}
    return get_type_hints(type("", (), {"__annotations__": stated}), vars(modules[declared.__module__]))


def value_of(key: str, value: object, wanted: Any) -> Any:
    """Return a value of a file as the type of a field wants it. Raises OptionError."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted is Any or wanted is object:
        return value
    if origin in (UnionType, Union):
        return _one_of(key, value, [each for each in arguments if each is not NoneType])
    if origin in (tuple, list, Sequence) or wanted in (tuple, list):
        if not isinstance(value, list):
            raise OptionError(key, f"must be a list, and is {value!r}")
        element = arguments[0] if arguments else object
        made = [value_of(key, each, element) for each in cast("list[object]", value)]
        return made if origin is list else tuple(made)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise OptionError(key, f"must be a table, and is {value!r}")
        return {name: value_of(key, each, arguments[1]) for name, each in cast("dict[str, object]", value).items()}
    if wanted is Path:
        return Path(value_of(key, value, str))
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise OptionError(key, f"must be {_WORDS.get(wanted, wanted.__name__)}, and is {value!r}")
    return value


def _one_of(key: str, value: object, types: list[Any]) -> Any:
    problem: OptionError | None = None
    for each in types:
        try:
            return value_of(key, value, each)
        except OptionError as error:
            problem = problem or error
    assert problem is not None
    raise problem
