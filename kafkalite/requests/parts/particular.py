"""The shapes of APIs that have their own ways: Fetch, Metadata, OffsetFetch of several groups, and changes of shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.parts.entries import Entries, Fields, Listed, Nested, topics_of
from kafkalite.requests.parts.part import Chosen, Part, element_of, everything
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.requests.parts.part import Shape
    from kafkalite_wire.apis import Api

_EMPTY_MEANS_ALL: Final = 0
_NAME_NULLABLE: Final = 12
_NOWHERE: Final = -1


class Fetch(Nested):
    """Fetch: nothing is taken out of a request, because its session would not know the partition (KIP-227).

    It is read in vain instead, and at once: Kafka does not let a fetch wait that has an error to tell.
    """

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Let the handler see all, and not wait."""
        del version, chosen
        return replace(request, max_wait_ms=0)

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Let the handler see all, except where the session itself is refused."""
        return None if self.is_of_whole(version, error) else replace(request, max_wait_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata(Listed):
    """Metadata: which topics are answered is only known behind the handler, and brokers are told in any case."""

    def is_open(self, request: Any, version: int) -> bool:
        """Say that there may be more in the answer: all topics, and the partitions of any."""
        del request, version
        return True

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Leave out topics that are chosen, so that they are not created; ask about no topic rather than not at all."""
        entries = self.entries(request, version)
        left = [entry for entry in entries if not chosen(entry[0])]
        if len(left) == len(entries):
            return request
        if not left and version == _EMPTY_MEANS_ALL:
            return replace(request, allow_auto_topic_creation=False)
        return self.with_entries(request, version, left)

    def answered(self, request: Any, version: int, response: Any | None, chosen: Chosen, error: int) -> Any:
        """Refuse topics; of those that are not, refuse partitions, which have no leader then.

        Who asks for all topics is not told of those that are denied.
        """
        answer = Listed.answered(self, request, version, response, chosen, error)
        topics = answer.topics
        if error == ErrorCode.TOPIC_AUTHORIZATION_FAILED and not self.entries(request, version):
            topics = [topic for topic in topics if topic.error_code != error]
        return replace(answer, topics=tuple(_without_leaders(topic, chosen, error) for topic in topics))

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Ask who the brokers are, and which topics there are if that was the question."""
        del error
        return self.left(request, version, lambda _: True)

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Refuse the whole or every topic, and tell the brokers in any case."""
        if response is not None and self.is_of_whole(version, error):
            return replace(response, error_code=error, topics=())
        return Listed.refused(self, request, version, error, response)

    def refusal(self, part: Part, version: int, error: int) -> Any:
        """Make the answer for a topic, which is called as it was asked for: by its name or by its id."""
        refusal = Listed.refusal(self, part, version, error)
        return replace(refusal, name="") if refusal.name is None and version < _NAME_NULLABLE else refusal

    def with_answers(self, version: int, response: Any | None, answers: list[tuple[Part, Any]]) -> Any:
        """Put a response together."""
        return Listed.with_answers(
            self, version, self.api.response_type(brokers=(), topics=()) if response is None else response, answers
        )


