"""Administrative APIs whose messages need more than a layout."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from kafkalite.requests.parts.layouts import Listed, Nested, Whole
from kafkalite.requests.parts.message_parts import Entry, MessageParts, Part, Selector, element_of, has_field
from kafkalite_wire.error_codes import ErrorCode

_ANONYMOUS: Final = ("User", "ANONYMOUS")
_OF_A_PARTITION: Final = (
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
    ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    ErrorCode.ELECTION_NOT_NEEDED,
)
"""The errors of an election; others are found before the partitions are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InOrder(MessageParts):
    """A list in the request, and one in the response whose items say by their place what they are about."""

    asked: str
    told: str

    def with_errors(self, request: Any, version: int, response: Any | None, selector: Selector, error: int) -> Any:
        entries = self._entries(request, version)
        given = () if response is None else getattr(response, self.told)
        # The handler saw all entries, or those that were left.
        is_complete = len(given) == len(entries)
        handled = iter(given)
        answers: list[Any] = []
        for part, _ in entries:
            answer = next(handled, None) if is_complete or not selector(part) else None
            if selector(part):
                answers.append(self._error(part, version, error))
            elif answer is not None:
                answers.append(answer)
        told = {self.told: tuple(answers)}
        return self.api.response_type(**told) if response is None else replace(response, **told)

    def _error(self, part: Part, version: int, error: int) -> Any:
        del part, version
        return element_of(self.api.response_type, self.told)(error_code=error, **self._blank(error))

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(Part(other=repr(item)), item) for item in getattr(request, self.asked)]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        return replace(request, **{self.asked: tuple(item for _, item in entries)})

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        parts = self.parts(request, version)
        return [((part,), answer) for part, answer in zip(parts, getattr(response, self.told), strict=False)]


class QuotaChanges(MessageParts):
    """AlterClientQuotas: entities with changes, and one result for each, in any order."""

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(_entity(entry), entry) for entry in request.entries]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        return replace(request, entries=tuple(entry for _, entry in entries))

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        del request, version
        return [((_entity(result),), result) for result in response.entries]

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        entries = tuple(answer for _, answer in answers)
        return self.api.response_type(entries=entries) if response is None else replace(response, entries=entries)

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        assert isinstance(part.other, str)
        made = element_of(self.api.response_type, "entries")
        named = element_of(made, "entity")
        entity = tuple(named(entity_type=kind, entity_name=name) for kind, name in json.loads(part.other).items())
        return made(error_code=error, error_message=None, entity=entity)


def _entity(entry: Any) -> Part:
    return Part(other=json.dumps({each.entity_type: each.entity_name for each in entry.entity}, sort_keys=True))


class ScramCredentials(MessageParts):
    """AlterUserScramCredentials: two lists of changes in the request, and one result for each user."""

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(Part(other=change.name), change) for change in (*request.deletions, *request.upsertions)]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        deletion = element_of(self.api.request_type, "deletions")
        changes = [change for _, change in entries]
        return replace(
            request,
            deletions=tuple(change for change in changes if isinstance(change, deletion)),
            upsertions=tuple(change for change in changes if not isinstance(change, deletion)),
        )

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        del request, version
        return [((Part(other=result.user),), result) for result in response.results]

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        results = tuple(answer for _, answer in answers)
        return self.api.response_type(results=results) if response is None else replace(response, results=results)

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        made = element_of(self.api.response_type, "results")
        return made(user=part.other, error_code=error, error_message=None)


class ReplicaLogDirs(Nested):
    """AlterReplicaLogDirs: directories of topics of partitions in the request, and no directories in the response."""

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [
            (Part(topic=topic.name, partition=index), (directory, topic, index))
            for directory in request.dirs
            for topic in directory.topics
            for index in topic.partitions
        ]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        directories: dict[int, tuple[Any, dict[int, tuple[Any, list[int]]]]] = {}
        for _, (directory, topic, index) in entries:
            topics = directories.setdefault(id(directory), (directory, {}))[1]
            topics.setdefault(id(topic), (topic, []))[1].append(index)
        made = tuple(
            replace(
                directory,
                topics=tuple(replace(topic, partitions=tuple(kept)) for topic, kept in topics.values()),
            )
            for directory, topics in directories.values()
        )
        return replace(request, dirs=made)

    def may_answer_others(self, request: Any, version: int) -> bool:
        del request, version
        return False


class Elections(Nested):
    """ElectLeaders, which since it has election types has an error for the whole beside those of partitions."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        answer = Nested.error_response(self, request, version, error, response)
        if error in _OF_A_PARTITION or not has_field(self.api.response_type, "error_code", version):
            return answer
        return replace(answer, error_code=error)


class Reassignments(Nested):
    """AlterPartitionReassignments, whose response repeats whether the number of replicas may change."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        answer = Nested.error_response(self, request, version, error, response)
        return replace(answer, allow_replication_factor_change=request.allow_replication_factor_change)


class TokenCreation(Whole):
    """CreateDelegationToken, whose response names the owner and the client."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        del version, response
        kind, name = _ANONYMOUS
        return self.api.response_type(
            error_code=error,
            principal_type=request.owner_principal_type or kind,
            principal_name=request.owner_principal_name or name,
            token_requester_principal_type=kind,
            token_requester_principal_name=name,
            **self.blank,
        )


class TopicPages(Listed):
    """DescribeTopicPartitions, where a request without topics asks for all."""

    def may_answer_others(self, request: Any, version: int) -> bool:
        del version
        return not request.topics
