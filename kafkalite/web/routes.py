"""All that can be asked for: the handle's own words, one function each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kafkalite import __version__
from kafkalite.testing.handle import PATIENCE, Handle
from kafkalite.web import shown
from kafkalite.web.answers import BadInput
from kafkalite.web.routing import Route, route

if TYPE_CHECKING:
    from kafkalite.testing.batches import Text
    from kafkalite.web.json_values import Json

_LONGEST: Final = 600.0
"""Seconds that may be waited for anything."""

# What routes take. Each field comes from the path, the query or the body.


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Nothing at all."""


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
    values: tuple[str, ...] = ()
    values_base64: tuple[str, ...] = ()
    key: str | None = None
    key_base64: str | None = None
    partition: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    timestamp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfTopic:
    """Records of a topic, or of one of its partitions, from an offset on."""

    topic: str
    partition: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneGroup:
    """A group."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMember:
    """A member of a group, by member, instance or client id."""

    group: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who shall own what in a group: members, as they are called, and partitions, such as ``clicks-0``."""

    group: str
    assignment: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeGroups:
    """A group, or all of them."""

    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far time is moved, and for whom heartbeats are taken for granted."""

    seconds: float
    keep_alive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise BadInput("'seconds' must not be negative: the broker's time has no way back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether clients may connect."""

    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Something that is waited for, so many seconds."""

    timeout: float = PATIENCE

    def __post_init__(self) -> None:
        if not 0 <= self.timeout <= _LONGEST:
            raise BadInput(f"'timeout' must be from 0 to {_LONGEST:g} seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume(Patient):
    """So many records of a topic."""

    topic: str
    count: int = 1
    partition: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stable(Patient):
    """A stable group."""

    group: str
    members: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Patient):
    """What a group has committed."""

    group: str
    topic: str
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Positioned(Patient):
    """Where the members of a group fetch."""

    group: str
    topic: str | None = None
    partition: int | None = None
    offset: int = 0


# What they do. The first sentence of each stands in the documentation.


def index(handle: Handle, _: Nothing) -> Json:
    """Tell where clients find the broker, and what can be asked here."""
    routes = [f"{each.method} {each.path}" for each in ROUTES]
    return {"kafkalite": __version__, "bootstrap": handle.bootstrap, "routes": routes}


def topics(handle: Handle, _: Nothing) -> Json:
    """Show all topics but Kafka's own."""
    return {"topics": [shown.topic(handle.topics[name]) for name in handle.topics]}


def topic(handle: Handle, asked: OneTopic) -> Json:
    """Show a topic: its partitions, their first and next offsets."""
    if asked.topic not in handle.topics:
        raise LookupError(f"there is no topic {asked.topic!r}; topics: {', '.join(handle.topics) or 'none'}")
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
        headers=[(name, value.encode()) for name, value in asked.headers.items()],
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


def groups(handle: Handle, _: Nothing) -> Json:
    """Name all groups."""
    return {"groups": list(handle.groups)}


def group(handle: Handle, asked: OneGroup) -> Json:
    """Show a group: its state, members, owners, committed offsets and lag; `Dead` if there is none."""
    return shown.group(handle.groups[asked.group])


def delete_group(handle: Handle, asked: OneGroup) -> Json:
    """Delete a group without members, and its offsets."""
    handle.groups.delete(asked.group)
    return {}


def expire(handle: Handle, asked: OneMember) -> Json:
    """End a member's session now, as if it had been silent for too long."""
    handle.groups.expire(asked.group, asked.member)
    return shown.group(handle.groups[asked.group])


def fence(handle: Handle, asked: OneMember) -> Json:
    """Take a static member's place away for good."""
    handle.groups.fence(asked.group, asked.member)
    return shown.group(handle.groups[asked.group])


def rebalance(handle: Handle, asked: OneGroup) -> Json:
    """Have all members of a group join again."""
    handle.groups.rebalance(asked.group)
    return shown.group(handle.groups[asked.group])


def pin(handle: Handle, asked: Assignment) -> Json:
    """Give partitions to members of your choice, whatever the group's leader assigns, from now on."""
    handle.groups.pin(
        asked.group, {member: [_partition(name) for name in names] for member, names in asked.assignment.items()}
    )
    return shown.group(handle.groups[asked.group])


