"""A data directory that begins with a snapshot of another one: partitions are made at first use, nothing is shared."""

from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.snapshots import log_snapshot
from kafkalite_storage.snapshots.taking import fork_directory
from kafkalite_storage.storage import Storage
from tests.support.storage.crashing_filesystem import CrashingFileSystem
from tests.support.storage.snapshots import NOW, Content, Kept


@pytest.fixture(params=["memory", "os", "held"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param != "held":
        monkeypatch.setattr(log_snapshot, "MOST_HELD", -1)
    kept = Kept(MemoryFileSystem()) if request.param == "memory" else Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)
    return kept


def fill(kept: Kept) -> None:
    kept.create("t", 2)
    kept.create("unused", 3)
    for number in range(9):
        kept.put(b"v%d" % number * 9, producer_id=5, producer_epoch=0, base_sequence=number)
    kept.put(b"other", partition=1)
    kept.storage.log("t", 0).delete_records(3)


class Fork(Kept):
    """A fork of what a storage keeps now."""

    def __init__(self, origin: Kept, name: str = "fork") -> None:
        self.snapshot = origin.take()
        path = f"{origin.path}/.snapshots/{name}"
        self._handover = fork_directory(self.snapshot, path)
        super().__init__(origin.fs, path)

    def open(self, *_: object, **options: Any) -> Storage:
        return super().open(**{"handover": self._handover, **options})

    def partitions(self) -> set[str]:
        return {name for name in self.fs.list(self.path) if name[-1].isdecimal()}

    def remove_snapshot(self) -> None:
        self.snapshot.remove()


def test_a_fork_makes_what_is_used_in_it(kept: Kept) -> None:
    fork = Fork(kept)
    assert fork.partitions() == {"__cluster_metadata-0"}
    fork.put(b"more", partition=1)
    assert fork.partitions() == {"__cluster_metadata-0", "t-1"}
    assert fork.content() != kept.content()
    assert fork.storage.was_clean
    assert all(not log.recovery.scanned_bytes for log in fork.storage.open_logs.values())


def test_neither_sees_what_becomes_of_the_other_nor_of_the_snapshot(kept: Kept) -> None:
    before = kept.content()
    fork = Fork(kept)
    kept.put(b"later" * 30, b"later")
    kept.storage.log("t", 0).roll()
    kept.storage.log("t", 0).delete_records(8)
    kept.storage.remove_retired(NOW + 10**10)
    kept.storage.delete_topic("unused", now_ms=NOW)
    kept.put(b"later", partition=1)
    fork.remove_snapshot()
    after = kept.content()
    assert fork.content() == before
    fork.put(b"there")
    assert kept.content() == after


def test_snapshots_go_when_neither_the_fork_nor_its_origin_needs_them(kept: Kept) -> None:
    fork = Fork(kept)
    kept.put(b"later", partition=1)
    kept.put(b"later")
    snapshots = [
        (snapshot.fs, snapshot.path) for name, snapshot in fork.snapshot.partitions.items() if name.startswith("t-")
    ]
    fork.remove_snapshot()
    kept.take()
    assert [fs.exists(path) for fs, path in snapshots] == [True, True], "the fork needs them"
    fork.storage.close()
    assert [fs.exists(path) for fs, path in snapshots] == [False, False]


def test_sizes_are_known_of_what_was_not_made(kept: Kept) -> None:
    fork = Fork(kept)
    for partition in (0, 1):
        assert fork.storage.partition_size("t", partition) == kept.storage.partition_size("t", partition) > 0
    assert fork.storage.partition_size("unused", 0) == 0
    assert fork.partitions() == {"__cluster_metadata-0"}


def test_a_topic_that_is_deleted_unused_does_not_come_back(kept: Kept) -> None:
    fork = Fork(kept)
    fork.storage.delete_topic("t", now_ms=NOW)
    fork.create("t", 2)
    assert fork.storage.partition_size("t", 0) == 0
    assert fork.storage.log("t", 0).log_end_offset == 0
    fork.storage.remove_retired(NOW + 10**10)
    assert fork.put(b"first").base_offset == 0


def test_retention_finds_what_was_not_made(kept: Kept) -> None:
    kept.storage.alter_configs("t", {"retention.ms": "1000"}, now_ms=NOW)
    fork = Fork(kept)
    assert list(fork.storage.delete_expired(NOW + 10**9)) == ["t", "t"]
    assert fork.storage.log("t", 0).log_start_offset == 9
    assert kept.storage.log("t", 0).log_start_offset == 3


def test_a_fork_goes_back_and_is_forked_itself(kept: Kept) -> None:
    before = kept.content()
    fork = Fork(kept)
    snapshot = fork.take()
    assert fork.partitions() == {"__cluster_metadata-0"}, "to take a snapshot makes nothing"
    fork.put(b"noise")
    grandchild = Fork(fork)
    with_noise = fork.content()
    fork.restore(snapshot)
    assert fork.content() == before
    fork.put(b"noise", b"other noise")
    fork.storage.delete_topic("unused", now_ms=NOW)
    fork.restore(snapshot)
    assert fork.content() == before
    assert grandchild.content() == with_noise
    assert kept.content() == before


def test_a_restored_fork_still_makes_what_was_not_used(kept: Kept) -> None:
    before = kept.content()
    fork = Fork(kept)
    snapshot = fork.take()
    fork.storage.delete_topic("t", now_ms=NOW)
    fork.restore(snapshot)
    snapshot.remove()
    kept.put(b"later")
    assert fork.content() == before


@pytest.mark.parametrize("most_held", [-1, 10_000])
def test_a_disk_that_fails_when_a_partition_is_made_leaves_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, most_held: int
) -> None:
    monkeypatch.setattr(log_snapshot, "MOST_HELD", most_held)
    fs = CrashingFileSystem()
    kept = Kept(fs)
    fill(kept)
    before = kept.content()
    number = 0
    errors: list[str] = []
    while True:
        number += 1
        fork = Fork(kept, f"fork-{number}")
        due = fs.attempts + number

        def fault(kind: str, path: str, attempt: int, due: int = due) -> OSError | None:
            return OSError(28, "No space left on device") if attempt == due else None

        fs.fault = fault
        try:
            fork.storage.log("t", 0)
        except StorageFailure as error:
            errors.append(str(error))
        else:
            break
        finally:
            fs.fault = None
        assert without_broker(fork.content()) == without_broker(before)
    assert len(errors) > 10
    assert all("No space left" in error for error in errors)


def without_broker(content: Content) -> Content:
    return {name: value for name, value in content.items() if name != "broker"}
