"""Brokers with TLS and SASL over real sockets: hostile, slow and many clients, and large messages."""

from __future__ import annotations

import gc
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.security.conftest import Authority
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, fetch, produce

TLS, SASL_TLS, SASL = range(3)
"""The listeners, as the brokers below have them."""
SECRET = "hush-4711"
ANNA = f"\0anna\0{SECRET}".encode()
METADATA = MetadataRequest(topics=())
WHOLE_TIME = 60


@pytest.fixture
def properties(authority: Authority, broker_pem: Path) -> dict[str, str]:
    return {
        "listeners": "SSL://127.0.0.1:0,SASL_SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(broker_pem),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "kafkalite.sasl.users": f"anna:{SECRET}",
        "connection.failed.authentication.delay.ms": "20",
        "num.partitions": "1",
    }


@asynccontextmanager
async def running(properties: dict[str, str]) -> AsyncIterator[Broker]:
    config = load(properties=properties, data="/kafkalite")
    async with trio.open_nursery() as nursery:
        broker = Broker(config, file_system=MemoryFileSystem())
        await nursery.start(broker.run)
        try:
            with trio.fail_after(WHOLE_TIME):
                yield broker
        finally:
            for stream in _dialled:
                stream.socket.close()
            _dialled.clear()
        nursery.cancel_scope.cancel()


_dialled: list[trio.SocketStream] = []


async def dial(broker: Broker, listener: int) -> trio.SocketStream:
    stream = await trio.open_tcp_stream(*broker.addresses[listener])
    _dialled.append(stream)
    return stream


async def client_of(
    broker: Broker, listener: int, authority: Authority, certificate: Path | None = None
) -> ProtocolClient:
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    stream: Any = trio.SSLStream(
        await dial(broker, listener), context, server_hostname="localhost", https_compatible=True
    )
    await stream.do_handshake()
    return ProtocolClient(stream)


async def log_in(client: ProtocolClient, token: bytes = ANNA) -> SaslAuthenticateResponse:
    assert (await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 1)).error_code == 0
    answer: SaslAuthenticateResponse = await client.call(SaslAuthenticateRequest(auth_bytes=token), 2)
    return answer


async def send_all(stream: trio.SocketStream, data: bytes) -> None:
    """Send bytes and the end of the stream to a broker that may have closed it."""
    with suppress(trio.BrokenResourceError):
        await stream.send_all(data)
        await stream.send_eof()


async def rest_of(stream: trio.SocketStream) -> bytes:
    """Receive what is left, up to the end."""
    received = b""
    with suppress(trio.BrokenResourceError):
        while more := await stream.receive_some():
            received += more
    return received


