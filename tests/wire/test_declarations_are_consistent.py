"""Annotations, names and defaults, which the jar does not define."""

import dataclasses
import pkgutil
import types
import typing
from typing import Any

import pytest

import kafkalite_wire.messages
from kafkalite_wire.apis import DECLARED_APIS
from kafkalite_wire.schema import (
    Buffer,
    FieldType,
    Payload,
    declaration_of,
    fields_of,
)
from tests.support.messages import declared_in, declared_messages, top_level_messages

MODULES = [f"kafkalite_wire.messages.{m.name}" for m in pkgutil.iter_modules(kafkalite_wire.messages.__path__)]
PYTHON_TYPES: dict[str, Any] = {"bool": bool, "string": str, "bytes": bytes, "uuid": bytes, "float64": float}


def annotation_of(of: FieldType[Any]) -> Any:
    if of.element is not None:
        return tuple[annotation_of(of.element), ...]  # type: ignore[misc]  # made at run time
    return of.struct or PYTHON_TYPES.get(of.name, int)


@pytest.mark.parametrize("module", MODULES)
def test_annotation_says_what_the_field_type_says(module: str) -> None:
    for declared in declared_in(module):
        hints = typing.get_type_hints(declared)
        for field in fields_of(declared):
            expected = annotation_of(field.type)
            accepted: list[Any] = [expected] if field.type.name != "records" else [Buffer, Payload]
            if field.nullable.low <= field.nullable.high:
                accepted = [of | None for of in accepted]
            assert hints[field.name] in accepted, f"{declared.__name__}.{field.name}"


@pytest.mark.parametrize("module", MODULES)
def test_every_field_is_declared_with_field(module: str) -> None:
    for declared in declared_in(module):
        assert [f.name for f in dataclasses.fields(declared)] == [f.name for f in fields_of(declared)]


@pytest.mark.parametrize("module", MODULES)
def test_every_class_says_what_it_is(module: str) -> None:
    for declared in declared_in(module):
        assert declared.__doc__, declared.__name__
        # The default docstring of a dataclass is its signature.
        assert not declared.__doc__.startswith(f"{declared.__name__}("), declared.__name__


@pytest.mark.parametrize("name", declared_messages())
def test_tags_of_a_struct_are_its_own(name: str) -> None:
    for struct in reachable(declared_messages()[name]):
        tags = [f.tag for f in fields_of(struct) if f.tag is not None]
        assert len(tags) == len(set(tags)), struct.__name__


def test_every_module_is_reached_from_the_table_or_holds_data() -> None:
    of_apis = {api.request_type.__module__ for api in DECLARED_APIS.values()}
    data = {module for module in MODULES if declaration_of(top_level_messages(module)[0]).api_key not in DECLARED_APIS}
    named = {
        f"kafkalite_wire.messages.{m}"
        for m in (
            "coordinator_records",
            "consumer_group_records",
            "share_group_records",
            "share_state_records",
            "streams_group_records",
            "transaction_records",
            "consumer_protocol",
            "metadata_records",
        )
    }
    assert set(MODULES) == of_apis | named
    assert data <= named


def reachable(declared: type[Any]) -> list[type[Any]]:
    found = [declared]
    for field in fields_of(declared):
        innermost = field.type.element or field.type
        if innermost.struct is not None:
            found += reachable(innermost.struct)
    return found


def test_a_struct_as_default_is_shared_and_equal() -> None:
    from kafkalite_wire.messages.produce import LeaderIdAndEpoch, PartitionProduceResponse

    made = PartitionProduceResponse(index=1, base_offset=2)
    assert made.current_leader == LeaderIdAndEpoch(leader_id=-1, leader_epoch=-1)
    assert isinstance(typing.get_type_hints(PartitionProduceResponse)["error_message"], types.UnionType)
