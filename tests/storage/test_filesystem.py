"""The file systems behave alike."""

import os

import pytest

from kafkalite_storage.filesystem import OsFileSystem
from kafkalite_storage.memory_filesystem import MemoryFileSystem


@pytest.fixture(params=["os", "memory"])
def place(request, tmp_path):
    fs = OsFileSystem() if request.param == "os" else MemoryFileSystem()
    directory = str(tmp_path / "d") if request.param == "os" else "/d"
    fs.make_directory(directory)
    return fs, directory


def test_what_is_appended_can_be_read_anywhere(place):
    fs, directory = place
    file = fs.open(f"{directory}/f", create=True)
    file.append((b"one", memoryview(b" two")), 7)
    file.append((b" three",), 6)
    assert (file.size(), file.read_at(4, 3), file.read_at(8, 99), file.read_at(99, 1)) == (13, b"two", b"three", b"")
    file.truncate(3)
    file.append((b"!",), 1)
    file.sync()
    assert fs.read(f"{directory}/f") == b"one!"


def test_a_file_stays_readable_after_its_name_is_gone(place):
    fs, directory = place
    file = fs.open(f"{directory}/f", create=True)
    file.append((b"kept",), 4)
    fs.remove(f"{directory}/f")
    fs.remove(f"{directory}/f")
    assert file.read_at(0, 4) == b"kept"
    assert not fs.exists(f"{directory}/f")
    with pytest.raises(FileNotFoundError):
        fs.open(f"{directory}/f")


def test_replacing_a_file_leaves_nothing_beside_it(place):
    fs, directory = place
    for content in (b"old", b"new", b""):
        fs.replace(f"{directory}/f", content)
        assert fs.read(f"{directory}/f") == content
    assert fs.list(directory) == ["f"]


def test_directories_are_renamed_and_removed_with_what_they_hold(place):
    fs, directory = place
    fs.make_directory(f"{directory}/a/b")
    fs.make_directory(f"{directory}/a")
    fs.replace(f"{directory}/a/b/f", b"x")
    fs.rename(f"{directory}/a", f"{directory}/c")
    assert fs.list(directory) == ["c"]
    assert fs.read(f"{directory}/c/b/f") == b"x"
    fs.sync_directory(directory)
    fs.remove_directory(f"{directory}/c")
    assert fs.list(directory) == []


def test_missing_files_and_directories_are_errors(place):
    fs, directory = place
    for action in (
        lambda: fs.read(f"{directory}/none"),
        lambda: fs.list(f"{directory}/none"),
        lambda: fs.rename(f"{directory}/none", f"{directory}/other"),
        lambda: fs.open(f"{directory}/none/f", create=True),
    ):
        with pytest.raises(OSError, match=r"no such|No such"):
            action()


def test_a_lock_has_one_owner(place):
    fs, directory = place
    lock = fs.lock(f"{directory}/.lock")
    assert fs.lock(f"{directory}/.lock") is None
    lock.release()
    again = fs.lock(f"{directory}/.lock")
    assert again is not None
    again.release()


def test_a_file_of_the_system_closes_when_nobody_refers_to_it(tmp_path):
    file = OsFileSystem().open(str(tmp_path / "f"), create=True)
    descriptor = file.fileno()
    os.fstat(descriptor)
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_slice_of_the_system_can_be_sent(tmp_path):
    file = OsFileSystem().open(str(tmp_path / "f"), create=True)
    file.append((b"0123456789",), 10)
    reader, writer = os.pipe()
    try:
        assert os.sendfile(writer, file.fileno(), 3, 4) == 4
        assert os.read(reader, 10) == b"3456"
    finally:
        os.close(reader)
        os.close(writer)
