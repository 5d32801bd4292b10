"""Our codec compared with Kafka's own classes; golden/Golden.java writes the golden files.

`messages.tsv` holds, for every message and version, what Kafka writes for known values: filled, with nulls, and
untouched. `damaged.tsv` holds damaged bytes, and what Kafka made of them.
"""

import base64
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.layout import layout_of
from kafkalite_wire.schema import FieldType, fields_of
from tests.support.messages import declared_messages, versions_of
from tests.support.wire_check import check_ends
from tests.wire.test_declarations_match_the_jar import snake

GOLDEN = Path(__file__).parent / "golden"
DECLARED = declared_messages()

EACH_MESSAGE = pytest.mark.parametrize("name", DECLARED)


@cache
def rows(file: str) -> dict[str, list[tuple[int, str, str]]]:
    by_message = defaultdict(list)
    for line in (GOLDEN / file).read_text(encoding="utf-8").splitlines():
        name, version, first, second = line.split("\t")
        by_message[name].append((int(version), first, second))
    return by_message


@EACH_MESSAGE
def test_kafkas_bytes_decode_to_the_values_that_were_written(name: str) -> None:
    for version, values, wire in rows("messages.tsv")[name]:
        message = decode(DECLARED[name], version, bytes.fromhex(wire), exact=True)
        assert_holds(message, version, json.loads(values), f"{name} v{version}")


@EACH_MESSAGE
def test_kafkas_bytes_are_written_again_as_they_were(name: str) -> None:
    for version, _, wire in rows("messages.tsv")[name]:
        message = decode(DECLARED[name], version, bytes.fromhex(wire), exact=True)
        assert encode(message, version).hex() == wire, f"v{version}"


@EACH_MESSAGE
def test_layout_reads_and_writes_kafkas_bytes_too(name: str) -> None:
    for version, _, wire in rows("messages.tsv")[name]:
        data, layout = bytes.fromhex(wire), layout_of(DECLARED[name], version)
        message = decode(DECLARED[name], version, data)
        assert layout.parse(data) == message, f"v{version}"
        assert layout.build(message) == data, f"v{version}"


@EACH_MESSAGE
def test_every_beginning_of_kafkas_bytes_is_refused(name: str) -> None:
    shortest = {version: wire for version, _, wire in sorted(rows("messages.tsv")[name], key=lambda r: -len(r[2]))}
    for version, wire in shortest.items():
        check_ends(DECLARED[name], version, bytes.fromhex(wire))


@EACH_MESSAGE
def test_damaged_bytes_are_taken_or_refused_as_kafka_does(name: str) -> None:
    for version, wire, kafka in rows("damaged.tsv")[name]:
        try:
            ours = encode(decode(DECLARED[name], version, bytes.fromhex(wire)), version).hex()
        except WireError as refusal:
            ours = "refused" if "defect" not in refusal.reason else refusal.reason
        assert ours == kafka, f"v{version} {wire}"


@EACH_MESSAGE
def test_golden_files_hold_every_version(name: str) -> None:
    for file in ("messages.tsv", "damaged.tsv"):
        assert {version for version, _, _ in rows(file)[name]} == set(versions_of(DECLARED[name]))


def assert_holds(message: object, version: int, values: dict[str, Any], path: str) -> None:
    """Compare with the JSON of Kafka's converters, which omits tagged fields with default values."""
    theirs = {snake(key): value for key, value in values.items()}
    carried = {f.name: f for f in fields_of(type(message)) if version in f.versions}
    assert set(theirs) <= set(carried), path
    for name, field in carried.items():
        value = getattr(message, name)
        if name in theirs:
            compare(field.type, value, version, theirs[name], f"{path}.{name}")
        else:
            assert version in field.tagged, f"{path}.{name}"
            assert value == field.implied, f"{path}.{name}"


def compare(of: FieldType[Any], value: Any, version: int, theirs: Any, path: str) -> None:
    if theirs is None:
        assert value is None, path
    elif of.element is not None:
        assert len(value) == len(theirs), path
        for i, (ours, other) in enumerate(zip(value, theirs, strict=True)):
            compare(of.element, ours, version, other, f"{path}[{i}]")
    elif of.struct is not None:
        assert_holds(value, version, theirs, path)
    elif of.name in ("bytes", "records"):
        assert bytes(value) == base64.b64decode(theirs), path
    elif of.name == "uuid":
        assert value == base64.urlsafe_b64decode(theirs + "=="), path
    else:
        assert value == theirs, path
        assert type(value) is type(theirs), path
