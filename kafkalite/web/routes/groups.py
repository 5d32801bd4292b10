"""Groups: what they are, what can be done to them, and waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.web import shown
from kafkalite.web.answers import BadInput
from kafkalite.web.routes.taken import Nothing, Patient
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json


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
    offset: int | Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Positioned(Patient):
    """Where the members of a group fetch."""

    group: str
    topic: str | None = None
    partition: int | None = None
    offset: int = 0


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


def await_stable(handle: Handle, asked: Stable) -> Json:
    """Wait until a group is stable, with just so many members if `members` is given."""
    return shown.group(handle.await_stable(asked.group, members=asked.members, timeout=asked.timeout))


def await_committed(handle: Handle, asked: Committed) -> Json:
    """Wait until a group has committed `offset`, one for all partitions or `{"0": 5}`, by default all there is now."""
    offset = asked.offset if isinstance(asked.offset, int | None) else _by_partition(asked.offset)
    return shown.group(
        handle.await_committed(
            asked.group, asked.topic, partition=asked.partition, offset=offset, timeout=asked.timeout
        )
    )


def await_positioned(handle: Handle, asked: Positioned) -> Json:
    """Wait until all members of a group fetch what they own; or a `topic`, from `offset` on."""
    return shown.group(
        handle.await_positioned(
            asked.group, asked.topic, partition=asked.partition, offset=asked.offset, timeout=asked.timeout
        )
    )


def _by_partition(offsets: Mapping[str, int]) -> dict[int, int]:
    try:
        return {int(partition): offset for partition, offset in offsets.items()}
    except ValueError:
        raise BadInput("'offset' has partitions as its names, as {\"0\": 5}") from None


def _partition(name: str) -> tuple[str, int]:
    topic, dash, partition = name.rpartition("-")
    if not (dash and topic and partition.isdecimal()):
        raise BadInput(f"{name!r} names no partition, as clicks-0 does")
    return topic, int(partition)


ROUTES: Final = (
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
)
