"""From what a test asks for to the condition that it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.testing.model.conditions import HasCommitted, Positioned, Stable
from kafkalite.testing.model.views import TopicPartition

if TYPE_CHECKING:
    from kafkalite.testing.handles.backend import Backend


def stable(group: str, members: int | None) -> Stable:
    """Ask for a stable group; without a number, with any members."""
    return Stable(group, members)


def committed(backend: Backend, group: str, topic: str, partition: int | None, offset: int | None) -> HasCommitted:
    """Ask for commits: by default of all that is in the topic now. Raises LookupError if there is no such topic."""
    ends = _ends(backend, topic)
    chosen = range(len(ends)) if partition is None else (partition,)
    wanted = {TopicPartition(topic, index): ends[index] if offset is None else offset for index in chosen}
    # Nobody commits what was never there to be read.
    return HasCommitted(
        group, {at: offset for at, offset in wanted.items() if offset > 0} if offset is None else wanted
    )


def positioned(backend: Backend, group: str, topic: str | None, partition: int | None, offset: int) -> Positioned:
    """Ask for fetch positions: by default of all that the members own, anywhere. Raises LookupError."""
    if topic is None:
        return Positioned(group, {})
    chosen = range(len(_ends(backend, topic))) if partition is None else (partition,)
    return Positioned(group, {TopicPartition(topic, index): offset for index in chosen})


def _ends(backend: Backend, topic: str) -> tuple[int, ...]:
    topics = backend.topics()
    if topic not in topics:
        raise LookupError(f"there is no topic {topic!r}; topics: {', '.join(topics) or 'none'}")
    return topics[topic].end_offsets
