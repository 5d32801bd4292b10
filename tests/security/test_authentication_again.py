"""Requests out of their turn, and authentication again as the broker's clock is moved (KIP-368)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.protocol_client import ProtocolClient
from tests.support.requests import batch, produce

METADATA = MetadataRequest(topics=())
LIFETIME_MS = 60_000


@pytest.fixture
def clock() -> SteerableClock:
    return SteerableClock()


@pytest.fixture
async def broker(nursery: trio.Nursery, clock: SteerableClock) -> Broker:
    properties = {
        "listeners": "SASL_PLAINTEXT://127.0.0.1:0",
        "sasl.enabled.mechanisms": "PLAIN",
        "kafkalite.sasl.users": "anna:secret,ben:secret",
        "connections.max.reauth.ms": str(LIFETIME_MS),
        "connection.failed.authentication.delay.ms": "0",
        "sasl.server.max.receive.size": "2000",
    }
    made = Broker(load(properties=properties, data="/kafkalite"), file_system=MemoryFileSystem(), clock=clock)
    await nursery.start(made.run)
    return made


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[ProtocolClient]:
    stream = await trio.open_tcp_stream(*broker.addresses[0])
    with trio.fail_after(30):
        yield ProtocolClient(stream)
    await trio.aclose_forcefully(stream)


async def shake_hands(client: ProtocolClient) -> int:
    return int((await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 1)).error_code)


async def log_in(client: ProtocolClient, user: str = "anna") -> SaslAuthenticateResponse:
    assert await shake_hands(client) == 0
    token = f"\0{user}\0secret".encode()
    answer: SaslAuthenticateResponse = await client.call(SaslAuthenticateRequest(auth_bytes=token), 2)
    return answer


async def test_a_session_is_prolonged_while_requests_are_made(client: ProtocolClient, clock: SteerableClock) -> None:
    for _ in range(3):
        assert (await log_in(client)).session_lifetime_ms == LIFETIME_MS
        clock.advance(LIFETIME_MS / 1000 - 1)
        assert (await client.call(METADATA, 9)).brokers


async def test_a_request_after_the_end_of_the_session_closes_the_connection(
    client: ProtocolClient, clock: SteerableClock, caplog: pytest.LogCaptureFixture
) -> None:
    await log_in(client)
    clock.advance(LIFETIME_MS / 1000)
    await client.send(METADATA, 9)
    assert await client.is_closed()
    assert "a request of Metadata after the end of the session's lifetime" in caplog.text


async def test_a_client_may_be_late(client: ProtocolClient, clock: SteerableClock) -> None:
    await log_in(client)
    clock.advance(LIFETIME_MS)
    assert (await log_in(client)).error_code == 0
    assert (await client.call(METADATA, 9)).brokers


async def test_another_user_is_refused(client: ProtocolClient) -> None:
    await log_in(client)
    answer = await log_in(client, "ben")
    assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
    assert answer.error_message == "Cannot change principals during re-authentication from User.anna: User.ben"
    assert await client.is_closed()


async def test_frames_are_short_while_a_client_authenticates_again(client: ProtocolClient) -> None:
    await log_in(client)
    large = SaslAuthenticateRequest(auth_bytes=bytes(3000))
    assert (await client.call(large, 2)).error_code == ErrorCode.ILLEGAL_SASL_STATE
    await shake_hands(client)
    await client.send(large, 2)
    assert await client.is_closed()


@pytest.mark.parametrize("is_authenticated", [False, True])
async def test_another_request_between_handshake_and_token_is_refused(
    client: ProtocolClient, *, is_authenticated: bool
) -> None:
    if is_authenticated:
        await log_in(client)
    await shake_hands(client)
    answer = await client.call(MetadataRequest(topics=(MetadataRequestTopic(name="t"),)), 9)
    assert [topic.error_code for topic in answer.topics] == [ErrorCode.ILLEGAL_SASL_STATE]
    assert await client.is_closed()


@pytest.mark.parametrize(
    ("request_", "version"),
    [(ApiVersionsRequest(), 3), (ListGroupsRequest(), 4), (SaslHandshakeRequest(mechanism="x"), 1)],
)
async def test_the_refusal_is_in_the_form_of_the_request(
    client: ProtocolClient, request_: object, version: int
) -> None:
    await shake_hands(client)
    assert (await client.call(request_, version)).error_code == ErrorCode.ILLEGAL_SASL_STATE
    assert await client.is_closed()


async def test_a_produce_request_that_expects_no_answer_gets_none(client: ProtocolClient) -> None:
    await shake_hands(client)
    await client.send(produce("t", batch(b"v"), acks=0), 9)
    assert await client.is_closed()


async def test_api_versions_of_an_unserved_version_may_be_asked_for_again(client: ProtocolClient) -> None:
    await client.send_frame(b"\0\x12\0\x63\0\0\0\x07\xff\xff\0")
    assert (await client.receive_frame())[:6] == b"\0\0\0\x07\0\x23"
    assert (
        await client.call(ApiVersionsRequest(client_software_name="a", client_software_version="1"), 3)
    ).error_code == 0
    await client.send(ApiVersionsRequest(client_software_name="a", client_software_version="1"), 3)
    assert await client.is_closed()
