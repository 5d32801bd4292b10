"""Which bytes of a file this process wrote, or read and checked."""

from bisect import bisect_right
from typing import Final

_MOST_RANGES: Final = 64


class VerifiedRanges:
    """Disjoint ranges of positions in increasing order; neighbours that touch become one.

    Random reads leave many small ranges. Beyond 64 the smallest is forgotten, and is checked at its next read.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def covers(self, start: int, end: int) -> bool:
        """Return whether all bytes from start to before end are verified."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]

    def add(self, start: int, end: int) -> None:
        """Add a range."""
        if self._ends and self._ends[-1] == start < end:  # an append
            self._ends[-1] = end
            return
        if start >= end:
            return
        first = bisect_right(self._starts, start)
        if first and self._ends[first - 1] >= start:
            first -= 1
            start = self._starts[first]
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            end = max(end, self._ends[last])
            last += 1
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        if len(self._starts) > _MOST_RANGES:
            sizes = [stop - begin for begin, stop in zip(self._starts, self._ends, strict=True)]
            smallest = sizes.index(min(sizes))
            del self._starts[smallest], self._ends[smallest]

    def cut(self, position: int) -> None:
        """Forget everything from a position on."""
        while self._starts and self._starts[-1] >= position:
            del self._starts[-1], self._ends[-1]
        if self._ends and self._ends[-1] > position:
            self._ends[-1] = position
