"""After a crash: the log ends at its last whole batch and every other file is rebuilt."""

from collections.abc import Callable
from typing import Any

import pytest

from kafkalite_storage.files.memory_filesystem import MemoryFile, MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_wire.records import build_end_txn_marker, read_header
from tests.support.storage.fixtures import Append, OpenLog, ReadAll

NOW = 1_700_000_000_000
DIRECTORY = "/data/t-0"
FIRST = f"{DIRECTORY}/00000000000000000000"
SMALL = {"internal.segment.bytes": "500", "index.interval.bytes": "100"}


def files_of(fs: MemoryFileSystem) -> dict[str, bytes]:
    return {name: bytes(file.content) for name, file in fs.files.items()}


def restore(fs: MemoryFileSystem, files: dict[str, bytes]) -> None:
    for name in list(fs.files):
        fs.remove(name)
    for name, content in files.items():
        fs.replace(name, content)


def test_a_tail_torn_at_any_byte_is_cut_to_the_last_whole_batch(
    open_log: OpenLog, append: Append, read_all: ReadAll, fs: MemoryFileSystem
) -> None:
    log = open_log()
    append(log, b"first")
    append(log, b"second", b"third")
    whole = log.size
    append(log, b"torn", b"torn")
    files = files_of(fs)
    log.close(clean=False)
    for size in range(whole, len(files[f"{FIRST}.log"])):
        restore(fs, {**files, f"{FIRST}.log": files[f"{FIRST}.log"][:size]})
        log = open_log()
        assert log.log_end_offset == 3
        assert log.recovery.truncated_bytes == size - whole
        assert read_all(log) == [(0, b"first"), (1, b"second"), (2, b"third")]
        assert append(log, b"again").base_offset == 3
        assert len(read_all(log)) == 4


