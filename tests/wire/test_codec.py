"""The codec: views instead of copies, bounds, and errors."""

import pytest

from kafkalite_wire.codec import decode, decode_steps, decoder, encode, encode_parts, encode_steps, encoder
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.join_group import JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest
from kafkalite_wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kafkalite_wire.messages.produce import ProduceRequest
from kafkalite_wire.messages.streams_group_describe import DescribedGroup, StreamsGroupDescribeResponse
from kafkalite_wire.schema import Buffer, KeptArray, Payload
from tests.support.wire_check import check, run_steps

HEARTBEAT_V0 = bytes.fromhex("0001 67 ffffffff 0001 6d")


def fetched(*records: Buffer | Payload | None) -> FetchResponse:
    partitions = tuple(
        PartitionData(partition_index=i, high_watermark=0, aborted_transactions=None, records=piece)
        for i, piece in enumerate(records)
    )
    return FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=partitions),))


class PieceOfFile:
    def __len__(self) -> int:
        return 5


def test_an_array_may_hold_structs_of_which_the_largest_part_is_null() -> None:
    group = DescribedGroup(group_id="", group_state="", group_epoch=0, assignment_epoch=0, topology=None, members=())
    response = StreamsGroupDescribeResponse(groups=(group, group))
    assert decode(StreamsGroupDescribeResponse, 1, encode(response, 1), exact=True) == response


def test_decoded_records_are_a_view_of_the_frame() -> None:
    frame = bytearray.fromhex("ffff ffff 000003e8 00000001 0001 74 00000001 00000000 00000002 abcd")
    records = decode(ProduceRequest, 3, frame).topic_data[0].partition_data[0].records
    frame[-1] = 0xEE
    assert isinstance(records, memoryview)
    assert bytes(records) == b"\xab\xee"


def test_records_to_send_are_parts_of_their_own_and_not_copied() -> None:
    first, second = PieceOfFile(), memoryview(b"abc")
    parts = encode_parts(fetched(first, second), 4, bytearray(b"head"))
    assert parts[1] is first
    assert parts[3] is second
    assert isinstance(parts[0], Buffer)
    assert isinstance(parts[2], Buffer)
    assert bytes(parts[0]).startswith(b"head")
    assert bytes(parts[0]).endswith((5).to_bytes(4))
    assert bytes(parts[2]).endswith((3).to_bytes(4))
    assert len(parts) == 4


def test_records_that_are_empty_or_null_are_no_parts() -> None:
    assert len(encode_parts(fetched(b"", None), 4, bytearray())) == 1


def test_message_without_a_byte_has_no_parts() -> None:
    from kafkalite_wire.messages.api_versions import ApiVersionsRequest

    assert encode_parts(ApiVersionsRequest(), 0, bytearray()) == []


@pytest.mark.parametrize("data", [HEARTBEAT_V0, bytearray(HEARTBEAT_V0), memoryview(HEARTBEAT_V0)])
def test_any_buffer_decodes(data: Buffer) -> None:
    assert decode(HeartbeatRequest, 0, data).group_id == "g"


def test_message_can_start_within_the_buffer() -> None:
    assert decode(HeartbeatRequest, 0, b"head" + HEARTBEAT_V0, 4, exact=True).member_id == "m"


def test_decoder_tells_where_the_message_ends() -> None:
    message, end = decoder(HeartbeatRequest, 0)(memoryview(HEARTBEAT_V0 + b"rest"), 0)
    assert (message.generation_id, end) == (-1, len(HEARTBEAT_V0))
    assert encoder(HeartbeatRequest, 0)(message, bytearray(), []) == [HEARTBEAT_V0]


@pytest.mark.parametrize("version", [-1, 5])
def test_version_that_is_not_declared_is_refused(version: int) -> None:
    with pytest.raises(UnsupportedVersionError, match=f"HeartbeatRequest v{version}: not in its versions 0-4"):
        decode(HeartbeatRequest, version, b"")
    with pytest.raises(UnsupportedVersionError, match=f"HeartbeatRequest v{version}: not in its versions 0-4"):
        encode(HeartbeatRequest(group_id="", generation_id=0, member_id=""), version)


def test_old_versions_of_produce_are_refused_though_the_table_names_them() -> None:
    with pytest.raises(UnsupportedVersionError):
        decode(ProduceRequest, 2, b"")


@pytest.mark.parametrize("length", [126, 127, 128, 16382, 16383, 32767])
def test_compact_strings_of_all_lengths_come_through(length: int) -> None:
    message = HeartbeatRequest(group_id="g" * length, generation_id=1, member_id="é")
    assert decode(HeartbeatRequest, 4, encode(message, 4), exact=True) == message


