"""Our declarations compared with the official definitions in Kafka's jars."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafkalite_wire.schema import Field, FieldType, Versions, declaration_of, fields_of
from tests.support.messages import declared_messages

DECLARED = declared_messages()
JARS = (
    "kafka-clients",
    "kafka-group-coordinator",
    "kafka-transaction-coordinator",
    "kafka-share-coordinator",
    "kafka-metadata",
)

OWN_NAMES = {
    ("DescribeQuorumResponse", "TopicData"): "TopicQuorum",
    ("DescribeQuorumResponse", "PartitionData"): "PartitionQuorum",
    ("AlterClientQuotasResponse", "EntryData"): "EntryResult",
    ("StreamsGroupTargetAssignmentMemberValue", "TaskIds"): "TargetTaskIds",
}
"""Structs whose names Kafka uses more than once, for different structs."""

IMPLIED = {"string": "", "bytes": b"", "records": b"", "bool": False, "uuid": bytes(16), "float64": 0.0}


@pytest.fixture(scope="session")
def definitions(kafka_jars: Path) -> dict[str, Any]:
    return {definition["name"]: definition for definition in read_definitions(kafka_jars)}


def read_definitions(jars: Path) -> Iterator[Any]:
    for stem in JARS:
        with zipfile.ZipFile(next(jars.glob(f"{stem}-4.4.0.jar"))) as jar:
            for name in jar.namelist():
                if name.startswith(("common/message/", "common/metadata/")) and name.endswith(".json"):
                    text = jar.read(name).decode()
                    yield json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda m: m[1] or "", text))


@pytest.mark.parametrize("name", DECLARED)
def test_message_is_declared_as_kafka_defines_it(name: str, definitions: dict[str, Any]) -> None:
    official, declared = definitions[name], DECLARED[name]
    declaration = declaration_of(declared)
    valid = Versions.parse(official["validVersions"])
    assert declaration.versions.low in valid
    assert declaration.versions.high in valid
    assert declaration.api_key == official.get("apiKey", -1)
    official_flexible = Versions.parse(official.get("flexibleVersions", "none"))
    assert within(declaration.flexible, declaration.versions) == within(official_flexible, declaration.versions)
    common = {struct["name"]: struct for struct in official.get("commonStructs", ())}
    compare_fields(declared, official["fields"], declaration.versions, common, name)


def compare_fields(
    declared: type[Any], official: list[Any], valid: Versions, common: dict[str, Any], path: str
) -> None:
    carried = [field for field in official if within(versions_of(field), valid)]
    ours = fields_of(declared)
    assert [f.name for f in ours] == [snake(f["name"]) for f in carried], path
    for field, theirs in zip(ours, carried, strict=True):
        here = f"{path}.{field.name}"
        versions = as_versions(within(versions_of(theirs), valid))
        assert as_versions(within(field.versions, valid)) == versions, here
        _, brackets, kind = theirs["type"].rpartition("[]")
        assert field.type.name == brackets + OWN_NAMES.get((path.partition(".")[0], kind), kind), here
        nullable = Versions.parse(theirs.get("nullableVersions", "none"))
        assert within(field.nullable, versions) == within(nullable, versions), here
        assert field.tag == theirs.get("tag"), here
        tagged = Versions.parse(theirs.get("taggedVersions", "none"))
        assert within(field.tagged, versions) == within(tagged, versions), here
        innermost = field.type.element or field.type
        compare_default(field, theirs, here)
        if innermost.struct is not None:
            struct = theirs if "fields" in theirs else common[kind]
            compare_fields(innermost.struct, struct["fields"], versions, common, here)


def versions_of(field: dict[str, Any]) -> Versions:
    # A field without versions exists in the versions in which it is tagged.
    return Versions.parse(field.get("versions") or field["taggedVersions"])


def compare_default(field: Field, theirs: dict[str, Any], path: str) -> None:
    if field.type.struct is not None and theirs.get("default") != "null":
        assert isinstance(field.implied, field.type.struct), path
        assert all(getattr(field.implied, f.name) == f.implied for f in fields_of(field.type.struct)), path
    else:
        default = official_default(field.type, theirs)
        assert field.implied == default, path
        assert type(field.implied) is type(default), path


def official_default(of: FieldType[Any], theirs: dict[str, Any]) -> object:
    default = theirs.get("default")
    if default == "null":
        return None
    if of.is_array:
        return ()
    if default is None or of.name not in ("bool", "string"):
        return IMPLIED.get(of.name, 0) if default is None else int(str(default), 0)
    return default == "true" if of.name == "bool" else default


def within(versions: Versions, valid: Versions) -> range:
    """Return the versions that lie within the valid ones; an empty range is false."""
    low = max(versions.low, valid.low)
    high = min(versions.high, valid.high)
    return range(low, high + 1) if low <= high else range(0)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def as_versions(span: range) -> Versions:
    return Versions(span.start, span.stop - 1)
