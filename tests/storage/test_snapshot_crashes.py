"""A kill at any moment of coming back to a snapshot: the directory is as it was before, or as the snapshot."""

from contextlib import suppress

import pytest

from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.snapshots import directory_swap, log_snapshot
from kafkalite_storage.storage import Storage
from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation
from tests.support.storage.snapshots import NOW, Content, Kept, content_of


class KilledError(Exception):
    pass


def open_after_kill(fs: CrashingFileSystem) -> Storage:
    return Storage.open("/data", fs=fs, new_uuid=lambda: bytes(16), now_ms=NOW)


def content_after_kill(fs: CrashingFileSystem) -> Content:
    storage = open_after_kill(fs)
    found = content_of(storage)
    storage.close()
    assert not fs.exists("/data/.snapshots")
    return found


def kill_at(fs: CrashingFileSystem, number: int) -> list[Operation]:
    """Kill the process before an operation, and return the operations that are done."""
    done: list[Operation] = []

    def count(operation: Operation) -> None:
        if len(done) == number:
            raise KilledError
        done.append(operation)

    fs.on_operation = count
    return done


@pytest.fixture(params=["files", "held"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param == "files":
        monkeypatch.setattr(log_snapshot, "MOST_HELD", -1)
    kept = Kept(CrashingFileSystem())
    kept.create("t", 2)
    for number in range(6):
        kept.put(b"v%d" % number * 20, producer_id=5, producer_epoch=0, base_sequence=number)
    kept.put(b"other", partition=1)
    return kept


def test_a_kill_leaves_the_old_or_the_new(kept: Kept) -> None:
    new, snapshot = kept.content(), kept.take()
    kept.put(b"later", b"later")
    kept.storage.log("t", 0).delete_records(2)
    kept.storage.checkpoint()
    kept.create("u")
    kept.put(b"u", topic="u")
    old = kept.content()
    assert isinstance(kept.fs, CrashingFileSystem)
    left: list[CrashingFileSystem] = []
    fs = kept.fs
    fs.on_operation = lambda _: left.append(fs.after_kill())
    kept.restore(snapshot)
    fs.on_operation = None
    left.append(fs.after_kill())
    assert len(left) > 50
    seen = [content_after_kill(after.after_kill()) for after in left]
    assert {str(content) for content in seen} == {str(old), str(new)}
    assert seen == sorted(seen, key=lambda content: content == new), "once it is the new one, it stays so"
    # And kills while the start after the kill completes it.
    for after in left[:: max(1, len(left) // 12)]:
        number = 0
        while True:
            again = after.after_kill()
            done = kill_at(again, number)
            with suppress(KilledError):
                open_after_kill(again)
            if len(done) < number:
                break
            assert content_after_kill(again.after_kill()) in (old, new)
            number += 5


def test_a_kill_while_a_snapshot_is_being_made_changes_nothing(kept: Kept) -> None:
    before = kept.content()
    fs = kept.fs
    assert isinstance(fs, CrashingFileSystem)
    left: list[CrashingFileSystem] = []
    fs.on_operation = lambda _: left.append(fs.after_kill())
    kept.take()
    fs.on_operation = None
    for after in left:
        assert content_after_kill(after) == before


@pytest.mark.parametrize("what", ["take", "prepare"])
def test_a_disk_that_fails_leaves_what_there_was(kept: Kept, what: str) -> None:
    snapshot = kept.take()
    kept.put(b"later")
    before = kept.content()
    fs = kept.fs
    assert isinstance(fs, CrashingFileSystem)
    number = 0
    errors: list[str] = []
    while True:
        number += 1
        start = fs.attempts

        def fault(kind: str, path: str, attempt: int, due: int = start + number) -> OSError | None:
            return OSError(5, "Input/output error") if attempt == due else None

        fs.fault = fault
        try:
            if what == "take":
                kept.take().remove()
            else:
                directory_swap.prepare(snapshot, kept.path, (), snapshot.ends)
        except StorageFailure as error:
            errors.append(str(error))
        else:
            break
        finally:
            fs.fault = None
    assert len(errors) > 10
    assert all("Input/output error" in error for error in errors)
    assert kept.content() == before
    kept.restore(snapshot)
