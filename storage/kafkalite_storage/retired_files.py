"""Files that are no part of a log any more, and go when `file.delete.delay.ms` is over."""

from collections import deque
from collections.abc import Iterable

from kafkalite_storage.filesystem import FileSystem


class RetiredFiles:
    """Paths that wait to be removed. They may be added in one thread and removed in another."""

    __slots__ = ("_fs", "_waiting")

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        #: When each is to be removed, and its path.
        self._waiting: deque[tuple[int, str]] = deque()

    def add(self, paths: Iterable[str], *, due_ms: int) -> None:
        """Let files wait until a time."""
        self._waiting.extend((due_ms, path) for path in paths)

    def remove_due(self, now_ms: int) -> None:
        """Remove those whose time has come; raises OSError, and what is left is tried again the next time."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            self._fs.remove(self._waiting[0][1])
            self._waiting.popleft()
