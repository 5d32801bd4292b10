"""The outbox against a real socket pair and real files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkalite.server.outbox import Outbox
from kafkalite.server.transport import PlainTransport
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFile
from kafkalite_storage.segment.segment import FetchSlice

LARGE = 3_000_000


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


@pytest.fixture
def content() -> bytes:
    return os.urandom(LARGE)


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> str:
    made = tmp_path / "00000000000000000000.log"
    made.write_bytes(content)
    return str(made)


def drain(outbox: Outbox, theirs: socket.socket, size: int) -> bytes:
    """Read everything, letting the outbox send in between; a socket pair takes far less than a large piece at once."""
    received = b""
    while len(received) < size:
        outbox.flush()
        received += theirs.recv(70_000)
    return received


def test_pieces_of_a_file_leave_between_buffers(
    pair: tuple[socket.socket, socket.socket], path: str, content: bytes
) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    file = OsFileSystem().open(path)
    large = FetchSlice(file, 1000, 2_000_000)
    small = FetchSlice(file, 5, 300)
    outbox.put([b"head", large, bytearray(b"middle"), small, memoryview(b"tail")])
    expected = b"head" + content[1000:2_001_000] + b"middle" + content[5:305] + b"tail"
    assert not outbox.flush(), "the socket takes less than all of it"
    assert drain(outbox, theirs, len(expected)) == expected
    assert outbox.flush()
    assert not outbox


def test_more_buffers_than_one_call_takes(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    pieces = [bytes([i % 256]) * (i % 5) for i in range(1000)]
    outbox.put(pieces)
    expected = b"".join(pieces)
    assert drain(outbox, theirs, len(expected)) == expected
    assert outbox.flush()


def test_a_piece_outlives_the_deletion_of_its_file(
    pair: tuple[socket.socket, socket.socket], path: str, content: bytes
) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    outbox.put([FetchSlice(OsFileSystem().open(path), 0, LARGE)])
    Path(path).unlink()
    assert drain(outbox, theirs, LARGE) == content


def test_a_file_that_has_become_too_short_ends_the_connection(
    pair: tuple[socket.socket, socket.socket], path: str
) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    outbox.put([FetchSlice(OsFileSystem().open(path), 0, LARGE)])
    os.truncate(path, 100_000)
    with pytest.raises(ConnectionAbortedError):
        drain(outbox, theirs, LARGE)


def test_a_cleared_outbox_sends_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    outbox.put([b"never"])
    outbox.clear()
    assert outbox.flush()
    ours.close()
    assert theirs.recv(10) == b""


def test_a_large_piece_of_a_log_in_memory_leaves_too(pair: tuple[socket.socket, socket.socket], content: bytes) -> None:
    ours, theirs = pair
    outbox = Outbox(PlainTransport(ours))
    outbox.put([b"head", FetchSlice(MemoryFile(content), 1000, 2_000_000), b"tail"])
    expected = b"head" + content[1000:2_001_000] + b"tail"
    assert drain(outbox, theirs, len(expected)) == expected