def test_length_of_127_takes_two_bytes_for_it_is_sent_plus_one() -> None:
    check(FindCoordinatorRequest(coordinator_keys=("k" * 127,)), 4, wire="00 02 8001" + "6b" * 127 + "00")


def test_string_that_no_reader_would_take_is_not_written() -> None:
    message = HeartbeatRequest(group_id="g" * 32768, generation_id=1, member_id="")
    with pytest.raises(ValueError, match="32768 bytes"):
        encode(message, 4)


def test_null_is_not_written_where_the_version_has_none() -> None:
    with pytest.raises(AttributeError):
        encode(JoinGroupResponse(protocol_name=None), 6)


def test_any_negative_length_is_null_where_null_may_stand() -> None:
    for length in ("ffffffff", "fffffffe", "80000000"):
        assert decode(MetadataRequest, 1, bytes.fromhex(length)).topics is None


def test_negative_length_is_refused_where_null_may_not_stand() -> None:
    with pytest.raises(WireError, match="null where none is allowed in topics"):
        decode(MetadataRequest, 0, bytes.fromhex("ffffffff"))


def test_text_that_is_not_utf_8_is_read_with_replacement_characters() -> None:
    assert decode(HeartbeatRequest, 0, bytes.fromhex("0002 67ff ffffffff 0000")).group_id == "g\ufffd"


def test_varint_may_be_longer_than_it_need_be() -> None:
    wire = bytes.fromhex("8280808000 67 ffffffff 01 00 00")
    assert decode(HeartbeatRequest, 4, wire, exact=True).group_id == "g"


def test_unknown_tagged_fields_are_skipped_and_not_written_again() -> None:
    plain = bytes.fromhex("02 67 02 02 6d 00 00 00 00")
    tagged = bytes.fromhex("02 67 02 02 6d 00 00 01 05 02 aabb 02 06 00 ff01 01 cc")
    assert decode(LeaveGroupRequest, 5, tagged, exact=True) == decode(LeaveGroupRequest, 5, plain, exact=True)
    assert encode(decode(LeaveGroupRequest, 5, tagged), 5) == plain


def test_fields_that_a_version_lacks_have_their_defaults() -> None:
    decoded = decode(HeartbeatRequest, 0, HEARTBEAT_V0)
    assert decoded.group_instance_id is None


def test_generated_code_can_be_read() -> None:
    assert "def decode_HeartbeatRequest_v0(buf, pos):" in decoder(HeartbeatRequest, 0).source  # type: ignore[attr-defined]  # an attribute of generated functions


def test_a_large_message_is_coded_in_steps() -> None:
    message = MetadataRequest(topics=tuple(MetadataRequestTopic(name=f"t{number}") for number in range(5_000)))
    steps, parts = run_steps(encode_steps(message, 12, bytearray(b"head")))
    assert (steps, parts) == (11, encode_parts(message, 12, bytearray(b"head")))
    frame = parts[0]
    assert isinstance(frame, bytearray)
    steps, decoded = run_steps(decode_steps(MetadataRequest, 12, frame, 4))
    assert (steps, decoded) == (11, message)


def test_an_error_in_a_late_step_is_explained() -> None:
    message = MetadataRequest(topics=tuple(MetadataRequestTopic(name=f"t{number}") for number in range(5_000)))
    steps = decode_steps(MetadataRequest, 12, encode(message, 12)[:-10])
    next(steps)
    with pytest.raises(WireError, match=r"topics\[4999\]"):
        run_steps(steps)


def metadata(partitions: tuple[MetadataResponsePartition, ...]) -> MetadataResponse:
    topic = MetadataResponseTopic(name="t", partitions=partitions)
    return MetadataResponse(brokers=(), topics=(topic, topic))


def test_a_kept_array_is_encoded_as_any_other() -> None:
    partitions = tuple(
        MetadataResponsePartition(partition_index=n, leader_id=1, replica_nodes=(1,), isr_nodes=(1,))
        for n in range(200)
    )
    kept = KeptArray(partitions)
    for version in range(14):
        encoded = encode_parts(metadata(partitions), version, bytearray())
        for _ in range(2):
            assert encode_parts(metadata(kept), version, bytearray()) == encoded
            assert run_steps(encode_steps(metadata(kept), version, bytearray()))[1] == encoded
    assert len(kept.encoded) < 14  # the versions that were used last


def test_what_is_kept_of_an_array_is_used() -> None:
    kept = KeptArray[MetadataResponsePartition]()
    kept.keep(12, b"kept")
    assert encode(metadata(kept), 12).count(b"kept") == 2
    assert b"kept" not in encode(metadata(kept), 12, lossless=True)
