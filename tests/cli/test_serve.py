"""`kafkalite serve` as a program: it starts, says so, and ends as it should."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from kafkalite_conformance.broker import free_port

START = [sys.executable, "-m", "kafkalite", "serve", "--quiet"]
WITHIN = 60  # seconds, on the busiest of machines

Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KAFKALITE_")}
        process = subprocess.Popen(
            [*START, *options], cwd=tmp_path, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r" is listening on (\S+?):(\d+)(?:, \S+:\d+)*, data in ", line)
    assert found is not None, line
    return found.group(1), int(found.group(2))


def first_connection(process: subprocess.Popen[str], port: int) -> socket.socket:
    """Connect as soon as the broker listens, without its word for it."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
        except ConnectionRefusedError:
            continue
    raise AssertionError("the broker did not listen")


def outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=WITHIN)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_broker_cleanly(serve: Serve, number: signal.Signals) -> None:
    process = serve("--listen", "127.0.0.1:0")
    address_of(process)
    process.send_signal(number)
    assert outcome(process) == (0, "")


def test_clients_can_connect_once_the_line_is_there(serve: Serve) -> None:
    process = serve("--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0")
    with closing(socket.create_connection(address_of(process), timeout=WITHIN)) as connection:
        assert connection.getpeername()[1] > 0
    process.terminate()
    assert outcome(process)[0] == 0


def test_a_connected_client_does_not_keep_the_broker_from_stopping(serve: Serve) -> None:
    process = serve("--listen", "127.0.0.1:0")
    with closing(socket.create_connection(address_of(process), timeout=WITHIN)):
        process.terminate()
        assert outcome(process) == (0, "")


def test_the_data_goes_where_the_broker_was_started(serve: Serve, tmp_path: Path) -> None:
    process = serve("--listen", "127.0.0.1:0")
    address_of(process)
    process.terminate()
    outcome(process)
    assert (tmp_path / "kafkalite-data" / "meta.properties").exists()


def test_a_port_that_is_taken_is_one_clear_line(serve: Serve) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        status, errors = outcome(serve("--listen", f"127.0.0.1:{port}"))
    assert status == 1
    assert errors.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in errors


def test_a_data_directory_in_use_is_one_clear_line(serve: Serve, tmp_path: Path) -> None:
    address_of(serve("--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")))
    status, errors = outcome(serve("--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")))
    assert status == 1
    assert errors.count("\n") == 1
    assert str(tmp_path / "data") in errors


def test_a_data_directory_that_cannot_be_made_is_one_clear_line(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, errors = outcome(serve("--listen", "127.0.0.1:0", "--data", str(tmp_path / "file" / "data")))
    assert status == 1
    assert errors.count("\n") == 1
    assert str(tmp_path / "file" / "data") in errors


def test_requests_are_logged_as_they_end_and_at_the_stop(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"api":"of an earlier run"}\n')
    process = serve("--listen", "127.0.0.1:0", "--request-log", str(file))
    host, port = address_of(process)
    settings: dict[str, str | int | float] = {
        "bootstrap.servers": f"{host}:{port}",
        "group.id": "g",
        "client.id": "reader",
        "log_level": 0,
    }
    reader = Consumer(settings)
    reader.subscribe(["clicks"])
    assert AdminClient({**settings}).list_topics(timeout=WITHIN).brokers
    before, first = map(json.loads, file.read_text().splitlines()[:2])
    assert before["api"] == "of an earlier run"
    assert (first["api"], first["outcome"]) == ("ApiVersions", "answered")
    until = time.monotonic() + WITHIN
    while '"groups":["g"]' not in file.read_text():
        assert time.monotonic() < until, "the reader asks nothing about its group"
        reader.poll(0.1)
    reader.close()
    process.terminate()
    assert outcome(process)[0] == 0
    ended = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert len({line["number"] for line in ended}) == len(ended)
    assert {"answered"} <= {line["outcome"] for line in ended} <= {"answered", "disconnected"}
    assert any(line["groups"] == ["g"] for line in ended)


def test_a_request_log_that_cannot_be_written_is_one_clear_line(serve: Serve, tmp_path: Path) -> None:
    status, errors = outcome(serve("--listen", "127.0.0.1:0", "--request-log", str(tmp_path / "missing" / "file")))
    assert (status, errors.count("\n")) == (1, 1)
    assert f"cannot write the request log {tmp_path / 'missing' / 'file'}: No such file or directory" in errors


def test_a_full_disk_ends_the_request_log_and_not_the_broker(serve: Serve) -> None:
    process = serve("--listen", "127.0.0.1:0", "--request-log", "/dev/full")
    with closing(socket.create_connection(address_of(process), timeout=WITHIN)) as client:
        for _ in range(2):
            client.sendall(b"\x00\x00\x00\x0e\x00\x12\x00\x00\x00\x00\x00\x07\x00\x04test")  # ApiVersions v0
            assert client.recv(4096)
    process.terminate()
    status, errors = outcome(process)
    assert (status, errors.count("\n")) == (0, 1)
    assert "/dev/full: no requests are logged any more: No space left on device" in errors


def test_a_reader_that_has_gone_does_not_stop_the_broker(serve: Serve) -> None:
    port = free_port()
    reading, writing = os.pipe()
    process = serve("--listen", f"127.0.0.1:{port}", stdout=writing)
    os.close(reading)
    os.close(writing)
    with closing(first_connection(process, port)) as client:
        client.sendall(b"\x00\x00\x00\x0e\x00\x12\x00\x00\x00\x00\x00\x07\x00\x04test")  # ApiVersions v0
        assert client.recv(4)
    process.terminate()
    assert outcome(process) == (0, "")
