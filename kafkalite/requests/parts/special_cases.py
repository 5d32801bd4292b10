"""APIs whose messages need more than a layout: Fetch, Metadata, OffsetFetch of several groups, and some of groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from kafkalite.requests.parts.layouts import Fields, Listed, Nested, Whole, topics_of
from kafkalite.requests.parts.message_parts import (
    Entry,
    MessageParts,
    Part,
    Selector,
    element_of,
    every_part,
    has_field,
)
from kafkalite_wire.error_codes import ErrorCode

_EMPTY_MEANS_ALL: Final = 0
_NAME_NULLABLE: Final = 12
_NOWHERE: Final = -1
_MEMBER_ID_REQUIRED_SINCE: Final = 4
_NULLABLE_PROTOCOL_NAME_SINCE: Final = 7
_OF_LEAVING: Final = frozenset((ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID))
_OF_MEMBER: Final = _OF_LEAVING | {
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    ErrorCode.INVALID_GROUP_ID,
    ErrorCode.INVALID_SESSION_TIMEOUT,
    ErrorCode.MEMBER_ID_REQUIRED,
}
"""The errors that Kafka finds when it looks at the member; with others it has not."""


class Fetch(Nested):
    """Fetch: nothing is taken out of a request, because its session would not know the partition (KIP-227).

    It is read in vain instead, and at once: Kafka does not let a fetch wait that has an error to tell.
    """

    def without(self, request: Any, version: int, selector: Selector) -> Any | None:
        del version, selector
        return replace(request, max_wait_ms=0)

    def behind_error(self, request: Any, version: int, error: int) -> Any | None:
        return None if self._is_whole_error(version, error) else replace(request, max_wait_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata(Listed):
    """Metadata: which topics are answered is only known behind the handler, and brokers are always in the answer.

    Topics that are answered with an error are taken out of the request, so that they are not created. A partition with
    an error has no leader. Where all topics are asked for, those that the client may not see are left out.
    """

    def may_answer_others(self, request: Any, version: int) -> bool:
        del request, version
        return True

    def without(self, request: Any, version: int, selector: Selector) -> Any | None:
        entries = self._entries(request, version)
        left = [entry for entry in entries if not selector(entry[0])]
        if len(left) == len(entries):
            return request
        if not left and version == _EMPTY_MEANS_ALL:  # and naming none is impossible
            return replace(request, allow_auto_topic_creation=False)
        return self._with_entries(request, left)

    def with_errors(self, request: Any, version: int, response: Any | None, selector: Selector, error: int) -> Any:
        answer = Listed.with_errors(self, request, version, response, selector, error)
        topics = answer.topics
        if error == ErrorCode.TOPIC_AUTHORIZATION_FAILED and not self._entries(request, version):
            topics = [topic for topic in topics if topic.error_code != error]
        return replace(answer, topics=tuple(_without_leaders(topic, selector, error) for topic in topics))

    def behind_error(self, request: Any, version: int, error: int) -> Any | None:
        del error
        return self.without(request, version, lambda _: True)

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        if response is not None and self._is_whole_error(version, error):
            return replace(response, error_code=error, topics=())
        return Listed.error_response(self, request, version, error, response)

    def _error(self, part: Part, version: int, error: int) -> Any:
        answer = Listed._error(self, part, version, error)
        return replace(answer, name="") if answer.name is None and version < _NAME_NULLABLE else answer

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        return Listed._with_answers(
            self, self.api.response_type(brokers=(), topics=()) if response is None else response, answers
        )


def _without_leaders(topic: Any, selector: Selector, error: int) -> Any:
    refused = [selector(Part(topic=topic.name, partition=each.partition_index)) for each in topic.partitions]
    if not any(refused):
        return topic
    partitions = tuple(
        replace(partition, error_code=error, leader_id=_NOWHERE) if is_refused else partition
        for partition, is_refused in zip(topic.partitions, refused, strict=True)
    )
    return replace(topic, partitions=partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchOfGroups(MessageParts):
    """OffsetFetch since it asks for several groups (KIP-709); a group of which all is asked is one part."""

    by_id_since: int

    def may_answer_others(self, request: Any, version: int) -> bool:
        del version
        return any(group.topics is None for group in request.groups)

    def _entries(self, request: Any, version: int) -> list[Entry]:
        entries: list[Entry] = []
        for group in request.groups:
            if not group.topics:
                entries.append((Part(group=group.group_id), (group, None, None)))
            entries += [
                (self._part(group, topic, index, version), (group, topic, index))
                for topic in group.topics or ()
                for index in topic.partition_indexes
            ]
        return entries

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
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

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
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

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        made = element_of(self.api.response_type, "groups")
        groups: dict[str | None, tuple[Any, list[Entry]]] = {}
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

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        made = element_of(self.api.response_type, "groups")
        if part.topic is None:
            return made(group_id=part.group, topics=(), error_code=error)
        partition = element_of(element_of(made, "topics"), "partitions")
        return partition(partition_index=part.partition, error_code=error, **self._blank(error))

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        if error not in self.whole_errors:
            return self.with_errors(request, version, response, every_part, error)
        groups = (self._error(Part(group=group.group_id), version, error) for group in request.groups)
        return self.api.response_type(groups=tuple(groups))

    def _part(self, group: Any, topic: Any, index: int, version: int) -> Part:
        key = topic.topic_id if version >= self.by_id_since else topic.name
        return Part(group=group.group_id, topic=key, partition=index)


class JoinGroup(Whole):
    """JoinGroup, which tells the member its id where the coordinator has looked at it.

    A member that is asked to come back with an id is given one (KIP-394): the handler knows it from then on.
    """

    def behind_error(self, request: Any, version: int, error: int) -> Any | None:
        needs_id = not request.member_id and request.group_instance_id is None and version >= _MEMBER_ID_REQUIRED_SINCE
        return request if error == ErrorCode.MEMBER_ID_REQUIRED and needs_id else None

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        if response is not None and response.error_code == error:
            return response
        name = None if version >= _NULLABLE_PROTOCOL_NAME_SINCE else ""
        answer = replace(self.api.response_type(error_code=error, member_id=""), protocol_name=name)
        return replace(answer, member_id=request.member_id) if error in _OF_MEMBER else answer


class LeaveGroup(Whole):
    """LeaveGroup, which tells of each member since it names several (KIP-345)."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        if error not in _OF_LEAVING or not request.members:
            return Whole.error_response(self, request, version, error, response)
        made = element_of(self.api.response_type, "members")
        members = (
            made(member_id=member.member_id, group_instance_id=member.group_instance_id, error_code=error)
            for member in request.members
        )
        return self.api.response_type(members=tuple(members))


