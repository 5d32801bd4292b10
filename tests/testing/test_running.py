"""The broker's own thread: it starts, stops, and tells the test's thread what went wrong."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from kafkalite.config import ConfigError, HostPort
from kafkalite.errors import StartError
from kafkalite.testing import BrokerFailed, Handle, run


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def metadata(bootstrap: str) -> bytes:
    """Ask for Metadata, version 1, of no topic; the answer without its length."""
    address = HostPort.parse(bootstrap)
    with socket.create_connection((address.host, address.port)) as connection:
        connection.sendall(bytes.fromhex("0000000f 0003 0001 00000007 0001 78 00000000".replace(" ", "")))
        (length,) = struct.unpack(">i", connection.recv(4))
        return connection.recv(length)


def test_a_broker_answers_and_is_gone_after_its_block() -> None:
    with run() as broker:
        assert metadata(broker.bootstrap)[:4] == b"\0\0\0\x07"
        assert "kafkalite" in threads()
    assert "kafkalite" not in threads()
    with pytest.raises(ConnectionRefusedError):
        metadata(broker.bootstrap)


def test_a_handle_outlives_its_broker_and_says_so() -> None:
    with run() as broker:
        pass
    with pytest.raises(BrokerFailed, match="has been stopped"):
        broker.produce("t", "x")


def test_a_handle_shows_in_failures_which_broker_it_is_of() -> None:
    with run() as broker:
        assert repr(broker) == f"<broker at {broker.bootstrap}>"
    assert repr(broker) == f"<broker at {broker.bootstrap}>", "also when the broker is gone"


def test_a_broker_stops_when_the_test_fails() -> None:
    with pytest.raises(ZeroDivisionError), run():
        raise ZeroDivisionError
    assert "kafkalite" not in threads()


def test_data_outlives_a_broker_that_was_given_a_directory(tmp_path: Path) -> None:
    with run(data=tmp_path) as broker:
        broker.produce("kept", "one")
    with run(data=tmp_path) as broker:
        assert [record.text for record in broker.records("kept")] == ["one"]


def test_properties_are_kafkas(tmp_path: Path) -> None:
    with run({"num.partitions": 5, "auto.create.topics.enable": True}) as broker:
        broker.produce("t", "x")
        assert broker.topics["t"].partitions == 5
    with (
        pytest.raises(ConfigError, match=r"^properties: .*num\.partitons.*did you mean num\.partitions"),
        run({"num.partitons": 5}),
    ):
        pass


@pytest.mark.parametrize(("name", "parameter"), [("listeners", "listen"), ("log.dirs", "data"), ("log.dir", "data")])
def test_properties_that_are_parameters_are_refused(name: str, parameter: str) -> None:
    with (
        pytest.raises(ConfigError, match=rf"^properties: {name}: .*run\({parameter}="),
        run({name: "somewhere"}),
    ):
        pass


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with run(data=tmp_path), pytest.raises(StartError, match="in use by another broker"), run(data=tmp_path):
        pass


def crash(broker: Handle) -> None:
    """Make a task of the broker fail, as a defect would."""

    async def fail() -> None:
        raise ZeroDivisionError("a defect")

    transport: Any = broker._transport
    portal = transport.portal
    portal.call(lambda: portal._nursery.start_soon(fail))


def test_a_crash_of_the_broker_reaches_whoever_waits() -> None:
    def wait() -> None:
        with run() as broker:
            threading.Timer(0.05, crash, [broker]).start()
            broker.await_stable("g")

    with pytest.raises(BrokerFailed, match="a defect") as caught:
        wait()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_crash_of_the_broker_fails_a_test_that_did_not_notice() -> None:
    with pytest.raises(BrokerFailed, match="a defect"), run() as broker:
        crash(broker)


def test_a_crash_of_the_broker_is_noted_beside_what_it_broke() -> None:
    def break_down() -> None:
        with run() as broker:
            crash(broker)
            raise ConnectionError

    with pytest.raises(ConnectionError) as caught:
        break_down()
    assert any("a defect" in note for note in caught.value.__notes__)


def test_an_error_in_a_handler_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from kafkalite.handlers import metadata as handler

    def fail(*_: object) -> None:
        raise ZeroDivisionError("in a handler")

    monkeypatch.setattr(handler, "handle", fail)
    with pytest.raises(BrokerFailed, match="in a handler"), run() as broker, pytest.raises(struct.error):
        metadata(broker.bootstrap)
