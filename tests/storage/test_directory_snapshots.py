"""Snapshots of a data directory: as it was at one moment, whatever becomes of it; and coming back to them."""

import os
from pathlib import Path
from threading import Event, Thread

import pytest

from kafkalite_storage.compaction.cleaner import Cleaner, dirtiest
from kafkalite_storage.errors import DataDirectoryInUse, StorageFailure
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.inspection.report import Finding, Report
from kafkalite_storage.inspection.verify import verify
from kafkalite_storage.metadata.data_directory import DataDirectory
from kafkalite_storage.recovery.recovery import Recovery
from kafkalite_storage.snapshots import log_snapshot
from kafkalite_storage.snapshots.taking import fork_directory
from kafkalite_wire.records import Record, build_batch
from tests.support.storage.controls import move_leader
from tests.support.storage.crashing_filesystem import CrashingFileSystem
from tests.support.storage.snapshots import NOW, SMALL, Kept, content_of


@pytest.fixture(params=["memory", "os", "held"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param != "held":
        hold_nothing(monkeypatch)
    if request.param == "memory":
        return Kept(MemoryFileSystem())
    return Kept(OsFileSystem(), str(tmp_path / "data"))


def hold_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store snapshots of small partitions as files as well."""
    monkeypatch.setattr(log_snapshot, "MOST_HELD", -1)


def fill(kept: Kept) -> None:
    """Use everything that a data directory can hold."""
    kept.create("t", 2)
    kept.create("compacted", 1, {**SMALL, "cleanup.policy": "compact"})
    kept.create("unused", 3, {})
    for number in range(9):
        kept.put(b"v%d" % number * 9, producer_id=5, producer_epoch=0, base_sequence=number)
        kept.put(b"w%d" % number, topic="compacted", key=b"k%d" % (number % 2))
    kept.put(b"other", partition=1)
    kept.storage.log("t", 0).delete_records(3)
    kept.storage.alter_configs("t", {"retention.ms": "1000"}, now_ms=NOW)
    kept.storage.alter_broker_configs("", {"log.retention.ms": "5000"}, now_ms=NOW)


def change(kept: Kept) -> None:
    """Do to a directory whatever can be done."""
    kept.put(b"later" * 30, producer_id=5, producer_epoch=0, base_sequence=9)
    kept.put(b"later", b"later", partition=1)
    kept.storage.log("t", 0).roll()
    kept.storage.log("t", 0).delete_records(7)
    kept.storage.create_topic("new", 1, {}, now_ms=NOW)
    kept.put(b"new", topic="new")
    kept.storage.alter_configs("t", {"retention.ms": None, "retention.bytes": "10"}, now_ms=NOW)
    kept.storage.alter_broker_configs("", {"log.retention.ms": None}, now_ms=NOW)
    kept.storage.create_partitions("unused", 5, now_ms=NOW)
    for number in range(9):
        kept.put(b"x%d" % number, topic="compacted", key=b"k%d" % (number % 2))
    kept.storage.log("compacted", 0).roll()
    compact(kept)
    for _ in kept.storage.delete_expired(NOW + 10**9):
        pass
    kept.storage.remove_retired(NOW + 10**10)
    kept.storage.checkpoint()


def compact(kept: Kept) -> None:
    cleaner = Cleaner(kept.storage)
    cleaning = dirtiest(cleaner.survey(NOW + 10**9))
    assert cleaning is not None
    for work in cleaner.clean(cleaning, NOW + 10**9):
        if work is not None:
            work()


def test_a_snapshot_is_what_was_there_whatever_becomes_of_the_directory(kept: Kept) -> None:
    fill(kept)
    before = kept.content()
    snapshot = kept.take()
    assert kept.content() == before, "taking a snapshot changes nothing"
    change(kept)
    assert kept.content() != before
    assert kept.content_of_snapshot(snapshot) == before


def test_a_directory_comes_back_to_a_snapshot_as_often_as_is_wanted(kept: Kept) -> None:
    fill(kept)
    before, snapshot = kept.content(), kept.take()
    for _ in range(3):
        change(kept)
        kept.restore(snapshot)
        assert kept.content() == before
        assert kept.put(b"goes on", producer_id=5, producer_epoch=0, base_sequence=9).base_offset == 9


def test_several_snapshots_stand_side_by_side(kept: Kept) -> None:
    snapshots = [(kept.take(), kept.content())]
    fill(kept)
    snapshots.append((kept.take(), kept.content()))
    kept.put(b"a little more", partition=1)
    snapshots.append((kept.take(), kept.content()))
    change(kept)
    snapshots.append((kept.take(), kept.content()))
    for number in (1, 3, 0, 2, 1):
        snapshot, content = snapshots[number]
        kept.restore(snapshot)
        assert kept.content() == content
        kept.create("between")
        kept.put(b"between", topic="between")
    assert [kept.content_of_snapshot(snapshot) for snapshot, _ in snapshots] == [content for _, content in snapshots]


def test_a_snapshot_of_logs_that_nobody_has_opened_yet(kept: Kept) -> None:
    fill(kept)
    before = kept.content()
    kept.restart()
    snapshot = kept.take()
    assert not kept.storage.open_logs
    change(kept)
    assert kept.content_of_snapshot(snapshot) == before


def test_a_snapshot_after_a_crash_is_of_logs_that_were_repaired(kept: Kept) -> None:
    fill(kept)
    before = kept.content()
    kept.restart(crash=True)
    assert kept.content_of_snapshot(kept.take()) == before


def test_a_snapshot_of_what_came_from_a_snapshot(kept: Kept) -> None:
    fill(kept)
    before = kept.content()
    kept.restore(kept.take())
    second = kept.take()
    change(kept)
    kept.restore(second)
    assert kept.content() == before


@pytest.mark.parametrize("crash", [False, True])
def test_a_directory_that_came_back_is_opened_by_the_next_broker(kept: Kept, crash: bool) -> None:
    fill(kept)
    snapshot = kept.take()
    change(kept)
    kept.restore(snapshot)
    kept.put(b"more", partition=1)
    before = kept.content()
    kept.restart(crash=crash)
    assert kept.storage.was_clean is not crash
    assert kept.content() == before
    assert not kept.fs.exists(f"{kept.path}/.snapshots"), "snapshots go with the broker that made them"


def test_snapshots_in_the_middle_of_a_compaction_are_whole(kept: Kept) -> None:
    fill(kept)
    kept.put(b"last" * 40, topic="compacted", key=b"k0")
    kept.storage.log("compacted", 0).roll()
    cleaner = Cleaner(kept.storage)
    cleaning = dirtiest(cleaner.survey(NOW + 10**9))
    assert cleaning is not None
    snapshots = [(kept.take(), kept.content())]
    for work in cleaner.clean(cleaning, NOW + 10**9):
        snapshots.append((kept.take(), kept.content()))
        if work is not None:
            work()
        snapshots.append((kept.take(), kept.content()))
    assert len({str(content["compacted-0"]) for _, content in snapshots}) > 1, "it was compacted meanwhile"
    kept.storage.remove_retired(NOW + 10**10)
    for snapshot, content in snapshots:
        assert kept.content_of_snapshot(snapshot) == content


def test_a_large_active_segment_is_closed_and_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_nothing(monkeypatch)
    monkeypatch.setattr(log_snapshot, "MOST_COPIED", 1000)
    monkeypatch.setattr(OsFileSystem, "clone", lambda *_: False)
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    kept.create("t", 2, {})
    kept.put(b"large" * 1000)
    kept.put(b"small", partition=1)
    before = kept.content()
    for restarted in (False, True):
        if restarted:
            kept.restart()
        snapshot = kept.take()
        assert Path(f"{snapshot.partitions['t-0'].path}/{0:020}.log").samefile(f"{kept.path}/t-0/{0:020}.log")
        assert not Path(f"{snapshot.partitions['t-1'].path}/{0:020}.log").samefile(f"{kept.path}/t-1/{0:020}.log")
        assert [len(kept.storage.log("t", number).segments) for number in (0, 1)] == [2, 1]
        kept.put(b"more")
        kept.restore(snapshot)
        assert kept.content() == before


@pytest.mark.parametrize("held", [False, True])
def test_no_file_that_two_directories_share_is_ever_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    if not held:
        hold_nothing(monkeypatch)
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)
    snapshot = kept.take()
    shared = {
        path: path.read_bytes()
        for path in Path(kept.path, ".snapshots").rglob("*")
        if path.is_file() and is_shared(path)
    }
    assert any(path.suffix == ".log" for path in shared)
    for _ in range(2):
        change(kept)
        kept.restore(snapshot)
    assert {path: path.read_bytes() for path in shared} == shared


def is_shared(path: Path) -> bool:
    return path.stat().st_nlink > 1


def test_a_saved_snapshot_is_a_data_directory_in_order(kept: Kept, tmp_path: Path) -> None:
    fill(kept)
    before, snapshot = kept.content(), kept.take()
    change(kept)
    again = snapshot.again(f"{kept.path}/.snapshots/again")
    snapshot.remove()
    again.save(tmp_path / "saved")
    findings: list[Finding] = []
    verify(OsFileSystem(), str(tmp_path / "saved"), Report(findings.append))
    assert not findings
    with pytest.raises(FileExistsError, match="is not empty"):
        again.save(tmp_path / "saved")
    other = Kept(OsFileSystem(), str(tmp_path / "saved"))
    assert other.storage.was_clean
    assert other.content() == before
    assert other.storage.cluster_id == kept.storage.cluster_id
    other.put(b"its own")
    other.storage.close()
    assert kept.content_of_snapshot(again) == before


def test_what_is_not_the_brokers_is_left_alone(kept: Kept) -> None:
    fill(kept)
    snapshot = kept.take()
    kept.fs.make_directory(f"{kept.path}/t-0.00ff-stray")
    kept.fs.replace(f"{kept.path}/t-0.00ff-stray/f", b"somebody's")
    kept.fs.replace(f"{kept.path}/notes.txt", b"mine")
    kept.restore(snapshot)
    assert kept.fs.read(f"{kept.path}/t-0.00ff-stray/f") == b"somebody's"
    assert kept.fs.read(f"{kept.path}/notes.txt") == b"mine"


def test_the_directory_is_owned_all_the_time(kept: Kept) -> None:
    fill(kept)
    handover = kept.storage.restore(kept.take())
    with pytest.raises(DataDirectoryInUse):
        DataDirectory(kept.fs, kept.path)
    kept.storage = kept.open(handover=handover)
    with pytest.raises(DataDirectoryInUse):
        DataDirectory(kept.fs, kept.path)


def test_what_has_not_changed_has_one_snapshot(kept: Kept) -> None:
    fill(kept)
    first, second = kept.take(), kept.take()
    assert first.partitions == second.partitions
    kept.put(b"changed", partition=1)
    third = kept.take()
    assert {name for name in third.partitions if third.partitions[name] is not first.partitions[name]} == {"t-1"}
    kept.restore(first)
    kept.put(b"changed", topic="unused")
    fourth = kept.take()
    assert {name: snapshot for name, snapshot in fourth.partitions.items() if name != "unused-0"} == first.partitions
    for snapshot in (first, second, third):
        snapshot.remove()
    remade = fourth.partitions["t-1"]
    assert remade.fs.exists(remade.path)
    for name in ("t-1", "t-0"):
        for fs in (kept.fs, remade.fs):
            below = f"{kept.path}/.snapshots/partitions"
            left = [found for found in fs.list(below) if found.startswith(f"{name}.")] if fs.exists(below) else []
            assert all(f"{below}/{found}" == fourth.partitions[name].path for found in left)


def test_what_has_not_changed_stays_in_place(tmp_path: Path) -> None:
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)
    snapshot = kept.take()

    def places() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in Path(kept.path).iterdir() if path.is_dir()}

    before = places()
    kept.put(b"changed", partition=1)
    kept.storage.create_topic("new", 1, {}, now_ms=NOW)
    kept.put(b"new", topic="new")
    kept.restore(snapshot)
    after = places()
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"t-1", "__cluster_metadata-0"}
    assert kept.storage.was_clean
    content = kept.content()
    assert all(log.recovery == Recovery() for log in kept.storage.open_logs.values())
    kept.restore(snapshot)
    assert places() == after, "looking changes nothing"
    assert kept.content() == content


def test_a_snapshot_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_nothing(monkeypatch)
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)

    def full(*_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OsFileSystem, "copy", full)
    with pytest.raises(StorageFailure, match="No space left"):
        kept.take()
    assert list((tmp_path / "data" / ".snapshots" / "partitions").iterdir()) == []
    monkeypatch.undo()
    assert kept.content_of_snapshot(kept.take()) == kept.content()


def test_files_are_copied_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)
    before, snapshot = kept.content(), kept.take()
    change(kept)
    kept.restore(snapshot)
    assert kept.content() == before


def test_producer_ids_are_not_given_out_again(kept: Kept) -> None:
    snapshot = kept.take()
    given = kept.storage.allocate_producer_ids(now_ms=NOW)
    kept.restore(snapshot)
    assert kept.storage.next_producer_id == given.start
    assert kept.storage.allocate_producer_ids(now_ms=NOW, at_least=given.stop).start == given.stop


def test_two_directories_from_one_snapshot_do_not_see_each_other(kept: Kept) -> None:
    fill(kept)
    before, snapshot = kept.content(), kept.take()
    forks = [f"{kept.path}/.snapshots/fork-{number}" for number in range(2)]
    storages = [kept.open(handover=fork_directory(snapshot, fork)) for fork in forks]
    original, kept.storage = kept.storage, storages[0]
    change(kept)
    assert content_of(storages[1]) == before == content_of(original)
    kept.storage = original
    change(kept)
    assert content_of(storages[1]) == before
    for storage in storages:
        storage.close()


def test_logs_that_have_not_changed_stay_open_and_what_is_around_them_goes_back(kept: Kept) -> None:
    fill(kept)
    stays, changes = (kept.storage.log("t", number) for number in (0, 1))
    before, config, snapshot = kept.content(), stays.config, kept.take()
    kept.put(b"changed", partition=1)
    move_leader(kept.storage, "t", 0, 7, now_ms=NOW)
    kept.storage.alter_configs("t", {"max.message.bytes": "1000"}, now_ms=NOW)
    kept.storage.alter_configs("t", {"cleanup.policy": "compact"}, now_ms=NOW)
    assert (stays.leader_epoch, stays.config == config) == (1, False)
    kept.restore(snapshot)
    assert kept.storage.log("t", 0) is stays
    assert kept.storage.log("t", 1) is not changes
    assert (stays.leader_epoch, stays.config == config) == (0, True)
    assert kept.content() == before
    assert kept.put(b"goes on", producer_id=5, producer_epoch=0, base_sequence=9).base_offset == 9


def test_what_is_saved_for_long_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_nothing(monkeypatch)
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    fill(kept)
    snapshot, done = kept.take(), Event()

    def work() -> None:
        kept.take()
        kept.put(b"more")
        kept.take()
        kept.restore(snapshot)
        done.set()

    copy = OsFileSystem.copy
    working: list[Thread] = []
    is_kept_waiting: list[bool] = []

    def copy_slowly(fs: OsFileSystem, old: str, new: str) -> None:
        if new.startswith(str(tmp_path / "saved")) and old.endswith(".log") and not working:
            working.append(Thread(target=work, daemon=True))
            working[0].start()
            is_kept_waiting.append(not done.wait(60))
        copy(fs, old, new)

    monkeypatch.setattr(OsFileSystem, "copy", copy_slowly)
    snapshot.save(tmp_path / "saved")
    working[0].join()
    assert is_kept_waiting == [False]
    kept.storage.close()


def test_a_log_that_stays_has_saved_nothing_that_a_kill_would_make_believed(kept: Kept) -> None:
    kept.create("t", 2)
    kept.put(b"first", producer_id=5, producer_epoch=0, base_sequence=0)
    kept.storage.checkpoint()
    move_leader(kept.storage, "t", 0, 7, now_ms=NOW)
    kept.put(b"second" * 5, b"third", producer_id=5, producer_epoch=0, base_sequence=1)
    before, snapshot = kept.content(), kept.take()
    kept.put(b"changed", partition=1)
    kept.restore(snapshot)
    kept.restart(crash=True)
    assert not kept.storage.was_clean
    assert kept.content() == before
    assert [kept.storage.log("t", 0).end_offset_for_epoch(epoch) for epoch in (0, 1)] == [(0, 1), (1, 3)]


def test_what_awaited_a_sync_counts_as_kept_when_the_directory_comes_back(kept: Kept) -> None:
    kept.create("t", 1, {"flush.messages": "1"})
    batch = build_batch([Record(None, b"unsynced", NOW)])
    assert kept.storage.log("t", 0).append(batch, now_ms=NOW, sync=False).awaits_sync
    snapshot = kept.take()
    kept.restore(snapshot)
    assert kept.storage.log("t", 0).high_watermark == 1


def test_a_log_whose_end_cannot_be_repaired_is_replaced_as_a_whole() -> None:
    fs = CrashingFileSystem()
    kept = Kept(fs)
    kept.create("t")
    kept.put(b"kept")
    before, snapshot = kept.content(), kept.take()
    fs.fault = lambda kind, path, _: OSError(5, "I/O error") if path.startswith("/data/t-0/") else None
    with pytest.raises(StorageFailure):
        kept.put(b"lost")
    fs.fault = None
    failed = kept.storage.log("t", 0)
    assert failed.failed
    kept.restore(snapshot)
    assert kept.storage.log("t", 0) is not failed
    assert kept.content() == before


def test_the_snapshot_of_a_small_partition_takes_no_files_before_it_is_needed(tmp_path: Path) -> None:
    kept = Kept(OsFileSystem(), str(tmp_path / "data"))
    kept.create("t", 2, {})
    kept.put(b"small")
    kept.put(b"large" * 10_000, partition=1)
    kept.storage.close()
    kept.storage = kept.open()
    before, snapshots = kept.content(), tmp_path / "data" / ".snapshots" / "partitions"
    snapshot = kept.take()
    assert {path.name.partition(".")[0] for path in snapshots.iterdir()} == {"t-1"}
    for _ in range(2):
        kept.put(b"noise")
        kept.restore(snapshot)
        assert {path.name.partition(".")[0] for path in snapshots.iterdir()} == {"t-0", "t-1"}
        assert kept.content() == before
