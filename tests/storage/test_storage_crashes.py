"""A data directory through its whole life, with a crash before every operation on files."""

from collections.abc import Callable
from random import Random

import pytest

from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.storage.controls import kill_storage, move_leader
from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation
from tests.support.storage.promises import NOW, SEEDS, Promise, check_goes_on, check_log, placed

PATH = "/var/data"
OUTCOMES = 2
SMALL = {"internal.segment.bytes": "300", "index.interval.bytes": "100"}

Topics = dict[str, tuple[bytes, int, tuple[tuple[str, str], ...]]]


class Directory:
    """The life of a data directory, watched."""

    def __init__(self, seed: int) -> None:
        self.fs = CrashingFileSystem()
        self.chance = Random(seed)
        self.uuids = 0
        self.crashes = 0
        #: What the catalogue may be: as it was before and after the change that is under way.
        self.catalogues: list[Topics] = [{}]
        self.promises: dict[tuple[bytes, int], Promise] = {}
        self.busy: Promise | None = None
        self.fs.on_operation = self.crash
        self.storage = self.open(self.fs)

    def new_uuid(self) -> bytes:
        self.uuids += 1
        return self.uuids.to_bytes(16, "big")

    def open(self, fs: CrashingFileSystem) -> Storage:
        return Storage.open(PATH, fs=fs, new_uuid=self.new_uuid, now_ms=NOW)

    def changes(self, change: Callable[[], object], after: Topics) -> None:
        self.catalogues = [self.catalogues[-1], after]
        change()
        assert topics_of(self.storage) == after
        self.catalogues = [after]

    def create(self, name: str, partitions: int, **configs: str) -> None:
        topic_id = self.new_uuid()
        overrides = {**SMALL, **{key.replace("_", "."): value for key, value in configs.items()}}
        self.changes(
            lambda: self.storage.create_topic(name, partitions, overrides, topic_id=topic_id, now_ms=NOW),
            {**self.catalogues[-1], name: (topic_id, partitions, tuple(sorted(overrides.items())))},
        )
        for partition in range(partitions):
            self.promises[topic_id, partition] = Promise()

    def delete(self, name: str) -> None:
        after = dict(self.catalogues[-1])
        del after[name]
        self.changes(lambda: self.storage.delete_topic(name, now_ms=NOW), after)

    def promise(self, name: str, partition: int) -> Promise:
        return self.promises[self.storage.topic(name).topic_id, partition]

    def append(self, name: str, partition: int, *values: bytes) -> None:
        promise = self.promise(name, partition)
        log = self.storage.log(name, partition)
        epoch = self.storage.topic(name).assignment[partition].leader_epoch
        producer = 10 + partition
        sequence = sum(len(written.records) for written in promise.now)
        batch = build_batch(
            [Record(None, value, NOW + number) for number, value in enumerate(values)],
            producer_id=producer,
            producer_epoch=0,
            base_sequence=sequence,
        )
        after = [*promise.now, placed(batch, promise.end, epoch)]
        promise.becoming(after)
        self.busy = promise
        log.append(batch, now_ms=NOW)
        self.busy = None
        promise.became(after)
        if log.config.flush_messages == 1:
            promise.flushed()

    def delete_records(self, name: str, partition: int, offset: int) -> None:
        self.promise(name, partition).start = offset
        self.storage.log(name, partition).delete_records(offset)

    def checkpoint(self) -> None:
        self.storage.checkpoint()
        self._all_flushed()

    def _all_flushed(self) -> None:
        for (name, partition), log in self.storage._logs.items():
            assert log.recovery_point == log.log_end_offset
            self.promise(name, partition).flushed()

    def move_leader(self, name: str, partition: int) -> None:
        move_leader(self.storage, name, partition, 1, now_ms=NOW)

    def restart(self, *, clean: bool) -> None:
        if clean:
            opened = list(self.storage._logs)
            self.storage.close()
            for name, partition in opened:
                self.promise(name, partition).flushed()
            for cut in (True, False):
                fs = self.fs.after_power_cut(self.chance) if cut else self.fs.after_kill()
                assert self.check(fs, cut=cut).was_clean
        else:
            kill_storage(self.storage)
        self.storage = self.open(self.fs)

    # What a crash leaves

    def crash(self, operation: Operation) -> None:
        self.check(self.fs.after_kill(), cut=False)
        for _ in range(OUTCOMES):
            self.check(self.fs.after_power_cut(self.chance), cut=True)

    def check(self, fs: CrashingFileSystem, *, cut: bool, again: bool = True) -> Storage:
        self.crashes += 1
        if again and self.chance.random() < 0.05:
            fs.on_operation = lambda _: self.check_once_more(fs, cut=cut)
        storage = self.open(fs)
        found = topics_of(storage)
        assert found in self.catalogues
        for name, (topic_id, partitions, _) in found.items():
            for partition in range(partitions):
                self.check_partition(storage.log(name, partition), self.promises.get((topic_id, partition)), cut=cut)
        fs.on_operation = None
        if "new" not in found:
            storage.create_topic("new", 1, now_ms=NOW)
            storage.log("new", 0).append(build_batch([Record(None, b"new", NOW)]), now_ms=NOW)
        storage.close()
        return storage

    def check_once_more(self, fs: CrashingFileSystem, *, cut: bool) -> None:
        self.check(fs.after_power_cut(self.chance) if cut else fs.after_kill(), cut=cut, again=False)

    def check_partition(self, log: PartitionLog, promise: Promise | None, *, cut: bool) -> None:
        promise = promise or Promise()
        histories = promise.after_power_cut() if cut else promise.after_kill(busy=promise is self.busy)
        at_least = promise.kept if cut else min(h[-1].last + 1 if h else 0 for h in histories)
        fs = log._state.fs
        assert isinstance(fs, CrashingFileSystem)
        watched, fs.on_operation = fs.on_operation, None
        history = check_log(log, histories, at_least=at_least, start=promise.start)
        if watched is None:
            check_goes_on(log, history)
        fs.on_operation = watched


def topics_of(storage: Storage) -> Topics:
    return {
        name: (topic.topic_id, topic.partitions, tuple(sorted(topic.configs.items())))
        for name, topic in storage.topics.items()
    }


def busy_directory(seed: int) -> Directory:
    """Live through everything that a data directory knows."""
    life = Directory(seed)
    life.create("a", 2)
    life.create("b", 1, flush_messages="1")
    for number in range(4):
        life.append("a", 0, b"%d" % number * 20)
        life.append("b", 0, b"%d" % number * 20, b"more")
    life.checkpoint()
    life.append("a", 0, b"after the checkpoint")
    life.append("a", 1, b"another partition")
    life.move_leader("a", 0)
    life.append("a", 0, b"next epoch")
    life.restart(clean=False)
    life.append("a", 0, b"after a crash" * 5)
    life.delete_records("a", 0, 3)
    life.checkpoint()
    life.delete_records("b", 0, 7)
    life.delete("a")
    life.create("a", 1)
    life.append("a", 0, b"the second of this name")
    life.append("b", 0, b"x" * 30)
    life.restart(clean=True)
    life.append("b", 0, b"y" * 30)
    life.append("a", 0, b"z")
    life.checkpoint()
    life.append("a", 0, b"last")
    life.restart(clean=True)
    life.delete("b")
    life.restart(clean=True)
    return life


@pytest.mark.parametrize("seed", SEEDS)
def test_a_data_directory_keeps_its_promises_whenever_it_crashes(
    seed: int, count_crashes: Callable[[int], None]
) -> None:
    life = busy_directory(seed)
    count_crashes(life.crashes)
    assert life.crashes > 1500
