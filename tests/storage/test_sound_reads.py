"""What is damaged on the disk is found, named, and never served."""

import logging
import re
from collections.abc import Callable

import pytest

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment.verified_ranges import VerifiedRanges
from kafkalite_wire.records import check_batch, iter_records, read_header
from tests.support.storage.fixtures import Append, OpenLog

NOW = 1_700_000_000_000
FIRST = "/data/t-0/00000000000000000000"
CONFIGS = {"index.interval.bytes": "150", "internal.segment.bytes": "900"}
RECORDS = 30


@pytest.fixture
def reopened(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> Callable[[str, int, int], PartitionLog]:
    """Fill a log of several segments, close it in order, and return how to open it once more with one byte changed."""
    log = open_log(CONFIGS)
    for number in range(RECORDS):
        append(log, b"value %d" % number, timestamp=NOW + number * 10)
    assert len(log.segments) > 2
    log.close()
    files = {name: bytes(file.content) for name, file in fs.files.items()}

    def reopen(name: str, position: int, mask: int) -> PartitionLog:
        for path, content in files.items():
            fs.replace(path, content)
        fs.files[name].content[position] ^= mask
        return open_log(CONFIGS, clean=True, recovery_point=RECORDS)

    return reopen


def served(log: PartitionLog, offset: int) -> bytes | None:
    """Return the value at an offset, None where the log says that it is damaged."""
    try:
        data = log.read(offset, max_bytes=300).read()
    except DamagedLog as error:
        return None if re.search(rf"{FIRST}\.log is damaged .*byte \d+", str(error)) else b"unnamed damage"
    found = None
    position = 0
    while position < len(data):
        header = check_batch(data, position)
        for record in iter_records(data[position : position + header.size]):
            found = record.value if record.offset == offset else found
        position += header.size
    return found


@pytest.mark.parametrize("mask", [1, 0x80])
def test_a_flipped_bit_in_a_closed_segment_never_reaches_a_reader(
    reopened: Callable[[str, int, int], PartitionLog], fs: MemoryFileSystem, mask: int
) -> None:
    batch = read_header(fs.files[f"{FIRST}.log"].content).size
    for position in range(2 * batch, 3 * batch):
        log = reopened(f"{FIRST}.log", position, mask)
        values = [served(log, offset) for offset in range(RECORDS)]
        good = [b"value %d" % number for number in range(RECORDS)]
        assert all(value in (None, expected) for value, expected in zip(values, good, strict=True)), position
        assert values[2] is None, position
        assert None not in values[11:], "the segments that follow are not touched"


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
def test_a_flipped_bit_in_an_index_is_named_and_changes_no_answer(
    reopened: Callable[[str, int, int], PartitionLog],
    fs: MemoryFileSystem,
    caplog: pytest.LogCaptureFixture,
    suffix: str,
) -> None:
    for position in range(fs.files[FIRST + suffix].size()):
        for mask in (1, 4, 0x80):
            caplog.clear()
            log = reopened(FIRST + suffix, position, mask)
            for offset in range(RECORDS):
                assert served(log, offset) == b"value %d" % offset
                found = log.offset_for_timestamp(NOW + offset * 10 - 5)
                assert found is not None
                assert (found.offset, found.timestamp) == (offset, NOW + offset * 10)
            newest = log.max_timestamp()
            assert newest is not None
            assert newest.offset == RECORDS - 1
            named = [record for record in caplog.records if record.levelno == logging.WARNING]
            assert all(FIRST in record.getMessage() for record in named)


def test_what_was_checked_is_not_read_twice(
    reopened: Callable[[str, int, int], PartitionLog], fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = reopened(f"{FIRST}.log", 0, 0)
    log.read(0, max_bytes=10_000)
    monkeypatch.setattr("kafkalite_storage.log.reader.verified_part", None)
    assert read_header(log.read(0, max_bytes=10_000).read()).base_offset == 0


def test_a_damaged_batch_does_not_take_the_sound_ones_before_it_along(
    reopened: Callable[[str, int, int], PartitionLog], fs: MemoryFileSystem
) -> None:
    batch = read_header(fs.files[f"{FIRST}.log"].content).size
    log = reopened(f"{FIRST}.log", 2 * batch + 70, 1)
    assert len(log.read(0, max_bytes=10_000)) == 2 * batch
    with pytest.raises(DamagedLog, match=rf"{FIRST}.log is damaged at byte {2 * batch}: the CRC"):
        log.read(2, max_bytes=10_000)
    assert served(log, 3) == b"value 3"


def test_gaps_are_damage_unless_the_log_was_compacted(open_log: OpenLog, append: Append, fs: MemoryFileSystem) -> None:
    log = open_log()
    for value in (b"a", b"b", b"c"):
        append(log, value)
    size = len(log.read(0, max_bytes=1))
    log.close()
    content = fs.files[f"{FIRST}.log"].content
    del content[size : 2 * size]
    fs.files[f"{FIRST}.index"].content.clear()
    log = open_log(clean=True, recovery_point=3)
    with pytest.raises(DamagedLog, match="stand where 1 should be"):
        log.read(1, max_bytes=1000)
    log = open_log(clean=True, recovery_point=3, may_have_gaps=True)
    assert read_header(log.read(1, max_bytes=1000).read()).base_offset == 2


def test_a_damaged_record_is_not_found_by_its_time(
    reopened: Callable[[str, int, int], PartitionLog], fs: MemoryFileSystem
) -> None:
    batch = read_header(fs.files[f"{FIRST}.log"].content).size
    log = reopened(f"{FIRST}.log", 2 * batch + 70, 1)
    with pytest.raises(DamagedLog):
        log.offset_for_timestamp(NOW + 20)
    found = log.offset_for_timestamp(NOW + 30)
    assert found is not None
    assert found.offset == 3


def test_ranges_that_touch_become_one() -> None:
    ranges = VerifiedRanges()
    ranges.add(10, 20)
    ranges.add(30, 40)
    assert (ranges.covers(10, 20), ranges.covers(15, 35), ranges.covers(5, 12)) == (True, False, False)
    ranges.add(20, 30)
    assert len(ranges) == 1
    assert ranges.covers(10, 40)
    ranges.add(0, 50)
    ranges.add(7, 7)
    assert (len(ranges), ranges.covers(0, 50)) == (1, True)
    ranges.cut(25)
    assert (ranges.covers(0, 25), ranges.covers(0, 26)) == (True, False)


def test_the_smallest_of_very_many_ranges_is_forgotten() -> None:
    ranges = VerifiedRanges()
    ranges.add(0, 1)
    for number in range(1, 100):
        ranges.add(number * 10, number * 10 + 5)
    assert len(ranges) == 64
    assert not ranges.covers(0, 1)
    assert ranges.covers(990, 995)
