"""Translates the committed offsets of groups into offsets of the target cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, TopicPartition

from kafkalite.tools.mirror.clusters import TIMEOUT, Admin, offsets_of, read
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.stretches import Partition, Stretches
from kafkalite.tools.mirror.topics import chosen


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the offsets of one group."""

    group: str
    partitions: int
    """Committed offsets of mirrored partitions."""
    kept: int = 0
    """Of those the ones that were not set, because the group is further on in the target cluster."""
    problem: str = ""


def groups_of(admin: Admin, patterns: Iterable[str]) -> list[str]:
    """Return the chosen groups of a cluster. Raises MirrorError."""
    try:
        listed = admin.list_consumer_groups().result(timeout=TIMEOUT)
    except KafkaException as error:
        raise MirrorError(f"cannot list groups: {error.args[0].str()}") from None
    return chosen((group.group_id for group in listed.valid), patterns)


def committed(admin: Admin, group: str) -> dict[Partition, TopicPartition]:
    """Return the offsets that a group has committed; none if it is a share group. Raises KafkaException."""
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    try:
        found: list[TopicPartition] = future.result(timeout=TIMEOUT).topic_partitions or []
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return {}
        raise
    return {Partition(each.topic, each.partition): each for each in found if each.offset >= 0 and each.error is None}


class Translator:
    """Translates offsets; reads the source cluster where what was copied has gaps."""

    def __init__(self, state: Mapping[Partition, Stretches], source: Consumer, target: Consumer) -> None:
        self._state = state
        self._source = source
        self._target = target

    def translated(self, partition: Partition, offset: int) -> int:
        """Return the offset in the target cluster at which a consumer goes on. Raises MirrorError."""

        def count_records(first: int, last: int) -> int:
            count = 0

            def take(_: Partition, message: Message) -> bool:
                nonlocal count
                at = message.offset()
                count += at is not None and at <= last
                return at is not None and at < last

            read(self._source, {partition: first}, take)
            return count

        found = self._state[partition].translate(offset, count_records)
        return offsets_of(self._target, partition)[1] if found is None else found


def move(source: Admin, target: Admin, group: str, translator: Translator, topics: Iterable[str]) -> Moved:
    """Commit a group's offsets of the mirrored topics in the target cluster; no offset is moved back."""
    wanted = frozenset(topics)
    try:
        offsets = {at: each for at, each in committed(source, group).items() if at.topic in wanted}
        there = committed(target, group) if offsets else {}
        made: list[TopicPartition] = []
        kept = 0
        for partition, each in offsets.items():
            offset = translator.translated(partition, each.offset)
            before = there[partition].offset if partition in there else -1
            kept += before > offset
            if before < offset:
                made.append(TopicPartition(partition.topic, partition.number, offset, metadata=each.metadata or ""))
        if made:
            (future,) = target.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, made)]).values()
            answer: list[TopicPartition] = future.result(timeout=TIMEOUT).topic_partitions or []
            for each in answer:
                if each.error is not None:
                    return Moved(group, 0, problem=each.error.str())
    except KafkaException as error:
        return Moved(group, 0, problem=error.args[0].str())
    return Moved(group, len(offsets), kept)
