"""The files of one segment: opened when they are first used, synced, and removed in an order that survives a crash."""

from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_wire.records import CorruptBatch, check_batch

#: What is added to the names of files that are to be removed soon.
DELETED: Final = ".deleted"
SWAP: Final = ".swap"
_SUFFIXES: Final = (".log", ".index", ".timeindex", ".txnindex")
_COPIED: Final = 1024 * 1024


def file_name(offset: int, suffix: str) -> str:
    """Name a file of the segment that starts at an offset, as Kafka does."""
    return f"{offset:020d}{suffix}"


class SegmentFiles:
    """The `.log` file and the indexes beside it, by name. Methods raise OSError."""

    __slots__ = ("_directory", "_files", "_fs", "_log", "_size", "_state", "base_offset", "used")

    def __init__(
        self, fs: FileSystem, files: FileHandleCache, directory: str, base_offset: int, *, is_swap: bool = False
    ) -> None:
        self._fs = fs
        self._files = files
        self._directory = directory
        #: What its files' names end with while it replaces others.
        self._state = SWAP if is_swap else ""
        self.base_offset = base_offset
        self.used = False
        self._log: File | None = None
        self._size = -1

    def __repr__(self) -> str:
        return f"<Segment {self.path_of('.log')}>"

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
        """Name one of its files as it is called now."""
        return f"{self._directory}/{file_name(self.base_offset, suffix)}{self._state}"

    def log_file(self) -> File:
        """Return the open log file."""
        self.used = True
        file = self._log
        if file is None:
            self._files.opened(self)
            file = self._log = self._fs.open(self.path_of(".log"), create=True)
        return file

    def release(self) -> None:
        """Close the files; the next use opens them again."""
        self._log = None

    def make(self) -> None:
        """Make an empty log file without indexes, whatever a crash may have left."""
        self.log_file().truncate(0)
        self._size = 0
        for suffix in _SUFFIXES[1:]:
            self._fs.remove(self.path_of(suffix))

    def sync(self, *, indexes: bool) -> None:
        """Return when the segment is on disk; a cache such as an index may follow later.

        May run in another thread than appends and reads: it opens nothing that they would see.
        """
        (self._log or self._fs.open(self.path_of(".log"))).sync()
        if indexes:
            for suffix in _SUFFIXES[1:]:
                path = self.path_of(suffix)
                if self._fs.exists(path):
                    self._fs.open(path).sync()

    def rewrite_log(self, start: int, end: int) -> None:
        """Write the batches from offset start to before end once more, after a sync failed.

        The kernel then takes their pages for written, though they are not: the next sync succeeds without them. What
        the page cache has is checked first, because the kernel may also have dropped those pages and read the old ones
        from the disk. Raises OSError for a batch that is lost. May run in another thread than appends and reads.
        """
        path = self.path_of(".log")
        file = self._fs.open(path)
        for position, header, batch in iter_batches(file, 0, file.size()):
            if header.next_offset <= start:
                continue
            if header.next_offset > end:
                return
            try:
                check_batch(batch)
            except CorruptBatch as error:
                raise OSError(f"{path} at byte {position} was lost in a failed sync: {error}") from error
            self._fs.rewrite(path, position, batch)

    def rewrite_indexes(self) -> None:
        """Write the content of the indexes once more, for the same reason."""
        for suffix in _SUFFIXES[1:]:
            path = self.path_of(suffix)
            if self._fs.exists(path) and (content := self._fs.read(path)):
                self._fs.rewrite(path, 0, content)

    def set_aside(self, position: int) -> None:
        """Copy the log file from a position on into a file of its own, which is never read or removed by the broker."""
        path = f"{self.path_of('.log')}.{position}.damaged"
        file = self.log_file()
        self._fs.remove(path)
        copy = self._fs.open(path, create=True)
        while piece := file.read_at(position, _COPIED):
            copy.append((piece,), len(piece))
            position += len(piece)
        copy.sync()
        self._fs.sync_directory(self._directory)

    def retire(self) -> list[str]:
        """Take the files out of the log by renaming them; return what they are called until they are removed.

        The log file's name is gone for good when this returns, as in `delete`.
        """
        self._files.forget(self)
        self.release()
        retired: list[str] = []
        for suffix in _SUFFIXES:
            path = self.path_of(suffix)
            if self._fs.exists(path):
                self._fs.rename(path, path + DELETED)
                retired.append(path + DELETED)
            if suffix == ".log":
                self._fs.sync_directory(self._directory)
        return retired

    def settled(self) -> None:
        """Note that the files have got their names, after it has replaced others."""
        self._files.forget(self)
        self.release()
        self._state = ""

    def delete(self) -> None:
        """Remove the files; slices that were handed out stay readable.

        The log file is gone for good when this returns. Of several segments that are removed in their order, a power
        cut could otherwise bring back any, and leave a gap.
        """
        self._files.forget(self)
        self.release()
        self._fs.remove(self.path_of(".log"))
        self._fs.sync_directory(self._directory)
        for suffix in _SUFFIXES[1:]:
            self._fs.remove(self.path_of(suffix))
