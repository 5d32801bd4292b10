"""Fetches that wait until enough has been written, or until their time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Partition = tuple[str, int]


class DelayedFetch:
    """A fetch that wants ``missing`` more bytes before it answers."""

    __slots__ = ("complete", "missing", "partitions")

    def __init__(self, partitions: tuple[Partition, ...], missing: int, complete: Callable[[], None]) -> None:
        self.partitions = partitions
        self.missing = missing
        self.complete = complete


class DelayedFetches:
    """All fetches that wait, found by the partitions that they wait for.

    Completion is put off until :meth:`complete_ready`, so that a producer's own reply leaves before the consumers that
    it wakes are served.
    """

    def __init__(self) -> None:
        self._waiting: dict[Partition, dict[DelayedFetch, None]] = {}
        self._ready: dict[DelayedFetch, None] = {}

    def __len__(self) -> int:
        return len({fetch for waiting in self._waiting.values() for fetch in waiting})

    def add(self, partitions: Iterable[Partition], missing: int, complete: Callable[[], None]) -> DelayedFetch:
        """Keep a fetch until ``missing`` bytes have been appended to its partitions; then call ``complete``, once."""
        fetch = DelayedFetch(tuple(partitions), missing, complete)
        for partition in fetch.partitions:
            self._waiting.setdefault(partition, {})[fetch] = None
        return fetch

    def remove(self, fetch: DelayedFetch) -> None:
        """Forget a fetch: it was answered otherwise, or nobody waits for the answer."""
        self._ready.pop(fetch, None)
        for partition in fetch.partitions:
            waiting = self._waiting.get(partition)
            if waiting is not None:
                waiting.pop(fetch, None)
                if not waiting:
                    del self._waiting[partition]

    def appended(self, partition: Partition, size: int) -> None:
        """Count bytes that a partition has gained."""
        waiting = self._waiting.get(partition)
        if waiting:
            for fetch in waiting:
                fetch.missing -= size
                if fetch.missing <= 0:
                    self._ready[fetch] = None

    def changed(self, topic: str) -> None:
        """Wake all fetches of a topic: it was deleted, or its partitions are no longer what they were."""
        for (name, _), waiting in self._waiting.items():
            if name == topic:
                self._ready.update(waiting)

    def wake_all(self) -> None:
        """Wake everything that waits, because the broker stops."""
        for waiting in self._waiting.values():
            self._ready.update(waiting)

    def complete_ready(self) -> None:
        """Answer the fetches that have what they waited for."""
        while self._ready:
            fetch, _ = self._ready.popitem()
            self.remove(fetch)
            fetch.complete()
