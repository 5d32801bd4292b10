"""The state that a broker keeps beside the log is compared with the log, reported where it is wrong, and rebuilt."""

from collections.abc import Callable
from typing import Any

import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker, iter_records, read_header
from tests.support.storage.compaction import Topic
from tests.support.storage.fixtures import OpenLog

NOW = 1_700_000_000_000
PARTITION = "/data/t-0"
EPOCHS = f"{PARTITION}/leader-epoch-checkpoint"
FIRST = f"{PARTITION}/{0:020}"
SMALL = {"internal.segment.bytes": "700", "index.interval.bytes": "150"}


@pytest.fixture
def fs() -> MemoryFileSystem:
    return MemoryFileSystem()


@pytest.fixture
def open_log(fs: MemoryFileSystem) -> OpenLog:
    def open_it(**options: Any) -> PartitionLog:
        return PartitionLog.open(fs, PARTITION, config=LogConfig.of(SMALL), **options)

    return open_it


def write(log: PartitionLog, producer_id: int, sequence: int, *, values: int = 1) -> int:
    records = [Record(None, b"value", NOW) for _ in range(values)]
    batch = build_batch(
        records, producer_id=producer_id, producer_epoch=0, base_sequence=sequence, is_transactional=producer_id >= 0
    )
    return log.append(batch, now_ms=NOW).base_offset


def end(log: PartitionLog, producer_id: int, *, commit: bool) -> int:
    marker = build_end_txn_marker(
        producer_id=producer_id, producer_epoch=0, commit=commit, coordinator_epoch=0, timestamp=NOW
    )
    return log.append(marker, now_ms=NOW, origin=AppendOrigin.BROKER).base_offset


Transactional = tuple[int, list[AbortedTransaction]]


@pytest.fixture
def transactional(open_log: OpenLog) -> Transactional:
    """Write transactions of two producers that lie in each other and across segments; return the aborted ones."""
    log = open_log()
    sequences = {1: 0, 2: 0}

    def put(producer_id: int) -> int:
        sequences[producer_id] += 1
        return write(log, producer_id, sequences[producer_id] - 1)

    end(log, 3, commit=False)  # of nothing
    for commit in (True, False, True, False):
        put(1)
        put(2)
        put(1)
        end(log, 2, commit=not commit)
        for _ in range(6):
            put(1)
        end(log, 1, commit=commit)
    assert len(log.segments) > 3
    known = log.aborted_transactions(0, log.log_end_offset)
    log.close()
    return log.log_end_offset, known


