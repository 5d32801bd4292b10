"""Append with CRC check, beside a loop in C that does nothing but checksum and `writev`."""

import os
import shutil
import time
from pathlib import Path
from typing import Final

from benchmarks.storage.bench import Bench, settle
from benchmarks.storage.lines import Line, median
from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_wire.records import Record, build_batch, check_produced

_RECORD: Final = 1024
NOW_MS: Final = 1_700_000_000_000


def batch_of(records: int, *, size: int = _RECORD) -> bytes:
    """Build a producer's batch of so many records of size bytes."""
    return build_batch([Record(value=b"v" * size, timestamp=NOW_MS) for _ in range(records)])


def append(bench: Bench) -> list[Line]:
    """Measure batches of 1,000 records, and of one."""
    return [
        _line(bench, records=1000, batches=bench.count(1000, 100), target="at least 0.50 of the bare loop"),
        _line(bench, records=1, batches=bench.count(500_000, 20_000), target=""),
    ]


def _line(bench: Bench, *, records: int, batches: int, target: str) -> Line:
    batch = batch_of(records)
    gigabytes = len(batch) * batches / 1e9
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(bench.runs):
        bare.append(gigabytes / bench.bare("append", bench.folder / "bare", batches, len(batch))["seconds"])
        (bench.folder / "bare").unlink()
        settle()
        ours.append(gigabytes / _append(bench.folder / "log-0", batch, batches))
        shutil.rmtree(bench.folder / "log-0")
        settle()
        bench.say(f"append, {records} records a batch: {ours[-1]:.2f} GB/s, bare {bare[-1]:.2f} GB/s")
    rate, peer = median(ours), median(bare)
    return Line(
        title=f"append with CRC check, 1 KiB records, {records:,} a batch",
        unit="GB/s",
        ours=rate,
        peer=peer,
        peer_name="CRC and `writev` in C",
        target=target,
        met=rate >= 0.5 * peer if target and rate and peer else None,
        more_is_better=True,
    )


def _append(folder: Path, batch: bytes, batches: int) -> float:
    """Append as the Produce handler does: a view of the connection's mutable buffer, checked and then written."""
    log = PartitionLog.open(OsFileSystem(), os.fspath(folder), config=LogConfig.of({}))
    received = memoryview(bytearray(batch))
    start = time.perf_counter()
    for _ in range(batches):
        log.append(received, now_ms=NOW_MS, header=check_produced(received))
    seconds = time.perf_counter() - start
    log.close(clean=False)
    return seconds
