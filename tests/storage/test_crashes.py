"""Crash before every operation on files, in many ways: what was promised is there, and what is there was written."""

from collections.abc import Callable
from random import Random

import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker
from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation
from tests.support.storage.promises import NOW, SEEDS, Promise, check_goes_on, check_log, placed

PATH = "/data/t-0"
SMALL = {"internal.segment.bytes": "420", "index.interval.bytes": "100"}
OUTCOMES = 2


class Partition:
    """The life of one partition, watched."""

    def __init__(self, configs: dict[str, str], seed: int) -> None:
        self.fs = CrashingFileSystem()
        self.fs.make_directory("/data")
        self.fs.sync_directory("/")
        self.config = LogConfig.of({**SMALL, **configs})
        self.every_append = configs.get("flush.messages") == "1"
        self.chance = Random(seed)
        self.promise = Promise()
        self.epoch = 0
        #: Recovery points that may be in the checkpoint.
        self.points = [0]
        self.busy = False
        self.sequences: dict[int, int] = {}
        self.crashes = 0
        self.fs.on_operation = self.crash
        self.log = self.open(self.fs, 0)

    def open(self, fs: CrashingFileSystem, point: int, *, clean: bool = False) -> PartitionLog:
        log = PartitionLog.open(fs, PATH, config=self.config, recovery_point=point, clean=clean)
        log.start_epoch(self.epoch)
        return log

    # What happens

    def append(self, *values: bytes, timestamp: int = NOW, producer: int = -1, transactional: bool = False) -> None:
        sequence = self.sequences.get(producer, 0)
        batch = build_batch(
            [Record(None, value, timestamp + number) for number, value in enumerate(values)],
            producer_id=producer,
            producer_epoch=0 if producer >= 0 else -1,
            base_sequence=sequence if producer >= 0 else -1,
            is_transactional=transactional,
        )
        self.sequences[producer] = sequence + len(values)
        self._append(batch, AppendOrigin.CLIENT)

    def end_transaction(self, producer: int, *, commit: bool) -> None:
        marker = build_end_txn_marker(
            producer_id=producer, producer_epoch=0, commit=commit, coordinator_epoch=0, timestamp=NOW
        )
        self._append(marker, AppendOrigin.BROKER)

    def _append(self, batch: bytes, origin: AppendOrigin) -> None:
        promise = self.promise
        after = [*promise.now, placed(batch, promise.end, self.epoch)]
        promise.becoming(after)
        self.busy = True
        info = self.log.append(batch, now_ms=NOW, origin=origin)
        self.busy = False
        assert info.base_offset == promise.end
        promise.became(after)
        if self.every_append:
            promise.flushed()

    def flush(self, *, caches: bool = True) -> None:
        self.log.flush(caches=caches)
        self.promise.flushed()
        if caches:
            self.points.append(self.log.caches_point)

    def delete_records(self, offset: int) -> None:
        self.promise.start = offset
        self.log.delete_records(offset)

    def new_leader(self) -> None:
        self.epoch += 1
        self.log.start_epoch(self.epoch)

    def close(self) -> None:
        self.log.close()
        self.promise.flushed()
        for cut in (False, True):
            self.check(self.fs.after_power_cut(self.chance) if cut else self.fs.after_kill(), cut=cut, clean=True)

    def restart(self, *, clean: bool) -> None:
        if clean:
            self.close()
        else:
            self.log.close(clean=False)
        self.log = self.open(self.fs, self.points[-1], clean=clean)

    # What a crash leaves

    def crash(self, operation: Operation) -> None:
        self.check(self.fs.after_kill(), cut=False)
        for _ in range(OUTCOMES):
            self.check(self.fs.after_power_cut(self.chance), cut=True)

    def check(self, fs: CrashingFileSystem, *, cut: bool, clean: bool = False, point: int | None = None) -> None:
        """Open what is left and compare it with what was promised; sometimes crash once more while it is opened."""
        self.crashes += 1
        promise = self.promise
        histories = promise.after_power_cut() if cut else promise.after_kill(busy=self.busy)
        at_least = promise.kept if cut else min(h[-1].last + 1 if h else 0 for h in histories)
        found_point = self.chance.choice(self.points) if point is None else point
        if point is None and not clean and self.chance.random() < 0.1:
            fs.on_operation = lambda _: self.check(
                fs.after_power_cut(self.chance) if cut else fs.after_kill(), cut=cut, point=found_point
            )
        log = self.open(fs, found_point, clean=clean)
        fs.on_operation = None
        history = check_log(log, histories, at_least=at_least, start=promise.start)
        check_goes_on(log, history)
        end = log.log_end_offset
        log.close()
        reopened = self.open(fs, end, clean=True)
        assert reopened.log_end_offset == end