@pytest.mark.parametrize("listener", [TLS, SASL_TLS])
@pytest.mark.parametrize("sent", [b"\0\0\0\x10" + bytes(16), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", b"x"])
async def test_plain_bytes_on_a_tls_listener_are_never_answered_in_plain(
    properties: dict[str, str], authority: Authority, sent: bytes, listener: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(properties) as broker:
        stream = await dial(broker, listener)
        await send_all(stream, sent)
        assert (await rest_of(stream))[:2] in (b"", b"\x15\x03")  # an alert of TLS, if anything
        assert (await (await client_of(broker, TLS, authority)).call(METADATA, 9)).brokers
    assert "TLS handshake with 127.0.0.1 failed" in caplog.text
    assert "Traceback" not in caplog.text


async def test_clients_that_have_gone_before_the_handshake_leave_no_socket_open(properties: dict[str, str]) -> None:
    async with running(properties) as broker:
        host, port = broker.addresses[TLS]
        for number in range(20):
            with socket.create_connection((host, port)) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
                gone.sendall(b"x" * (number % 2))
        last = await dial(broker, TLS)  # all others are accepted before it
        await send_all(last, b"x")
        await rest_of(last)
    gc.collect()  # a socket that is left open is a ResourceWarning, which is an error


@pytest.mark.parametrize("sent", [b"\0\0\0\x14" + bytes(20), b"GET / HTTP/1.1\r\n\r\n", bytes(50_000)])
async def test_a_client_without_tls_is_answered_with_an_alert(properties: dict[str, str], sent: bytes) -> None:
    async with running(properties) as broker:
        stream = await dial(broker, TLS)
        await stream.send_all(sent)
        assert await rest_of(stream) == bytes.fromhex("15 0303 0002 02 50")


async def test_a_stuck_handshake_ends_after_ten_seconds_and_holds_up_nobody(
    properties: dict[str, str], authority: Authority, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(properties) as broker:
        stuck = [await dial(broker, TLS) for _ in range(20)]
        await stuck[0].send_all(b"\x16\x03\x01\x02")  # the beginning of a handshake
        assert (await (await client_of(broker, TLS, authority)).call(METADATA, 9)).brokers
        mock_clock.jump(9.9)
        for stream in stuck:
            with trio.move_on_after(0):
                assert not await stream.receive_some()
                pytest.fail("the connection has ended early")
        mock_clock.jump(0.2)
        for stream in stuck:
            assert await rest_of(stream) == b""
        assert (await (await client_of(broker, TLS, authority)).call(METADATA, 9)).brokers
    assert "it took too long" in caplog.text


async def test_a_stuck_handshake_counts_as_a_connection(properties: dict[str, str], authority: Authority) -> None:
    async with running({**properties, "max.connections": "3"}) as broker:
        stuck = [await dial(broker, TLS) for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked()
        (node,) = broker._nodes.values()
        assert node.admission is not None
        assert not node.admission.quotas.has_slot(broker.config.security[TLS].name)
        await trio.aclose_forcefully(stuck[0])
        assert (await (await client_of(broker, TLS, authority)).call(METADATA, 9)).brokers


async def test_a_broker_stops_during_handshakes(properties: dict[str, str]) -> None:
    async with running(properties) as broker:
        streams = [await dial(broker, TLS) for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked()
        broker.stop()
        for stream in streams:
            assert await rest_of(stream) == b""


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_large_records_arrive_and_leave_unchanged(
    properties: dict[str, str], authority: Authority, version: str
) -> None:
    records = batch(bytes(range(256)) * 3500)
    async with running({**properties, "ssl.enabled.protocols": version}) as broker:
        client = await client_of(broker, TLS, authority)
        await create_topic(client, "t")
        for _ in range(8):
            answer = await client.call(produce("t", records), 9)
            assert answer.responses[0].partition_responses[0].error_code == 0
        fetched = await client.call(fetch("t", max_bytes=16 << 20), 11)
        received = bytes(fetched.responses[0].partitions[0].records)
        assert len(received) == 8 * len(records)
        assert received.count(bytes(range(256)) * 3500) == 8


async def test_a_client_that_does_not_read_holds_up_only_itself(
    properties: dict[str, str], authority: Authority
) -> None:
    async with running(properties) as broker:
        client = await client_of(broker, TLS, authority)
        await create_topic(client, "t")
        for _ in range(4):
            await client.call(produce("t", batch(bytes(900_000))), 9)
        lazy = await client_of(broker, TLS, authority)
        for _ in range(30):
            await lazy.send(fetch("t", max_bytes=16 << 20), 11)
        for _ in range(20):
            assert (await client.call(METADATA, 9)).brokers
        for _ in range(30):
            assert len(await lazy.receive_frame()) > 3_600_000
        assert (await lazy.call(METADATA, 9)).brokers


async def test_two_hundred_connections_are_served_at_once(properties: dict[str, str], authority: Authority) -> None:
    async with running(properties) as broker:
        clients: list[ProtocolClient] = []

        async def connect() -> None:
            client = await client_of(broker, SASL_TLS, authority)
            assert (await log_in(client)).error_code == 0
            clients.append(client)

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(connect)
        for client in clients:
            await client.send(METADATA, 9)
        for client in clients:
            assert b"127.0.0.1" in await client.receive_frame()
        assert len(clients) == 200


async def test_a_certificate_that_is_replaced_is_shown_to_the_next_client(
    properties: dict[str, str], authority: Authority, broker_pem: Path
) -> None:
    async with running(properties) as broker:
        before = await client_of(broker, TLS, authority)
        authority.issue("other", "localhost").replace(broker_pem)
        after = await client_of(broker, TLS, authority)
        certificates = {client.stream.getpeercert(binary_form=True) for client in (before, after)}  # type: ignore[attr-defined]
        assert len(certificates) == 2
        broker_pem.write_text("")
        for client in (before, after, await client_of(broker, TLS, authority)):
            assert (await client.call(METADATA, 9)).brokers


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example", "x" * 63 + ".example", None])
async def test_a_client_may_ask_for_any_server_name(
    properties: dict[str, str], authority: Authority, name: str | None
) -> None:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    async with running(properties) as broker:
        stream: Any = trio.SSLStream(await dial(broker, TLS), context, server_hostname=name, https_compatible=True)
        await stream.do_handshake()
        assert (await ProtocolClient(stream).call(METADATA, 9)).brokers


@pytest.mark.parametrize(
    "sent",
    [
        b"\x17\x03\x03\xff\xff" + bytes(70_000),  # longer than a record may be
        b"\x17\x03\x03\x00\x20" + bytes(32),  # not encrypted with the key
        b"\x63\x03\x03\x00\x01x",  # of an unknown type
        b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",  # a handshake that is not encrypted
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
@pytest.mark.parametrize("listener", [TLS, SASL_TLS])
async def test_a_hostile_record_after_the_handshake_ends_its_connection_only(
    properties: dict[str, str], authority: Authority, listener: int, sent: bytes
) -> None:
    async with running(properties) as broker:
        other = await client_of(broker, TLS, authority)
        hostile = await client_of(broker, listener, authority)
        encrypted: Any = hostile.stream
        await send_all(encrypted.transport_stream, sent)
        assert (await rest_of(encrypted.transport_stream))[:1] in (b"", b"\x15", b"\x17")  # an alert, if anything
        assert (await other.call(METADATA, 9)).brokers


async def test_half_a_request_and_silence_end_when_the_connection_has_been_idle(
    properties: dict[str, str], authority: Authority, mock_clock: MockClock
) -> None:
    async with running({**properties, "connections.max.idle.ms": "20000"}) as broker:
        silent = await client_of(broker, TLS, authority)
        await silent.stream.send_all(struct.pack(">i", 1000) + bytes(500))
        other = await client_of(broker, TLS, authority)
        assert (await other.call(METADATA, 9)).brokers
        mock_clock.jump(15)
        await trio.testing.wait_all_tasks_blocked()
        assert (await other.call(METADATA, 9)).brokers
        mock_clock.jump(11)
        assert await silent.is_closed()
        assert (await other.call(METADATA, 9)).brokers


async def test_a_certificate_is_asked_for_where_it_is_required(
    properties: dict[str, str], authority: Authority
) -> None:
    async with running({**properties, "ssl.client.auth": "required"}) as broker:
        known = await client_of(broker, TLS, authority, authority.issue("client", "client.test", common_name="anna"))
        assert (await known.call(METADATA, 9)).brokers
        unknown = await client_of(broker, TLS, authority)
        with pytest.raises(trio.BrokenResourceError):
            await unknown.call(METADATA, 9)


async def test_a_refused_password_is_answered_late_and_the_connection_is_closed(
    properties: dict[str, str], authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with running({**properties, "connection.failed.authentication.delay.ms": "300"}) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        began = trio.current_time()
        answer = await log_in(client, f"\0anna\0{SECRET}x".encode())
        assert trio.current_time() - began >= 0.3
        assert (answer.error_code, answer.error_message) == (
            58,
            "Authentication failed: Invalid username or password",
        )
        assert await client.is_closed()
    assert SECRET not in caplog.text
    assert "Authentication failed: Invalid username or password" in caplog.text


async def test_a_wrong_token_without_a_header_is_refused_late_too(properties: dict[str, str]) -> None:
    async with running({**properties, "connection.failed.authentication.delay.ms": "300"}) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 0)
        began = trio.current_time()
        await client.send_frame(b"\0anna\0wrong")
        assert await client.is_closed()
        assert trio.current_time() - began >= 0.3


async def test_requests_behind_a_refused_token_are_not_handled(properties: dict[str, str]) -> None:
    async with running(properties) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 1)
        await client.send(SaslAuthenticateRequest(auth_bytes=b"\0anna\0wrong"), 2)
        await client.send(SaslAuthenticateRequest(auth_bytes=ANNA), 2)
        await client.send(METADATA, 9)
        _, answer = await client.receive(SaslAuthenticateResponse, 2)
        assert answer.error_code == 58
        assert await client.is_closed()


async def test_everything_may_be_sent_at_once(properties: dict[str, str]) -> None:
    async with running(properties) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        await client.send(ApiVersionsRequest(), 0)
        await client.send(SaslHandshakeRequest(mechanism="PLAIN"), 1)
        await client.send(SaslAuthenticateRequest(auth_bytes=ANNA), 2)
        await client.send(METADATA, 9)
        for _ in range(3):
            await client.receive_frame()
        assert b"127.0.0.1" in await client.receive_frame()


async def test_the_largest_frame_is_larger_after_the_authentication(
    properties: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with running({**properties, "sasl.server.max.receive.size": "1000"}) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        await client.stream.send_all(struct.pack(">i", 1001))
        assert await client.is_closed()
        client = ProtocolClient(await dial(broker, SASL))
        await log_in(client)
        await create_topic(client, "t")
        answer = await client.call(produce("t", batch(bytes(500_000))), 9)
        assert answer.responses[0].partition_responses[0].error_code == 0
    assert "a request of 1001 bytes, above sasl.server.max.receive.size=1000" in caplog.text


async def test_passwords_are_not_described(properties: dict[str, str]) -> None:
    jaas = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_ben="{SECRET}";'
    given_ = {**properties, "sasl.jaas.config": jaas, "ssl.key.password": SECRET}
    async with running(given_) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        await log_in(client, f"\0ben\0{SECRET}".encode())
        resource = DescribeConfigsResource(resource_type=4, resource_name="1", configuration_keys=None)
        await client.send(DescribeConfigsRequest(resources=(resource,), include_synonyms=True), 4)
        described = await client.receive_frame()
        assert b"sasl.jaas.config" in described
        assert SECRET.encode() not in described


def test_tokens_are_not_shown() -> None:
    assert SECRET not in repr(SaslAuthenticateRequest(auth_bytes=ANNA))


TOKENS = st.binary(max_size=40) | st.sampled_from([
    ANNA, b"\0anna\0wrong", b"n,,n=anna,r=abc", b"c=biws,r=abc,p=AAAA",
    struct.pack(">hhih", 18, 0, 1, -1), struct.pack(">hhihh", 17, 1, 1, -1, 5) + b"PLAIN",
    struct.pack(">hhihh", 17, 0, 1, -1, 13) + b"SCRAM-SHA-256", struct.pack(">hhihi", 36, 0, 1, -1, 3) + b"a\0b",
    struct.pack(">hhih", 3, 0, 1, -1) + bytes(4), struct.pack(">hhih", 18, 99, 1, -1), b"",
])  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations=st.lists(st.lists(TOKENS, min_size=1, max_size=6), min_size=1, max_size=12))
def test_any_frames_end_in_responses_or_the_end_of_the_connection(
    properties: dict[str, str], caplog: pytest.LogCaptureFixture, conversations: list[list[bytes]]
) -> None:
    caplog.clear()

    async def hold() -> None:
        async with running({**properties, "connection.failed.authentication.delay.ms": "0"}) as broker:
            for frames in conversations:
                stream = await dial(broker, SASL)
                await send_all(stream, b"".join(struct.pack(">i", len(frame)) + frame for frame in frames))
                await rest_of(stream)
            last = ProtocolClient(await dial(broker, SASL))
            assert (await log_in(last)).error_code == 0

    trio.run(hold)
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR or entry.exc_info]
    assert SECRET not in caplog.text
