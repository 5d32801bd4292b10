"""Topics and their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kafkalite.record_json import bytes_in, decoded
from kafkalite.testing.model.errors import NotThere
from kafkalite.web import shown
from kafkalite.web.answers import BadInput
from kafkalite.web.routes.taken import Nothing, Patient, check_timeout
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.testing.model.batches import Text
    from kafkalite.testing.model.views import Header
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTopic:
    """A topic."""

    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTopic:
    """A topic that is to be created."""

    name: str
    partitions: int = 1
    configs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """Records that differ in their values only."""

    topic: str
    values: tuple[str | None, ...] = ()
    values_base64: tuple[str | None, ...] = ()
    key: str | None = None
    key_base64: str | None = None
    partition: int | None = None
    headers: Mapping[str, str] | tuple[Mapping[str, str | None], ...] = ()
    timestamp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfTopic:
    """Records of a topic, or of one of its partitions, from an offset on."""

    topic: str
    partition: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume(Patient):
    """So many records of a topic."""

    topic: str
    count: int = 1
    partition: int | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        check_timeout(self.timeout)
        if self.count < 0:
            raise BadInput("'count' must not be negative")


def topics(handle: Handle, _: Nothing) -> Json:
    """Show all topics but Kafka's own."""
    return {"topics": [shown.topic(handle.topics[name]) for name in handle.topics]}


def topic(handle: Handle, asked: OneTopic) -> Json:
    """Show a topic: its partitions, their first and next offsets."""
    if asked.topic not in handle.topics:
        raise NotThere(f"there is no topic {asked.topic!r}; topics: {', '.join(handle.topics) or 'none'}")
    return shown.topic(handle.topics[asked.topic])


def create_topic(handle: Handle, asked: NewTopic) -> Json:
    """Create a topic."""
    handle.topics.create(asked.name, asked.partitions, asked.configs)
    return shown.topic(handle.topics[asked.name])


def delete_topic(handle: Handle, asked: OneTopic) -> Json:
    """Delete a topic, and the offsets committed for it."""
    handle.topics.delete(asked.topic)
    return {}


def produce(handle: Handle, asked: Produced) -> Json:
    """Produce records to one partition; a topic that is missing is created."""
    values: list[Text] = [*asked.values, *(_decoded("values_base64", value) for value in asked.values_base64)]
    if not values:
        raise BadInput("'values' is empty: there is nothing to produce")
    records = handle.produce(
        asked.topic,
        *values,
        key=asked.key if asked.key_base64 is None else _decoded("key_base64", asked.key_base64),
        partition=asked.partition,
        headers=_headers(asked.headers),
        timestamp=asked.timestamp,
    )
    return {"records": [shown.record(record) for record in records]}


def records(handle: Handle, asked: PartOfTopic) -> Json:
    """Show what is in a topic now, in the order of time."""
    found = handle.records(asked.topic, partition=asked.partition, offset=asked.offset)
    return {"records": [shown.record(record) for record in found]}


def consume(handle: Handle, asked: Consume) -> Json:
    """Wait until a topic has `count` records, and show the first ones; no group is involved."""
    found = handle.consume(
        asked.topic, asked.count, partition=asked.partition, offset=asked.offset, timeout=asked.timeout
    )
    return {"records": [shown.record(record) for record in found]}


def _decoded(name: str, text: str | None) -> bytes | None:
    try:
        return decoded(text)
    except ValueError as error:
        raise BadInput(f"{name!r} is no base64: {error}") from None


def _headers(given: Mapping[str, str] | tuple[Mapping[str, str | None], ...]) -> list[Header]:
    if isinstance(given, Mapping):
        return [(name, value.encode()) for name, value in given.items()]
    headers: list[Header] = []
    for each in given:
        name = each.get("name")
        if name is None or not each.keys() <= {"name", "value", "value_base64"}:
            raise BadInput(f"'headers' has {dict(each)}: each has a name, and a value or value_base64")
        try:
            headers.append((name, bytes_in(each, "value")))
        except ValueError as error:
            raise BadInput(f"the header {name!r} has no base64: {error}") from None
    return headers


ROUTES: Final = (
    route("GET", "/topics", Nothing, topics),
    route("POST", "/topics", NewTopic, create_topic),
    route("GET", "/topics/{topic}", OneTopic, topic),
    route("DELETE", "/topics/{topic}", OneTopic, delete_topic),
    route("GET", "/topics/{topic}/records", PartOfTopic, records),
    route("POST", "/produce", Produced, produce),
    route("POST", "/consume", Consume, consume),
)