def busy_partition(configs: dict[str, str], seed: int) -> Partition:
    """Live through everything that a partition knows."""
    life = Partition(configs, seed)
    life.append(b"first")
    life.append(b"a", b"b", b"c", timestamp=NOW + 10)
    life.append(b"one", producer=1)
    life.append(b"two", b"three", producer=1, timestamp=NOW + 5)
    life.append(b"x" * 30, producer=2, transactional=True)
    life.flush(caches=False)
    life.append(b"roll" * 10, producer=1)
    life.append(b"y" * 30, producer=2, transactional=True, timestamp=NOW + 40)
    life.end_transaction(2, commit=False)
    life.new_leader()
    life.append(b"four", producer=1)
    life.append(b"z", producer=3, transactional=True)
    life.flush()
    life.end_transaction(3, commit=True)
    life.append(b"five" * 20, producer=1, timestamp=NOW + 50)
    life.append(b"six", b"seven")
    life.delete_records(4)
    life.append(b"eight", producer=3, transactional=True)
    life.append(b"nine" * 20)
    life.append(b"other", producer=3, transactional=True, timestamp=NOW + 60)
    life.end_transaction(3, commit=False)
    life.flush(caches=False)
    life.append(b"ten", b"eleven", timestamp=NOW + 20)
    life.restart(clean=False)
    life.new_leader()
    life.append(b"twelve" * 20, producer=1)
    life.flush()
    life.append(b"thirteen" * 20, producer=1)
    life.restart(clean=True)
    life.append(b"fourteen", producer=1, timestamp=NOW + 70)
    life.delete_records(life.promise.end - 2)
    life.append(b"fifteen" * 30, producer=1)
    life.close()
    return life


@pytest.mark.parametrize("flush", ["never", "always"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_partition_keeps_its_promises_whenever_it_crashes(
    flush: str, seed: int, count_crashes: Callable[[int], None]
) -> None:
    life = busy_partition({"flush.messages": "1"} if flush == "always" else {}, seed)
    count_crashes(life.crashes)
    assert life.crashes > 1200


@pytest.mark.parametrize("killed_before", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_the_newest_time_of_a_closed_segment_is_found_though_its_last_index_entry_was_lost(
    seed: int, killed_before: bool
) -> None:
    fs = CrashingFileSystem()
    fs.make_directory("/data")
    fs.sync_directory("/")
    config = LogConfig.of({"index.interval.bytes": "150"})
    log = PartitionLog.open(fs, PATH, config=config)
    for time in (0, 1, 2, 3, 30):
        log.append(build_batch([Record(None, b"x", NOW + time)]), now_ms=NOW)
    log.flush()
    point = log.caches_point
    log.roll()  # the last entry comes after the flush
    if killed_before:
        fs = fs.after_kill()
        log = PartitionLog.open(fs, PATH, config=config, recovery_point=point)
        log.append(build_batch([Record(None, b"y", NOW)]), now_ms=NOW)
        log.flush()
        point = log.caches_point
    log = PartitionLog.open(fs.after_power_cut(Random(seed)), PATH, config=config, recovery_point=point)
    found = log.offset_for_timestamp(NOW + 4)
    assert found is not None
    assert found.offset == 4
