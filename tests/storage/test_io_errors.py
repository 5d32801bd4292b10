"""The disk fails in any operation: callers get an error, nothing is half written, and writes resume when it works."""

import errno
from collections.abc import Callable
from random import Random

import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker
from tests.support.storage.crashing_filesystem import CrashingFileSystem
from tests.support.storage.promises import NOW, Written, check_goes_on, check_log, placed

PATH = "/data/t-0"
SMALL = {"internal.segment.bytes": "420", "index.interval.bytes": "100"}
READS = ("read", "open", "list")


class Faults:
    """Fails the n-th operation and those after it, until it is stopped."""

    def __init__(self, number: int, error: int, *, lasts: int) -> None:
        self.number = number
        self.error = error
        self.lasts = lasts
        self.struck = 0
        self.reads_fail = True

    def __call__(self, kind: str, path: str, number: int) -> OSError | None:
        if number < self.number or self.lasts <= 0 or (kind in READS and not self.reads_fail):
            return None
        self.struck += 1
        self.lasts -= 1
        return OSError(self.error, f"the disk failed: {kind}")


def failure_of(action: Callable[[], object]) -> str | None:
    """Do it; return what the failure says, if it failed."""
    try:
        action()
    except StorageFailure as failure:
        return str(failure)
    return None


class FailingPartition:
    """A partition whose owner tries again whatever failed, as producers do."""

    def __init__(self, configs: dict[str, str], faults: Faults) -> None:
        self.fs = CrashingFileSystem()
        self.fs.make_directory("/data")
        self.fs.sync_directory("/")
        self.config = LogConfig.of({**SMALL, **configs})
        self.log = PartitionLog.open(self.fs, PATH, config=self.config)
        self.fs.attempts = 0
        self.faults = faults
        self.fs.fault = faults
        self.written: list[Written] = []
        #: How much was flushed, as far as a flush returned.
        self.flushed = 0
        self.failures = 0

    def insist(self, action: Callable[[], object]) -> None:
        """Do it until it succeeds; after each failure, what was acknowledged is there and nothing else."""
        for _ in range(100):
            failure = failure_of(action)
            if failure is None:
                return
            self.failures += 1
            assert "the disk failed" in failure
            self.check_acknowledged()
        raise AssertionError("it never succeeds")

    def check_acknowledged(self) -> None:
        self.faults.reads_fail, before = False, self.faults.reads_fail
        end = self.written[-1].last + 1 if self.written else 0
        assert self.log.high_watermark == end
        data = b""
        offset = self.log.log_start_offset
        while offset < end:
            piece = self.log.read(offset, max_bytes=1).read()
            data += piece
            offset = int.from_bytes(piece[:8], "big") + int.from_bytes(piece[23:27], "big") + 1
        assert data == b"".join(w.data for w in self.written if w.last >= self.log.log_start_offset)
        self.faults.reads_fail = before

    def append(self, batch: bytes, origin: AppendOrigin = AppendOrigin.CLIENT) -> None:
        end = self.written[-1].last + 1 if self.written else 0

        def act() -> None:
            info = self.log.append(batch, now_ms=NOW, origin=origin)
            assert (info.base_offset, info.is_duplicate) == (end, False)

        self.insist(act)
        self.written.append(placed(batch, end, self.log.leader_epoch))

    def flush(self) -> None:
        self.insist(self.log.flush)
        self.flushed = self.log.log_end_offset

    def check_kill(self) -> None:
        """The process is killed: all is there."""
        log = PartitionLog.open(self.fs.after_kill(), PATH, config=self.config)
        check_log(log, [self.written], at_least=self.log.log_end_offset, start=self.log.log_start_offset)

    def check_power_cut(self, chance: Random) -> None:
        """The power is cut: what was flushed is there, though a flush before it failed."""
        point = chance.choice((0, self.log.caches_point))
        log = PartitionLog.open(self.fs.after_power_cut(chance), PATH, config=self.config, recovery_point=point)
        history = check_log(log, [self.written], at_least=self.flushed, start=self.log.log_start_offset)
        check_goes_on(log, history)


def data(value: bytes, sequence: int, producer: int = 1, *, transactional: bool = False) -> bytes:
    return build_batch(
        [Record(None, value, NOW + sequence)],
        producer_id=producer,
        producer_epoch=0,
        base_sequence=sequence,
        is_transactional=transactional,
    )


