"""The ports on which tests and the conformance suite start brokers, and start them again."""

from __future__ import annotations

import socket

import pytest

from kafkalite_conformance.broker import free_port


def test_a_free_port_is_nobody_elses_before_and_between_two_starts() -> None:
    address = ("127.0.0.1", free_port())
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        with socket.create_server(address), socket.create_connection(address):
            pass