def test_a_transaction_index_that_is_missing_is_made_anew(
    transactional: Transactional, open_log: OpenLog, fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    end_offset, known = transactional
    paths = [path for path in fs.files if path.endswith(".txnindex")]
    assert len(paths) > 1
    before = {path: bytes(fs.files[path].content) for path in paths}
    for path in paths:
        fs.remove(path)
    log = open_log(clean=True, recovery_point=end_offset)
    assert log.aborted_transactions(0, end_offset) == known
    assert all(path in caplog.text for path in paths)
    assert {path: bytes(fs.files[path].content) for path in paths} == before


def test_no_flipped_bit_of_a_transaction_index_changes_what_was_aborted(
    transactional: Transactional, open_log: OpenLog, fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    end_offset, known = transactional
    tried = 0
    for path in [path for path in fs.files if path.endswith(".txnindex")]:
        whole = bytes(fs.files[path].content)
        for position in range(len(whole)):
            for bit in (0, 2, 5, 7):
                fs.files[path].content[position] ^= 1 << bit
                caplog.clear()
                log = open_log(clean=True, recovery_point=end_offset)
                found = log.aborted_transactions(0, end_offset)
                assert found == known, (path, position, bit)
                assert path in caplog.text
                assert bytes(fs.files[path].content) == whole
                log.close(clean=False)
                tried += 1
    assert tried > 300


def test_a_damaged_batch_does_not_take_its_transaction_off_the_index(
    transactional: Transactional, open_log: OpenLog, fs: MemoryFileSystem
) -> None:
    end_offset, known = transactional
    paths = {path: bytes(file.content) for path, file in fs.files.items() if path.endswith(".txnindex")}
    content = fs.files[f"{FIRST}.log"].content
    position = 0
    while position < len(content):
        size = read_header(content, position).size
        content[position + 50] ^= 1  # of the producer's id
        log = open_log(clean=True, recovery_point=end_offset)
        assert log.aborted_transactions(0, end_offset) == known
        log.close(clean=False)
        content[position + 50] ^= 1
        position += size
    assert paths == {path: bytes(fs.files[path].content) for path in paths}


def test_a_log_without_transactions_is_not_read_for_them(
    open_log: OpenLog, fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    for _ in range(30):
        write(log, -1, -1)
    log.close()
    log = open_log(clean=True, recovery_point=30)
    monkeypatch.setattr("kafkalite_storage.log.transaction_verifier.iter_headers", None)
    for offset in range(30):
        piece = log.read(offset, max_bytes=1)
        assert piece
        assert log.aborted_transactions(offset, log.end_of_piece(offset, piece)) == []


def test_batches_that_were_served_tell_that_there_are_transactions(
    transactional: Transactional, open_log: OpenLog, fs: MemoryFileSystem
) -> None:
    end_offset, known = transactional
    for path in [path for path in fs.files if path.endswith((".txnindex", ".snapshot"))]:
        fs.remove(path)
    log = open_log(clean=True, recovery_point=end_offset)
    log.producers.producers.clear()
    told: set[AbortedTransaction] = set()
    for offset in range(end_offset):
        piece = log.read(offset, max_bytes=1)
        told |= set(log.aborted_transactions(offset, log.end_of_piece(offset, piece)))
    assert told == set(known)


@pytest.fixture
def led(open_log: OpenLog, fs: MemoryFileSystem) -> Callable[[], PartitionLog]:
    """Write batches of three records in leader epochs 0, 2 and 3."""
    log = open_log()
    for epoch in (0, 2, 3):
        log.start_epoch(epoch)
        for _ in range(4):
            write(log, -1, -1, values=3)
    log.close()
    assert fs.read(EPOCHS) == b"0\n3\n0 0\n2 12\n3 24\n"

    def reopen() -> PartitionLog:
        return open_log(clean=True, recovery_point=36)

    return reopen


@pytest.mark.parametrize(
    "damaged",
    [
        b"0 0\n6 12\n3 24\n",
        b"1 0\n2 12\n3 24\n",
        b"0 0\n2 13\n3 24\n",
        b"0 0\n2 11\n3 24\n",
        b"0 0\n2 18\n3 24\n",
        b"0 0\n2 12\n7 24\n",
        b"0 0\n2 12\n3 64\n",
        b"0 0\n2 12\n3 20\n",
        b"0 4\n2 12\n3 24\n",
    ],
)
def test_leader_epochs_that_the_batches_contradict_are_made_anew(
    led: Callable[[], PartitionLog], fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture, damaged: bytes
) -> None:
    whole = fs.read(EPOCHS)
    fs.replace(EPOCHS, b"0\n3\n" + damaged)
    log = led()
    assert EPOCHS in caplog.text
    for offset in range(36):
        assert any(record.offset == offset for record in iter_records(log.read(offset, max_bytes=1).read()))
    assert [log.end_offset_for_epoch(epoch) for epoch in (0, 1, 2, 3)] == [(0, 12), (0, 12), (2, 24), (3, 36)]
    assert log.leader_epoch == 3
    log.close()
    assert fs.read(EPOCHS) == whole


@pytest.mark.parametrize("batch", range(12))
@pytest.mark.parametrize("mask", [1, 2, 4, 0x80])
def test_a_batch_whose_own_leader_epoch_is_damaged_is_refused(
    led: Callable[[], PartitionLog], fs: MemoryFileSystem, batch: int, mask: int
) -> None:
    whole = fs.read(EPOCHS)
    number = 0
    for path in sorted(path for path in fs.files if path.endswith(".log")):
        content = fs.files[path].content
        position = 0
        while position < len(content):
            size = read_header(content, position).size
            if number == batch:
                content[position + (12 if mask == 0x80 else 15)] ^= mask
            number += 1
            position += size
    log = led()
    with pytest.raises(DamagedLog, match="leader epoch"):
        log.read(batch * 3, max_bytes=1)
    log.close()
    assert fs.read(EPOCHS) == whole


@pytest.mark.parametrize(("said", "expected"), [(9, 9), (13, 9), (4, 4), (1 << 20, 9), (0, 0)])
def test_of_two_beginnings_the_lower_one_is_taken(
    fs: MemoryFileSystem, caplog: pytest.LogCaptureFixture, said: int, expected: int
) -> None:
    log = PartitionLog.open(fs, PARTITION, config=LogConfig.of({}))
    for _ in range(20):
        write(log, -1, -1)
    log.delete_records(9)
    log.close()
    assert fs.read(EPOCHS) == b"0\n1\n0 9\n"
    log = PartitionLog.open(
        fs, PARTITION, config=LogConfig.of({}), clean=True, recovery_point=20, log_start_offset=said
    )
    assert log.log_start_offset == expected
    assert ("log-start-offset-checkpoint" in caplog.text) is (said != 9)
    assert log.log_end_offset == 20
    assert log.read(log.log_start_offset, max_bytes=1)


def test_a_deletion_alone_is_written_to_the_leader_epochs(open_log: OpenLog, fs: MemoryFileSystem) -> None:
    log = open_log()
    for _ in range(20):
        write(log, -1, -1)
    log.flush()
    log.delete_records(9)
    log.flush()
    assert fs.read(EPOCHS) == b"0\n1\n0 9\n"


@pytest.mark.parametrize("delta", [0, 1])
@pytest.mark.parametrize("last_in_segment", [False, True])
def test_a_batch_that_looks_too_short_in_a_compacted_log_hides_nothing(delta: int, last_in_segment: bool) -> None:
    topic = Topic()
    topic.put((b"a", b"1"), (b"b", b"1"), (b"c", b"1"))
    topic.put((b"x", b"1"))
    if last_in_segment:
        topic.log.roll()
    topic.put((b"x", b"2"))
    topic.put((b"y", b"1"))
    if not last_in_segment:
        topic.compact()
    else:
        topic.log.roll()
    topic.log.close()
    fs = topic.fs
    log = topic.open(clean=True, recovery_point=topic.log.log_end_offset)
    content = fs.files[f"{FIRST}.log"].content
    assert read_header(content).last_offset_delta == 2
    content[26] = delta
    with pytest.raises(DamagedLog, match=rf"{FIRST}\.log is damaged at byte 0"):
        log.read(2, max_bytes=1)


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
def test_indexes_that_were_removed_are_made_anew_by_a_clean_stop(
    open_log: OpenLog, fs: MemoryFileSystem, suffix: str
) -> None:
    log = open_log()
    for _ in range(30):
        write(log, -1, -1)
    log.close()
    names = sorted(fs.files)
    for path in [path for path in names if path.endswith(suffix)]:
        fs.remove(path)
    open_log(clean=True, recovery_point=30).close()
    assert sorted(fs.files) == names
