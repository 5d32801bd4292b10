"""What the processes and the broker reported: all that the promises are judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kafkalite.tools.demo.ledger import Charge


@dataclass(slots=True, kw_only=True)
class Ownership:
    """A consumer owned a partition from one monotonic second to another; `until` is None while it still does."""

    member: str
    partition: int
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the broker said about who owns which partition of a group, and what the group has committed.

    It was so at some time between two monotonic seconds: when it was asked, and when it had answered.
    """

    asked_at: float
    answered_at: float
    stable: bool
    owners: Mapping[str, frozenset[int]]
    committed: Mapping[int, int]


@dataclass(slots=True, kw_only=True)
class Crash:
    """How a member was killed, and who took over."""

    victim: str
    standby: str
    partition: int
    session_timeout: float
    standby_joined_at: float
    heard_at: float | None = None
    """When the victim sent its last successful commit, which restarted its session."""
    killed_at: float | None = None
    taken_over_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One reading of the whole topic by a group of its own; everything by partition."""

    clicks: int
    first: Mapping[int, int]
    next: Mapping[int, int]
    digests: Mapping[int, str]


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Everything reported, gathered as the story goes; what has not happened is missing."""

    ownerships: list[Ownership] = field(default_factory=list[Ownership])
    looks: list[Look] = field(default_factory=list[Look])
    crash: Crash | None = None
    sent: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    ends: dict[int, int] = field(default_factory=dict[int, int])
    committed: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    """What each group has committed at the end, as the broker says."""
    committed_before_reading: dict[int, int] = field(default_factory=dict[int, int])
    """What `billing` had committed before the other groups came to their ends."""
    ledgers: Mapping[str, Sequence[Charge]] = field(default_factory=dict[str, Sequence[Charge]])
    passes: dict[str, list[Pass]] = field(default_factory=dict[str, list[Pass]])

    def assigned(self, member: str, partitions: Sequence[int], at: float) -> None:
        """Record that partitions were assigned to a consumer."""
        owned = {period.partition for period in self.ownerships if period.member == member and period.until is None}
        for partition in partitions:
            if partition not in owned:
                self.ownerships.append(Ownership(member=member, partition=partition, since=at))

    def revoked(self, member: str, partitions: Sequence[int] | None, at: float) -> None:
        """Record that partitions were revoked from a consumer; None is all of them."""
        for period in self.ownerships:
            if (
                period.member == member
                and period.until is None
                and (partitions is None or period.partition in partitions)
            ):
                period.until = at

    def owned_by(self, member: str) -> set[int]:
        """Return the partitions that a consumer owns now."""
        return {period.partition for period in self.ownerships if period.member == member and period.until is None}

    def owner_of(self, partition: int) -> str | None:
        """Return the owner of a partition now."""
        owners = [period.member for period in self.ownerships if period.partition == partition and period.until is None]
        return owners[-1] if owners else None
