"""What a start finds at any moment of a compaction is the old segments or the new one, never half of it."""

from contextlib import suppress
from functools import partial
from random import Random

import pytest

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFile, MemoryFileSystem
from tests.support.storage.compaction import NOW, Topic
from tests.support.storage.crashing_filesystem import CrashingFileSystem as PowerCutFileSystem
from tests.support.storage.crashing_filesystem import Operation


class CrashError(Exception):
    """The process died."""


class CrashingFileSystem(MemoryFileSystem):
    """Dies before the operation on names whose number is due."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    def _count(self) -> None:
        if self.left == 0:
            raise CrashError
        self.left -= 1

    def rename(self, old: str, new: str) -> None:
        self._count()
        super().rename(old, new)

    def remove(self, path: str) -> None:
        if path in self.files:
            self._count()
        super().remove(path)

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        if path not in self.files:
            self._count()
        return super().open(path, create=create)


def filled(fs: FileSystem | None = None) -> Topic:
    """Make a log of several segments that become one, with an aborted transaction and a tombstone."""
    topic = Topic(fs=CrashingFileSystem() if fs is None else fs, internal_segment_bytes="900", index_interval_bytes="0")
    for number in range(6):
        topic.put((b"%d" % (number % 3), b"v%d" % number))
    topic.put((b"7", b"only here"))
    topic.put((b"0", b"no"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(7, commit=False)
    topic.log.roll()
    topic.put((b"1", None), (b"2", b"last"))
    topic.put((b"0", b"last"))
    topic.log.roll()
    topic.put((b"9", b"active"))
    topic.configs["internal.segment.bytes"] = "100000"
    topic.log.close(clean=False)
    topic.open()
    assert len(topic.log.segments) == 3
    return topic


def table(topic: Topic) -> dict[bytes, bytes | None]:
    """Read what a read-committed consumer makes of the log."""
    aborted = topic.log.aborted_transactions(0, topic.log.log_end_offset)
    found = {}
    for header, records in topic.batches():
        hidden = any(
            t.producer_id == header.producer_id and t.first_offset <= header.base_offset <= t.last_offset
            for t in aborted
        )
        for record in records:
            if not header.is_control and not hidden and record.key is not None:
                found[record.key] = record.value
    return found


def operations() -> int:
    topic = filled()
    topic.fs.left = 1000
    topic.compact(roll=False)
    return 1000 - int(topic.fs.left)


OPERATIONS = operations()


@pytest.mark.parametrize("recovers", [True, False])
@pytest.mark.parametrize("number", range(OPERATIONS))
def test_a_crash_before_any_operation_on_a_name_leaves_a_whole_log(number: int, recovers: bool) -> None:
    topic = filled()
    expected = table(topic)
    topic.fs.left = number
    with pytest.raises(CrashError):
        topic.compact(roll=False)
    topic.fs.left = -1
    end = topic.log.log_end_offset
    topic.open(recovery_point=0 if recovers else end)
    assert topic.log.recovery.reason == ""
    assert topic.log.log_end_offset == end
    assert table(topic) == expected
    assert len(topic.log.segments) in (2, 3)
    assert not any(name.endswith((".cleaned", ".swap", ".deleted")) for name in topic.fs.list("/data/t-0"))
    topic.compact(roll=False)
    assert len(topic.log.segments) == 2
    assert table(topic) == expected


@pytest.mark.parametrize("number", range(OPERATIONS))
def test_a_crash_while_a_start_completes_a_replacement_is_completed_by_the_next(number: int) -> None:
    topic = filled()
    expected = table(topic)
    topic.fs.left = OPERATIONS // 2
    with pytest.raises(CrashError):
        topic.compact(roll=False)
    topic.fs.left = number
    with suppress(CrashError):  # a start needs fewer operations than there are
        topic.open()
    topic.fs.left = -1
    topic.open()
    assert table(topic) == expected
    assert topic.log.recovery.reason == ""


POWER_CUTS = 6


def check_after_power_cuts(
    fs: PowerCutFileSystem, expected: dict[bytes, bytes | None], end: int, chance: Random
) -> None:
    """Open what a power cut may leave, and what another one during that start may leave."""
    for _ in range(POWER_CUTS):
        left = fs.after_power_cut(chance)
        second: list[PowerCutFileSystem] = []
        left.on_operation = partial(lambda left, second, _: second.append(left.after_power_cut(chance)), left, second)
        check_opens(left, expected, end)
        for found in second:
            check_opens(found, expected, end)


def check_opens(fs: PowerCutFileSystem, expected: dict[bytes, bytes | None], end: int) -> None:
    topic = Topic(fs=fs, recovery_point=end, internal_segment_bytes="100000")
    assert topic.log.recovery.reason == ""
    assert topic.log.log_end_offset == end
    assert table(topic) == expected


def test_a_power_cut_before_any_operation_leaves_a_whole_log() -> None:
    fs = PowerCutFileSystem()
    topic = filled(fs)
    for name in fs.list("/data/t-0"):
        fs.open(f"/data/t-0/{name}").sync()
    for directory in ("/data/t-0", "/data", ""):
        fs.sync_directory(directory)
    expected, end = table(topic), topic.log.log_end_offset
    chance = Random(1)
    seen: list[int] = []

    def cut(_: Operation) -> None:
        seen.append(1)
        check_after_power_cuts(fs, expected, end, chance)

    fs.on_operation = cut
    topic.compact(roll=False)
    fs.on_operation = None
    assert len(topic.log.segments) == 2
    check_after_power_cuts(fs, expected, end, chance)
    assert len(seen) > OPERATIONS


def test_segments_behind_the_last_batch_that_was_kept_may_stay_for_the_next_cleaning() -> None:
    topic = Topic()
    topic.put((b"a", b"1"))
    topic.log.roll()
    topic.put((b"a", b"2"))
    topic.log.roll()
    topic.put((b"b", None), timestamp=NOW)
    old = topic.fs.read("/data/t-0/00000000000000000001.log")
    topic.log.close(clean=False)
    topic.fs.replace("/data/t-0/00000000000000000000.log.swap", b"")
    topic.open()
    assert topic.fs.read("/data/t-0/00000000000000000001.log") == old
    assert topic.fs.read("/data/t-0/00000000000000000000.log") == b""
    assert topic.offsets() == [1, 2]
