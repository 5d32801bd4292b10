"""A priority queue that returns equal items in the same order as Java's, where clients can see it."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class PriorityQueue(Generic[T]):
    """Items with priorities, the lowest first.

    It is a binary heap. The order of items of the same priority depends on the swaps that the heap makes, so these are
    those of ``java.util.PriorityQueue``: items of the same priority never swap. Python's ``heapq`` makes others.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, T]] = []

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, priority: float, item: T) -> None:
        """Add an item."""
        heap = self._heap
        at = len(heap)
        entry = (priority, item)
        heap.append(entry)
        while at > 0:
            parent = (at - 1) // 2
            if heap[parent][0] <= priority:
                break
            heap[at] = heap[parent]
            at = parent
        heap[at] = entry

    def pop(self) -> T:
        """Remove an item with the lowest priority and return it; raise IndexError if there is none."""
        heap = self._heap
        last = heap.pop()
        if not heap:
            return last[1]
        first = heap[0]
        at, size = 0, len(heap)
        while (child := 2 * at + 1) < size:
            if child + 1 < size and heap[child + 1][0] < heap[child][0]:
                child += 1
            if last[0] <= heap[child][0]:
                break
            heap[at] = heap[child]
            at = child
        heap[at] = last
        return first[1]