class LogDirs(Whole):
    """DescribeLogDirs, which had no error for the whole at first: then a directory without a name has it."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        del request, response
        if has_field(self.api.response_type, "error_code", version):
            return self.api.response_type(error_code=error, results=())
        nowhere = element_of(self.api.response_type, "results")(error_code=error, log_dir="", topics=())
        return self.api.response_type(results=(nowhere,))


class TransactionMarkers(MessageParts):
    """WriteTxnMarkers: partitions in topics in markers; ``other`` of a part has the producer id of its marker."""

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [
            (Part(topic=topic.name, partition=index, other=(marker.producer_id, "")), (marker, topic, index))
            for marker in request.markers
            for topic in marker.topics
            for index in topic.partition_indexes
        ]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        markers: dict[int, tuple[Any, dict[int, tuple[Any, list[int]]]]] = {}
        for _, (marker, topic, index) in entries:
            topics = markers.setdefault(id(marker), (marker, {}))[1]
            topics.setdefault(id(topic), (topic, []))[1].append(index)
        made = tuple(
            replace(
                marker,
                topics=tuple(replace(topic, partition_indexes=tuple(kept)) for topic, kept in topics.values()),
            )
            for marker, topics in markers.values()
        )
        return replace(request, markers=made)

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        del request, version
        return [
            ((Part(topic=topic.name, partition=each.partition_index, other=(marker.producer_id, "")),), each)
            for marker in response.markers
            for topic in marker.topics
            for each in topic.partitions
        ]

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        del response
        marker_type = element_of(self.api.response_type, "markers")
        topic_type = element_of(marker_type, "topics")
        markers: dict[int, dict[str | bytes | None, list[Any]]] = {}
        for part, answer in answers:
            assert isinstance(part.other, tuple)
            markers.setdefault(part.other[0], {}).setdefault(part.topic, []).append(answer)
        return self.api.response_type(
            markers=tuple(
                marker_type(
                    producer_id=producer_id,
                    topics=tuple(topic_type(name=name, partitions=tuple(each)) for name, each in topics.items()),
                )
                for producer_id, topics in markers.items()
            )
        )

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        made = element_of(element_of(element_of(self.api.response_type, "markers"), "topics"), "partitions")
        return made(partition_index=part.partition, error_code=error)
