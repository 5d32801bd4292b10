"""Files that are no part of a log any more, and go when `file.delete.delay.ms` is over."""

from collections import deque
from collections.abc import Iterable

from kafkalite_storage.files.filesystem import FileSystem


class DelayedDeletes:
    """Paths that wait to be removed. They may be added in one thread and removed in another."""

    __slots__ = ("_fs", "_undated", "_waiting")

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        #: When each is to be removed, and its path.
        self._waiting: deque[tuple[int, str]] = deque()
        #: How long each is to wait from the next look on, and its path.
        self._undated: deque[tuple[int, str]] = deque()

    def add(self, paths: Iterable[str], *, delay_ms: int, now_ms: int | None) -> None:
        """Let files wait from now on, or without a time from the next `remove_due` on."""
        if now_ms is None:
            self._undated.extend((delay_ms, path) for path in paths)
        else:
            self._waiting.extend((now_ms + delay_ms, path) for path in paths)

    def remove_due(self, now_ms: int) -> None:
        """Remove those whose time has come; raises OSError, and what is left is tried again the next time."""
        while self._undated:
            delay_ms, path = self._undated.popleft()
            self._waiting.append((now_ms + delay_ms, path))
        while self._waiting and self._waiting[0][0] <= now_ms:
            self._fs.remove(self._waiting[0][1])
            self._waiting.popleft()
