"""Headers, written by hand. Apache Kafka 4.4.0 was seen to refuse the headers that are refused here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.headers import (
    RequestHeader,
    read_request_header,
    read_request_prefix,
    read_response_header,
    set_correlation_id,
    start_request,
    start_response,
)

METADATA_V1 = "0003 0001 00000007 0003 616263"
METADATA_V9 = "0003 0009 00000007 0003 616263 00"


def header_of(wire: str) -> RequestHeader:
    return read_request_header(memoryview(bytes.fromhex(wire)))


def test_header_1_ends_behind_the_client_id() -> None:
    header = header_of(METADATA_V1 + "ffff")
    assert (header.api, header.api_version, header.correlation_id) == (APIS[ApiKey.METADATA], 1, 7)
    assert (header.client_id, header.body) == ("abc", 13)


def test_header_2_ends_behind_its_tagged_fields() -> None:
    assert header_of(METADATA_V9).body == 14


def test_unknown_tagged_fields_of_header_2_are_skipped() -> None:
    header = header_of("0003 0009 00000007 0003 616263 02 00 02 aabb 8101 01 cc 0000")
    assert (header.client_id, header.body) == ("abc", 22)


@pytest.mark.parametrize("wire", [METADATA_V1, METADATA_V9, "0003 0009 00000007 0003 616263 01 00 02 aabb"])
def test_every_truncation_is_refused(wire: str) -> None:
    whole = bytes.fromhex(wire)
    assert read_request_header(memoryview(whole)).body == len(whole)
    for end in range(len(whole)):
        with pytest.raises(WireError) as refusal:
            read_request_header(memoryview(whole[:end]))
        assert 0 <= refusal.value.offset <= end


@pytest.mark.parametrize("length", ["ffff", "fffe", "8000"])
def test_any_negative_length_of_the_client_id_is_null(length: str) -> None:
    header = header_of(f"0003 0001 00000007 {length}")
    assert (header.client_id, header.body) == (None, 10)


def test_client_id_that_is_not_utf_8_is_read_with_replacement_characters() -> None:
    assert header_of("0003 0001 00000007 0002 61ff").client_id == "a\ufffd"


@pytest.mark.parametrize("key", ["03e7", "ffff", "7fff"])
def test_unknown_api_is_refused(key: str) -> None:
    with pytest.raises(
        UnsupportedVersionError, match=f"unknown API key {int.from_bytes(bytes.fromhex(key), signed=True)}"
    ):
        header_of(f"{key} 0000 00000007 ffff")


@pytest.mark.parametrize("version", [-1, -32768])
def test_negative_version_has_header_1(version: int) -> None:
    wire = b"\0\x12" + version.to_bytes(2, signed=True) + bytes.fromhex("00000007 ffff")
    header = read_request_header(memoryview(wire))
    assert (header.api_version, header.body) == (version, 10)


def test_version_beyond_the_declared_ones_has_header_2() -> None:
    assert header_of("0012 0063 00000007 ffff 00").body == 11
    with pytest.raises(WireError, match="ApiVersions request header v99: malformed tagged fields at byte 10"):
        header_of("0012 0063 00000007 ffff")


def test_tagged_field_longer_than_the_frame_is_refused() -> None:
    with pytest.raises(WireError, match="malformed tagged fields"):
        header_of("0003 0009 00000007 ffff 01 00 05 aabb")
    with pytest.raises(WireError, match="malformed tagged fields"):
        header_of("0003 0009 00000007 ffff 01 00 ffffffff0f aabb")


@given(st.binary(max_size=40))
def test_random_bytes_make_a_header_or_a_wire_error(frame: bytes) -> None:
    try:
        header = read_request_header(memoryview(frame))
    except WireError:
        return
    assert 10 <= header.body <= len(frame)


@pytest.mark.parametrize(
    ("key", "version", "wire"),
    [
        (ApiKey.METADATA, 8, "00000000 00000102"),
        (ApiKey.METADATA, 9, "00000000 00000102 00"),
        (ApiKey.API_VERSIONS, 3, "00000000 00000102"),
    ],
)
def test_response_starts_with_room_for_its_length(key: ApiKey, version: int, wire: str) -> None:
    assert start_response(APIS[key], version, 0x102) == bytes.fromhex(wire)


def test_lossless_header_keeps_its_tagged_fields_and_bytes_that_are_not_utf_8() -> None:
    wire = bytes.fromhex("0003 0009 00000007 0002 61ff 02 00 02 aabb 8101 01 cc")
    header = read_request_header(memoryview(wire), lossless=True)
    assert header.tagged_fields == ((0, b"\xaa\xbb"), (129, b"\xcc"))
    rewritten = start_request(APIS[ApiKey.METADATA], 9, 7, header.client_id, header.tagged_fields)
    assert rewritten == bytes(4) + wire


@pytest.mark.parametrize(("client_id", "encoded"), [(None, "ffff"), ("", "0000"), ("é", "0002 c3a9")])
def test_request_starts_with_room_for_its_length(client_id: str | None, encoded: str) -> None:
    metadata = APIS[ApiKey.METADATA]
    assert start_request(metadata, 1, 7, client_id) == bytes.fromhex(f"00000000 0003 0001 00000007 {encoded}")
    assert start_request(metadata, 9, 7, client_id) == bytes.fromhex(f"00000000 0003 0009 00000007 {encoded} 00")


def test_prefix_of_an_api_that_is_not_declared_is_readable() -> None:
    frame = bytearray.fromhex("03e7 0005 00000007 0002 61ff 0102")
    prefix = read_request_prefix(memoryview(frame))
    assert (prefix.api_key, prefix.api_version, prefix.correlation_id, prefix.end) == (999, 5, 7, 12)
    assert (prefix.client_id or "").encode("utf-8", "surrogateescape") == b"a\xff"
    set_correlation_id(frame, 8)
    assert read_request_prefix(memoryview(frame)).correlation_id == 8
    for end in range(prefix.end):
        with pytest.raises(WireError):
            read_request_prefix(memoryview(frame)[:end])


@pytest.mark.parametrize(("version", "wire"), [(8, "00000102"), (9, "00000102 00"), (9, "00000102 01 05 01 aa")])
def test_response_header_is_read_as_it_was_written(version: int, wire: str) -> None:
    api, data = APIS[ApiKey.METADATA], bytes.fromhex(wire)
    header = read_response_header(memoryview(data + b"more"), api, version)
    assert (header.correlation_id, header.body) == (0x102, len(data))
    assert start_response(api, version, header.correlation_id, header.tagged_fields) == bytes(4) + data
    for end in range(len(data)):
        with pytest.raises(WireError):
            read_response_header(memoryview(data[:end]), api, version)