def test_a_flipped_bit_anywhere_in_the_last_batch_cuts_it_off(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log()
    append(log, b"first")
    whole = log.size
    append(log, b"second")
    files = files_of(fs)
    content = files[f"{FIRST}.log"]
    for position in range(whole, len(content)):
        if position in range(whole + 12, whole + 16):
            continue  # the leader epoch lies outside of the checksum
        damaged = bytearray(content)
        damaged[position] ^= 0x20
        restore(fs, {**files, f"{FIRST}.log": bytes(damaged)})
        log = open_log()
        if position >= whole + 8:  # a larger base offset is a gap, which compaction may leave
            assert log.log_end_offset == 1
            assert log.recovery.truncated_bytes == len(content) - whole
            assert "byte" in str(log.recovery)


def test_segments_behind_a_damaged_one_are_deleted(
    open_log: OpenLog, append: Append, read_all: ReadAll, fs: MemoryFileSystem
) -> None:
    log = open_log(SMALL)
    for number in range(40):
        append(log, b"%d" % number * 20)
    assert len(log.segments) > 4
    second = sorted(name for name in fs.files if name.endswith(".log"))[1]
    log.close(clean=False)
    fs.files[second].content[70] ^= 1
    log = open_log(SMALL)
    assert len(log.segments) == 2
    assert log.recovery.deleted_segments > 2
    assert len([name for name in fs.files if name.endswith(".log")]) == 2
    assert [offset for offset, _ in read_all(log)] == list(range(log.log_end_offset))
    append(log, b"goes on")


def test_what_is_below_the_recovery_point_is_not_read_again(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log(SMALL)
    for number in range(20):
        append(log, b"%d" % number * 20)
    log.flush()
    point = log.recovery_point
    size = log.size
    for number in range(20, 30):
        append(log, b"%d" % number * 20)
    written = log.size - size
    log.close(clean=False)
    log = open_log(SMALL, recovery_point=point)
    assert log.log_end_offset == 30
    assert log.recovery.scanned_bytes == written
    assert log.recovery_point == point


@pytest.mark.parametrize("point", range(31))
def test_recovery_from_any_point_gives_the_same_log_and_indexes(
    open_log: OpenLog, append: Append, read_all: ReadAll, fs: MemoryFileSystem, point: int
) -> None:
    log = open_log(SMALL)
    for number in range(30):
        append(log, b"%d" % number * 10, timestamp=NOW + number)
    log.close(clean=False)
    before = {name: content for name, content in files_of(fs).items() if name.endswith(("index", ".log"))}
    log = open_log(SMALL, recovery_point=point)
    after = files_of(fs)
    assert [offset for offset, _ in read_all(log)] == list(range(30))
    found = log.offset_for_timestamp(NOW + 17)
    assert found is not None
    assert found.offset == 17
    assert {name: after[name] for name in before if not name.endswith(".timeindex")} == {
        name: content for name, content in before.items() if not name.endswith(".timeindex")
    }


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("damage", ["missing", "zeros", "garbage", "odd size", "beyond"])
@pytest.mark.parametrize("clean", [True, False])
def test_damaged_indexes_are_rebuilt(
    open_log: OpenLog, append: Append, read_all: ReadAll, fs: MemoryFileSystem, suffix: str, damage: str, clean: bool
) -> None:
    configs = {"index.interval.bytes": "100"}
    log = open_log(configs)
    for number in range(200):
        append(log, b"%d" % number, timestamp=NOW + number)
    log.close()
    file = fs.files[FIRST + suffix]
    if damage == "missing":
        fs.remove(FIRST + suffix)
    elif damage == "zeros":
        file.content[:] = bytes(8 * 12 * 100)
    elif damage == "garbage":
        file.content[:] = b"\x77" * len(file.content)
    elif damage == "odd size":
        del file.content[-3:]
    else:
        file.content.extend(b"\x7f" * 12 * 8)
    log = open_log(configs, clean=clean, recovery_point=200)
    assert [offset for offset, _ in read_all(log)] == list(range(200))
    for number in range(200):
        found = log.offset_for_timestamp(NOW + number)
        assert found is not None
        assert found.offset == number
        assert read_header(log.read(number, max_bytes=1).read()).base_offset == number
    append(log, b"goes on")


def test_a_clean_marker_that_lies_is_not_believed(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> None:
    log = open_log()
    append(log, b"a")
    append(log, b"b")
    log.close()
    del fs.files[f"{FIRST}.log"].content[-5:]
    log = open_log(clean=True)
    assert log.log_end_offset == 1
    assert log.recovery.truncated_bytes > 0


def test_leftovers_of_deleted_and_half_written_files_are_removed(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log()
    append(log, b"a")
    log.close()
    for name in ("00000000000000000000.log.deleted", "00000000000000000000.log.cleaned", "x.tmp"):
        fs.replace(f"{DIRECTORY}/{name}", b"rubbish")
    open_log()
    assert not [name for name in fs.files if name.endswith(("deleted", "cleaned", "tmp"))]


def test_producers_are_known_after_a_crash(open_log: OpenLog, append: Append) -> None:
    log = open_log(SMALL)
    for number in range(30):
        append(log, b"%d" % number * 20, producer_id=9, producer_epoch=1, base_sequence=number)
    log.close(clean=False)
    log = open_log(SMALL)
    again = append(log, b"29" * 20, producer_id=9, producer_epoch=1, base_sequence=29)
    assert (again.is_duplicate, again.base_offset) == (True, 29)
    assert append(log, b"30", producer_id=9, producer_epoch=1, base_sequence=30).base_offset == 30


def test_producers_are_known_after_a_clean_restart_without_reading_the_log(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log()
    for number in range(7):
        append(log, b"%d" % number, producer_id=9, producer_epoch=1, base_sequence=number)
    log.close()
    assert fs.exists(f"{DIRECTORY}/00000000000000000007.snapshot")
    log = open_log(clean=True)
    [producer] = log.producers
    assert (producer.epoch, producer.batches[-1].last_sequence) == (1, 6)
    assert append(log, b"6", producer_id=9, producer_epoch=1, base_sequence=6).is_duplicate


def test_a_damaged_producer_snapshot_is_replaced_by_replaying_the_log(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem
) -> None:
    log = open_log()
    append(log, b"a", producer_id=9, producer_epoch=1, base_sequence=0)
    log.close()
    name = f"{DIRECTORY}/00000000000000000001.snapshot"
    fs.files[name].content[12] ^= 1
    log = open_log(clean=True)
    assert append(log, b"a", producer_id=9, producer_epoch=1, base_sequence=0).is_duplicate
    assert not fs.exists(name)


@pytest.mark.parametrize("point", [0, 2, 4, 6])
def test_transactions_are_known_after_a_crash(open_log: OpenLog, append: Append, point: int) -> None:
    log = open_log()

    def transact(producer_id: int, sequence: int, commit: bool | None) -> None:
        append(log, b"x", producer_id=producer_id, producer_epoch=0, base_sequence=sequence, is_transactional=True)
        if commit is not None:
            log.append(
                build_end_txn_marker(
                    producer_id=producer_id, producer_epoch=0, commit=commit, coordinator_epoch=0, timestamp=NOW
                ),
                now_ms=NOW,
                origin=AppendOrigin.BROKER,
            )

    transact(1, 0, True)
    transact(1, 1, False)
    transact(2, 0, False)
    transact(3, 0, None)
    expected = log.aborted_transactions(0, 100)
    assert [(a.producer_id, a.first_offset, a.last_offset) for a in expected] == [(1, 2, 3), (2, 4, 5)]
    assert log.last_stable_offset == 6
    log.close(clean=False)
    log = open_log(recovery_point=point)
    assert log.aborted_transactions(0, 100) == expected
    assert log.last_stable_offset == 6


def test_a_clean_start_costs_the_same_for_few_and_for_many_segments(
    open_log: OpenLog, append: Append, fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            touched.append(name)
            return call(*arguments, **options)

        return counting

    monkeypatch.setattr(MemoryFile, "read_at", counted("read_at", MemoryFile.read_at))
    monkeypatch.setattr(MemoryFileSystem, "read", counted("read", MemoryFileSystem.read))
    monkeypatch.setattr(MemoryFileSystem, "open", counted("open", MemoryFileSystem.open))
    costs = {}
    log = open_log(SMALL)
    for goal in (3, 1000):
        while len(log.segments) < goal:
            append(log, b"x" * 400)
        end = log.log_end_offset
        log.close()
        touched.clear()
        log = open_log(SMALL, clean=True, recovery_point=end)
        costs[goal] = sorted(touched)
        assert (len(log.segments), log.log_end_offset) == (goal, end)
    assert costs[3] == costs[1000]
    assert len(costs[3]) < 30
