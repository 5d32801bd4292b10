"""What happened in a run: operations with their outcomes, in the order in which they began and ended.

An operation has two indexes into the history: where it was invoked and where it ended, None if it never did. If one
ended before another was invoked, it took place before. Every outcome that is not certain is UNKNOWN: such an operation
may have taken effect, may take effect later, or never.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """How an operation ended."""

    OK = "ok"
    FAIL = "fail"
    """It certainly had no effect, and never will."""
    UNKNOWN = "info"


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Partition":
        """Return the partition of a text such as `source-0`."""
        topic, _, number = text.rpartition("-")
        return cls(topic, int(number))


class Read(NamedTuple):
    """A record that a consumer returned."""

    partition: Partition
    offset: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One record given to a producer."""

    process: str
    session: int
    """The producer instance; a process makes a new one after a fatal error."""
    transaction: int | None
    partition: Partition
    value: str
    copied_from: str | None
    invoked: int
    completed: int | None
    outcome: Outcome
    offset: int | None
    """Where the broker says it is, if the outcome is OK."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One transaction of one producer.

    It is certainly aborted if no commit was ever invoked: what became of the abort does not matter then.
    """

    number: int
    process: str
    transactional_id: str
    begun: int
    committing: int | None
    """Where the commit was invoked."""
    ended: int | None
    """Where the commit or the abort ended."""
    outcome: Outcome
    """OK: committed. FAIL: aborted."""
    offsets: Mapping[Partition, int]
    """The group's offsets that a copy process commits with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The records that a committed reader returned, in their order.

    They may have been fetched before the poll was invoked, so only its end counts.
    """

    process: str
    transaction: int | None
    """The transaction that the process had open."""
    completed: int
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A consumer begins to read partitions, each at an offset; None where the consumer chooses."""

    process: str
    index: int
    positions: Mapping[Partition, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A consumer no longer reads these partitions."""

    process: str
    index: int
    partitions: frozenset[Partition]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommit:
    """An offset commit of a group, outside of transactions."""

    process: str
    group: str
    offsets: Mapping[Partition, int]
    invoked: int
    completed: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRead:
    """The committed offsets that a member was given; None where the group has none."""

    process: str
    group: str
    offsets: Mapping[Partition, int | None]
    invoked: int
    completed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalLog:
    """A full read of one partition after all producers had ended."""

    partition: Partition
    committed: bool
    """Whether it was read with read_committed."""
    records: tuple[tuple[int, str], ...]
    """Offsets and values in the order in which they were read."""
    producers: Mapping[int, str]
    """Producer id and epoch of the batch at each offset, where the read shows them; empty for one without an id."""
    complete: bool
    """Whether the read reached the end of the log."""
    invoked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group of the run and what its members read; `is_copying` if they copy within transactions."""

    name: str
    topics: tuple[str, ...]
    members: tuple[str, ...]
    is_copying: bool


@dataclass(slots=True, kw_only=True)
class History:
    """All of a run."""

    sends: list[Send] = field(default_factory=list[Send])
    transactions: dict[int, Transaction] = field(default_factory=dict[int, Transaction])
    readers: dict[str, list[Poll | Assigned | Revoked]] = field(
        default_factory=dict[str, list[Poll | Assigned | Revoked]]
    )
    """What each consumer did, in order."""
    group_commits: list[GroupCommit] = field(default_factory=list[GroupCommit])
    group_reads: list[GroupRead] = field(default_factory=list[GroupRead])
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    final_logs: list[FinalLog] = field(default_factory=list[FinalLog])
    final_offsets: dict[str, Mapping[Partition, int | None]] = field(
        default_factory=dict[str, Mapping[Partition, int | None]]
    )
    """The committed offsets of each group after the run."""
    operations: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """How many operations there were of each kind and outcome."""
    faults: dict[str, int] = field(default_factory=dict[str, int])
    errors: dict[str, int] = field(default_factory=dict[str, int])
    """Errors that consumers reported outside of an operation."""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    length: int = 0
    """How many events there were."""

    @property
    def polls(self) -> list[Poll]:
        """All polls, in the order in which they ended."""
        polls = [event for events in self.readers.values() for event in events if isinstance(event, Poll)]
        return sorted(polls, key=lambda poll: poll.completed)
