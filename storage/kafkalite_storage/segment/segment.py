"""One segment of a partition: a `.log` file of batches with its indexes."""

from collections.abc import Iterator
from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.segment.segment_files import SegmentFiles
from kafkalite_storage.segment.segment_lookups import SegmentLookups
from kafkalite_wire.payloads import FileSender
from kafkalite_wire.records import HEADER_SIZE, NO_TIMESTAMP, BatchHeader, Buffer, read_header
from kafkalite_wire.values import value_class

LARGEST_RELATIVE_OFFSET: Final = 0x7FFF_FFFF


@value_class
class FetchSlice:
    """Whole batches (the last may be cut off) as a range of a file, for `sendfile` or for `read`.

    The file stays readable as long as the slice refers to it, even when its segment is deleted.
    """

    file: File | None
    position: int
    size: int

    def __len__(self) -> int:
        return self.size

    @property
    def has_descriptor(self) -> bool:
        """Whether the file is one of the operating system, not one in memory."""
        try:
            return self.file is not None and self.file.fileno() >= 0
        except OSError:
            return False

    def read(self, size: int | None = None) -> bytes:
        """Return the bytes, or the first `size` of them."""
        wanted = self.size if size is None else min(size, self.size)
        return self.file.read_at(self.position, wanted) if self.file is not None else b""

    def send_to(self, sender: FileSender, start: int) -> int:
        """Send the bytes from `start` on, as many as are taken now. Return how many."""
        assert self.file is not None
        return sender.send_file(self.file.fileno(), self.position + start, self.size - start)


NOTHING: Final = FetchSlice(None, 0, 0)


class Segment:
    """Batches from `base_offset` on.

    Files are opened at the first use and may be closed by FileHandleCache between any two calls. Methods raise
    OSError, and DamagedLog where a file is not what was written.
    """

    __slots__ = ("base_offset", "files", "first_timestamp", "holds_transactions", "lookups")

    def __init__(
        self, fs: FileSystem, cache: FileHandleCache, directory: str, base_offset: int, *, is_swap: bool = False
    ) -> None:
        self.base_offset = base_offset
        self.files = SegmentFiles(fs, cache, directory, base_offset, is_swap=is_swap)
        self.lookups = SegmentLookups(self.files)
        self.first_timestamp: int | None = None
        #: Whether a batch of a transaction was served from it; False says nothing.
        self.holds_transactions = False

    def __repr__(self) -> str:
        return f"<Segment {self.name}>"

    @property
    def name(self) -> str:
        """Path of the log file, for messages."""
        return self.files.name

    @property
    def size(self) -> int:
        """Bytes of the log file."""
        return self.files.size

    def create(self) -> None:
        """Make the files of a new segment. Remove what a crash may have left."""
        self.files.make()
        self.lookups.begin()

    def begin_without_file(self) -> None:
        """Begin a new segment whose file is made by the first append."""
        self.files.begin_without_file()
        self.lookups.begin()

    def headers(self) -> Iterator[BatchHeader]:
        """Yield the header of every batch."""
        return (header for _, header in iter_headers(self.files.log_file(), 0, self.size))

    def append(
        self,
        parts: tuple[Buffer, ...],
        size: int,
        base_offset: int,
        last_offset: int,
        max_timestamp: int,
        interval: int,
    ) -> None:
        """Write one batch of size bytes at the end; every interval bytes an index entry goes with it."""
        position = self.files.append(parts, size)
        self.note_batch(position, size, base_offset, last_offset, max_timestamp, interval)

    def note_batch(
        self, position: int, size: int, base_offset: int, last_offset: int, max_timestamp: int, interval: int
    ) -> None:
        """Note a batch that is in the file, and write the index entry that it may get."""
        if self.first_timestamp is None:
            self.first_timestamp = max_timestamp
        self.lookups.note_batch(position, size, base_offset, last_offset, max_timestamp, interval)

    def is_full(self, size: int, last_offset: int, *, segment_bytes: int, index_bytes: int) -> bool:
        """Return whether a batch of size bytes belongs into the next segment."""
        if self.size + size > segment_bytes:
            return self.size > 0
        if last_offset - self.base_offset > LARGEST_RELATIVE_OFFSET:
            return True
        return self.lookups.are_full(index_bytes)

    def load_tail(self, until: int | None = None) -> int:
        """Learn size, newest timestamp and end offset from the files, trusting them; return the end offset.

        With until, stop at the batch that holds that offset. Raises ValueError when the files contradict each other.
        """
        end_offset = self.lookups.load_tail(until)
        self.first_timestamp = None
        self.oldest()
        return end_offset

    def oldest(self) -> int:
        """Return the newest timestamp of the first batch; -1 when empty."""
        if self.first_timestamp is None and self.size >= HEADER_SIZE:
            self.first_timestamp = read_header(self.files.log_file().read_at(0, HEADER_SIZE)).max_timestamp
        return NO_TIMESTAMP if self.first_timestamp is None else self.first_timestamp

    def read(self, offset: int, max_bytes: int, *, min_one_batch: bool, end: int | None = None) -> FetchSlice | None:
        """Return the batches from the one that holds offset on, before the position end, if any."""
        found = self.lookups.locate(offset)
        if found is None:
            return None
        position, first_size = found
        size = min(max_bytes, (self.size if end is None else end) - position)
        if size < first_size:
            if not min_one_batch:
                return NOTHING
            size = first_size
        return FetchSlice(self.files.log_file(), position, size)

    def cut(self, position: int) -> None:
        """Truncate the log file; indexes are the caller's to rebuild."""
        self.files.cut(position)
        self.lookups.cut(position)
        if position == 0:
            self.first_timestamp = None

    def forget_tail(self) -> None:
        """Start to learn the batches from the first one on again."""
        self.first_timestamp = None
        self.lookups.forget_tail()
