"""Consumer groups: members, assignments, lag and committed offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, cast

from kafkalite.tools.admin.failures import AdminError, Why, name_of, not_found, refused
from kafkalite.tools.admin.positions import Kind, Position, place_in
from kafkalite.tools.admin.topics import offsets_at, partition_counts
from kafkalite_wire.error_codes import ErrorCode

TopicPartition = tuple[str, int]

_SHARE: Final = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A group in a list; the state is empty where the broker does not tell it (before Kafka 2.6)."""

    group: str
    state: str
    type: str
    protocol_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a group."""

    member_id: str
    group_instance_id: str | None
    client_id: str
    host: str
    partitions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One partition of a group: who reads it, and how far; None for what there is not."""

    topic: str
    partition: int
    committed: int | None
    end: int | None
    lag: int | None
    member_id: str | None
    client_id: str | None
    host: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group at one moment."""

    group: str
    state: str
    protocol: str
    """The assignor."""
    members: tuple[Member, ...]
    partitions: tuple[Progress, ...]

    @property
    def lag(self) -> int:
        """The records that are not yet committed, over all partitions where something was."""
        return sum(row.lag or 0 for row in self.partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The offset from which a group would continue in one partition."""

    topic: str
    partition: int
    committed: int | None
    new: int
    """Never beyond what the partition holds."""

    @property
    def read_again(self) -> int | None:
        """How many offsets are read once more; negative for those that are skipped."""
        return None if self.committed is None else self.committed - self.new


def list_groups(admin: Any) -> list[Listed]:
    """List the groups of all brokers."""
    rows = (
        Listed(
            group=row["group_id"],
            state=row.get("group_state") or "",
            type=row.get("group_type") or "classic",
            protocol_type=row["protocol_type"],
        )
        for row in admin.list_groups()
    )
    return sorted(rows, key=lambda row: row.group)


def describe_group(admin: Any, name: str) -> Group:
    """Return the owners, committed offsets and lag of a group; raises AdminError if there is none.

    A group of the new protocol (KIP-848) has no members here, because the client library cannot ask for them.
    """
    told = _told(admin, name)
    listed: Listed | None = None
    if told is None:
        known = {row.group: row for row in list_groups(admin)}
        listed = known.get(name)
        if listed is None:
            raise not_found("group", name, known)
        if listed.type == _SHARE:
            raise AdminError(
                Why.REFUSED,
                f"{name!r} is a share group, which has no committed offsets",
                hint="Kafka's kafka-share-groups.sh describes and resets it.",
            )
    members = _members(told)
    owners = {owned: member for member in members for owned in member.partitions}
    committed = committed_offsets(admin, name)
    ends = _ends(admin, {*owners, *committed})
    return Group(
        group=name,
        state=told["group_state"] if told else listed.state if listed else "",
        protocol=told["protocol_data"] if told else "",
        members=members,
        partitions=tuple(
            _progress(key, committed.get(key), ends.get(key), owners.get(key)) for key in sorted({*owners, *committed})
        ),
    )


def committed_offsets(admin: Any, name: str) -> dict[TopicPartition, int]:
    """Return the committed offsets of a group, none if it does not exist."""
    found = admin.list_group_offsets(name).get(name, {})
    return {(key.topic, key.partition): int(row.offset) for key, row in found.items() if row.offset >= 0}


def plan_reset(
    admin: Any, name: str, scopes: Sequence[tuple[str, Sequence[int] | None]], position: Position
) -> list[Reset]:
    """Return the offsets that a reset would commit, without scopes for every partition with a committed offset."""
    committed = committed_offsets(admin, name)
    counts = partition_counts(admin, list(dict.fromkeys(topic for topic, _ in scopes)))
    keys: set[TopicPartition] = set()
    for topic, numbers in scopes:
        for number in range(counts[topic]) if numbers is None else numbers:
            if number >= counts[topic]:
                raise AdminError(
                    Why.NOT_FOUND, f"topic {topic!r} has no partition {number}", hint=f"It has {counts[topic]}."
                )
            keys.add((topic, number))
    if not scopes:
        keys = set(_existing(admin, committed))
        if not keys:
            hint = "Name the topics with --topic."
            raise AdminError(Why.NOT_FOUND, f"group {name!r} has no committed offsets of topics that exist", hint=hint)
    places = places_of(admin, keys, position, standing=committed)
    return [
        Reset(topic=key[0], partition=key[1], committed=committed.get(key), new=places[key]) for key in sorted(places)
    ]


