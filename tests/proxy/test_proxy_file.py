"""The file of a proxy: mistakes with their lines, and reloading while a client is connected."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from kafkalite.addresses import HostPort
from kafkalite.config.toml_file import TomlError
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.proxy_file.in_force import FileInForce
from kafkalite.proxy_file.reading import read_proxy_file
from kafkalite.testing import run
from kafkalite.tools.cli.proxy import proxy as command
from kafkalite_wire.error_codes import ErrorCode
from tests.support.protocol_client import ProtocolClient, create_topic

OWN = """
from dataclasses import dataclass
from kafkalite.interceptors import MessageInterceptor

@dataclass
class Counting(MessageInterceptor):
    limit: int
    seen: int = 0

    def on_request(self, request, context):
        self.seen += 1
        return request
"""
READ_ONLY = '[[interceptor]]\ntype = "read-only"\n'
COUNTING = '[[interceptor]]\ntype = "own.py:Counting"\nlimit = 3\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "proxy.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[proxi]", "1: proxi: no such key; tables are [proxy], [listener], [upstream], [[interceptor]] and [[fault]]"),
        ("[listener]\nnum.partitions = 3", "2: num.partitions has no effect in [listener]"),
        ('[upstream]\n"acks" = "all"', "2: acks has no effect in [upstream]"),
        ("[proxy]\nupstrem = []", "2: upstrem: no such key; did you mean upstream?"),
        ('[proxy]\nupstream = "kafka:9092"', "2: upstream: must be a list, and is 'kafka:9092'"),
        ('[proxy]\nupstream = ["kafka"]', "2: upstream: 'kafka' is not of the form HOST:PORT"),
        ("[proxy]\nbroker_ports = {1 = 70000}", "2: broker_ports: must map ids of brokers to ports, and has 1 = 70000"),
        ("[interceptor]", "1: interceptor: each interceptor is a table [[interceptor]], with two brackets"),
        ("\n[[interceptor]]\n", "2: the key type is missing"),
        ("[[interceptor]]\ntype = 1", "2: type: must be a string, and is 1"),
        ('[[interceptor]]\ntype = "readonly"', "2: type: there is no interceptor 'readonly'; types: "),
        (READ_ONLY + "x = 1", "3: x: no such key"),
        (COUNTING.replace("3", '"3"'), "3: limit: must be an integer, and is '3'"),
        (COUNTING.replace("limit = 3", ""), "1: the key limit is missing"),
        (COUNTING.replace("own.py", "other.py"), "2: type: cannot read "),
        (COUNTING.replace("Counting", "Other"), "2: type: "),
        ('[[fault]]\napi = "Fetch"\nerror = "X"', "3: error: there is no error 'X'"),
        ("[proxy", " "),
    ],
)
def test_a_mistake_is_named_with_its_line(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    place = f"cannot read {path}:" if message == " " else f"{path}:"
    with pytest.raises(TomlError, match=re.escape(place + message)):
        read_proxy_file(path)
    result = CliRunner().invoke(command, ["--check", str(path)])
    assert result.exit_code == 2
    assert place + message in result.output


def test_an_own_file_that_fails_is_named(path: Path) -> None:
    (path.parent / "own.py").write_text("import nothing_of_this_name")
    path.write_text(COUNTING)
    with pytest.raises(TomlError, match=r"own\.py cannot be imported: ModuleNotFoundError"):
        read_proxy_file(path)


def test_a_file_without_mistakes_is_checked_without_a_start(path: Path) -> None:
    path.write_text('[proxy]\nupstream = ["kafka:9092"]\n' + READ_ONLY + COUNTING)
    result = CliRunner().invoke(command, ["--check", str(path)])
    assert (result.exit_code, result.output) == (0, f"{path}: 2 interceptors, 0 faults\n")


@asynccontextmanager
async def proxied(file: FileInForce) -> AsyncIterator[tuple[Proxy, ProtocolClient]]:
    with run() as cluster:
        config = ProxyConfig(upstream=(HostPort.parse(cluster.bootstrap),), listen=HostPort("127.0.0.1", 0))
        async with Proxy(config) as proxy:
            file.install(proxy)
            address = HostPort.parse(proxy.bootstrap)
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                with trio.fail_after(20):
                    yield proxy, ProtocolClient(stream)


async def created(client: ProtocolClient, name: str) -> ErrorCode:
    return ErrorCode((await create_topic(client, name)).topics[0].error_code)


class _Logged(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages, self.arrived = trio.open_memory_channel[str](100)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.send_nowait(record.getMessage())


async def test_a_hangup_reloads_the_file_and_keeps_connections(path: Path) -> None:
    path.write_text(COUNTING)
    file = FileInForce(path)
    logged = _Logged()
    logger = logging.getLogger("kafkalite.proxy")
    logger.addHandler(logged)
    logger.setLevel(logging.INFO)
    try:
        async with proxied(file) as (proxy, client), trio.open_nursery() as nursery:
            await nursery.start(file.reload_on_hangup, proxy)
            assert await created(client, "before") is ErrorCode.NONE

            path.write_text(READ_ONLY + COUNTING)
            os.kill(os.getpid(), signal.SIGHUP)
            assert await logged.arrived.receive() == f"reloaded {path}: 2 interceptors, 0 faults"
            assert await created(client, "after") is ErrorCode.TOPIC_AUTHORIZATION_FAILED

            path.write_text(COUNTING + "nothing = 1")
            os.kill(os.getpid(), signal.SIGHUP)
            assert f"{path}:4: nothing: no such key" in await logged.arrived.receive()
            assert await created(client, "after") is ErrorCode.TOPIC_AUTHORIZATION_FAILED
            nursery.cancel_scope.cancel()
    finally:
        logger.removeHandler(logged)
        logger.setLevel(logging.NOTSET)


async def test_what_has_not_changed_goes_on_with_its_state(path: Path) -> None:
    path.write_text(COUNTING + '[[fault]]\nname = "once"\napi = "CreateTopics"\ntimes = 1\nerror = "NOT_CONTROLLER"')
    file = FileInForce(path)
    async with proxied(file) as (_, client):
        assert await created(client, "t") is ErrorCode.NOT_CONTROLLER
        counting = file.file.interceptors[0].made
        path.write_text(READ_ONLY + path.read_text())
        file.reload()
        assert file.file.interceptors[1].made is counting
        # The fault has acted once, and does not begin again; what is new is in force.
        assert await created(client, "t") is ErrorCode.TOPIC_AUTHORIZATION_FAILED
        path.write_text(COUNTING.replace("3", "4"))
        file.reload()
        assert file.file.interceptors[0].made is not counting
        assert await created(client, "t") is ErrorCode.NONE


async def test_properties_may_move_within_the_file_and_not_change(path: Path) -> None:
    path.write_text("[listener]\nmax.connections.per.ip = 5\n")
    file = FileInForce(path)
    async with proxied(file):
        path.write_text(READ_ONLY + "[listener]\nmax.connections.per.ip = 5\n")
        file.reload()
        assert len(file.file.interceptors) == 1
        path.write_text(READ_ONLY + "[listener]\nmax.connections.per.ip = 6\n")
        with pytest.raises(TomlError, match=re.escape(f"{path}:3: [listener] is read at the start only")):
            file.reload()


async def test_what_is_read_at_the_start_only_is_not_reloaded(path: Path) -> None:
    path.write_text(COUNTING)
    file = FileInForce(path)
    async with proxied(file):
        before = file.file
        path.write_text('[proxy]\nadvertise = "elsewhere"\n' + READ_ONLY)
        with pytest.raises(TomlError, match=re.escape(f"{path}:1: [proxy] is read at the start only")):
            file.reload()
        assert file.file is before
