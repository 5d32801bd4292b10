"""Pinned assignments: a test decides which members get some partitions, not the assignor.

The assignor of a classic group is a client, the leader, so the coordinator changes what it assigns. Bytes that the
leader attached for its members stay as they are. In a consumer group the target assignment is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from kafkalite.coordinators.groups.classic.group import CONSUMER
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    TopicPartition,
    decode_assignment,
    decode_subscription,
    encode_consumer_protocol,
)

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Group, Member
    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
    from kafkalite.coordinators.topics import ClusterTopics

Partition = tuple[str, int]


class Pins:
    """The pinned partitions of all groups, and the names of those who get them."""

    def __init__(self) -> None:
        self._groups: dict[str, Mapping[Partition, str]] = {}

    def pin(self, group_id: str, owners: Mapping[Partition, str]) -> None:
        """Assign partitions to members, named by member, instance or client id, from the next rebalance on."""
        self._groups[group_id] = dict(owners)

    def unpin(self, group_id: str) -> bool:
        """Remove the pins of a group. Return False if there were none."""
        return self._groups.pop(group_id, None) is not None

    def group_ids(self) -> tuple[str, ...]:
        """Name the groups in which something is pinned."""
        return tuple(self._groups)

    def assignment_hook(self, group: Group, assignments: dict[str, bytes]) -> dict[str, bytes]:
        """Change what a leader has assigned; pinned partitions of those who are not there stay where it put them.

        As in a cooperative rebalance (KIP-429), what a member still owns is given to another only once the owner has
        let it go: a partition has one owner. Assignments that are not in a consumer's form are left alone.
        """
        try:
            return self._with_pins(group, assignments)
        except WireError:
            return assignments

    def target_hook(
        self, group: ConsumerGroup, targets: dict[str, Partitions], topics: ClusterTopics
    ) -> dict[str, Partitions]:
        """Change a target assignment; pinned partitions of those who are not there stay where the assignor put them."""
        for (name, partition), called in self._groups.get(group.group_id, {}).items():
            topic = topics.topics.get(name)
            owner = _called(called, group.members.values())
            if topic is None or owner is None:
                continue
            topic_id = topic.topic_id
            targets = {
                member_id: {
                    **target,
                    topic_id: target.get(topic_id, frozenset()) - {partition}
                    | ({partition} if member_id == owner.member_id else frozenset()),
                }
                for member_id, target in targets.items()
            }
        return {
            member_id: {topic_id: held for topic_id, held in target.items() if held}
            for member_id, target in targets.items()
        }

    def _with_pins(self, group: Group, assignments: dict[str, bytes]) -> dict[str, bytes]:
        pinned = self._groups.get(group.group_id)
        if not pinned or group.protocol_type != CONSUMER:
            return assignments
        new_owners = {
            partition: member.member_id
            for partition, name in pinned.items()
            if (member := _called(name, group.members.values())) is not None
        }
        owners_so_far = {
            partition: member.member_id for member in group.members.values() for partition in _owned(member, group)
        }
        changed: dict[str, bytes] = {}
        for member_id in group.members:
            data = assignments.get(member_id, b"")
            assignment = decode_assignment(data) if data else ConsumerProtocolAssignment(assigned_partitions=())
            kept = {partition for partition in _partitions(assignment) if partition not in new_owners}
            gained = {
                partition
                for partition, owner in new_owners.items()
                if owner == member_id and owners_so_far.get(partition, owner) == owner
            }
            version = int.from_bytes(data[:2]) if data else 0
            changed[member_id] = encode_consumer_protocol(
                ConsumerProtocolAssignment(
                    assigned_partitions=_by_topic(kept | gained), user_data=assignment.user_data
                ),
                version,
            )
        return changed


class _Named(Protocol):
    @property
    def member_id(self) -> str: ...
    @property
    def group_instance_id(self) -> str | None: ...
    @property
    def client_id(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def _called(name: str, members: Iterable[_N]) -> _N | None:
    return next((m for m in members if name in (m.member_id, m.group_instance_id, m.client_id)), None)


def _owned(member: Member, group: Group) -> Iterable[Partition]:
    try:
        subscription = decode_subscription(member.metadata(group.protocol_name))
    except WireError:
        return ()
    return [(topic.topic, index) for topic in subscription.owned_partitions for index in topic.partitions]


def _partitions(assignment: ConsumerProtocolAssignment) -> Iterable[Partition]:
    return [(topic.topic, index) for topic in assignment.assigned_partitions for index in topic.partitions]


def _by_topic(partitions: Iterable[Partition]) -> tuple[TopicPartition, ...]:
    topics: dict[str, list[int]] = {}
    for topic, index in sorted(partitions):
        topics.setdefault(topic, []).append(index)
    return tuple(TopicPartition(topic=topic, partitions=tuple(indexes)) for topic, indexes in topics.items())