def places_of(
    admin: Any, keys: Iterable[TopicPartition], position: Position, *, standing: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the offsets of a position in partitions."""
    asked = list(keys)
    earliest, ends = offsets_at(admin, asked, "earliest"), offsets_at(admin, asked, "latest")
    at_time = offsets_at(admin, asked, position.value) if position.kind is Kind.TIME else {}
    return {
        key: place_in(
            position, earliest=earliest[key], end=ends[key], standing=standing.get(key), at_time=at_time.get(key)
        )
        for key in asked
    }


def members_in_the_way(admin: Any, name: str) -> tuple[Member, ...]:
    """Return the members of an active group, whose offsets cannot be changed by others."""
    return _members(_told(admin, name))


def apply_reset(admin: Any, name: str, plan: Sequence[Reset]) -> None:
    """Commit the offsets of a plan; raises AdminError if the group has members or the broker refuses."""
    active = members_in_the_way(admin, name)
    if active:
        clients = ", ".join(sorted({member.client_id for member in active}))
        raise AdminError(
            Why.REFUSED,
            f"group {name!r} has {len(active)} active members ({clients}), which go by their own positions",
            hint="Stop them first: the offsets of a group can be changed only while it has no members.",
        )
    kafka = import_module("kafka")
    offsets = {kafka.TopicPartition(row.topic, row.partition): kafka.OffsetAndMetadata(row.new, "", -1) for row in plan}
    _raise_for_any(f"offsets of group {name!r} are not reset", admin.alter_group_offsets(name, offsets))


def delete_offsets(admin: Any, name: str, scopes: Sequence[tuple[str, Sequence[int] | None]]) -> list[TopicPartition]:
    """Forget what a group has committed for topics; returns the partitions concerned."""
    committed = committed_offsets(admin, name)
    chosen: set[TopicPartition] = set()
    for scope in scopes:
        within = {key for key in committed if _within(key, scope)}
        if not within:
            raise not_found(f"offset of group {name!r} for topic", scope[0], {topic for topic, _ in committed})
        chosen |= within
    keys = sorted(chosen)
    kafka = import_module("kafka")
    answer = admin.delete_group_offsets(name, [kafka.TopicPartition(*key) for key in keys])
    _raise_for_any(f"offsets of group {name!r} are not deleted", answer)
    return keys


def delete_groups(admin: Any, names: Sequence[str]) -> dict[str, str | None]:
    """Delete groups with their offsets; tells the error of each, None for one that is deleted."""
    known = {row.group for row in list_groups(admin)}
    for name in names:
        if name not in known:
            raise not_found("group", name, known)
    errors = import_module("kafka.errors")
    outcome = admin.delete_groups(list(names))
    return {
        name: None if result == "OK" else name_of(getattr(errors, result).errno) for name, result in outcome.items()
    }


def _raise_for_any(what: str, answer: Mapping[Any, Any]) -> None:
    failed = {f"{key.topic}-{key.partition}": name_of(error.errno) for key, error in answer.items() if error.errno}
    if failed:
        reasons = ", ".join(f"{partition}: {reason}" for partition, reason in sorted(failed.items()))
        raise AdminError(Why.REFUSED, f"{what}: {reasons}")


def _within(key: TopicPartition, scope: tuple[str, Sequence[int] | None]) -> bool:
    topic, numbers = scope
    return key[0] == topic and (numbers is None or key[1] in numbers)


def _told(admin: Any, name: str) -> Mapping[str, Any] | None:
    """Ask for a group; None if there is none, which brokers before Kafka 4 say with the state Dead."""
    told = admin.describe_groups([name])[name]
    if told["error"]:
        # kafka-python has made words of it: "[Error 69] GroupIdNotFoundError: …".
        found = re.match(r"\[Error (-?\d+)\]", told["error"])
        code = int(found.group(1)) if found else ErrorCode.UNKNOWN_SERVER_ERROR
        if code == ErrorCode.GROUP_ID_NOT_FOUND:
            return None
        raise refused(f"group {name!r}", code)
    return None if told["group_state"] == "Dead" else cast("Mapping[str, Any]", told)


def _members(told: Mapping[str, Any] | None) -> tuple[Member, ...]:
    return () if told is None else tuple(_member(row) for row in told["members"])


def _member(row: Mapping[str, Any]) -> Member:
    assignment = row["member_assignment"]
    # Of a protocol that is not a consumer's, the assignment stays bytes.
    topics = cast("dict[str, Any]", assignment)["assigned_partitions"] if isinstance(assignment, dict) else ()
    return Member(
        member_id=row["member_id"],
        group_instance_id=row.get("group_instance_id"),
        client_id=row["client_id"],
        host=str(row["client_host"]).lstrip("/"),
        partitions=tuple(sorted((topic["topic"], number) for topic in topics for number in topic["partitions"])),
    )


def _progress(key: TopicPartition, committed: int | None, end: int | None, owner: Member | None) -> Progress:
    return Progress(
        topic=key[0],
        partition=key[1],
        committed=committed,
        end=end,
        lag=None if committed is None or end is None else max(0, end - committed),
        member_id=owner.member_id if owner else None,
        client_id=owner.client_id if owner else None,
        host=owner.host if owner else None,
    )


def _existing(admin: Any, keys: Iterable[TopicPartition]) -> list[TopicPartition]:
    """Leave out partitions that do not exist or have no leader."""
    asked = sorted(keys)
    topics = admin.describe_topics(sorted({topic for topic, _ in asked})) if asked else ()
    led = {
        (topic["name"], partition["partition_index"])
        for topic in topics
        for partition in topic["partitions"]
        if partition["leader_id"] >= 0
    }
    return [key for key in asked if key in led]


def _ends(admin: Any, keys: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    return offsets_at(admin, _existing(admin, keys), "latest")
