"""Errors of malformed bytes: reason, byte offset and field."""

import pytest

from kafkalite_wire import layout
from kafkalite_wire.codec import decode
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.layout import explain, layout_of
from kafkalite_wire.messages.fetch import FetchRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.produce import ProduceRequest

# transactional id, acks, timeout, 3 topics: "a" and "b" without partitions, "c" with index and records
PRODUCE_V3 = "ffff ffff 000003e8 00000003 0001 61 00000000 0001 62 00000000 0001 63 00000001 00000000 00000002 abcd"
PRODUCE_V9 = "00 ffff 000003e8 02 02 74 02 00000000 03 abcd 00 00 00"


@pytest.mark.parametrize(
    ("version", "wire", "says"),
    [
        (3, PRODUCE_V3[:-2], "2 bytes needed, 1 left in topic_data[2].partition_data[0].records at byte 37"),
        (3, PRODUCE_V3[:-18], "4 bytes needed, 2 left in topic_data[2].partition_data[0].index at byte 33"),
        (3, "ffff ff", "2 bytes needed, 1 left in acks at byte 2"),
        (3, "ffff ffff 000003e8 ffffffff", "null where none is allowed in topic_data at byte 8"),
        (3, "ffff ffff 000003e8 00000009 00", "9 elements, but only 1 byte left in topic_data at byte 8"),
        (9, PRODUCE_V9[:-3], "1 byte needed, 0 left at byte 20"),
        (9, "8080808080 01", "a varint of more than five bytes in transactional_id at byte 0"),
        (9, "818002", "a string of 32768 bytes, of which there may be 32767 in transactional_id at byte 0"),
    ],
)
def test_error_names_the_reason_the_field_and_the_byte(version: int, wire: str, says: str) -> None:
    with pytest.raises(WireError) as refusal:
        decode(ProduceRequest, version, bytes.fromhex(wire))
    assert str(refusal.value) == f"ProduceRequest v{version}: {says}"


@pytest.mark.parametrize(
    ("version", "wire", "says"),
    [
        (12, "01 00 05 05 6162", "4 bytes needed, 2 left in cluster_id at byte 31"),
        (12, "01 01 00", "a field of tag 1, which is of other versions at byte 29"),
        (12, "01 07 05 0000", "5 bytes needed, 2 left at byte 29"),
        (12, "05 00", "5 tagged fields, but only 1 byte left at byte 28"),
        (15, "01 01 0d 0000", "4 bytes needed, 2 left in replica_state.replica_id at byte 27"),
    ],
)
def test_error_names_the_tagged_field(version: int, wire: str, says: str) -> None:
    replica_id = "ffffffff" if version < 15 else ""
    head = f"{replica_id} 000001f4 00000001 7fffffff 00 00000000 ffffffff 01 01 01"
    with pytest.raises(WireError) as refusal:
        decode(FetchRequest, version, bytes.fromhex(head + wire))
    assert str(refusal.value) == f"FetchRequest v{version}: {says}"


def test_offset_counts_from_the_start_of_the_frame() -> None:
    with pytest.raises(WireError) as refusal:
        decode(ProduceRequest, 3, b"\0" * 100 + bytes.fromhex("ffff ff"), 100)
    assert (refusal.value.path, refusal.value.offset) == ("acks", 102)


def test_start_behind_the_end_is_refused() -> None:
    with pytest.raises(WireError, match="0 left in group_id at byte 3"):
        decode(HeartbeatRequest, 0, b"abc", 3)
    with pytest.raises(WireError, match="0 left in group_id"):
        decode(HeartbeatRequest, 0, b"abc", 70)


def test_array_of_more_than_a_million_elements_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError, match="1000001 elements, of which there may be 1000000 in topics at byte 0"):
        decode(MetadataRequest, 0, (1_000_001).to_bytes(4) + bytes(2_000_002))


def test_more_than_ten_thousand_tagged_fields_are_refused() -> None:
    with pytest.raises(WireError, match="10001 tagged fields, of which there may be 10000"):
        decode(HeartbeatRequest, 4, bytes.fromhex("02 67 ffffffff 02 6d 00 914e") + b"\5\0" * 10_001)


def test_frame_with_very_many_elements_is_refused_without_reading_them_all_again() -> None:
    elements = layout.EXPLAINED_ELEMENTS + 1
    with pytest.raises(WireError, match="malformed at or behind an array too long to read again in topics"):
        decode(MetadataRequest, 0, (elements + 1).to_bytes(4) + bytes(2 * elements + 1))


def test_explanation_that_finds_nothing_wrong_says_so() -> None:
    sound = memoryview(bytes.fromhex("0001 67 ffffffff 0001 6d"))
    assert "a defect of kafkalite" in explain(HeartbeatRequest, 0, sound, 0).reason


def test_bytes_behind_the_message_are_a_fault_only_where_it_must_be_exact() -> None:
    longer = memoryview(bytes.fromhex("0001 67 ffffffff 0001 6d 00"))
    error = explain(HeartbeatRequest, 0, longer, 0)
    assert (error.reason, error.offset, error.path) == ("1 byte behind the message", 10, "")
    assert "a defect of kafkalite" in explain(HeartbeatRequest, 0, longer, 0, exact=False).reason


def test_layout_of_a_version_that_is_not_declared_is_refused() -> None:
    with pytest.raises(UnsupportedVersionError, match="HeartbeatRequest v5: not in its versions 0-4"):
        layout_of(HeartbeatRequest, 5)


def test_layout_refuses_to_write_null_where_there_is_none() -> None:
    with pytest.raises(TypeError, match="group_id cannot be null"):
        layout_of(HeartbeatRequest, 0).build(HeartbeatRequest(group_id=None, generation_id=1, member_id=""))  # type: ignore[arg-type]  # wrong on purpose
