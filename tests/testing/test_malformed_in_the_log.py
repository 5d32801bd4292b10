"""Requests that are no requests, as the request log shows them to who debugs a client of their own."""

from __future__ import annotations

import io
import json
import socket
import struct

import pytest

from kafkalite.controls.request_log.controls import Requests
from kafkalite.testing import Handle


def send(broker: Handle, frame: bytes) -> None:
    """Send a frame and wait for the broker to close the connection."""
    host, _, port = broker.bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        assert connection.recv(1) == b""


def header(api_key: int, version: int, client_id: bytes = b"mine") -> bytes:
    return struct.pack(">hhih", api_key, version, 77, len(client_id)) + client_id


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (header(12, 3) + b"\x00\x09g", ("Heartbeat", 12, 3, 77, "mine", "HeartbeatRequest v3: ")),
        (header(12, 99) + b"\0", ("Heartbeat", 12, 99, 77, "mine", "not in the served versions 0-4")),
        (header(999, 0), ("API 999", 999, 0, 77, "", "unknown API key 999")),
        (header(12, 3)[:10], ("Heartbeat", 12, 3, 77, "", "the frame ends inside the client id")),
        (b"\x00\x0c\x00\x03", ("Heartbeat", 12, 3, -1, "", "the frame ends inside the request header")),
        (b"\x00", ("unknown", -1, -1, -1, "", "the frame ends inside the request header")),
        (b"", ("unknown", -1, -1, -1, "", "the frame ends inside the request header")),
    ],
)
def test_what_came_and_what_is_wrong_with_it_is_in_the_log(
    broker: Handle, frame: bytes, shown: tuple[str, int, int, int, str, str]
) -> None:
    with broker.requests.recording() as log:
        send(broker, frame)
    (exchange,) = log.find(outcome="malformed")
    *facts, reason = shown
    assert [
        exchange.api, exchange.api_key, exchange.api_version, exchange.correlation_id, exchange.client_id
    ] == facts  # fmt: skip
    assert reason in exchange.reason
    assert exchange.request_bytes == len(frame)
    assert (exchange.request, exchange.response, exchange.latency) == (None, None, 0.0)
    assert (exchange.groups, exchange.topics, exchange.errors, exchange.batches) == (set(), set(), (), ())
    assert reason in str(exchange)
    assert exchange.client_port > 0
    assert json.loads(lines(log))["outcome"] == "malformed"


def lines(log: Requests) -> str:
    with io.StringIO() as written:
        log.write_json_lines(written)
        return written.getvalue()


def test_a_malformed_request_can_be_awaited(broker: Handle) -> None:
    with broker.requests.recording() as log:
        send(broker, header(12, 3) + b"\x00")
        assert log.await_request("Heartbeat").outcome == "malformed"
        assert log.await_request(outcome="malformed").number == 1


def test_nothing_is_kept_once_recording_is_over(broker: Handle) -> None:
    with broker.requests.recording() as log:
        pass
    send(broker, header(12, 3))
    assert log.find() == []
