"""The sparse indexes beside a segment, in Kafka's formats: `.index` by offset, `.timeindex` by timestamp.

Kafka maps preallocated files into memory; these are appended to instead, so that a file is valid at every
moment. The entries are also kept in arrays from the first use on, where a look-up is a bisection in C.
"""

from array import array
from bisect import bisect_left, bisect_right
from operator import lt
from struct import Struct
from typing import Final

from kafkalite_storage.files.filesystem import File, FileSystem

_OFFSET_ENTRY: Final = Struct(">ii")
_TIME_ENTRY: Final = Struct(">qi")
OFFSET_ENTRY_SIZE: Final = _OFFSET_ENTRY.size
TIME_ENTRY_SIZE: Final = _TIME_ENTRY.size


class _Index:
    """The file of an index, and its two columns in memory."""

    __slots__ = ("_columns", "_file", "_fs", "_path", "_size")

    def __init__(self, fs: FileSystem, path: str, entry_size: int, columns: "tuple[array[int], array[int]]") -> None:
        self._fs = fs
        self._path = path
        self._size = entry_size
        self._columns = columns
        self._file: File | None = None

    def __len__(self) -> int:
        return len(self._columns[0])

    def keep(self, entries: int) -> None:
        """Drop all but the first entries."""
        if entries >= len(self):
            return  # a missing file stays missing; the next append cuts off a torn entry
        self._open().truncate(entries * self._size)
        for column in self._columns:
            del column[entries:]

    def make_file(self) -> None:
        """Make the file if there is none."""
        self._open()

    def _open(self) -> File:
        file = self._file
        if file is None:
            file = self._fs.open(self._path, create=True)
            if file.size() != len(self) * self._size:
                file.truncate(len(self) * self._size)
            self._file = file
        return file


class OffsetIndex(_Index):
    """Entries of (relative offset, position of the batch that ends there), both int32 and increasing."""

    __slots__ = ("offsets", "positions")

    def __init__(self, fs: FileSystem, path: str) -> None:
        self.offsets, self.positions = decode_offset_index(fs.read(path) if fs.exists(path) else b"")
        super().__init__(fs, path, OFFSET_ENTRY_SIZE, (self.offsets, self.positions))

    def entry_for(self, relative_offset: int) -> int:
        """Return the last entry that is not beyond an offset, -1 if there is none."""
        return bisect_right(self.offsets, relative_offset) - 1

    def look_up(self, relative_offset: int) -> int:
        """Return the position from which a search for an offset starts."""
        entry = self.entry_for(relative_offset)
        return self.positions[entry] if entry >= 0 else 0

    def offset_beyond(self, position: int) -> int | None:
        """Return the relative offset of the first entry at a position or after it, None if there is none."""
        entry = bisect_left(self.positions, position)
        return self.offsets[entry] if entry < len(self) else None

    def append(self, relative_offset: int, position: int) -> None:
        """Add an entry to file and memory."""
        self._open().append((_OFFSET_ENTRY.pack(relative_offset, position),), OFFSET_ENTRY_SIZE)
        self.offsets.append(relative_offset)
        self.positions.append(position)

    def is_sound(self, size: int) -> bool:
        """Return whether both columns increase and point into a segment of size bytes."""
        return (
            _increases(self.offsets)
            and _increases(self.positions)
            and (not self.positions or self.positions[-1] < size)
        )


class TimeIndex(_Index):
    """Entries of (timestamp int64 in milliseconds, relative offset int32), both increasing.

    An entry says that no record up to this offset is newer than the timestamp.
    """

    __slots__ = ("offsets", "timestamps")

    def __init__(self, fs: FileSystem, path: str) -> None:
        self.timestamps, self.offsets = decode_time_index(fs.read(path) if fs.exists(path) else b"")
        super().__init__(fs, path, TIME_ENTRY_SIZE, (self.timestamps, self.offsets))

    def entry_before(self, timestamp: int) -> int:
        """Return the last entry that is older than a time, -1 if there is none."""
        return bisect_right(self.timestamps, timestamp - 1) - 1

    def maybe_append(self, timestamp: int, relative_offset: int) -> None:
        """Add an entry if its time is newer."""
        if timestamp < 0 or (self.timestamps and timestamp <= self.timestamps[-1]):
            return
        self._open().append((_TIME_ENTRY.pack(timestamp, relative_offset),), TIME_ENTRY_SIZE)
        self.timestamps.append(timestamp)
        self.offsets.append(relative_offset)

    def keep_before(self, relative_offset: int) -> None:
        """Drop the entries at and after an offset."""
        if self.offsets and self.offsets[-1] >= relative_offset:
            self.keep(bisect_right(self.offsets, relative_offset - 1))

    def is_sound(self) -> bool:
        """Return whether both columns increase."""
        return _increases(self.timestamps) and _increases(self.offsets)


_NATIVE_IS_LITTLE: Final = array("i", [1]).tobytes()[0] == 1


def decode_offset_index(content: bytes) -> "tuple[array[int], array[int]]":
    """Return the columns of a `.index`, relative offsets and positions; bytes behind the last whole entry are left."""
    numbers = array("i")
    if numbers.itemsize != _OFFSET_ENTRY.size // 2:  # pragma: no cover  # no such platform is known
        raise NotImplementedError("a C int of 32 bits is needed")
    numbers.frombytes(content[: len(content) // OFFSET_ENTRY_SIZE * OFFSET_ENTRY_SIZE])
    if _NATIVE_IS_LITTLE:
        numbers.byteswap()
    return numbers[0::2], numbers[1::2]


def decode_time_index(content: bytes) -> "tuple[array[int], array[int]]":
    """Return the columns of a `.timeindex`, timestamps and relative offsets; odd bytes at the end are left."""
    # An entry is three words of 32 bits. Columns are cut out of them in C: there may be hundreds of thousands.
    words = array("i")
    words.frombytes(content[: len(content) // TIME_ENTRY_SIZE * TIME_ENTRY_SIZE])
    if _NATIVE_IS_LITTLE:
        words.byteswap()
    offsets = words[2::3]
    halves = array("i", bytes(2 * words.itemsize * len(offsets)))
    halves[_NATIVE_IS_LITTLE::2] = words[0::3]
    halves[not _NATIVE_IS_LITTLE :: 2] = words[1::3]
    return array("q", halves.tobytes()), offsets


def _increases(column: "array[int]") -> bool:
    return all(map(lt, column, column[1:]))
