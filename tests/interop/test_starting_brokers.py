"""The ports on which tests and the conformance suite start brokers, and what happens when one of them is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kafkalite_conformance import reference_broker
from kafkalite_conformance.broker import free_port, serves_metadata
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from tests.support.reference_kafka import java, kafka_libs


def test_free_port_belongs_to_the_caller_before_and_between_two_starts() -> None:
    address = ("127.0.0.1", free_port())
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        with socket.create_server(address), socket.create_connection(address):
            pass


def test_kafka_starts_on_other_ports_when_its_controller_port_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    java()
    kafka_libs()
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = iter([free_port(), other.getsockname()[1]])
        monkeypatch.setattr(reference_broker, "free_port", lambda: next(ports, None) or free_port())
        with start_kafka(jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka:
            assert serves_metadata(kafka.bootstrap)
    assert "starting Kafka again, on other ports" in capfd.readouterr().err
