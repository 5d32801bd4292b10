"""The lossless mode: unknown tagged fields and text that is not UTF-8 come back byte for byte."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.lossless import TaggedFields, unknown_tagged_fields, with_unknown_tagged_fields
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.produce import ProduceResponse
from kafkalite_wire.schema import declaration_of, fields_of
from tests.support.messages import declared_messages, messages, versions_of

DECLARED = declared_messages()

# group "g", generation 1, member "m", no instance; tags 5 and 200
HEARTBEAT = bytes.fromhex("02 67 00000001 02 6d 00 02 05 03 aabbcc c801 00")
# one topic with its own tag 3, and tags of the message
LEAVE_GROUP = bytes.fromhex("02 67 02 02 6d 00 00 01 03 01 ff 01 00 02 aabb")


def test_unknown_tagged_fields_are_kept_in_ascending_order() -> None:
    message = decode(HeartbeatRequest, 4, HEARTBEAT, lossless=True)
    assert unknown_tagged_fields(message) == ((5, b"\xaa\xbb\xcc"), (200, b""))
    assert encode(message, 4, lossless=True) == HEARTBEAT
    assert encode(message, 4) == encode(decode(HeartbeatRequest, 4, HEARTBEAT), 4)


def test_each_struct_keeps_its_own() -> None:
    message = decode(LeaveGroupRequest, 5, LEAVE_GROUP, lossless=True)
    assert unknown_tagged_fields(message) == ((0, b"\xaa\xbb"),)
    assert unknown_tagged_fields(message.members[0]) == ((3, b"\xff"),)
    assert encode(message, 5, lossless=True) == LEAVE_GROUP


def test_message_without_unknown_fields_is_of_the_declared_class() -> None:
    plain = bytes.fromhex("02 67 00000001 02 6d 00 00")
    assert type(decode(HeartbeatRequest, 4, plain, lossless=True)) is HeartbeatRequest
    kept = decode(HeartbeatRequest, 4, HEARTBEAT, lossless=True)
    assert isinstance(kept, HeartbeatRequest)
    assert kept != decode(HeartbeatRequest, 4, HEARTBEAT)
    assert kept != with_unknown_tagged_fields(kept, ((5, b""),))
    assert kept == decode(HeartbeatRequest, 4, HEARTBEAT, lossless=True)


def test_changed_message_keeps_its_unknown_fields() -> None:
    message = replace(decode(HeartbeatRequest, 4, HEARTBEAT, lossless=True), group_id="h")
    assert encode(message, 4, lossless=True) == HEARTBEAT.replace(b"g", b"h")


def test_field_that_only_other_versions_know_is_kept() -> None:
    # tag 0 of a response of Produce is the leaders' addresses, from version 10 on
    wire = bytes.fromhex("01 00000000 01 00 02 aabb")
    with pytest.raises(WireError):
        decode(ProduceResponse, 9, wire)
    message = decode(ProduceResponse, 9, wire, lossless=True)
    assert encode(message, 9, lossless=True) == wire


@pytest.mark.parametrize("text", ["ff", "c3", "80 61 c3 a9 fe", "ed a0 80"])
@pytest.mark.parametrize("version", [1, 9])
def test_text_that_is_not_utf_8_is_kept(version: int, text: str) -> None:
    name = bytes.fromhex(text)
    if version == 1:
        wire = bytes.fromhex("00000001") + len(name).to_bytes(2) + name
    else:
        wire = b"\2" + bytes([len(name) + 1]) + name + b"\0\1\0\0\0"
    assert encode(decode(MetadataRequest, version, wire, lossless=True), version, lossless=True) == wire


@pytest.mark.parametrize("end", range(len(LEAVE_GROUP)))
def test_every_truncation_is_refused(end: int) -> None:
    with pytest.raises(WireError):
        decode(LeaveGroupRequest, 5, LEAVE_GROUP[:end], lossless=True)


def with_tags(message: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """Return a message with any unknown tagged fields in every struct, and with text of any bytes."""
    declared, values = type(message), {}
    known = {field.tag for field in fields_of(declared)}
    for field in fields_of(declared):
        value = getattr(message, field.name)
        if isinstance(value, tuple):
            value = tuple(with_tags(item, draw) if hasattr(item, "__kafka_fields__") else item for item in value)
        elif hasattr(value, "__kafka_fields__") and value != field.implied:
            value = with_tags(value, draw)
        elif field.type.name == "string" and value and draw(st.booleans()):
            value = draw(st.binary(max_size=20)).decode("utf-8", "surrogateescape")
        values[field.name] = value
    tags = st.dictionaries(st.integers(0, (1 << 31) - 1).filter(lambda tag: tag not in known), st.binary(max_size=5))
    fields: TaggedFields = tuple(sorted(draw(tags).items()))
    changed = declared(**values)
    return with_unknown_tagged_fields(changed, fields) if fields else changed


@pytest.mark.parametrize("name", DECLARED)
@given(data=st.data())
@settings(deadline=None, max_examples=5)
def test_every_message_comes_back_byte_for_byte(name: str, data: st.DataObject) -> None:
    declared = DECLARED[name]
    version = data.draw(st.sampled_from(versions_of(declared)))
    message = data.draw(messages(declared, version))
    if version in declaration_of(declared).flexible:
        message = with_tags(message, data.draw)
    wire = encode(message, version, lossless=True)
    read = decode(declared, version, wire, exact=True, lossless=True)
    assert encode(read, version, lossless=True) == wire
    assert read == message
    decode(declared, version, wire, exact=True)
