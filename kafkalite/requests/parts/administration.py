"""Administrative APIs whose messages need more than a layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafkalite.requests.parts.layouts import Listed, Nested
from kafkalite.requests.parts.message_parts import Entry, MessageParts, Part, Selector, element_of, has_field


@dataclass(frozen=True, slots=True, kw_only=True)
class InOrder(MessageParts):
    """A list in the request, and one in the response whose items say by their place what they are about.

    ``identity`` returns the fields that an error repeats of an item of the request.
    """

    asked: str
    told: str
    identity: Callable[[Any], Mapping[str, Any]] = lambda _: {}

    def with_errors(self, request: Any, version: int, response: Any | None, selector: Selector, error: int) -> Any:
        entries = self._entries(request, version)
        given = () if response is None else getattr(response, self.told)
        # The handler saw all entries, or those that were left.
        is_complete = len(given) == len(entries)
        handled = iter(given)
        answers: list[Any] = []
        for part, item in entries:
            answer = next(handled, None) if is_complete or not selector(part) else None
            if selector(part):
                answers.append(self._error_of(item, error))
            elif answer is not None:
                answers.append(answer)
        told = {self.told: tuple(answers)}
        return self.api.response_type(**told) if response is None else replace(response, **told)

    def _error_of(self, item: Any, error: int) -> Any:
        made = element_of(self.api.response_type, self.told)
        return made(error_code=error, **self.identity(item), **self._blank(error))

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(Part(other=repr(item)), item) for item in getattr(request, self.asked)]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        return replace(request, **{self.asked: tuple(item for _, item in entries)})


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
    """ElectLeaders, which has an error for the whole since it has election types."""

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        if request.topic_partitions is None and has_field(self.api.response_type, "error_code", version):
            return self.api.response_type(error_code=error, replica_election_results=())
        return Nested.error_response(self, request, version, error, response)


class TopicPages(Listed):
    """DescribeTopicPartitions, where a request without topics asks for all."""

    def may_answer_others(self, request: Any, version: int) -> bool:
        del version
        return not request.topics
