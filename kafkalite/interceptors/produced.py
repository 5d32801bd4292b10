"""The batches of a Produce request: their topics, their records, and batches in their place; bytes of batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from kafkalite.requests.parts.message_parts import Part
from kafkalite_wire.batch import BatchHeader, CorruptBatch, check_produced

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context

Batch = tuple[BatchHeader, memoryview]
"""The header of a batch that is intact, and its bytes."""


class TopicPatterns:
    """Names of topics with the wildcards ``*`` and ``?``; no patterns match every topic."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._matches = [re.compile(translate(each.replace("[", "[[]"))).match for each in patterns]

    def __contains__(self, topic: object) -> bool:
        return not self._matches or (isinstance(topic, str) and any(match(topic) for match in self._matches))


def produced_bytes(request: Any) -> int:
    """Return the bytes of the batches of a Produce request."""
    return sum(len(part.records or b"") for topic in request.topic_data for part in topic.partition_data)


def fetched_bytes(response: Any) -> int:
    """Return the bytes of the batches of a Fetch response."""
    return sum(len(part.records or b"") for topic in response.responses for part in topic.partitions)


def topic_of(topic: Any, context: Context) -> str | None:
    """Return the name of a topic in a Produce request, None if it stands there with an id that is not known."""
    return context.topic_name(topic.name or topic.topic_id)


def batches(request: Any, topics: TopicPatterns, context: Context) -> Iterator[tuple[Part, Batch]]:
    """Yield the batch of each partition of some topics. What is damaged is left out: the cluster refuses it."""
    for topic in request.topic_data:
        if topic_of(topic, context) not in topics:
            continue
        for partition in topic.partition_data:
            batch = _intact(partition.records)
            if batch is not None:
                yield Part(topic=topic.name or topic.topic_id, partition=partition.index), batch


def with_batches(
    request: Any, topics: TopicPatterns, context: Context, change: Callable[[Batch, str | None], bytes | None]
) -> Any:
    """Return the request with what ``change`` makes of each batch of some topics, given with its topic.

    What is damaged, and what ``change`` returns None for, stays as it is.
    """
    changed: list[Any] = []
    for topic in request.topic_data:
        name = topic_of(topic, context)
        if name not in topics:
            changed.append(topic)
            continue
        partitions: list[Any] = []
        for partition in topic.partition_data:
            batch = _intact(partition.records)
            made = None if batch is None else change(batch, name)
            partitions.append(partition if made is None else replace(partition, records=made))
        changed.append(replace(topic, partition_data=tuple(partitions)))
    return replace(request, topic_data=tuple(changed))


def _intact(records: Any) -> Batch | None:
    if records is None:
        return None
    view = memoryview(records)
    try:
        header = check_produced(view)
    except CorruptBatch:
        return None
    return header, view[: header.size]
