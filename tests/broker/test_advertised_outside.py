"""What a broker in a container tells its clients of its address: it depends on how they came in."""

from __future__ import annotations

import pytest

from kafkalite.broker import Broker
from kafkalite.cluster.container_networks import Routes
from kafkalite_wire.error_codes import ErrorCode
from tests.support.config_calls import BROKER, DELETE, SET, alter, value
from tests.support.protocol_client import ProtocolClient

# What /proc/net/route shows in a container with two networks, 10.88.0.0/16 and 172.20.0.0/16.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100580A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
LOCAL = "10.88.0.4"
OUTSIDE = "kafkalite.advertised.outside"


@pytest.fixture
def settings() -> list[str]:
    return [f"{OUTSIDE}=127.0.0.1:19092"]


@pytest.fixture(autouse=True)
def _in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Routes, "of_this_machine", classmethod(lambda cls: cls.parse(ROUTES)))


@pytest.mark.parametrize(
    ("peer", "local", "neighbours"),
    [
        ("10.88.0.7", LOCAL, True),
        ("172.20.0.3", "172.20.0.2", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("fd00::7", "fd00::4", True),
        ("10.88.0.1", LOCAL, False),  # the gateway, which hands on what comes through a published port
        (LOCAL, LOCAL, False),  # the same without root
        ("192.0.2.9", LOCAL, False),  # another machine
        ("172.20.0.3", LOCAL, False),
    ],
)
def test_neighbours_come_from_a_network_of_the_container(peer: str, local: str, neighbours: bool) -> None:
    assert Routes.parse(ROUTES).are_neighbours(peer, local) is neighbours


async def test_neighbours_are_told_what_they_dialled_and_others_the_address_for_outside(broker: Broker) -> None:
    assert broker.endpoint.advertised("/10.88.0.7", (LOCAL, 9092)) == (LOCAL, 9092)
    assert broker.endpoint.advertised("/10.88.0.1", (LOCAL, 9092)) == ("127.0.0.1", 19092)


async def test_the_address_for_outside_changes_while_the_broker_runs(broker: Broker, client: ProtocolClient) -> None:
    async def change(operation: int, text: str | None, **options: bool) -> ErrorCode:
        return await alter(client, (OUTSIDE, operation, text), name="1", kind=BROKER, **options)

    assert await change(SET, "127.0.0.1:49153") is ErrorCode.NONE
    assert broker.endpoint.advertised("/10.88.0.1", (LOCAL, 9092)) == ("127.0.0.1", 49153)
    assert await value(client, OUTSIDE, name="1", kind=BROKER) == "127.0.0.1:49153"
    assert await change(SET, "127.0.0.1:1", validate_only=True) is ErrorCode.NONE
    assert await change(SET, "nowhere") is ErrorCode.INVALID_REQUEST
    assert await change(SET, "0.0.0.0:9092") is ErrorCode.INVALID_REQUEST
    assert await value(client, OUTSIDE, name="1", kind=BROKER) == "127.0.0.1:49153"
    assert await change(DELETE, None) is ErrorCode.NONE
    assert broker.endpoint.advertised("/10.88.0.1", (LOCAL, 9092)) == ("127.0.0.1", 19092)
    assert broker.cluster.storage.broker_configs("1") == {}


async def test_the_address_for_outside_outlives_a_restore_and_is_not_that_of_a_fork(
    broker: Broker, client: ProtocolClient
) -> None:
    assert await alter(client, (OUTSIDE, SET, "127.0.0.1:49153"), name="1", kind=BROKER) is ErrorCode.NONE
    snapshot = broker.take_snapshot()
    await broker.restore(snapshot)
    assert broker.endpoint.advertised("/10.88.0.1", (LOCAL, 9092)) == ("127.0.0.1", 49153)
    async with broker.fork(snapshot) as fork:
        assert fork.endpoint.advertised("/10.88.0.1", (LOCAL, 9093)) == (LOCAL, 9093)


async def test_the_address_for_outside_is_not_that_of_all_brokers(client: ProtocolClient) -> None:
    assert await alter(client, (OUTSIDE, SET, "127.0.0.1:1"), name="", kind=BROKER) is ErrorCode.INVALID_REQUEST
