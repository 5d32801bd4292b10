"""Logs on a file system in memory, and batches to put into them."""

from collections.abc import Sequence
from typing import Any

import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendInfo, PartitionLog
from kafkalite_wire.records import Record, build_batch, iter_records, read_header
from tests.support.storage.fixtures import Append, BuildBatch, OpenLog, ReadAll

NOW = 1_700_000_000_000


@pytest.fixture
def fs() -> MemoryFileSystem:
    return MemoryFileSystem()


@pytest.fixture
def open_log(fs: MemoryFileSystem) -> OpenLog:
    """Open the partition t-0 with configurations given as overrides."""

    def open_it(configs: dict[str, str] | None = None, **options: Any) -> PartitionLog:
        return PartitionLog.open(fs, "/data/t-0", config=LogConfig.of(configs or {}), **options)

    return open_it


@pytest.fixture
def batch() -> BuildBatch:
    """Build a batch of values, one record each; options are build_batch's."""

    def build(*values: bytes | None, key: bytes | None = None, timestamp: int = NOW, **options: Any) -> bytes:
        records = [Record(key, value, timestamp) for value in values or (b"v",)]
        return build_batch(records, **options)

    return build


@pytest.fixture
def append(batch: BuildBatch) -> Append:
    """Append a batch of values to a log."""

    def append_it(log: PartitionLog, *values: bytes, now_ms: int = NOW, **options: Any) -> AppendInfo:
        return log.append(batch(*values, **options), now_ms=now_ms)

    return append_it


@pytest.fixture
def read_all() -> ReadAll:
    """Read offset and value of every record of a log."""

    def read(log: PartitionLog) -> Sequence[tuple[int, bytes | None]]:
        found: list[tuple[int, bytes | None]] = []
        offset = log.log_start_offset
        while offset < log.log_end_offset:
            data = log.read(offset, max_bytes=1).read()
            found += [(r.offset, r.value) for r in iter_records(data) if not read_header(data).is_control]
            offset = read_header(data).next_offset
        return found

    return read