def _without_leaders(topic: Any, chosen: Chosen, error: int) -> Any:
    refused = [chosen(Part(topic=topic.name, partition=each.partition_index)) for each in topic.partitions]
    if not any(refused):
        return topic
    partitions = tuple(
        replace(partition, error_code=error, leader_id=_NOWHERE) if is_refused else partition
        for partition, is_refused in zip(topic.partitions, refused, strict=True)
    )
    return replace(topic, partitions=partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchOfGroups(Entries):
    """OffsetFetch since it asks for several groups (KIP-709); a group of which all is asked is one part."""

    by_id_since: int

    @property
    def names(self) -> frozenset[str]:
        """By what its parts are told apart."""
        return frozenset(("group", "topic", "partition"))

    def is_open(self, request: Any, version: int) -> bool:
        """Tell whether all topics of a group were asked for, by null."""
        del version
        return any(group.topics is None for group in request.groups)

    def entries(self, request: Any, version: int) -> list[tuple[Part, Any]]:
        """Take a request apart; an entry keeps the group and the topic that it came in."""
        entries: list[tuple[Part, Any]] = []
        for group in request.groups:
            if not group.topics:
                entries.append((Part(group=group.group_id), (group, None, None)))
            entries += [
                (self._part(group, topic, index, version), (group, topic, index))
                for topic in group.topics or ()
                for index in topic.partition_indexes
            ]
        return entries

    def with_entries(self, request: Any, version: int, entries: list[tuple[Part, Any]]) -> Any:
        """Put a request together."""
        del version
        groups: dict[int, tuple[Any, dict[int, tuple[Any, list[int]]]]] = {}
        for _, (group, topic, index) in entries:
            topics = groups.setdefault(id(group), (group, {}))[1]
            if topic is not None:
                topics.setdefault(id(topic), (topic, []))[1].append(index)
        made = tuple(
            replace(
                group,
                topics=tuple(replace(topic, partition_indexes=tuple(kept)) for topic, kept in topics.values()),
            )
            if topics
            else group
            for group, topics in groups.values()
        )
        return replace(request, groups=made)

    def answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        """Take a response apart; a group that has no partitions, or failed as a whole, is one answer."""
        asked_all = {group.group_id for group in request.groups if not group.topics}
        answers: list[tuple[tuple[Part, ...], Any]] = []
        for group in response.groups:
            if group.error_code or group.group_id in asked_all:
                answers.append(((Part(group=group.group_id),), replace(group, topics=())))
            answers += [
                ((self._part(group, topic, each.partition_index, version),), each)
                for topic in group.topics
                for each in topic.partitions
            ]
        return answers

    def with_answers(self, version: int, response: Any | None, answers: list[tuple[Part, Any]]) -> Any:
        """Put a response together."""
        del version
        made = element_of(self.api.response_type, "groups")
        groups: dict[str | None, tuple[Any, list[tuple[Part, Any]]]] = {}
        for part, answer in answers:
            whole, partitions = groups.get(part.group, (None, []))
            if isinstance(answer, made):
                whole = answer
            else:
                partitions.append((part, answer))
            groups[part.group] = whole, partitions
        told = tuple(
            whole
            if whole is not None and whole.error_code
            else replace(
                made(group_id=group_id, topics=()) if whole is None else whole,
                topics=topics_of(made, Fields(), partitions),
            )
            for group_id, (whole, partitions) in groups.items()
        )
        return self.api.response_type(groups=told) if response is None else replace(response, groups=told)

    def refusal(self, part: Part, version: int, error: int) -> Any:
        """Make the answer that refuses a partition, or a whole group."""
        del version
        made = element_of(self.api.response_type, "groups")
        if part.topic is None:
            return made(group_id=part.group, topics=(), error_code=error)
        partition = element_of(element_of(made, "topics"), "partitions")
        return partition(partition_index=part.partition, error_code=error, **self.blank_with(error))

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Refuse each group as a whole, or else every partition."""
        if error not in self.of_whole:
            return self.answered(request, version, response, everything, error)
        groups = (self.refusal(Part(group=group.group_id), version, error) for group in request.groups)
        return self.api.response_type(groups=tuple(groups))

    def _part(self, group: Any, topic: Any, index: int, version: int) -> Part:
        key = topic.topic_id if version >= self.by_id_since else topic.name
        return Part(group=group.group_id, topic=key, partition=index)


@dataclass(frozen=True, slots=True)
class Changed:
    """An API whose messages have another shape since a version."""

    since: int
    before: Shape
    after: Shape

    @property
    def api(self) -> Api:
        """The API."""
        return self.after.api

    @property
    def names(self) -> frozenset[str]:
        """By what its parts are told apart."""
        return self.after.names

    def parts(self, request: Any, version: int) -> list[Part]:
        """List the parts that a request names."""
        return self.at(version).parts(request, version)

    def is_open(self, request: Any, version: int) -> bool:
        """Tell whether the response may be about parts that the request does not name."""
        return self.at(version).is_open(request, version)

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Give what is left for the handler."""
        return self.at(version).left(request, version, chosen)

    def answered(self, request: Any, version: int, response: Any | None, chosen: Chosen, error: int) -> Any:
        """Put a response together."""
        return self.at(version).answered(request, version, response, chosen, error)

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Give what is left for the handler of a request that is refused."""
        return self.at(version).left_of_refused(request, version, error)

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Make the response that refuses all of a request."""
        return self.at(version).refused(request, version, error, response)

    def at(self, version: int) -> Shape:
        """Give the shape of a version."""
        return self.after if version >= self.since else self.before
