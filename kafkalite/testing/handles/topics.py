"""The topics of a broker, as a test has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kafkalite.testing.defaults import text_of
from kafkalite.testing.model.views import no_topic

if TYPE_CHECKING:
    from kafkalite.testing.defaults import Value
    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.model.views import Topic


class Topics:
    """The topics of a broker, without Kafka's own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create(self, name: str, partitions: int = 1, configs: Mapping[str, Value] | None = None) -> None:
        """Create a topic, with configurations under Kafka's names. Raises ValueError where the broker refuses."""
        self._backend.create_topic(name, partitions, {key: text_of(value) for key, value in (configs or {}).items()})

    def delete(self, name: str) -> None:
        """Delete a topic, and the offsets committed for it. Raises LookupError if there is none."""
        self._backend.delete_topic(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._backend.topics())

    def __contains__(self, name: object) -> bool:
        return name in self._backend.topics()

    def __getitem__(self, name: str) -> Topic:
        """Show a topic. Raises KeyError if there is none."""
        topics = self._backend.topics()
        if name not in topics:
            raise KeyError(no_topic(name, topics))
        return topics[name]
