"""The cluster's topics as coordinators see them; the storage of a broker has this shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class TopicInfo(Protocol):
    """A topic that exists."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def topic_id(self) -> bytes:
        """Its UUID of 16 bytes."""
        ...

    @property
    def partitions(self) -> int:
        """How many partitions it has."""
        ...


class ClusterTopics(Protocol):
    """The topics that exist now, by name and by id."""

    @property
    def topics(self) -> Mapping[str, TopicInfo]:
        """All topics by name."""
        ...

    @property
    def topics_by_id(self) -> Mapping[bytes, TopicInfo]:
        """All topics by id."""
        ...