def unpin(handle: Handle, asked: OneGroup) -> Json:
    """Let the group's leader assign again."""
    handle.groups.unpin(asked.group)
    return shown.group(handle.groups[asked.group])


def clock(handle: Handle, _: Nothing) -> Json:
    """Tell the broker's time, in milliseconds since 1970."""
    return {"now_ms": handle.clock.now_ms()}


def advance(handle: Handle, asked: Advance) -> Json:
    """Move the broker's time; members that are not in `keep_alive` are silent for so long."""
    handle.clock.advance(asked.seconds, keep_alive=asked.keep_alive)
    return {"now_ms": handle.clock.now_ms()}


def freeze(handle: Handle, _: Nothing) -> Json:
    """Let the broker's time stand still; it can be advanced meanwhile."""
    handle.clock.freeze()
    return {"now_ms": handle.clock.now_ms()}


def resume(handle: Handle, _: Nothing) -> Json:
    """Let the broker's time run on."""
    handle.clock.resume()
    return {"now_ms": handle.clock.now_ms()}


def away(handle: Handle, asked: SomeGroups) -> Json:
    """Answer requests of a group, by default of all, NOT_COORDINATOR, and do not tell where the coordinator is."""
    handle.coordinator.move_away(asked.group)
    return {}


def back(handle: Handle, asked: SomeGroups) -> Json:
    """Be the coordinator again, of what it was moved away from."""
    handle.coordinator.move_back(asked.group)
    return {}


def availability(handle: Handle, asked: Availability) -> Json:
    """Cut all clients off and let none in, or let them in again."""
    handle.set_available(asked.available)
    return {"available": asked.available}


def await_stable(handle: Handle, asked: Stable) -> Json:
    """Wait until a group is stable, with just so many members if `members` is given."""
    return shown.group(handle.await_stable(asked.group, members=asked.members, timeout=asked.timeout))


def await_committed(handle: Handle, asked: Committed) -> Json:
    """Wait until a group has committed `offset`, by default all that the topic has now."""
    return shown.group(
        handle.await_committed(
            asked.group, asked.topic, partition=asked.partition, offset=asked.offset, timeout=asked.timeout
        )
    )


def await_positioned(handle: Handle, asked: Positioned) -> Json:
    """Wait until all members of a group fetch what they own; or a `topic`, from `offset` on."""
    return shown.group(
        handle.await_positioned(
            asked.group, asked.topic, partition=asked.partition, offset=asked.offset, timeout=asked.timeout
        )
    )


def _partition(name: str) -> tuple[str, int]:
    topic, dash, partition = name.rpartition("-")
    if not (dash and topic and partition.isdecimal()):
        raise BadInput(f"{name!r} names no partition, as clicks-0 does")
    return topic, int(partition)


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadInput(f"{name!r} is no base64: {error}") from None


ROUTES: Final[tuple[Route, ...]] = (
    route("GET", "/", Nothing, index),
    route("GET", "/topics", Nothing, topics),
    route("POST", "/topics", NewTopic, create_topic),
    route("GET", "/topics/{topic}", OneTopic, topic),
    route("DELETE", "/topics/{topic}", OneTopic, delete_topic),
    route("GET", "/topics/{topic}/records", PartOfTopic, records),
    route("POST", "/produce", Produced, produce),
    route("POST", "/consume", Consume, consume),
    route("GET", "/groups", Nothing, groups),
    route("GET", "/groups/{group}", OneGroup, group),
    route("DELETE", "/groups/{group}", OneGroup, delete_group),
    route("POST", "/groups/{group}/expire", OneMember, expire),
    route("POST", "/groups/{group}/fence", OneMember, fence),
    route("POST", "/groups/{group}/rebalance", OneGroup, rebalance),
    route("POST", "/groups/{group}/pin", Assignment, pin),
    route("POST", "/groups/{group}/unpin", OneGroup, unpin),
    route("POST", "/await/stable", Stable, await_stable),
    route("POST", "/await/committed", Committed, await_committed),
    route("POST", "/await/positioned", Positioned, await_positioned),
    route("GET", "/clock", Nothing, clock),
    route("POST", "/clock/advance", Advance, advance),
    route("POST", "/clock/freeze", Nothing, freeze),
    route("POST", "/clock/resume", Nothing, resume),
    route("POST", "/coordinator/away", SomeGroups, away),
    route("POST", "/coordinator/back", SomeGroups, back),
    route("POST", "/availability", Availability, availability),
)
