"""The clients' own logins, which the cluster checks: lossless in every version of the SASL requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from kafkalite.addresses import HostPort
from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite.security.sasl import ScramMechanism
from kafkalite.security.sasl_client import PlainClient, SaslClient, ScramClient
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.protocol_client import ProtocolClient

PATIENCE = 20
SETTINGS = {"kafkalite.security": "sasl_plaintext", "kafkalite.sasl.users": "anna:pear"}


class Everything(Interceptor):
    """Wants each request, and passes it on."""

    stage = Stage.OBSERVERS


@asynccontextmanager
async def logging_in(*, is_intercepted: bool = False) -> AsyncIterator[ProtocolClient]:
    """Connect to a proxy in front of a broker with SASL."""
    broker = Broker(load(listen=["127.0.0.1:0"], data="/data", properties=SETTINGS), file_system=MemoryFileSystem())
    async with broker:
        config = ProxyConfig(upstream=(HostPort.parse(broker.bootstrap),), listen=HostPort("127.0.0.1", 0))
        async with Proxy(config) as proxy:
            if is_intercepted:
                proxy.pipeline.interceptors.add(Everything())
            address = HostPort.parse(proxy.bootstrap)
            with trio.fail_after(PATIENCE):
                async with await trio.open_tcp_stream(address.host, address.port) as stream:
                    yield ProtocolClient(stream)


def client_of(mechanism: str) -> SaslClient:
    if mechanism == "PLAIN":
        return PlainClient("anna", "pear")
    return ScramClient(ScramMechanism.SCRAM_SHA_512, "anna", "pear")


@pytest.mark.parametrize("is_intercepted", [False, True])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
@pytest.mark.parametrize("version", [0, 1, 2])
async def test_a_login_with_requests(version: int, mechanism: str, is_intercepted: bool) -> None:
    async with logging_in(is_intercepted=is_intercepted) as client:
        asked = ApiVersionsRequest(client_software_name="a", client_software_version="1")
        assert (await client.call(asked, version + 2)).api_keys
        assert not (await client.call(SaslHandshakeRequest(mechanism=mechanism), 1)).error_code
        sasl = client_of(mechanism)
        token: bytes | None = sasl.first()
        while token is not None:
            answer = await client.call(SaslAuthenticateRequest(auth_bytes=token), version)
            assert not answer.error_code
            token = sasl.following(bytes(answer.auth_bytes))
        assert not (await client.call(ListGroupsRequest(), 4)).error_code


@pytest.mark.parametrize("is_intercepted", [False, True])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_login_with_tokens_that_have_no_header(mechanism: str, is_intercepted: bool) -> None:
    async with logging_in(is_intercepted=is_intercepted) as client:
        assert not (await client.call(SaslHandshakeRequest(mechanism=mechanism), 0)).error_code
        sasl = client_of(mechanism)
        token: bytes | None = sasl.first()
        while token is not None:
            await client.send_frame(token)
            token = sasl.following(await client.receive_frame())
        assert not (await client.call(ListGroupsRequest(), 4)).error_code


async def test_a_wrong_token_without_a_header_closes_the_connection() -> None:
    async with logging_in() as client:
        await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 0)
        await client.send_frame(PlainClient("anna", "plum").first())
        assert await client.is_closed()


async def test_tokens_of_an_unknown_mechanism_are_not_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    async with logging_in() as client:
        await client.send(SaslHandshakeRequest(mechanism="GSSAPI"), 0)
        assert await client.is_closed()
    assert "the tokens of 'GSSAPI' are passed on in SaslAuthenticate requests only" in caplog.text


async def test_a_refused_login_is_explained_by_the_cluster() -> None:
    async with logging_in() as client:
        refused: Any = await client.call(SaslHandshakeRequest(mechanism="GSSAPI"), 1)
        assert refused.error_code
        assert "PLAIN" in refused.mechanisms
