"""A hash of the topics that the members of a group subscribe to: when it changes, they are assigned again."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.coordinators.topics import ClusterTopics


def hash_of(topics: ClusterTopics, names: Iterable[str]) -> int:
    """Return a hash of those topics that exist, with their ids and partitions; 0 if there are none."""
    found = [topics.topics.get(name) for name in sorted(names)]
    existing = [(topic.name, topic.topic_id, topic.partitions) for topic in found if topic is not None]
    if not existing:
        return 0
    return int.from_bytes(blake2b(repr(existing).encode(), digest_size=8).digest(), signed=True)
