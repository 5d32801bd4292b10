"""kafkalite.Broker inside a trio program."""

from __future__ import annotations

import gc
import select
import subprocess
import sys

import pytest
import trio

import kafkalite
from kafkalite.broker import Broker
from kafkalite.config import HostPort, load
from kafkalite.errors import StartError
from kafkalite.program import run, tune_garbage_collection
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from tests.support.protocol_client import ProtocolClient


async def ask_for_metadata(bootstrap: str) -> MetadataResponse:
    address = HostPort.parse(bootstrap)
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        response = await ProtocolClient(stream).call(MetadataRequest(topics=()), 9)
        assert isinstance(response, MetadataResponse)
        return response


async def test_a_broker_serves_inside_its_block() -> None:
    async with kafkalite.Broker() as broker:
        metadata = await ask_for_metadata(broker.bootstrap)
        assert [f"{node.host}:{node.port}" for node in metadata.brokers] == [broker.bootstrap]
    with pytest.raises(OSError, match="all attempts to connect"):
        await ask_for_metadata(broker.bootstrap)


async def test_a_broker_is_started_in_a_nursery(nursery: trio.Nursery) -> None:
    broker = kafkalite.Broker()
    ((host, port),) = await nursery.start(broker.run)
    assert broker.bootstrap == f"{host}:{port}"
    await ask_for_metadata(broker.bootstrap)


async def test_an_exception_leaves_the_block_as_it_is_in_its_group() -> None:
    with pytest.RaisesGroup(ZeroDivisionError):
        async with kafkalite.Broker():
            raise ZeroDivisionError


async def test_a_broker_that_cannot_start_says_why() -> None:
    async with kafkalite.Broker() as first:
        taken = load(listen=[first.bootstrap], data="/tmp/unused")
        with pytest.raises(StartError, match="another broker"):
            async with kafkalite.Broker(taken, file_system=first._file_system):
                pass


def test_properties_are_no_configuration_yet() -> None:
    with pytest.raises(TypeError, match=r"a BrokerConfig, which kafkalite\.config\.load\(\) makes of properties"):
        Broker({"num.partitions": 2})  # type: ignore[arg-type]


def test_importing_kafkalite_imports_nothing_heavy() -> None:
    code = "import sys, kafkalite; print(sorted({'trio', 'kafkalite.broker'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_not_exported_is_missing() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Brokre'"):
        kafkalite.Brokre  # noqa: B018


def test_no_client_is_served_before_what_runs_beside_the_broker_is_ready() -> None:
    served_before: list[bool] = []

    async def beside(broker: Broker, *, task_status: trio.TaskStatus[None]) -> None:
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            client = ProtocolClient(stream)
            number = await client.send(MetadataRequest(topics=()), 9)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            served_before.append(bool(select.select([stream.socket], [], [], 0)[0]))
            task_status.started()
            with trio.fail_after(60):
                assert (await client.receive(MetadataResponse, 9))[0] == number
        broker.stop()

    run(
        load(listen=["127.0.0.1:0"], data="/kafkalite"),
        on_ready=lambda _: None,
        file_system=MemoryFileSystem(),
        beside=beside,
    )
    assert served_before == [False]


def test_a_program_makes_full_garbage_collections_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    before = gc.get_threshold()
    try:
        tune_garbage_collection()
        assert frozen == [True]
        assert gc.get_threshold() == (*before[:2], 1000)
    finally:
        gc.set_threshold(*before)
