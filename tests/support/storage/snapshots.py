"""A storage to take snapshots of: what is in it as values, and batches to put into it."""

import itertools
from collections.abc import Mapping
from typing import Any

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.log import AppendInfo
from kafkalite_storage.snapshots import directory_swap
from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
from kafkalite_storage.snapshots.taking import fork_directory
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, iter_records, read_header
from tests.support.storage.controls import kill_storage

NOW = 1_700_000_000_000
SMALL = {"internal.segment.bytes": "300", "index.interval.bytes": "0"}

Content = dict[str, object]


class Kept:
    """A data directory that is in use, and may be replaced with a snapshot of it."""

    def __init__(self, fs: FileSystem, path: str = "/data", **options: Any) -> None:
        self.fs, self.path, self._options = fs, path, options
        self._numbers = itertools.count(1)
        self.snapshots = 0
        self.storage = self.open()

    def open(self, path: str | None = None, **options: Any) -> Storage:
        return Storage.open(
            path or self.path,
            fs=self.fs,
            new_uuid=lambda: next(self._numbers).to_bytes(16, "big"),
            now_ms=NOW,
            **{**self._options, **options},
        )

    def create(self, topic: str, partitions: int = 1, configs: Mapping[str, str] = SMALL) -> None:
        self.storage.create_topic(topic, partitions, configs, now_ms=NOW)

    def put(
        self, *values: bytes | None, topic: str = "t", partition: int = 0, key: bytes | None = None, **batch: Any
    ) -> AppendInfo:
        records = [Record(key, value, NOW + len(value or b"")) for value in values]
        return self.storage.log(topic, partition).append(build_batch(records, **batch), now_ms=NOW)

    def take(self) -> DirectorySnapshot:
        self.snapshots += 1
        return self.storage.take_snapshot(str(self.snapshots))

    def restore(self, snapshot: DirectorySnapshot) -> None:
        handover = self.storage.restore(snapshot)
        self.storage = self.open(handover=handover)
        directory_swap.remove_replaced(self.fs, self.path)

    def restart(self, *, crash: bool = False) -> None:
        if crash:
            kill_storage(self.storage)
        else:
            self.storage.close()
        self.storage = self.open()

    def content(self) -> Content:
        return content_of(self.storage)

    def content_of_snapshot(self, snapshot: DirectorySnapshot) -> Content:
        """Look into a snapshot as a fork would: in a clone of it."""
        path = f"{self.path}-looked-into"
        storage = self.open(handover=fork_directory(snapshot, path))
        assert storage.was_clean
        found = content_of(storage)
        assert all(not log.recovery.scanned_bytes for log in storage.open_logs.values()), "it need not be recovered"
        storage.close()
        self.fs.remove_directory(path)
        return found


def records_of(log: Any) -> list[tuple[int, bytes | None, bytes | None]]:
    """Read a whole log: offsets, keys and values."""
    found: list[tuple[int, bytes | None, bytes | None]] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        data = log.read(offset, max_bytes=1).read()
        if not data:
            break
        found += [(r.offset, r.key, r.value) for r in iter_records(data) if r.offset >= log.log_start_offset]
        offset = read_header(data).next_offset
    return found


def content_of(storage: Storage) -> Content:
    """Return everything that clients can see: topics, configurations, records, producers, epochs."""
    found: Content = {"broker": dict(storage.broker_configs())}
    for name, topic in sorted(storage.topics.items()):
        found[name] = (topic.topic_id, topic.partitions, tuple(sorted(topic.configs.items())))
        for number in range(topic.partitions):
            log = storage.log(name, number)
            records = records_of(log)
            producers = {
                producer.producer_id: (producer.epoch, producer.batches[-1].last_sequence)
                for producer in log.producers
                if producer.batches
            }
            found[f"{name}-{number}"] = (
                log.log_start_offset,
                log.log_end_offset,
                tuple(records),
                producers,
                log.offset_for_timestamp(NOW + 3),
                log.max_timestamp(),
                log.end_offset_for_epoch(log.leader_epoch),
            )
    return found
