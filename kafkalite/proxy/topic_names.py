"""The names of topics by id, as Metadata responses tell them: newer requests name topics by id only (KIP-516)."""

from __future__ import annotations

from typing import Any, Final

from kafkalite_wire.schema import ZERO_UUID

_MOST: Final = 100_000


class TopicNames:
    """Names of topics by id; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}

    def learn(self, metadata: Any) -> None:
        """Note the topics of a Metadata response."""
        for topic in metadata.topics:
            if topic.topic_id != ZERO_UUID and topic.name is not None:
                self._names[topic.topic_id] = topic.name
        while len(self._names) > _MOST:
            del self._names[next(iter(self._names))]

    def name_of(self, key: str | bytes) -> str | None:
        """Return the name of a topic that a request names by name or id, or None if it is not known."""
        return key if isinstance(key, str) else self._names.get(key)

    def by_id(self) -> dict[bytes, str]:
        """Return all that are known."""
        return dict(self._names)
