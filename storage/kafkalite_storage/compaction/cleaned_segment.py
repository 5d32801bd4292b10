"""The files of a segment that compaction writes, with a suffix that a start does not take for a segment's."""

from struct import Struct
from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem
from kafkalite_storage.segment.replacement import CLEANED
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_storage.segment.transaction_index import AbortedTransaction, TransactionIndex
from kafkalite_wire.records import NO_TIMESTAMP

_TIME_ENTRY: Final = Struct(">qi")
_OFFSET_ENTRY: Final = Struct(">ii")
_FLUSH: Final = 128 * 1024


class CleanedSegment:
    """A segment that is being written. It is read only after it has replaced others. Methods raise OSError."""

    __slots__ = (
        "_base_offset",
        "_directory",
        "_file",
        "_fs",
        "_interval",
        "_offset_index",
        "_parts",
        "_position",
        "_since_index",
        "_time_index",
        "_timestamp",
        "_timestamp_indexed",
        "_timestamp_offset",
        "_unwritten",
    )

    def __init__(self, fs: FileSystem, directory: str, base_offset: int, interval: int) -> None:
        self._fs = fs
        self._directory = directory
        self._base_offset = base_offset
        self._interval = interval
        for suffix in (".index", ".timeindex", ".txnindex"):
            fs.remove(self._path(suffix))
        self._file: File = fs.open(self._path(".log"), create=True)
        self._file.truncate(0)
        self._parts: list[bytes] = []
        self._unwritten = self._position = self._since_index = 0
        self._offset_index = bytearray()
        self._time_index = bytearray()
        self._timestamp = self._timestamp_indexed = NO_TIMESTAMP
        self._timestamp_offset = base_offset

    @property
    def size(self) -> int:
        """Bytes of batches so far."""
        return self._position

    def add(self, batch: bytes, last_offset: int, max_timestamp: int) -> None:
        """Append a batch."""
        size = len(batch)
        self._parts.append(batch)
        self._unwritten += size
        if max_timestamp > self._timestamp:
            self._timestamp = max_timestamp
            self._timestamp_offset = last_offset
        if self._since_index > self._interval:
            self._offset_index += _OFFSET_ENTRY.pack(last_offset - self._base_offset, self._position)
            self._note_time()
            self._since_index = 0
        self._since_index += size
        self._position += size
        if self._unwritten >= _FLUSH:
            self._write()

    def add_aborted(self, aborted: AbortedTransaction) -> None:
        """Add an aborted transaction that left a batch to the transaction index."""
        TransactionIndex(self._fs, self._path(".txnindex")).append(aborted)

    def finish(self) -> None:
        """Write the last batches and the indexes."""
        self._write()
        self._note_time()
        for suffix, content in ((".index", self._offset_index), (".timeindex", self._time_index)):
            file = self._fs.open(self._path(suffix), create=True)
            if content:
                file.append((content,), len(content))
        if self._fs.exists(f"{self._directory}/{file_name(self._base_offset, '.txnindex')}"):
            # An empty file replaces the old one, whose entries do not belong to the new segment.
            self._fs.open(self._path(".txnindex"), create=True)

    def sync(self) -> None:
        """Sync all files and their names; may run in another thread."""
        self._file.sync()
        for suffix in (".index", ".timeindex", ".txnindex"):
            path = self._path(suffix)
            if self._fs.exists(path):
                self._fs.open(path).sync()
        self._fs.sync_directory(self._directory)

    def _write(self) -> None:
        if self._parts:
            self._file.append((b"".join(self._parts),), self._unwritten)
            self._parts.clear()
            self._unwritten = 0

    def _note_time(self) -> None:
        if self._timestamp > self._timestamp_indexed:
            self._timestamp_indexed = self._timestamp
            self._time_index += _TIME_ENTRY.pack(self._timestamp, self._timestamp_offset - self._base_offset)

    def _path(self, suffix: str) -> str:
        return f"{self._directory}/{file_name(self._base_offset, suffix + CLEANED)}"
