"""How messages are laid out: as one part, as a list, or as topics with partitions in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafkalite.requests.parts.message_parts import Entry, MessageParts, Part, Selector, element_of
from kafkalite_wire.apis import NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(MessageParts):
    """One part, the request itself; ``part`` returns what it is about."""

    part: Callable[[Any], Part] = lambda _: Part()

    def with_errors(self, request: Any, version: int, response: Any | None, selector: Selector, error: int) -> Any:
        if response is None or selector(self.part(request)):
            return self.error_response(request, version, error, response)
        return response

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        del request, version, response
        return self.api.response_type(error_code=error, **self._blank(error))

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(self.part(request), request)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(MessageParts):
    """One list in the request, and one in the response.

    ``part`` returns what an item of a request is about, ``ways`` what one of a response answers, and ``identity`` the
    fields that state a part in an error.
    """

    asked: str
    told: str
    part: Callable[[Any, Any], Part]
    ways: Callable[[Any, Any], tuple[Part, ...]]
    identity: Callable[[Part], Mapping[str, Any]]

    def _entries(self, request: Any, version: int) -> list[Entry]:
        del version
        return [(self.part(request, item), item) for item in getattr(request, self.asked) or ()]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        return replace(request, **{self.asked: tuple(item for _, item in entries)})

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        del version
        return [(self.ways(request, item), item) for item in getattr(response, self.told)]

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        told = {self.told: tuple(answer for _, answer in answers)}
        return self.api.response_type(**told, **self.whole_blank) if response is None else replace(response, **told)

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        made = element_of(self.api.response_type, self.told)
        return made(error_code=error, **self.identity(part), **self._blank(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields on the way from a message to its partitions; ``index`` is empty where those are plain numbers."""

    topics: str = "topics"
    name: str = "name"
    partitions: str = "partitions"
    index: str = "partition_index"
    error: str = "error_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested(MessageParts):
    """Topics of partitions in the request, and likewise in the response."""

    asked: Fields
    told: Fields
    is_of_group: bool = False
    """Whether the request is about one group."""
    by_id_since: int = NEVER
    """The first version that has topic ids in place of names."""

    def parts(self, request: Any, version: int) -> list[Part]:
        named = [part for part, _ in self._entries(request, version)]
        return named if named or not self.is_of_group else [Part(group=request.group_id)]

    def may_answer_others(self, request: Any, version: int) -> bool:
        del version
        return getattr(request, self.asked.topics) is None  # null asks for all topics

    def _entries(self, request: Any, version: int) -> list[Entry]:
        return [
            (self._part(request, self.asked, version, topic, each), (topic, each))
            for topic in getattr(request, self.asked.topics) or ()
            for each in getattr(topic, self.asked.partitions)
        ]

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        topics: dict[int, tuple[Any, list[Any]]] = {}
        for _, (topic, each) in entries:
            topics.setdefault(id(topic), (topic, []))[1].append(each)
        made = tuple(replace(topic, **{self.asked.partitions: tuple(kept)}) for topic, kept in topics.values())
        return replace(request, **{self.asked.topics: made})

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        return [
            ((self._part(request, self.told, version, topic, each),), each)
            for topic in getattr(response, self.told.topics)
            for each in getattr(topic, self.told.partitions)
        ]

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        told = {self.told.topics: topics_of(self.api.response_type, self.told, answers)}
        return self.api.response_type(**told, **self.whole_blank) if response is None else replace(response, **told)

    def _error(self, part: Part, version: int, error: int) -> Any:
        del version
        made = element_of(element_of(self.api.response_type, self.told.topics), self.told.partitions)
        return made(**{self.told.error: error, self.told.index: part.partition}, **self._blank(error))

    def _part(self, request: Any, fields: Fields, version: int, topic: Any, partition: Any) -> Part:
        return Part(
            group=request.group_id if self.is_of_group else None,
            topic=topic.topic_id if version >= self.by_id_since else getattr(topic, fields.name),
            partition=getattr(partition, fields.index) if fields.index else partition,
        )


def topics_of(declared: type[Any], told: Fields, answers: list[Entry]) -> tuple[Any, ...]:
    """Group the answers for partitions by topic, in the order in which topics come first."""
    by_topic: dict[str | bytes | None, list[Any]] = {}
    for part, answer in answers:
        by_topic.setdefault(part.topic, []).append(answer)
    made = element_of(declared, told.topics)
    return tuple(
        made(**{"topic_id" if isinstance(topic, bytes) else told.name: topic, told.partitions: tuple(partitions)})
        for topic, partitions in by_topic.items()
    )
