"""A bound on the files that segments keep open.

A broker with ten thousand partitions would otherwise run out of descriptors. Segments mark themselves as
used; when the bound is passed, the oldest ones that were not used since the last round close their files (a
clock, not an exact LRU, so that a use costs one attribute).
"""

from collections import deque
from typing import Protocol


class Closable(Protocol):
    """An owner of open files that can reopen them."""

    used: bool

    def release(self) -> None:
        """Close the files."""
        ...


class FileHandleCache:
    """The segments with open files, oldest first; each may hold a log file and two index files."""

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._opened: deque[Closable] = deque()

    def __len__(self) -> int:
        return len(self._opened)

    def opened(self, segment: Closable) -> None:
        """Register a segment that has just opened its files, closing another's if there are too many."""
        while len(self._opened) >= self._limit:
            oldest = self._opened.popleft()
            if oldest.used:
                oldest.used = False
                self._opened.append(oldest)
            else:
                oldest.release()
        self._opened.append(segment)

    def forget(self, segment: Closable) -> None:
        """Drop a segment that was deleted or closed for good."""
        if segment in self._opened:
            self._opened.remove(segment)