def live(configs: dict[str, str], faults: Faults) -> FailingPartition:
    partition = FailingPartition(configs, faults)
    for sequence in range(4):
        partition.append(data(b"before", sequence))
    partition.append(data(b"in a transaction", 0, 2, transactional=True))
    partition.flush()
    partition.append(data(b"roll" * 30, 4))
    partition.append(
        build_end_txn_marker(producer_id=2, producer_epoch=0, commit=False, coordinator_epoch=0, timestamp=NOW),
        AppendOrigin.BROKER,
    )
    partition.log.start_epoch(3)
    for sequence in range(5, 9):
        partition.append(data(b"after" * 5, sequence))
    partition.flush()
    partition.insist(lambda: partition.log.delete_records(3))
    partition.append(data(b"last", 9))
    partition.check_kill()
    partition.flush()
    return partition


def operations(configs: dict[str, str]) -> int:
    partition = live(configs, Faults(1 << 60, errno.EIO, lasts=0))
    return partition.fs.attempts


# Each pair of a duration, an error and a way to flush; all twelve combinations take twice the time.
@pytest.mark.parametrize(
    ("lasts", "error", "flush"),
    [
        pytest.param(1, errno.EIO, "never", id="once-EIO-never"),
        pytest.param(1, errno.ENOSPC, "always", id="once-ENOSPC-always"),
        pytest.param(2, errno.ENOSPC, "never", id="twice-ENOSPC-never"),
        pytest.param(2, errno.EIO, "always", id="twice-EIO-always"),
        pytest.param(7, errno.EIO, "never", id="for a while-EIO-never"),
        pytest.param(7, errno.ENOSPC, "always", id="for a while-ENOSPC-always"),
    ],
)
def test_whatever_fails_is_told_leaves_nothing_and_heals(lasts: int, error: int, flush: str) -> None:
    configs = {"flush.messages": "1"} if flush == "always" else {}
    chance = Random(lasts)
    struck = failures = 0
    for number in range(1, operations(configs) + 1):
        faults = Faults(number, error, lasts=lasts)
        partition = live(configs, faults)
        struck += faults.struck
        failures += partition.failures
        for _ in range(3):
            partition.check_power_cut(chance)
        partition.insist(partition.log.close)
        again = PartitionLog.open(partition.fs, PATH, config=partition.config, clean=True)
        check_log(
            again, [partition.written], at_least=partition.log.log_end_offset, start=partition.log.log_start_offset
        )
    assert struck >= failures > 50


@pytest.mark.parametrize("lasts", [1, 3])
def test_what_a_failed_sync_left_behind_is_written_again_before_it_counts_as_durable(lasts: int) -> None:
    """After a failed sync the kernel takes the pages for written: the next one succeeds without them."""
    partition = FailingPartition({}, Faults(1 << 60, errno.EIO, lasts=lasts))
    for sequence in range(12):
        partition.append(data(b"x" * 20, sequence))
    partition.fs.fault = lambda kind, path, number: OSError(errno.EIO, "the disk failed") if kind == "sync" else None
    for _ in range(lasts):
        with pytest.raises(StorageFailure, match="the disk failed"):
            partition.log.flush()
    partition.fs.fault = None
    assert partition.log.recovery_point < 12
    partition.log.flush()
    assert partition.log.recovery_point == 12
    partition.flushed = 12
    for seed in range(30):
        partition.check_power_cut(Random(seed))


def test_pages_that_a_failed_sync_lost_are_not_called_durable() -> None:
    """The kernel may drop what it could not write; then the old content of the disk is read."""
    partition = FailingPartition({}, Faults(1 << 60, errno.EIO, lasts=1))
    for sequence in range(4):
        partition.append(data(b"x", sequence))
    partition.fs.fault = lambda kind, path, number: OSError(errno.EIO, "the disk failed") if kind == "sync" else None
    with pytest.raises(StorageFailure):
        partition.log.flush()
    partition.fs.fault = None
    inode = partition.fs._file(f"{PATH}/00000000000000000000.log")
    inode.content[-20:] = bytes(20)
    for _ in range(2):
        with pytest.raises(StorageFailure, match="lost in a failed sync"):
            partition.log.flush()
    assert partition.log.recovery_point == 0


def test_a_full_disk_refuses_appends_until_there_is_room_while_reads_go_on() -> None:
    partition = FailingPartition({}, Faults(1 << 60, errno.ENOSPC, lasts=0))
    partition.append(data(b"before", 0))
    full = OSError(errno.ENOSPC, "No space left on device")
    partition.fs.fault = lambda kind, path, number: None if kind in READS or kind == "truncate" else full
    for _ in range(5):
        with pytest.raises(StorageFailure, match="No space left"):
            partition.log.append(data(b"more", 1), now_ms=NOW)
        partition.check_acknowledged()
        assert not partition.log.failed
    partition.fs.fault = None
    partition.append(data(b"more", 1))
    partition.check_kill()


