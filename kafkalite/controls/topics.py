"""The topics of a broker, without Kafka's internal ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kafkalite.controls.defaults import Value, text_of
from kafkalite.controls.definition import Subject, delete, get, post
from kafkalite.controls.errors import Conflict
from kafkalite.controls.queries import topic_of, topics_of
from kafkalite.controls.views import Topic, no_topic
from kafkalite_storage.errors import StorageError


class Topics(Subject):
    """The topics of a broker: created, described and deleted; a mapping of names to topics."""

    @get("/topics", result="topics")
    def all(self) -> list[Topic]:
        """Return all topics but the internal ones."""
        return topics_of(self._local.cluster)

    @post("/topics")
    def create(
        self,
        name: str,
        partitions: int = 1,
        configs: Mapping[str, Value] | None = None,
        replication_factor: int | None = None,
    ) -> Topic:
        """Create a topic, with configurations under Kafka's names. Raises ValueError where the broker refuses.

        Without a ``replication_factor`` that of the broker's configuration applies.
        """
        cluster = self._local.cluster
        texts = {key: text_of(value) for key, value in (configs or {}).items()}
        try:
            cluster.create_topic(name, partitions, texts, replication_factor=replication_factor)
        except StorageError as error:
            raise not_created(name, error) from None
        return topic_of(cluster, name)

    @get("/topics/{topic}")
    def describe(self, topic: str) -> Topic:
        """Return a topic: its partitions, their first and next offsets. Raises LookupError."""
        return topic_of(self._local.cluster, topic)

    @delete("/topics/{topic}")
    def delete(self, topic: str) -> None:
        """Delete a topic, and the offsets committed for it. Raises LookupError."""
        cluster = self._local.cluster
        topic_of(cluster, topic)
        cluster.delete_topic(topic)
        cluster.after_request()

    def __iter__(self) -> Iterator[str]:
        return (topic.name for topic in self.all())

    def __contains__(self, name: object) -> bool:
        return any(topic.name == name for topic in self.all())

    def __getitem__(self, name: str) -> Topic:
        """Return a topic. Raises KeyError."""
        topics = {topic.name: topic for topic in self.all()}
        if name not in topics:
            raise KeyError(no_topic(name, topics))
        return topics[name]


def not_created(name: str, error: StorageError) -> Conflict:
    """Return the error for a topic that the broker does not create."""
    return Conflict(f"topic {name!r} cannot be created: {error}")
