"""The client side of a connection, without a socket."""

import pytest

from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.codec import decode
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.frames import FrameReader, encode_response
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.produce import ProduceRequest

HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
VERSIONS = ApiVersionsResponse(
    api_keys=(
        ApiVersion(api_key=12, min_version=0, max_version=3),
        ApiVersion(api_key=0, min_version=0, max_version=2),
    )
)


def response(key: ApiKey, version: int, correlation_id: int, message: object) -> bytes:
    return b"".join(bytes(part) for part in encode_response(APIS[key], version, correlation_id, message))  # type: ignore[call-overload]


def heartbeat_response(correlation_id: int, error_code: int = 0) -> bytes:
    return response(ApiKey.HEARTBEAT, 4, correlation_id, HeartbeatResponse(error_code=error_code))


def test_request_is_a_whole_frame() -> None:
    frame = ClientConnection("abc").send(HEARTBEAT, 4)
    assert frame == bytes.fromhex("00000018 000c 0004 00000001 0003 616263 00 02 67 00000001 02 6d 00 00")
    header = read_request_header(memoryview(frame)[4:])
    assert (header.api.key, header.api_version, header.correlation_id, header.client_id) == (12, 4, 1, "abc")
    assert decode(HeartbeatRequest, 4, memoryview(frame)[4:], header.body, exact=True) == HEARTBEAT


def test_pipelined_responses_are_matched_however_the_bytes_arrive() -> None:
    for size in range(1, 40):
        client = ClientConnection()
        client.send(HEARTBEAT, 4)
        client.send(HEARTBEAT, 4)
        data = heartbeat_response(1, 27) + heartbeat_response(2)
        responses = [each for start in range(0, len(data), size) for each in client.receive(data[start : start + size])]
        assert [(each.correlation_id, each.message.error_code) for each in responses] == [(1, 27), (2, 0)]
        assert client.pending == 0


def test_version_is_the_newest_that_both_sides_know() -> None:
    client = ClientConnection()
    with pytest.raises(UnsupportedVersionError, match="not known to support Heartbeat"):
        client.send(HEARTBEAT)
    client.send(ApiVersionsRequest(), 0)
    [answer] = client.receive(response(ApiKey.API_VERSIONS, 0, 1, VERSIONS))
    assert answer.message == VERSIONS
    assert client.newest_version(HEARTBEAT) == client.newest_version(HeartbeatRequest) == 3
    with pytest.raises(UnsupportedVersionError, match="the broker supports Produce 0-2, this client 3-13"):
        client.newest_version(ProduceRequest)
    with pytest.raises(UnsupportedVersionError, match="not known to support DeleteGroups"):
        client.newest_version(DeleteGroupsRequest)


def test_unsupported_version_of_api_versions_is_answered_in_version_0() -> None:
    client = ClientConnection()
    client.send(ApiVersionsRequest(client_software_name="x", client_software_version="1"), 5)
    refused = ApiVersionsResponse(error_code=35, api_keys=(ApiVersion(api_key=18, min_version=0, max_version=4),))
    [answer] = client.receive(response(ApiKey.API_VERSIONS, 0, 1, refused))
    assert answer.message == refused
    assert client.newest_version(ApiVersionsRequest) == 4


def test_request_without_a_response_is_not_awaited() -> None:
    client = ClientConnection()
    client.send(ProduceRequest(acks=0, timeout_ms=0, topic_data=()), 9)
    client.send(HEARTBEAT, 4)
    assert [each.correlation_id for each in client.receive(heartbeat_response(2))] == [2]


def test_what_is_not_the_next_response_is_refused() -> None:
    client = ClientConnection()
    with pytest.raises(WireError, match="a response without a request"):
        client.receive(heartbeat_response(1))
    client.send(HEARTBEAT, 4)
    with pytest.raises(WireError, match="a response to request 2 where 1 is next"):
        client.receive(heartbeat_response(2))


@pytest.mark.parametrize("length", [b"HTTP", b"\xff\xff\xff\xff"])
def test_impossible_length_is_refused_and_its_bytes_stay_readable(length: bytes) -> None:
    frames = FrameReader()
    assert frames.feed(b"\0\0\0\1x" + length[:3]) == [b"x"]
    with pytest.raises(WireError, match="a frame of"):
        frames.feed(length[3:] + b"/1.1")
    assert frames.unread == length + b"/1.1"


def test_request_of_an_undeclared_api_is_answered_with_bytes() -> None:
    client = ClientConnection("c")
    assert client.send_undeclared(17, 1, b"rest") == bytes.fromhex("0000000f 0011 0001 00000001 0001 63") + b"rest"
    [answer] = client.receive(bytes.fromhex("00000006 00000001 abcd"))
    assert (answer.api, answer.message) == (None, b"\xab\xcd")
