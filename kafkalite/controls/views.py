"""Topics, records and groups as the controls return them: immutable copies, and the text form of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

from kafkalite.controls.errors import InvalidRequest, NotFound
from kafkalite.record_json import member as bytes_member
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import decode_assignment, decode_subscription


class TopicPartition(NamedTuple):
    """A partition of a topic; equal to a plain pair, and ``topic-0`` as text."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"

    @classmethod
    def of(cls, pair: object) -> TopicPartition:
        """Return the partition of a pair of topic and number. Raises InvalidRequest."""
        match pair:
            case (str(topic), int(partition)) if partition >= 0:
                return cls(topic, partition)
            case _:
                raise InvalidRequest(f"partitions are pairs of topic and number, ('clicks', 0), not {pair!r}")

    @classmethod
    def parse(cls, name: str) -> TopicPartition:
        """Parse ``topic-0``. Raises InvalidRequest."""
        topic, dash, partition = name.rpartition("-")
        if not (dash and topic and partition.isdecimal()):
            raise InvalidRequest(f"{name!r} is not a partition such as clicks-0")
        return cls(topic, int(partition))


Header = tuple[str, bytes | None]
"""A header of a record: its name and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic, with the first and the next offset of each partition."""

    name: str
    partitions: int
    start_offsets: tuple[int, ...]
    end_offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerView:
    """A broker of the cluster: ``state`` is ``up``, ``stopped`` or ``killed``."""

    id: int
    host: str
    port: int
    rack: str | None
    state: str
    leads: int
    """How many partitions it leads."""


def no_topic(name: str, topics: Iterable[str]) -> str:
    """Describe a missing topic, with the existing ones."""
    return f"there is no topic {name!r}; topics: {', '.join(topics) or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record at its offset; ``timestamp`` is milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def text(self) -> str:
        """The value decoded as UTF-8. Raises UnicodeDecodeError."""
        return "" if self.value is None else self.value.decode()

    def as_json(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            **bytes_member("key", self.key),
            **bytes_member("value", self.value),
            "headers": [{"name": name, **bytes_member("value", value)} for name, value in self.headers],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a group, the topics that it subscribes to and the partitions assigned to it."""

    member_id: str
    client_id: str
    group_instance_id: str | None
    client_host: str
    topics: frozenset[str]
    assignment: frozenset[TopicPartition]

    def is_called(self, name: str) -> bool:
        """Return whether a name is the member's member id, instance id or client id."""
        return name in (self.member_id, self.group_instance_id, self.client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The committed offset of a group in a partition, and the partition's end."""

    offset: int
    end_offset: int
    metadata: str = ""

    @property
    def lag(self) -> int:
        """The number of records behind the committed offset."""
        return max(0, self.end_offset - self.offset)

    def as_json(self) -> dict[str, object]:
        """Return the members of the JSON object, with the lag."""
        return {"offset": self.offset, "end_offset": self.end_offset, "lag": self.lag, "metadata": self.metadata}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group; a missing one has the state ``Dead``. The generation is -1 where the broker does not report it."""

    json_names: ClassVar[Mapping[str, str]] = {"group_id": "group"}

    group_id: str
    state: str
    generation: int = -1
    protocol: str = ""
    members: tuple[Member, ...] = ()
    committed: Mapping[TopicPartition, Committed] = field(default_factory=dict[TopicPartition, Committed])

    @property
    def owners(self) -> Mapping[TopicPartition, Member]:
        """The owner of each assigned partition."""
        return {partition: member for member in self.members for partition in sorted(member.assignment)}

    @property
    def lag(self) -> int:
        """The number of records behind the committed offsets, over all partitions that have one."""
        return sum(committed.lag for committed in self.committed.values())

    def owner(self, topic: str, partition: int = 0) -> Member | None:
        """Return the owner of a partition, or None."""
        return self.owners.get(TopicPartition(topic, partition))

    def member(self, name: str) -> Member:
        """Return the one member with this member id, instance id or client id. Raises LookupError."""
        found = [member for member in self.members if member.is_called(name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{member.client_id} ({member.member_id})" for member in self.members) or "none"
        many = f"{len(found)} members are" if found else "no member is"
        raise NotFound(f"{many} called {name!r} in group {self.group_id!r}; its members: {known}")

    def as_json(self) -> dict[str, object]:
        """Return the members of the JSON object, with the lag and the client id of each partition's owner."""
        return {
            "group": self.group_id,
            "state": self.state,
            "generation": self.generation,
            "protocol": self.protocol,
            "lag": self.lag,
            "owners": {partition: owner.client_id for partition, owner in sorted(self.owners.items())},
            "committed": dict(sorted(self.committed.items())),
            "members": self.members,
        }

    def __str__(self) -> str:
        """Describe the group over several lines."""
        generation = "" if self.generation < 0 else f", generation {self.generation}"
        lines = [f"group {self.group_id!r} is {self.state}{generation}, {len(self.members)} member(s)"]
        for member in self.members:
            owned = ", ".join(map(str, sorted(member.assignment))) or "nothing"
            lines.append(f"  {member.client_id} ({member.member_id}) owns {owned}")
        lines += [
            f"  {partition}: committed {committed.offset} of {committed.end_offset}"
            for partition, committed in sorted(self.committed.items())
        ]
        return "\n".join(lines)


class DescribedMember(Protocol):
    """A member as a broker describes it."""

    @property
    def member_id(self) -> str:
        """Its id."""
        ...

    @property
    def client_id(self) -> str:
        """The id of its client."""
        ...

    @property
    def group_instance_id(self) -> str | None:
        """Its instance id, if it is a static member."""
        ...

    @property
    def client_host(self) -> str:
        """The address of its client."""
        ...


def member_of(described: DescribedMember, metadata: bytes, assignment: bytes) -> Member:
    """Return a member; what is not in the format of consumers counts as empty."""
    return Member(
        member_id=described.member_id,
        client_id=described.client_id,
        group_instance_id=described.group_instance_id,
        client_host=described.client_host,
        topics=subscription_in(metadata),
        assignment=assignment_in(assignment),
    )


def subscription_in(data: bytes) -> frozenset[str]:
    """Return the topics in a member's subscription; empty if it is not a consumer's."""
    try:
        return frozenset(decode_subscription(data).topics)
    except WireError:
        return frozenset()


def assignment_in(data: bytes) -> frozenset[TopicPartition]:
    """Return the partitions in a member's assignment; empty if it is not a consumer's."""
    if not data:
        return frozenset()
    try:
        assigned = decode_assignment(data).assigned_partitions
    except WireError:
        return frozenset()
    return frozenset(TopicPartition(topic.topic, index) for topic in assigned for index in topic.partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transactional id: its state as Kafka prints it, and the partitions of its transaction."""

    transactional_id: str
    state: str
    producer_id: int
    producer_epoch: int
    timeout_ms: int
    partitions: tuple[TopicPartition, ...]

    def __str__(self) -> str:
        partitions = ", ".join(map(str, self.partitions)) or "no partitions"
        return f"{self.transactional_id} is {self.state} with {partitions}"
