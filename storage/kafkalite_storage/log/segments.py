"""The segments of a log, oldest first: look-up by offset, changes at either end, replacement, and delayed removal."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.segment.segment_files import file_name


class LogSegments:
    """An ordered collection that always has an active segment, its last.

    One thread changes it; others may iterate over `all` at the same time: a new segment is added at the end of that
    list, and every other change replaces the list. Methods that touch files raise OSError, and DamagedLog where
    a file is not what was written.
    """

    __slots__ = ("_directory", "_files", "_fs", "_half_made", "active", "all", "bases")

    def __init__(self, fs: FileSystem, files: FileHandleCache, directory: str, segments: list[Segment]) -> None:
        self._fs = fs
        self._files = files
        self._directory = directory
        #: A segment that could not be created completely.
        self._half_made: Segment | None = None
        self._put(segments)

    def _put(self, segments: list[Segment]) -> None:
        #: This and the two that follow are to be read only.
        self.all = segments
        self.bases = [segment.base_offset for segment in segments]
        self.active = segments[-1]

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.all)

    def __contains__(self, segment: object) -> bool:
        return segment in self.all

    @property
    def size(self) -> int:
        """Bytes of all log files."""
        return sum(segment.size for segment in self.all)

    def number_at(self, offset: int) -> int:
        """Return the index of the segment that holds an offset; 0 for an offset before the first one."""
        return max(bisect_right(self.bases, offset) - 1, 0)

    def since(self, offset: int) -> Sequence[Segment]:
        """Return the segments from the one that an offset belongs to on; may be called in any thread."""
        segments = self.all
        return segments[max(bisect_right(segments, offset, key=_base_offset) - 1, 0) :]

    def begin(self, offset: int) -> Segment:
        """Add a new active segment. The next `cut_to` removes what a failure leaves."""
        segment = self._half_made = Segment(self._fs, self._files, self._directory, offset)
        segment.create()
        self._half_made = None
        self.all.append(segment)
        self.bases.append(offset)
        self.active = segment
        return segment

    def take_before(self, offset: int) -> Sequence[Segment]:
        """Remove and return the segments that end below an offset, except the active one."""
        count = self.number_at(offset)
        taken = self.all[:count]
        self._put(self.all[count:])
        return taken

    def cut_to(self, end: int) -> None:
        """Cut off what a failed write left after the end, and read the tail from the files again.

        Raises ValueError if the log cannot be made to end there.
        """
        if self._half_made is not None:
            self._half_made.files.delete()
            self._half_made = None
        while len(self.all) > 1 and self.active.base_offset > end:
            self._drop_active()
        segment = self.active
        segment.files.forget_indexes()
        located = segment.lookups.locate(end)
        segment.cut(segment.size if located is None else located[0])
        segment.lookups.keep_indexes_before(end)
        found_end = segment.load_tail()
        if found_end != end:
            raise ValueError(f"{segment.name} ends at offset {found_end}, not at {end}")

    def _drop_active(self) -> None:
        self.active.files.delete()
        self._put(self.all[:-1])

    def replace(self, old: Sequence[Segment]) -> Segment:
        """Replace adjacent closed segments with the `.swap` files that have the offset of the first."""
        new = Segment(self._fs, self._files, self._directory, old[0].base_offset, is_swap=True)
        for segment in old:
            self._close(segment)
        first = self.all.index(old[0])
        segments = list(self.all)
        segments[first : first + len(old)] = [new]
        self._put(segments)
        return new

    def close(self) -> None:
        """Close all files for good."""
        for segment in self.all:
            self._close(segment)

    def _close(self, segment: Segment) -> None:
        self._files.forget(segment.files)
        segment.files.release()


def _base_offset(segment: Segment) -> int:
    return segment.base_offset


class DelayedDeletes:
    """Files that are removed after `file.delete.delay.ms`. Adding and removing may happen in different threads."""

    __slots__ = ("_fs", "_undated", "_waiting")

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        #: The time of the removal, and the path.
        self._waiting: deque[tuple[int, str]] = deque()
        #: The delay from the next `remove_due` on, and the path.
        self._undated: deque[tuple[int, str]] = deque()

    def add(self, paths: Iterable[str], *, delay_ms: int, now_ms: int | None) -> None:
        """Add files. Without `now_ms` the delay begins with the next `remove_due`."""
        if now_ms is None:
            self._undated.extend((delay_ms, path) for path in paths)
        else:
            self._waiting.extend((now_ms + delay_ms, path) for path in paths)

    def remove_due(self, now_ms: int) -> None:
        """Remove the files that are due. After an OSError the next call continues."""
        while self._undated:
            delay_ms, path = self._undated.popleft()
            self._waiting.append((now_ms + delay_ms, path))
        while self._waiting and self._waiting[0][0] <= now_ms:
            self._fs.remove(self._waiting[0][1])
            self._waiting.popleft()


def rebuild_missing_indexes(fs: FileSystem, directory: str, segments: Sequence[Segment]) -> list[Segment]:
    """Rebuild missing index files; return their segments. Raises OSError."""
    names = set(fs.list(directory))
    remade = [
        segment
        for segment in segments
        if file_name(segment.base_offset, ".log") in names
        and not {file_name(segment.base_offset, suffix) for suffix in (".index", ".timeindex")} <= names
    ]
    for segment in remade:
        segment.lookups.rebuild_indexes()
        segment.lookups.offset_index.make_file()
        segment.lookups.time_index.make_file()
    return remade
