"""Clients that fail to log in: how often they may, and that a failure does not say whether there is such a user."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import ConfigError, load
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.protocol_client import ProtocolClient
from tests.support.scram_exchange import final_message

PLAINTEXT, SASL = range(2)
RIGHT, WRONG = b"\0anna\0secret", b"\0anna\0wrong"
METADATA = MetadataRequest(topics=())


@pytest.fixture
def clock() -> SteerableClock:
    return SteerableClock()


@pytest.fixture
async def broker(clock: SteerableClock) -> AsyncIterator[Broker]:
    properties = {
        "listeners": "PLAINTEXT://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "kafkalite.sasl.users": "anna:secret",
        "connection.failed.authentication.delay.ms": "0",
        "kafkalite.failed.authentications.per.ip.per.minute": "3",
    }
    config = load(properties=properties, data="/data")
    async with Broker(config, clock=clock, file_system=MemoryFileSystem()) as broker:
        clock.freeze()
        with trio.fail_after(60):
            yield broker


@asynccontextmanager
async def connected(broker: Broker, listener: int = SASL) -> AsyncIterator[ProtocolClient]:
    client = ProtocolClient(await trio.open_tcp_stream(*broker.addresses[listener]))
    try:
        yield client
    finally:
        await trio.aclose_forcefully(client.stream)


async def log_in(broker: Broker, token: bytes) -> int:
    async with connected(broker) as client:
        await client.call(SaslHandshakeRequest(mechanism="PLAIN"), 1)
        code: int = (await client.call(SaslAuthenticateRequest(auth_bytes=token), 2)).error_code
        return code


async def begin_scram(client: ProtocolClient, bare: bytes) -> bytes:
    """Return the server's first message."""
    await client.call(SaslHandshakeRequest(mechanism="SCRAM-SHA-256"), 1)
    return bytes((await client.call(SaslAuthenticateRequest(auth_bytes=b"n,," + bare), 2)).auth_bytes)


async def test_an_address_that_failed_too_often_has_to_wait(
    broker: Broker, clock: SteerableClock, caplog: pytest.LogCaptureFixture
) -> None:
    assert [await log_in(broker, token) for token in (WRONG, RIGHT, WRONG, RIGHT, WRONG)] == [58, 0, 58, 0, 58]
    async with connected(broker) as refused:
        await wait_all_tasks_blocked(0.005)
        clock.advance(1.0)
        assert await refused.is_closed()  # without an answer, a second later
    async with connected(broker, PLAINTEXT) as client:  # it has no logins
        assert (await client.call(METADATA, 9)).brokers
    clock.advance(19.0)
    assert await log_in(broker, RIGHT) == 0
    assert "refusing 127.0.0.1: more than 3 logins a minute failed" in caplog.text


async def test_no_login_derives_keys_from_a_password(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    await wait_all_tasks_blocked()
    derived: list[str] = []
    derive = hashlib.pbkdf2_hmac

    def counted(name: str, *rest: Any) -> bytes:
        derived.append(name)
        return derive(name, *rest)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    for user in ("anna", "no-such-user"):
        bare = f"n={user},r=clientnonce".encode()
        async with connected(broker) as client:
            answer = await begin_scram(client, bare)
            assert derived == []  # the time of the answer says nothing of the user
            final = final_message("sha256", "wrong", bare, answer)
            derived.clear()  # the client's own
            assert (await client.call(SaslAuthenticateRequest(auth_bytes=final), 2)).error_code == 58
        assert derived == []


async def test_a_user_has_one_salt_at_all_brokers() -> None:
    config = load(
        properties={
            "kafkalite.brokers": "2",
            "listeners": "SASL_PLAINTEXT://127.0.0.1:0",
            "sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "kafkalite.sasl.users": "anna:secret",
        },
        data="/data",
    )
    salts: dict[str, set[bytes]] = {"anna": set(), "no-such-user": set()}
    async with Broker(config, file_system=MemoryFileSystem()) as broker:
        for number in range(2):
            for user, found in salts.items():
                async with connected(broker, number) as client:
                    answer = await begin_scram(client, f"n={user},r=clientnonce".encode())
                    found.add(answer.split(b",")[1])
    assert [len(found) for found in salts.values()] == [1, 1]


@pytest.mark.parametrize(("delay", "idle"), [("100", "100"), ("200", "0")])
def test_a_refusal_has_to_come_before_the_end_of_an_idle_connection(delay: str, idle: str) -> None:
    properties = {"connection.failed.authentication.delay.ms": delay, "connections.max.idle.ms": idle}
    with pytest.raises(ConfigError, match=r"must be less than connections\.max\.idle\.ms"):
        load(properties=properties)
