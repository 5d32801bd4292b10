"""Records as lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.tools.admin.record_text import NewRecord, StoredRecord, formatter, from_json, from_line, to_json


def stored(**changes: Any) -> StoredRecord:
    fields: dict[str, Any] = {
        "topic": "t",
        "partition": 1,
        "offset": 7,
        "timestamp": 1_769_860_800_000,
        "key": b"k",
        "value": b"v",
    }
    return StoredRecord(**{**fields, **changes})


@given(key=st.none() | st.binary(), value=st.none() | st.binary())
def test_what_is_written_as_json_is_read_back_to_the_same_bytes(key: bytes | None, value: bytes | None) -> None:
    line = to_json(stored(key=key, value=value, headers=(("h", b"x"),)))
    assert "\n" not in line
    assert from_json(line) == NewRecord(
        key=key, value=value, headers=(("h", b"x"),), partition=1, timestamp=1_769_860_800_000
    )


def test_a_line_is_a_value_or_a_key_and_a_value() -> None:
    assert from_line(b"a=b=c\xff") == NewRecord(value=b"a=b=c\xff")
    assert from_line(b"a=b=c", key_separator=b"=") == NewRecord(key=b"a", value=b"b=c")


def test_a_line_without_its_separator_is_refused() -> None:
    with pytest.raises(ValueError, match="no '=' between key and value"):
        from_line(b"abc", key_separator=b"=")


def test_a_value_that_is_no_text_becomes_its_json() -> None:
    assert from_json('{"value": {"a": [1, null]}, "key": 5}') == NewRecord(value=b'{"a":[1,null]}', key=b"5")


def test_a_record_without_a_value_is_a_tombstone() -> None:
    assert from_json('{"key": "k"}') == NewRecord(value=None, key=b"k")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        (b'"\xff"', "not JSON"),
        ("[]", "not a JSON object"),
        ('{"headers": []}', None),
        ('{"headers": [1]}', "headers is not a JSON object"),
        ('{"partition": "1"}', "partition is not a number"),
        ('{"timestamp": true}', "timestamp is not a number"),
        ('{"value_base64": "?"}', "value_base64 is not base64"),
        ('{"val": "x"}', "'val' is unknown here; known: value, value_base64, key, "),
        ('{"value_base64": 3}', "value_base64 is not base64"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(line: str | bytes, reason: str | None) -> None:
    if reason is None:
        assert from_json(line) == NewRecord(value=None)
        return
    with pytest.raises(ValueError, match=reason):
        from_json(line)


def test_a_format_names_what_a_record_has() -> None:
    write = formatter(r"{topic}-{partition}@{offset} {time}\t{key}={value} {headers} {{}}\n")
    record = stored(headers=(("a", b"1"), ("b", None)))
    assert write(record) == "t-1@7 2026-01-31T12:00:00.000Z\tk=v a=1,b= {}\n"


def test_bytes_that_are_no_text_are_escaped_in_a_format() -> None:
    assert formatter("{key}|{value}")(stored(key=None, value=b"\xff")) == r"|\xff"
    assert json.loads(to_json(stored(value=b"\xff")))["value_base64"] == "/w=="


@pytest.mark.parametrize("template", ["{secret}", "{key.__class__}", "{key!r}", "{offset:>5}", "{0}", "{"])
def test_a_format_that_names_anything_else_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        formatter(template)
