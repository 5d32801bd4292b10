"""What the groups that the broker assigns may set of their own: the bounds of KIP-848, KIP-932 and KIP-1071.

A bound is a property of the broker that is read at start. It limits a group's configuration and the broker's own value.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Final, Protocol

from kafkalite.config.property import Property
from kafkalite_storage.configs.values import Between, ConfigType
from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.values import value_class

_KINDS: Final = ("consumer", "share", "streams")
_LESS: Final = "less than"
_AT_MOST: Final = "less than or equal to"
_AT_LEAST: Final = "greater than or equal to"

_Default = tuple[int, Between]
_TIMES: Final[tuple[tuple[str, _Default, _Default], ...]] = (
    ("heartbeat.interval.ms", (5_000, Between(1)), (15_000, Between(1))),
    ("session.timeout.ms", (45_000, Between(1)), (60_000, Between(1))),
    ("assignment.interval.ms", (0, Between(0)), (15_000, Between(0))),
)
_SHARE_LIMITS: Final = frozenset((
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.record.lock.duration.ms",
))  # fmt: skip
_ROWS: Final[tuple[tuple[str, _Default | None, _Default], ...]] = (
    *((f"{kind}.{name}", least, most) for kind in _KINDS for name, least, most in _TIMES),
    ("share.delivery.count.limit", (2, Between(2, 5)), (10, Between(5, 25))),
    ("share.partition.max.record.locks", (100, Between(100, 2_000)), (4_000, Between(2_000, 10_000))),
    ("share.record.lock.duration.ms", (15_000, Between(1_000, 30_000)), (60_000, Between(30_000, 3_600_000))),
    ("streams.num.standby.replicas", None, (2, Between(0))),
)
"""A group's configuration, and the defaults of the properties that bound it."""

ASSIGNMENT_INTERVALS: Final = tuple(f"group.{kind}.assignment.interval.ms" for kind in _KINDS)
"""The bounded properties of the broker that may change while it runs."""


@value_class
class GroupBound:
    """The least and the most that a group may set for one configuration; None where there is no least value."""

    least: int | None
    most: int

    def clamped(self, value: int) -> int:
        """Return the closest value that is allowed."""
        return min(value if self.least is None else max(value, self.least), self.most)

    def allows(self, value: int) -> bool:
        """Return whether a value lies within the bounds, which are allowed themselves."""
        return self.clamped(value) == value

    def problem(self, name: str, value: int) -> str | None:
        """Return in Kafka's words what is wrong with a value of a group, or None."""
        if self.allows(value):
            return None
        if self.least is None:
            return f"{name} must be less than or equal to {self.most}"
        return f"{name} must be in the range {self.least} to {self.most} inclusive."


class Values(Protocol):
    """The values of the broker's properties at its start."""

    @property
    def given(self) -> Container[str]:
        """The names of those that were set."""
        ...

    def integer(self, name: str) -> int:
        """Return the value of a property that is a number, set or default."""
        ...


def properties(section: str) -> Iterator[Property]:
    """Return the properties that are bounds, ordered by name."""
    made: list[Property] = []
    for name, least, most in _ROWS:
        for bound, word, row in (("min", "Least", least), ("max", "Greatest", most)):
            if row is not None:
                default, rule = row
                made.append(
                    Property(
                        name=_bound_name(name, bound),
                        type=ConfigType.INT,
                        default=default,
                        rule=rule,
                        doc=f"{word} `{name}` that a group may set.",
                        section=section,
                    )
                )
    yield from sorted(made, key=lambda each: each.name)


def _bound_name(name: str, bound: str) -> str:
    kind, _, rest = name.partition(".")
    return f"group.{kind}.{bound}.{rest.removeprefix('num.')}"


def bounds(values: Values) -> Mapping[str, GroupBound]:
    """Return the bound of each group configuration that has one."""
    return {
        name: GroupBound(
            None if least is None else values.integer(_bound_name(name, "min")),
            values.integer(_bound_name(name, "max")),
        )
        for name, least, _ in _ROWS
    }


def assignment_interval(values: Values, kind: str) -> float:
    """Return the broker's assignment interval for one kind of groups, in seconds.

    The default, which is below Kafka's, gives way to bounds that suit Kafka's.
    """
    name = f"{kind}.assignment.interval.ms"
    return bounds(values)[name].clamped(values.integer(f"group.{name}")) / 1000


@value_class
class BrokenRule:
    """Two properties of the broker that do not fit; ``message`` begins with the name of the first, as in Kafka."""

    name: str
    other: str
    message: str


def broken_rule(values: Values) -> BrokenRule | None:
    """Return the first rule between bounds and the broker's own values that does not hold, or None.

    A least value that is a default does not limit the broker's own value: this is where kafkalite is less strict than
    Kafka, so that tests can have frequent heartbeats with one property.
    """
    for name, other, relation in _rules(values.given):
        value, limit = values.integer(name), values.integer(other)
        holds = value < limit if relation == _LESS else value <= limit if relation == _AT_MOST else value >= limit
        if not holds:
            return BrokenRule(name, other, f"{name} must be {relation} {other}")
    return None


def _rules(given: Container[str]) -> Iterator[tuple[str, str, str]]:
    for name, has_least, _ in _ROWS:
        own, least, most = f"group.{name}", _bound_name(name, "min"), _bound_name(name, "max")
        if has_least is not None and name not in _SHARE_LIMITS:
            yield most, least, _AT_LEAST
        if has_least is not None and least in given and (own in given or own not in ASSIGNMENT_INTERVALS):
            yield own, least, _AT_LEAST
        if name in _SHARE_LIMITS:
            yield most, own, _AT_LEAST
        else:
            yield own, most, _AT_MOST
    for kind in _KINDS:
        yield f"group.{kind}.heartbeat.interval.ms", f"group.{kind}.session.timeout.ms", _LESS


def check_intervals(changes: Mapping[str, str | None], known: Mapping[str, GroupBound]) -> None:
    """Check assignment intervals, which are numbers, that change while the broker runs. Raises InvalidConfig."""
    for name in ASSIGNMENT_INTERVALS:
        text = changes.get(name)
        own = name.removeprefix("group.")
        if text is not None and not known[own].allows(int(text)):
            relation, bound = (_AT_MOST, "max") if int(text) > known[own].most else (_AT_LEAST, "min")
            raise InvalidConfig(f"{name} must be {relation} {_bound_name(own, bound)}")


def clamped(own: Mapping[str, str], known: Mapping[str, GroupBound]) -> Mapping[str, str]:
    """Return what a group has set, as it acts: within bounds that may be closer now than when it was set."""
    return {name: str(known[name].clamped(int(text))) if name in known else text for name, text in own.items()}
