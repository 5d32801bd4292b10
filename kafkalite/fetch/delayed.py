"""Delayed operations that wait for partitions: fetches that have too little to answer with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

Partition = tuple[str, int]
Guard = Callable[[str, Callable[[], None], Callable[[str], None]], None]
"""Calls a function, and another one with the reason if that fails."""


def _always(_: Partition) -> bool:
    return True


def _ignore(_: str) -> None:
    pass


class DelayedFetch:
    """An operation that waits until ``is_complete`` says so of a partition that has changed."""

    __slots__ = ("complete", "fail", "is_complete", "partitions")

    def __init__(
        self,
        complete: Callable[[], None],
        is_complete: Callable[[Partition], bool],
        fail: Callable[[str], None],
    ) -> None:
        self.partitions: Final[list[Partition]] = []
        self.complete: Final = complete
        self.is_complete: Final = is_complete
        self.fail: Final = fail


class DelayedFetches:
    """All operations that wait, found by the partitions that they wait for.

    They are checked in :meth:`complete_ready`, so that a producer's own response leaves before the consumers that it
    wakes are served.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._waiting: dict[Partition, dict[DelayedFetch, None]] = {}
        self._by_topic: dict[str, set[Partition]] = {}
        self._all: dict[DelayedFetch, None] = {}
        self._changed: dict[DelayedFetch, dict[Partition, None]] = {}
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._all)

    def add(
        self,
        partitions: Iterable[Partition],
        complete: Callable[[], None],
        *,
        is_complete: Callable[[Partition], bool] = _always,
        fail: Callable[[str], None] = _ignore,
    ) -> DelayedFetch:
        """Call ``complete``, once, when a partition has changed and ``is_complete`` returns True for it.

        ``fail`` is called with a reason if either raises. More partitions may be added with :meth:`watch`.
        """
        fetch = DelayedFetch(complete, is_complete, fail)
        self._all[fetch] = None
        for partition in partitions:
            self.watch(fetch, partition)
        return fetch

    def watch(self, fetch: DelayedFetch, partition: Partition) -> bool:
        """Wait for another partition too, unless the operation has been removed. Return whether it waits.

        The partition's state has to be checked after this, not before.
        """
        if fetch not in self._all:
            return False
        fetch.partitions.append(partition)
        waiting = self._waiting.get(partition)
        if waiting is None:
            waiting = self._waiting[partition] = {}
            self._by_topic.setdefault(partition[0], set()).add(partition)
        waiting[fetch] = None
        return True

    def remove(self, fetch: DelayedFetch) -> None:
        """Forget an operation: it was completed in another way, or its client has disconnected."""
        if self._all.pop(fetch, self) is self:
            return
        self._changed.pop(fetch, None)
        for partition in fetch.partitions:
            waiting = self._waiting[partition]
            waiting.pop(fetch, None)
            if not waiting:
                del self._waiting[partition]
                partitions = self._by_topic[partition[0]]
                partitions.discard(partition)
                if not partitions:
                    del self._by_topic[partition[0]]

    def partition_changed(self, partition: Partition) -> None:
        """Note that what can be read of a partition has changed: records were appended, synced or committed."""
        for fetch in self._waiting.get(partition, ()):
            self._changed.setdefault(fetch, {})[partition] = None

    def topic_changed(self, topic: str) -> None:
        """Note that a topic was created, deleted, or starts later in some partition, or has other leaders."""
        for partition in self._by_topic.get(topic, ()):
            self.partition_changed(partition)

    def complete_all(self) -> None:
        """Complete everything that waits, because the broker stops."""
        self._is_stopping = True
        for fetch in self._all:
            self._changed.setdefault(fetch, {})
        self.complete_ready()
        self._is_stopping = False

    def complete_ready(self) -> None:
        """Complete the operations that have what they wait for."""
        while self._changed:
            fetch, partitions = self._changed.popitem()
            self._guard("a delayed fetch", partial(self._try_complete, fetch, partitions), partial(self._fail, fetch))

    def _try_complete(self, fetch: DelayedFetch, partitions: Iterable[Partition]) -> None:
        is_complete = self._is_stopping
        for partition in partitions:  # all of them: each check also counts what there is to read now
            is_complete |= fetch.is_complete(partition)
        if is_complete:
            self.remove(fetch)
            fetch.complete()

    def _fail(self, fetch: DelayedFetch, reason: str) -> None:
        self.remove(fetch)
        fetch.fail(reason)
