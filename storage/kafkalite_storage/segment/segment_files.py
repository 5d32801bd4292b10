"""The files of one segment: opened at their first use, synced, and removed in an order that survives a crash."""

from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.indexes import OffsetIndex, TimeIndex
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_wire.records import Buffer, CorruptBatch, check_batch

#: Suffix of files that wait for their removal.
DELETED: Final = ".deleted"
SWAP: Final = ".swap"
_SUFFIXES: Final = (".log", ".index", ".timeindex", ".txnindex")
_COPIED: Final = 1024 * 1024


def file_name(offset: int, suffix: str) -> str:
    """Return the name of a file of the segment that starts at an offset."""
    return f"{offset:020d}{suffix}"


class SegmentFiles:
    """The `.log` file and the indexes beside it, by name. Methods raise OSError."""

    __slots__ = (
        "_cache",
        "_directory",
        "_log",
        "_size",
        "_state",
        "base_offset",
        "fs",
        "offset_index",
        "time_index",
        "used",
    )

    def __init__(
        self, fs: FileSystem, cache: FileHandleCache, directory: str, base_offset: int, *, is_swap: bool = False
    ) -> None:
        self.fs = fs
        self._cache = cache
        self._directory = directory
        #: Suffix of all files while the segment replaces others.
        self._state = SWAP if is_swap else ""
        self.base_offset = base_offset
        self.used = False
        self._log: File | None = None
        self._size = -1
        #: The indexes that were read; `release` drops them.
        self.offset_index: OffsetIndex | None = None
        self.time_index: TimeIndex | None = None

    @property
    def name(self) -> str:
        """Path of the log file, for messages."""
        return self.path_of(".log")

    @property
    def size(self) -> int:
        """Bytes of the log file."""
        if self._size < 0:
            self._size = self.log_file().size()
        return self._size

    def path_of(self, suffix: str) -> str:
        """Return the current path of one of the files."""
        return f"{self._directory}/{file_name(self.base_offset, suffix)}{self._state}"

    def log_file(self) -> File:
        """Return the open log file."""
        self.used = True
        file = self._log
        if file is None:
            self._cache.opened(self)
            file = self._log = self.fs.open(self.path_of(".log"), create=True)
        return file

    def release(self) -> None:
        """Close the files; the next use opens them again, and reads the indexes again."""
        self._log = None
        self.forget_indexes()

    def forget_indexes(self) -> None:
        """Discard both indexes' cached entries: a failed write may have left anything behind them."""
        self.offset_index = None
        self.time_index = None

    def append(self, parts: tuple[Buffer, ...], size: int) -> int:
        """Write size bytes at the end of the log file; return their position."""
        file = self._log
        if file is None:
            file = self.log_file()
        self.used = True
        position = self._size
        file.append(parts, size)
        self._size = position + size
        return position

    def cut(self, position: int) -> None:
        """Truncate the log file."""
        self.log_file().truncate(position)
        self._size = position

    def begin_without_file(self) -> None:
        """Begin a segment whose log file the first append makes."""
        self._size = 0

    def measure(self) -> int:
        """Return the size of the log file, as the file system knows it now."""
        self._size = size = self.log_file().size()
        return size

    def make(self) -> None:
        """Make an empty log file without indexes. Remove what a crash may have left."""
        self.log_file().truncate(0)
        self._size = 0
        for suffix in _SUFFIXES[1:]:
            self.fs.remove(self.path_of(suffix))

    def sync(self, *, indexes: bool) -> None:
        """Sync the log file, and the indexes if asked to: they can be rebuilt.

        May run in another thread than appends and reads: it opens nothing that they would see.
        """
        (self._log or self.fs.open(self.path_of(".log"))).sync()
        if indexes:
            for suffix in _SUFFIXES[1:]:
                path = self.path_of(suffix)
                if self.fs.exists(path):
                    self.fs.open(path).sync()

    def rewrite_log(self, start: int, end: int) -> None:
        """Write the batches from offset start to before end once more, after a sync failed.

        The kernel then takes their pages for written, though they are not: the next sync succeeds without them. What
        the page cache has is checked first, because the kernel may also have dropped those pages and read the old ones
        from the disk. Raises OSError for a batch that is lost. May run in another thread than appends and reads.
        """
        path = self.path_of(".log")
        file = self.fs.open(path)
        for position, header, batch in iter_batches(file, 0, file.size()):
            if header.next_offset <= start:
                continue
            if header.next_offset > end:
                return
            try:
                check_batch(batch)
            except CorruptBatch as error:
                raise OSError(f"{path} at byte {position} was lost in a failed sync: {error}") from error
            self.fs.rewrite(path, position, batch)

    def rewrite_indexes(self) -> None:
        """Write the content of the indexes once more, for the same reason."""
        for suffix in _SUFFIXES[1:]:
            path = self.path_of(suffix)
            if self.fs.exists(path) and (content := self.fs.read(path)):
                self.fs.rewrite(path, 0, content)

    def set_aside(self, position: int) -> None:
        """Copy the log file from a position on to a `.damaged` file, which the broker neither reads nor removes."""
        path = f"{self.path_of('.log')}.{position}.damaged"
        file = self.log_file()
        self.fs.remove(path)
        copy = self.fs.open(path, create=True)
        while piece := file.read_at(position, _COPIED):
            copy.append((piece,), len(piece))
            position += len(piece)
        copy.sync()
        self.fs.sync_directory(self._directory)

    def retire(self) -> list[str]:
        """Rename the files to `.deleted`; return their new paths.

        The new name of the log file is on disk when this returns, as in `delete`.
        """
        self._cache.forget(self)
        self.release()
        retired: list[str] = []
        for suffix in _SUFFIXES:
            path = self.path_of(suffix)
            if self.fs.exists(path):
                self.fs.rename(path, path + DELETED)
                retired.append(path + DELETED)
            if suffix == ".log":
                self.fs.sync_directory(self._directory)
        return retired

    def settled(self) -> None:
        """Note that the files have lost the suffix `.swap`."""
        self._cache.forget(self)
        self.release()
        self._state = ""

    def delete(self) -> None:
        """Remove the files; slices that were handed out stay readable.

        The removal of the log file is on disk when this returns. A power cut during the removal of several segments
        could otherwise bring back any of them, and leave a gap.
        """
        self._cache.forget(self)
        self.release()
        self.fs.remove(self.path_of(".log"))
        self.fs.sync_directory(self._directory)
        for suffix in _SUFFIXES[1:]:
            self.fs.remove(self.path_of(suffix))
