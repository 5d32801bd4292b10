"""What a driver says: one line of JSON an event, turned into one typed value."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, Union, cast

Json: TypeAlias = Union[dict[str, "Json"], list["Json"], str, int, float, bool, None]  # noqa: UP007  # names itself

"""What comes out of a line of JSON."""

Sendable: TypeAlias = Union[Mapping[str, "Sendable"], Sequence["Sendable"], str, int, float, bool, None]  # noqa: UP007  # names itself
"""What may go into a line of JSON."""


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int

    def as_json(self) -> dict[str, Json]:
        """Return the JSON form that every driver reads."""
        return {"topic": self.topic, "partition": self.partition}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record to produce; a partition or timestamp of None leaves the choice to the client."""

    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    timestamp: int | None = None
    """Milliseconds since the epoch."""

    def as_json(self) -> dict[str, Json]:
        """Return the JSON form; bytes travel in base 64."""
        return {
            "key": _encoded(self.key),
            "value": _encoded(self.value),
            "headers": [[name, _encoded(value)] for name, value in self.headers],
            "partition": self.partition,
            "timestamp": self.timestamp,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """A record that a consumer was given."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def topic_partition(self) -> TopicPartition:
        """Where it was."""
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The broker accepted the record number `index` of a produce command; the offset is -1 with acks=0."""

    command: int
    index: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The record number `index` of a produce command failed."""

    command: int
    index: int
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipChanged:
    """The consumer's assignment changed, to all of `owned`."""

    gained: bool
    """True after an assignment, False after a revocation or a loss."""
    owned: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The command succeeded; `result` holds what an administrative command returns."""

    command: int
    result: "Fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The command failed with an error, by Kafka's name where the client tells it."""

    command: int
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """An error outside any command."""

    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The driver has started and reads commands."""


Event: TypeAlias = Consumed | Acknowledged | Refused | OwnershipChanged | Done | Failed | Complaint | Ready


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type; KeyError and TypeError tell what a driver got wrong."""

    values: dict[str, Json] = field(default_factory=lambda: cast("dict[str, Json]", {}))

    def text(self, name: str) -> str:
        """Return a text."""
        value = self.values[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is not a text: {value!r}")
        return value

    def number(self, name: str) -> int:
        """Return a whole number."""
        value = self.values[name]
        if not isinstance(value, int):
            raise TypeError(f"{name} is not a number: {value!r}")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where the field is null or absent."""
        return None if self.values.get(name) is None else self.text(name)

    def optional_number(self, name: str) -> int | None:
        """Return a whole number, or None where the field is null or absent."""
        return None if self.values.get(name) is None else self.number(name)

    def optional_bytes(self, name: str) -> bytes | None:
        """Return bytes that travel in base 64, or None."""
        text = self.optional_text(name)
        return None if text is None else base64.b64decode(text)

    def flag(self, name: str) -> bool:
        """Return whether the field is present and true."""
        return self.values.get(name) is True

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        return [str(each) for each in self._list(name)]

    def rows(self, name: str) -> list["Fields"]:
        """Return a list of objects."""
        return [Fields(each) for each in self._list(name) if isinstance(each, dict)]

    def partitions(self, name: str) -> frozenset[TopicPartition]:
        """Return a list of objects with topic and partition."""
        return frozenset(TopicPartition(row.text("topic"), row.number("partition")) for row in self.rows(name))

    def offsets(self, name: str) -> dict[TopicPartition, int]:
        """Return a list of objects with topic, partition and offset."""
        return {
            TopicPartition(row.text("topic"), row.number("partition")): row.number("offset") for row in self.rows(name)
        }

    def mapping(self, name: str) -> dict[str, str | None]:
        """Return an object of texts."""
        value = self.values[name]
        if not isinstance(value, dict):
            raise TypeError(f"{name} is not an object: {value!r}")
        return {key: None if each is None else str(each) for key, each in value.items()}

    def headers(self, name: str) -> tuple[tuple[str, bytes | None], ...]:
        """Return record headers: a list of pairs of a text and bytes in base 64."""
        pairs: list[tuple[str, bytes | None]] = []
        for pair in self._list(name):
            if isinstance(pair, list):
                key, value = pair
                pairs.append((str(key), None if value is None else base64.b64decode(str(value))))
        return tuple(pairs)

    def _list(self, name: str) -> Sequence[Json]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise TypeError(f"{name} is not a list: {value!r}")
        return value


_CHANGES: Final = {"assigned": True, "revoked": False}


def parse_event(line: bytes | str) -> Event:
    """Return the event of one line. ValueError for a line that is no event."""
    values = cast("Json", json.loads(line))
    if not isinstance(values, dict):
        raise ValueError(f"not an event: {line!r}")
    fields = Fields(values)
    match fields.text("event"):
        case "record":
            return Consumed(
                topic=fields.text("topic"),
                partition=fields.number("partition"),
                offset=fields.number("offset"),
                timestamp=fields.number("timestamp"),
                key=fields.optional_bytes("key"),
                value=fields.optional_bytes("value"),
                headers=fields.headers("headers"),
            )
        case "ack":
            return Acknowledged(
                command=fields.number("id"),
                index=fields.number("index"),
                partition=fields.number("partition"),
                offset=fields.number("offset"),
            )
        case "nack":
            return Refused(
                command=fields.number("id"),
                index=fields.number("index"),
                error=fields.text("error"),
                message=fields.text("message"),
            )
        case "assigned" | "revoked" as change:
            return OwnershipChanged(gained=_CHANGES[change], owned=fields.partitions("owned"))
        case "done":
            return Done(command=fields.number("id"), result=fields)
        case "failed":
            return Failed(command=fields.number("id"), error=fields.text("error"), message=fields.text("message"))
        case "error":
            return Complaint(error=fields.text("error"), message=fields.text("message"))
        case "ready":
            return Ready()
        case other:
            raise ValueError(f"unknown event {other!r}")


def _encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