def test_nothing_is_appended_while_the_end_cannot_be_repaired() -> None:
    partition = FailingPartition({}, Faults(1 << 60, errno.EIO, lasts=0))
    partition.append(data(b"before", 0))
    broken = OSError(errno.EIO, "nothing works")
    partition.fs.fault = lambda kind, path, number: None if kind in READS else broken
    with pytest.raises(StorageFailure, match="nothing works"):
        partition.log.append(data(b"more", 1), now_ms=NOW)
    assert partition.log.failed
    with pytest.raises(StorageFailure, match=r"until its end is repaired: .*nothing works"):
        partition.log.append(data(b"more", 1), now_ms=NOW)
    partition.check_acknowledged()
    partition.fs.fault = None
    partition.append(data(b"more", 1))
    assert not partition.log.failed
    partition.check_kill()


def test_several_batches_of_the_broker_are_appended_all_or_none() -> None:
    partition = FailingPartition({}, Faults(1 << 60, errno.EIO, lasts=0))
    partition.append(data(b"before", 0))
    both = data(b"one" * 40, 0, 7) + data(b"two" * 40, 1, 7)
    writes = 0

    def second(kind: str, path: str, number: int) -> OSError | None:
        nonlocal writes
        writes += (writing := kind == "append" and path.endswith(".log"))
        return OSError(errno.EIO, "the disk failed") if writing and writes == 2 else None

    partition.fs.fault = second
    with pytest.raises(StorageFailure):
        partition.log.append(both, now_ms=NOW, origin=AppendOrigin.BROKER)
    partition.fs.fault = None
    partition.check_acknowledged()
    assert 7 not in partition.log.producers.producers
    info = partition.log.append(both, now_ms=NOW, origin=AppendOrigin.BROKER)
    assert (info.base_offset, info.last_offset) == (1, 2)


@pytest.mark.parametrize("lasts", [1, 3])
def test_a_change_of_the_catalogue_that_failed_did_not_happen(lasts: int) -> None:
    """Whichever operation fails, the topic is there for those who look, and after a restart, or it is not.

    Where it cannot even be taken back, a process that is killed before the disk is well may leave it.
    """
    numbers = iter(range(1, 1000))

    def new_uuid() -> bytes:
        return next(numbers).to_bytes(16, "big")

    for number in range(1, 12):
        fs = CrashingFileSystem()
        storage = Storage.open("/data", fs=fs, new_uuid=new_uuid, now_ms=NOW)
        storage.create_topic("t", 1, now_ms=NOW)
        fs.attempts = 0
        fs.fault = Faults(number, errno.ENOSPC, lasts=lasts)
        failure = failure_of(lambda: storage.create_topic("u", 1, now_ms=NOW))  # noqa: B023  # called at once
        made = failure is None
        assert failure is None or "the disk failed" in failure
        fs.fault = None
        assert ("u" in storage.topics) == made
        again = Storage.open("/data", fs=fs.after_kill(), new_uuid=new_uuid, now_ms=NOW)
        assert lasts > 1 or again.topics.keys() == storage.topics.keys()
        if not made:
            storage.create_topic("u", 1, now_ms=NOW)
        storage.close()
        again = Storage.open("/data", fs=fs, new_uuid=new_uuid, now_ms=NOW)
        assert again.topics["u"].topic_id == storage.topics["u"].topic_id


def test_one_log_that_cannot_be_synced_does_not_keep_others_from_the_checkpoint() -> None:
    numbers = iter(range(1, 1000))
    fs = CrashingFileSystem()
    storage = Storage.open("/data", fs=fs, new_uuid=lambda: next(numbers).to_bytes(16, "big"), now_ms=NOW)
    storage.create_topic("t", 3, now_ms=NOW)
    for partition in range(3):
        storage.log("t", partition).append(data(b"x", 0), now_ms=NOW)
    fs.fault = lambda kind, path, number: OSError(errno.EIO, "bad sector") if "t-1/" in path else None
    with pytest.raises(StorageFailure, match=r"t-1: .*bad sector"):
        storage.checkpoint()
    assert [storage.log("t", partition).recovery_point for partition in range(3)] == [1, 0, 1]
    with pytest.raises(StorageFailure, match="bad sector"):
        storage.close()
    fs.fault = None
    again = Storage.open("/data", fs=fs, new_uuid=lambda: bytes(16), now_ms=NOW)
    assert not again.was_clean
    assert [again.log("t", partition).log_end_offset for partition in range(3)] == [1, 1, 1]
