"""The file systems behave alike."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkalite_storage.files.filesystem import FileSystem, OsFileSystem
from kafkalite_storage.files.memory_filesystem import MemoryFile, MemoryFileSystem

Place = tuple[FileSystem, str]


@pytest.fixture(params=["os", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    fs: FileSystem = OsFileSystem() if request.param == "os" else MemoryFileSystem()
    directory = str(tmp_path / "d") if request.param == "os" else "/d"
    fs.make_directory(directory)
    return fs, directory


def test_what_is_appended_can_be_read_anywhere(place: Place) -> None:
    fs, directory = place
    file = fs.open(f"{directory}/f", create=True)
    file.append((b"one", memoryview(b" two")), 7)
    file.append((b" three",), 6)
    assert (file.size(), file.read_at(4, 3), file.read_at(8, 99), file.read_at(99, 1)) == (13, b"two", b"three", b"")
    file.truncate(3)
    file.append((b"!",), 1)
    file.sync()
    assert fs.read(f"{directory}/f") == b"one!"


def test_a_file_stays_readable_after_its_name_is_gone(place: Place) -> None:
    fs, directory = place
    file = fs.open(f"{directory}/f", create=True)
    file.append((b"kept",), 4)
    fs.remove(f"{directory}/f")
    fs.remove(f"{directory}/f")
    assert file.read_at(0, 4) == b"kept"
    assert not fs.exists(f"{directory}/f")
    with pytest.raises(FileNotFoundError):
        fs.open(f"{directory}/f")


def test_replacing_a_file_leaves_nothing_beside_it(place: Place) -> None:
    fs, directory = place
    for content in (b"old", b"new", b""):
        fs.replace(f"{directory}/f", content)
        assert fs.read(f"{directory}/f") == content
    assert fs.list(directory) == ["f"]


def test_directories_are_renamed_and_removed_with_what_they_hold(place: Place) -> None:
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


def test_missing_files_and_directories_are_errors(place: Place) -> None:
    fs, directory = place
    for action in (
        lambda: fs.read(f"{directory}/none"),
        lambda: fs.list(f"{directory}/none"),
        lambda: fs.rename(f"{directory}/none", f"{directory}/other"),
        lambda: fs.open(f"{directory}/none/f", create=True),
    ):
        with pytest.raises(OSError, match=r"no such|No such"):
            action()


def test_a_lock_has_one_owner(place: Place) -> None:
    fs, directory = place
    lock = fs.lock(f"{directory}/.lock")
    assert lock is not None
    assert fs.lock(f"{directory}/.lock") is None
    lock.release()
    again = fs.lock(f"{directory}/.lock")
    assert again is not None
    again.release()


def test_a_file_of_the_system_closes_when_nobody_refers_to_it(tmp_path: Path) -> None:
    file = OsFileSystem().open(str(tmp_path / "f"), create=True)
    descriptor = file.fileno()
    os.fstat(descriptor)
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_slice_of_the_system_can_be_sent(tmp_path: Path) -> None:
    file = OsFileSystem().open(str(tmp_path / "f"), create=True)
    file.append((b"0123456789",), 10)
    reader, writer = os.pipe()
    try:
        assert os.sendfile(writer, file.fileno(), 3, 4) == 4
        assert os.read(reader, 10) == b"3456"
    finally:
        os.close(reader)
        os.close(writer)


def test_a_link_is_the_same_file_under_a_second_name(place: Place) -> None:
    fs, directory = place
    fs.replace(f"{directory}/f", b"closed")
    fs.link(f"{directory}/f", f"{directory}/g")
    fs.remove(f"{directory}/f")
    assert fs.read(f"{directory}/g") == b"closed"


@pytest.mark.parametrize("size", [0, 5, 64 * 1024, 300_000])
def test_neither_a_file_nor_its_copy_sees_what_becomes_of_the_other(place: Place, size: int) -> None:
    fs, directory = place
    content = bytes(range(256)) * (size // 256 + 1)
    before = content[:size]
    fs.replace(f"{directory}/f", before)
    fs.copy(f"{directory}/f", f"{directory}/g")
    one, other = fs.open(f"{directory}/f"), fs.open(f"{directory}/g")
    one.append((b"one",), 3)
    other.append((b"another",), 7)
    assert (fs.read(f"{directory}/f"), fs.read(f"{directory}/g")) == (before + b"one", before + b"another")
    fs.copy(f"{directory}/g", f"{directory}/h")
    other.truncate(size // 2)
    other.append((b"!",), 1)
    fs.rewrite(f"{directory}/f", size // 3, b"x")
    assert fs.read(f"{directory}/g") == before[: size // 2] + b"!"
    assert fs.read(f"{directory}/f") == before[: size // 3] + b"x" + (before + b"one")[size // 3 + 1 :]
    assert fs.read(f"{directory}/h") == before + b"another"
    assert fs.open(f"{directory}/h").read_at(max(0, size - 4), 8) == (before + b"another")[max(0, size - 4) :][:8]


def test_a_clone_is_made_whole_or_not_at_all(place: Place) -> None:
    fs, directory = place
    fs.replace(f"{directory}/f", b"content" * 50_000)
    if fs.clone(f"{directory}/f", f"{directory}/g"):
        assert fs.read(f"{directory}/g") == b"content" * 50_000
    else:
        assert fs.list(directory) == ["f"]


def test_a_name_that_is_taken_is_not_copied_over_on_a_disk(tmp_path: Path) -> None:
    fs = OsFileSystem()
    for name in ("f", "g"):
        fs.replace(f"{tmp_path}/{name}", name.encode())
    for make in (fs.link, fs.copy):
        with pytest.raises(FileExistsError):
            make(f"{tmp_path}/f", f"{tmp_path}/g")
    assert fs.read(f"{tmp_path}/g") == b"g"


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["append", "truncate", "rewrite", "clone", "swap"]),
            st.integers(0, 200_000),
            st.integers(0, 100_000),
        ),
        max_size=20,
    )
)
def test_clones_in_memory_hold_what_copies_would(steps: list[tuple[str, int, int]]) -> None:
    """Two files and what they should hold; each step changes the first one, or makes it the other's clone."""
    files, models = [MemoryFile(), MemoryFile()], [b"", b""]
    for number, (kind, at, size) in enumerate(steps):
        data = bytes([number]) * size
        match kind:
            case "append":
                files[0].append((data,), size)
                models[0] += data
            case "truncate":
                at = min(at, len(models[0]))
                files[0].truncate(at)
                models[0] = models[0][:at]
            case "rewrite":
                at = min(at, len(models[0]))
                data = data[: len(models[0]) - at]
                files[0].rewrite(at, data)
                models[0] = models[0][:at] + data + models[0][at + len(data) :]
            case "clone":
                files[1], models[1] = files[0].clone(), models[0]
            case _:
                files.reverse()
                models.reverse()
        for file, model in zip(files, models, strict=True):
            assert file.size() == len(model)
            assert file.read_at(0, len(model) + 1) == model
            assert file.read_at(at, size) == model[at : at + size]
