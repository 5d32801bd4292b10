"""A client that forgets its sockets fails no test: neither its own nor the one in whose time they are collected."""

from __future__ import annotations

import gc
import socket

from kafka.net.inet import KafkaNetSocket


def test_a_socket_that_kafka_python_forgets_is_closed_without_a_complaint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        forgotten = KafkaNetSocket().socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        forgotten.connect(server.getsockname())
        connection, _ = server.accept()
        with connection:
            del forgotten
            gc.collect()
            connection.settimeout(30)
            assert connection.recv(1) == b""
