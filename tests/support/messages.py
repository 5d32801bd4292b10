"""Every message that is declared, and values for them."""

import inspect
from functools import cache
from importlib import import_module
from typing import Any

from hypothesis import strategies as st

from kafkalite_wire.apis import DECLARED_APIS
from kafkalite_wire.schema import FieldType, declaration_of, fields_of

_DATA_MODULES = (
    "coordinator_records",
    "consumer_group_records",
    "share_group_records",
    "share_state_records",
    "streams_group_records",
    "transaction_records",
    "consumer_protocol",
    "metadata_records",
)


def declared_messages() -> dict[str, type[Any]]:
    """Return all top-level messages by name."""
    types = [declared for api in DECLARED_APIS.values() for declared in (api.request_type, api.response_type)]
    for module in _DATA_MODULES:
        types += top_level_messages(f"kafkalite_wire.messages.{module}")
    return {declared.__name__: declared for declared in types}


def top_level_messages(module: str) -> list[type[Any]]:
    return [c for c in declared_in(module) if hasattr(c, "__kafka_declaration__")]


def declared_in(module: str) -> list[type[Any]]:
    """Return the messages and structs of one module, in the order of its text."""
    members = vars(import_module(module)).values()
    return [c for c in members if inspect.isclass(c) and hasattr(c, "__kafka_fields__")]


def versions_of(declared: type[Any]) -> range:
    versions = declaration_of(declared).versions
    return range(versions.low, versions.high + 1)


def messages(declared: type[Any], version: int) -> st.SearchStrategy[Any]:
    """Return the strategy of one version of a message."""
    return _messages(declared, version)  # type: ignore[arg-type]  # mypy takes type[Any] for not hashable


@cache
def _messages(declared: type[Any], version: int) -> st.SearchStrategy[Any]:
    """Make messages of one version: every field that the version carries has any value, the others their defaults."""
    values = {}
    for field in fields_of(declared):
        if version in field.versions:
            value = _values(field.type, version)
            values[field.name] = st.none() | value if version in field.nullable else value
        else:
            values[field.name] = st.just(field.implied)
    return st.builds(declared, **values)


def _values(of: FieldType[Any], version: int) -> st.SearchStrategy[Any]:
    if of.element is not None:
        return st.lists(_values(of.element, version), max_size=3).map(tuple)
    if of.struct is not None:
        return messages(of.struct, version)
    match of.name:
        case "bool":
            return st.booleans()
        case "string":
            return st.text(st.characters(codec="utf-8"), max_size=150)
        case "bytes" | "records":
            return st.binary(max_size=150)
        case "uuid":
            return st.binary(min_size=16, max_size=16)
        case "float64":
            return st.floats(allow_nan=False)
    bits = of.size * 8
    signed = of.code.islower()
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)
