"""The partitions of topics as responses describe them, kept because clients ask for all of them again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.schema import KeptArray
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite_storage.metadata.topics import Partition, Topic

Description = TypeVar("Description")

Describe = Callable[[Collection[int], int, "Partition"], Description]
"""Describes a partition, from the ids of the brokers that are up, its index, and its leader and replicas."""

_UNITS_OF_KEPT: Final = 0.2


class DescribedPartitions:
    """Keeps an array of descriptions for each topic that was asked for, with its encoded form.

    A description may depend on the topic's assignment, which is replaced as a whole when any of it changes, and on
    which brokers are up. What it depends on besides must be compared in :meth:`of`.
    """

    def __init__(self, topics: Mapping[bytes, Topic], endpoints: Mapping[int, object]) -> None:
        """Keep descriptions while their topics are in ``topics``, by id; ``endpoints`` are the brokers that are up."""
        self._topics = topics
        self._endpoints = endpoints
        self._online = frozenset[int]()
        self._kept: dict[Describe[Any], dict[bytes, _Kept]] = {}

    def of(self, topic: Topic, describe: Describe[Description], meter: WorkMeter) -> Steps[KeptArray[Description]]:
        """Return the descriptions of a topic's partitions, in steps."""
        if self._endpoints.keys() ^ self._online:
            self._online = frozenset(self._endpoints)
        online = self._online
        of_topics = self._kept.setdefault(describe, {})
        kept = of_topics.get(topic.topic_id)
        if kept is not None and kept.assignment is topic.assignment and kept.online is online:
            if meter.add(_UNITS_OF_KEPT):
                yield
            return kept.described
        described: list[Description] = []
        for index, partition in enumerate(topic.assignment):
            if meter.add():
                yield
            described.append(describe(online, index, partition))
        array = KeptArray(described)
        if len(of_topics) > len(self._topics):
            for topic_id in of_topics.keys() - self._topics.keys():
                del of_topics[topic_id]
        of_topics[topic.topic_id] = _Kept(topic.assignment, online, array)
        return array


@value_class
class _Kept:
    assignment: tuple[Partition, ...]
    online: frozenset[int]
    described: KeptArray[Any]
