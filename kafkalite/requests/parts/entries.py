"""Requests and responses that are lists: of topics, groups or resources, or of topics with partitions in them."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kafkalite.requests.parts.part import Chosen, Part, carries, element_of, everything
from kafkalite_wire.apis import NEVER

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What shapes of several parts have in common; subclasses take messages apart and put them together again."""

    api: Api
    of_whole: Container[int] = ()
    """The errors that are told once for the whole request, without any part, where there is a field for it."""
    blank: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that a refusal needs besides the error and what it is about."""
    blank_by_error: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    """Those of them that are otherwise with some errors."""

    def entries(self, request: Any, version: int) -> list[tuple[Part, Any]]:
        """Take a request apart."""
        raise NotImplementedError

    def with_entries(self, request: Any, version: int, entries: list[tuple[Part, Any]]) -> Any:
        """Put a request together of some of its entries."""
        raise NotImplementedError

    def answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        """Take a response apart; each answer comes with all the ways in which it may have been asked for."""
        raise NotImplementedError

    def with_answers(self, version: int, response: Any | None, answers: list[tuple[Part, Any]]) -> Any:
        """Put a response together; all else of it is as in ``response``."""
        raise NotImplementedError

    def refusal(self, part: Part, version: int, error: int) -> Any:
        """Make the answer that refuses a part."""
        raise NotImplementedError

    # What a shape does

    def parts(self, request: Any, version: int) -> list[Part]:
        """List the parts that a request names, in its order."""
        return [part for part, _ in self.entries(request, version)]

    def is_open(self, request: Any, version: int) -> bool:
        """Deny it: what is named is all there is."""
        del request, version
        return False

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Leave out the entries that are chosen."""
        entries = self.entries(request, version)
        left = [entry for entry in entries if not chosen(entry[0])]
        if len(left) == len(entries):
            return request
        return self.with_entries(request, version, left) if left else None

    def answered(self, request: Any, version: int, response: Any | None, chosen: Chosen, error: int) -> Any:
        """Answer in the order of the request; what it did not name comes last."""
        given = [] if response is None else self.answers(request, version, response)
        left = {id(answer): (ways, answer) for ways, answer in given}
        by_part: dict[Part, list[Any]] = {}
        for ways, answer in given:
            for part in ways:
                by_part.setdefault(part, []).append(answer)
        answers: list[tuple[Part, Any]] = []
        for part, _ in self.entries(request, version):
            handled = next((each for each in by_part.get(part, ()) if id(each) in left), None)
            if handled is not None:
                del left[id(handled)]
            if chosen(part):
                answers.append((part, self.refusal(part, version, error)))
            elif handled is not None:
                answers.append((part, handled))
        for ways, answer in left.values():
            refused = next(filter(chosen, ways), None)
            answers.append((ways[0], answer if refused is None else self.refusal(refused, version, error)))
        return self.with_answers(version, response, answers)

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Leave nothing."""
        del request, version, error
        return None

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Refuse the whole in one word, or else every part."""
        if self.is_of_whole(version, error):
            return replace(self.with_answers(version, None, []), error_code=error)
        return self.answered(request, version, response, everything, error)

    def is_of_whole(self, version: int, error: int) -> bool:
        """Tell whether an error is told of the whole in a version."""
        return error in self.of_whole and carries(self.api.response_type, "error_code", version)

    def blank_with(self, error: int) -> Mapping[str, Any]:
        """Give the fields that a refusal needs with an error."""
        return {**self.blank, **self.blank_by_error.get(error, {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Entries):
    """One list in the request, and one in the response.

    ``part`` tells what an item of a request is about, ``ways`` what one of a response answers, and ``identity`` gives
    the fields that say so in a refusal.
    """

    names: frozenset[str]
    asked: str
    told: str
    part: Callable[[Any, Any], Part]
    ways: Callable[[Any, Any], tuple[Part, ...]]
    identity: Callable[[Part], Mapping[str, Any]]

    def entries(self, request: Any, version: int) -> list[tuple[Part, Any]]:
        """Take a request apart."""
        del version
        return [(self.part(request, item), item) for item in getattr(request, self.asked) or ()]

    def with_entries(self, request: Any, version: int, entries: list[tuple[Part, Any]]) -> Any:
        """Put a request together."""
        del version
        return replace(request, **{self.asked: tuple(item for _, item in entries)})

    def answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        """Take a response apart."""
        del version
        return [(self.ways(request, item), item) for item in getattr(response, self.told)]

    def with_answers(self, version: int, response: Any | None, answers: list[tuple[Part, Any]]) -> Any:
        """Put a response together."""
        del version
        told = {self.told: tuple(answer for _, answer in answers)}
        return self.api.response_type(**told) if response is None else replace(response, **told)

    def refusal(self, part: Part, version: int, error: int) -> Any:
        """Make the answer that refuses a part."""
        del version
        made = element_of(self.api.response_type, self.told)
        return made(error_code=error, **self.identity(part), **self.blank_with(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields on the way from a message to its partitions; ``index`` is empty where those are mere numbers."""

    topics: str = "topics"
    name: str = "name"
    partitions: str = "partitions"
    index: str = "partition_index"

    def topic(self, topic: Any, *, by_id: bool) -> str | bytes:
        """Give a topic's name, or its id."""
        key: str | bytes = topic.topic_id if by_id else getattr(topic, self.name)
        return key

    def partition(self, entry: Any) -> int:
        """Give a partition's number."""
        number: int = getattr(entry, self.index) if self.index else entry
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested(Entries):
    """Topics of partitions in the request, and likewise in the response."""

    asked: Fields
    told: Fields
    grouped: bool = False
    """Whether it is about one group."""
    by_id_since: int = NEVER
    """The first version that says topic ids in place of names."""

    @property
    def names(self) -> frozenset[str]:
        """By what its parts are told apart."""
        return frozenset(("topic", "partition", "group") if self.grouped else ("topic", "partition"))

    def parts(self, request: Any, version: int) -> list[Part]:
        """List the partitions that a request names; without any it may still be about a group."""
        named = [part for part, _ in self.entries(request, version)]
        return named if named or not self.grouped else [Part(group=request.group_id)]

    def is_open(self, request: Any, version: int) -> bool:
        """Tell whether all topics were asked for, by null."""
        del version
        return getattr(request, self.asked.topics) is None

    def entries(self, request: Any, version: int) -> list[tuple[Part, Any]]:
        """Take a request apart; an entry keeps the topic that it came in."""
        group, asked = self._group(request), self.asked
        return [
            (Part(group=group, topic=self._key(topic, asked, version), partition=asked.partition(each)), (topic, each))
            for topic in getattr(request, asked.topics) or ()
            for each in getattr(topic, asked.partitions)
        ]

    def with_entries(self, request: Any, version: int, entries: list[tuple[Part, Any]]) -> Any:
        """Put a request together."""
        del version
        topics: dict[int, tuple[Any, list[Any]]] = {}
        for _, (topic, each) in entries:
            topics.setdefault(id(topic), (topic, []))[1].append(each)
        made = tuple(replace(topic, **{self.asked.partitions: tuple(kept)}) for topic, kept in topics.values())
        return replace(request, **{self.asked.topics: made})

    def answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        """Take a response apart."""
        group, told = self._group(request), self.told
        return [
            ((Part(group=group, topic=self._key(topic, told, version), partition=told.partition(each)),), each)
            for topic in getattr(response, told.topics)
            for each in getattr(topic, told.partitions)
        ]

    def with_answers(self, version: int, response: Any | None, answers: list[tuple[Part, Any]]) -> Any:
        """Put a response together, with each topic once."""
        del version
        told = {self.told.topics: topics_of(self.api.response_type, self.told, answers)}
        return self.api.response_type(**told) if response is None else replace(response, **told)

    def refusal(self, part: Part, version: int, error: int) -> Any:
        """Make the answer that refuses a partition."""
        del version
        made = element_of(element_of(self.api.response_type, self.told.topics), self.told.partitions)
        return made(error_code=error, **{self.told.index: part.partition}, **self.blank_with(error))

    def _group(self, request: Any) -> str | None:
        return request.group_id if self.grouped else None

    def _key(self, topic: Any, fields: Fields, version: int) -> str | bytes:
        return fields.topic(topic, by_id=version >= self.by_id_since)


def topics_of(declared: type[Any], told: Fields, answers: list[tuple[Part, Any]]) -> tuple[Any, ...]:
    """Group the answers for partitions by topic, in the order in which topics come first."""
    by_topic: dict[str | bytes | None, list[Any]] = {}
    for part, answer in answers:
        by_topic.setdefault(part.topic, []).append(answer)
    made = element_of(declared, told.topics)
    return tuple(
        made(**{"topic_id" if isinstance(topic, bytes) else told.name: topic, told.partitions: tuple(partitions)})
        for topic, partitions in by_topic.items()
    )
