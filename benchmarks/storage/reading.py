"""Read a partition from its beginning with `sendfile`, beside a loop of nothing but `sendfile`."""

import os
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.storage.appending import NOW_MS, batch_of
from benchmarks.storage.bench import Bench, settle
from benchmarks.storage.lines import Line, median
from kafkalite_conformance.server_process import ServerProcess
from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.log.log import PartitionLog

_RECORDS: Final = 15
"""Of 1 KiB in a batch: the 16 KB that producers fill by default."""
_SLICE: Final = 1024 * 1024
"""Consumers' `max.partition.fetch.bytes`."""
_NEARLY: Final = 0.9


def read(bench: Bench) -> list[Line]:
    """Fill a partition once, then read it in turns, into /dev/null and into a socket whose peer discards it."""
    folder = bench.folder / "read-0"
    batch = batch_of(_RECORDS)
    log = _opened(folder)
    for _ in range(bench.count(2_000_000_000, 200_000_000) // len(batch)):
        log.append(batch, now_ms=NOW_MS)
    settle()
    lines = [
        _line(bench, folder, "into a socket", _socket_sink, lambda: log, len(batch), is_judged=True),
        _line(bench, folder, "into /dev/null", _null_sink, lambda: log, len(batch)),
    ]
    log.close()
    size = log.log_end_offset
    title = "into a socket, the first after a start, which checks every CRC"
    return [*lines, _line(bench, folder, title, _socket_sink, lambda: _opened(folder, size), len(batch))]


def _opened(folder: Path, recovery_point: int = 0) -> PartitionLog:
    return PartitionLog.open(
        OsFileSystem(),
        os.fspath(folder),
        config=LogConfig.of({}),
        recovery_point=recovery_point,
        clean=recovery_point > 0,
    )


def _line(
    bench: Bench,
    folder: Path,
    where: str,
    sink: Callable[[], AbstractContextManager[int]],
    opened: Callable[[], PartitionLog],
    batch_size: int,
    *,
    is_judged: bool = False,
) -> Line:
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(bench.runs):
        log = opened()
        with sink() as descriptor:
            bare.append(_timed(log.size, lambda to=descriptor: _bare(folder, to)))
            ours.append(_timed(log.size, lambda to=descriptor, log=log: _through_log(log, batch_size, to)))
        bench.say(f"read {where}: {ours[-1]:.2f} GB/s, bare {bare[-1]:.2f} GB/s")
    rate, peer = median(ours), median(bare)
    return Line(
        title=f"sequential read of 2 GB in slices of 1 MiB {where}",
        unit="GB/s",
        ours=rate,
        peer=peer,
        peer_name="bare `sendfile`",
        target=f"at `sendfile` speed ({_NEARLY:.2f} or more)" if is_judged else "",
        met=rate >= _NEARLY * peer if is_judged and rate and peer else None,
        more_is_better=True,
    )


def _timed(size: int, work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return size / (time.perf_counter() - start) / 1e9


def _bare(folder: Path, to: int) -> None:
    for path in sorted(folder.glob("*.log")):
        descriptor = os.open(path, os.O_RDONLY)
        position, size = 0, path.stat().st_size
        while position < size:
            position += os.sendfile(to, descriptor, position, min(_SLICE, size - position))
        os.close(descriptor)


def _through_log(log: PartitionLog, batch_size: int, to: int) -> None:
    """Fetch as a consumer does, each time from the offset after the last whole batch of the slice."""
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        piece = log.read(offset, max_bytes=_SLICE)
        assert piece.file is not None
        size = len(piece) // batch_size * batch_size
        descriptor, position, end = piece.file.fileno(), piece.position, piece.position + size
        while position < end:
            position += os.sendfile(to, descriptor, position, end - position)
        offset += size // batch_size * _RECORDS


@contextmanager
def _null_sink() -> Generator[int]:
    descriptor = os.open("/dev/null", os.O_WRONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _socket_sink() -> Generator[int]:
    """Yield a connection to a process whose kernel discards what arrives (MSG_TRUNC)."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(20)
        process = ServerProcess([sys.executable, "-c", _DISCARD, str(listening.getsockname()[1])])
        try:
            connection, _ = listening.accept()
            with closing(connection):
                connection.setblocking(True)
                yield connection.fileno()
        finally:
            process.kill()


_DISCARD: Final = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
buffer = bytearray(1 << 20)
while connection.recv_into(buffer, len(buffer), socket.MSG_TRUNC):
    pass
"""
