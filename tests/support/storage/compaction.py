"""Logs to compact, and what is left of them afterwards."""

from collections.abc import Iterator
from typing import Any

from kafkalite_storage.compaction.compaction import Compaction
from kafkalite_storage.compaction.log_to_clean import find_log_to_clean
from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_wire.records import BatchHeader, Record, build_batch, build_end_txn_marker, check_batch, iter_records

NOW = 1_700_000_000_000
DAY = 86_400_000


class Topic:
    """One compacted partition in memory."""

    def __init__(self, fs: Any = None, recovery_point: int = 0, **configs: str) -> None:
        self.fs: Any = MemoryFileSystem() if fs is None else fs
        self.configs = {"cleanup.policy": "compact"} | {name.replace("_", "."): text for name, text in configs.items()}
        self.log = self.open(recovery_point=recovery_point)
        self.clean_offset: int | None = None

    def open(self, **options: object) -> PartitionLog:
        """Open the log again, as a start does."""
        self.log = PartitionLog.open(self.fs, "/data/t-0", config=LogConfig.of(self.configs), **options)  # type: ignore[arg-type]  # forwarded
        return self.log

    def put(self, *pairs: tuple[bytes | None, bytes | None], timestamp: int = NOW, **options: object) -> int:
        """Append pairs of key and value as one batch; return its base offset."""
        records = [Record(key, value, timestamp) for key, value in pairs]
        batch = build_batch(records, **options)  # type: ignore[arg-type]  # forwarded
        return self.log.append(batch, now_ms=NOW, origin=AppendOrigin.BROKER).base_offset

    def end(self, producer_id: int, *, commit: bool, epoch: int = 0) -> int:
        """Append a transaction marker; return its offset."""
        marker = build_end_txn_marker(
            producer_id=producer_id, producer_epoch=epoch, commit=commit, coordinator_epoch=0, timestamp=NOW
        )
        return self.log.append(marker, now_ms=NOW, origin=AppendOrigin.BROKER).base_offset

    def compaction(self, *, now_ms: int = NOW, key_map_bytes: int = 1 << 20) -> Compaction:
        """Prepare the cleaning of all that can be cleaned."""
        part = find_log_to_clean(self.log, self.clean_offset, now_ms)
        return Compaction(
            self.fs,
            self.log,
            first_dirty_offset=part.first_dirty_offset,
            first_uncleanable_offset=part.first_uncleanable_offset,
            now_ms=now_ms,
            key_map_bytes=key_map_bytes,
        )

    def compact(self, *, now_ms: int = NOW, key_map_bytes: int = 1 << 20, roll: bool = True) -> Compaction:
        """Clean, with everything so far in closed segments."""
        if roll:
            self.log.roll()
        compaction = self.compaction(now_ms=now_ms, key_map_bytes=key_map_bytes)
        for work in compaction.steps():
            if work is not None:
                work()
        self.clean_offset = compaction.end_offset
        return compaction

    def batches(self) -> Iterator[tuple[BatchHeader, list[Record]]]:
        """Walk over all batches of the files; each must be sound and follow the one before."""
        end = 0
        for segment in self.log.segments:
            assert segment.base_offset >= end
            end = segment.base_offset
            for _, header, data in iter_batches(segment.files.log_file(), 0, segment.size):
                assert check_batch(data) == header
                assert header.base_offset >= end
                end = header.next_offset
                yield header, list(iter_records(data))

    def left(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """List offset, key and value of the data that is left."""
        return [
            (record.offset, record.key, record.value)
            for header, records in self.batches()
            for record in records
            if not header.is_control
        ]

    def offsets(self) -> list[int]:
        """List the offsets of the data that is left."""
        return [offset for offset, _, _ in self.left()]

    def markers(self) -> list[int]:
        """List the offsets of the transaction markers that are left."""
        return [record.offset for header, records in self.batches() if header.is_control for record in records]
