"""A group with members changes between the classic and the consumer protocol (KIP-848, online migration).

A classic group becomes a consumer group when a member of the consumer protocol joins it. Its members go on with the
classic protocol, with the partitions that they have; :mod:`.classic_members` answers them. When the last member of the
consumer protocol has gone, the group becomes a classic one again, and its members rebalance among themselves.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import CONSUMER, Group, Member
from kafkalite.coordinators.groups.classic.records import write_group
from kafkalite.coordinators.groups.classic.states import Trigger
from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
from kafkalite.coordinators.groups.consumer.member import ClassicProtocol, ConsumerMember
from kafkalite.coordinators.groups.consumer.records import write_current, write_member
from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    TopicPartition,
    decode_assignment,
    decode_subscription,
    encode_consumer_protocol,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.registry import GroupConfig, Groups
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.schema import Buffer

_HOW_TO: Final = "Please refer to the documentation or switch to a default assignor before re-attempting the upgrade."


class MigrationPolicy(Enum):
    """The values of ``group.consumer.migration.policy``: in which directions a group with members changes."""

    BIDIRECTIONAL = "bidirectional"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    DISABLED = "disabled"

    @property
    def upgrades(self) -> bool:
        """Whether a classic group becomes a consumer group."""
        return self in (MigrationPolicy.BIDIRECTIONAL, MigrationPolicy.UPGRADE)

    @property
    def downgrades(self) -> bool:
        """Whether a consumer group becomes a classic group."""
        return self in (MigrationPolicy.BIDIRECTIONAL, MigrationPolicy.DOWNGRADE)


class Migration:
    """Changes groups between the two protocols."""

    def __init__(
        self,
        groups: Groups,
        topics: ClusterTopics,
        rebalances: Rebalances,
        config: GroupConfig,
        policy: MigrationPolicy,
    ) -> None:
        self._groups = groups
        self._topics = topics
        self._rebalances = rebalances
        self._config = config
        self.policy = policy

    # To a consumer group

    def upgrade(self, group: Group, max_size: int, result: ResultBuilder) -> ConsumerGroup:
        """Replace a classic group with members by a consumer group. Raises MemberRefusedError."""
        self._check_upgrade(group, max_size)
        try:
            upgraded = self._upgraded(group)
        except WireError:
            raise _not_upgraded(group, "because the embedded consumer protocol is malformed.") from None
        for member in group.members.values():
            self._rebalances.refuse_waiting(
                group, member, ErrorCode.REBALANCE_IN_PROGRESS, result, member_id=member.member_id
            )
        self._groups.delete(group, result)
        self._groups.add(upgraded)
        for each in upgraded.members.values():
            write_member(group.group_id, each, result)
        upgraded.write_epoch(result)
        for member_id, target in upgraded.targets.items():
            upgraded.write_target(member_id, target, result)
        upgraded.write_target_epoch(0, result)
        for each in upgraded.members.values():
            write_current(group.group_id, each, result)
        return upgraded

    def _check_upgrade(self, group: Group, max_size: int) -> None:
        if not self.policy.upgrades:
            raise _not_upgraded(group, "because online upgrade is disabled.")
        if group.protocol_type != CONSUMER:
            raise _not_upgraded(group, "because the group does not use the consumer embedded protocol.")
        if len(group.members) > max_size:
            raise _not_upgraded(group, "because the group size exceeds the consumer group maximum size.")

    def _upgraded(self, group: Group) -> ConsumerGroup:
        epoch = group.generation
        upgraded = ConsumerGroup(group_id=group.group_id, epoch=epoch, assignment_epoch=epoch)
        protocol = group.protocol_name or group.select_protocol()
        for member in group.members.values():
            partitions = self._assigned(group, member)
            subscription = decode_subscription(member.metadata(protocol))
            upgraded.put(
                ConsumerMember(
                    member_id=member.member_id,
                    instance_id=member.group_instance_id,
                    rack_id=subscription.rack_id or None,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    subscribed_topics=frozenset(subscription.topics),
                    rebalance_timeout_ms=round(member.rebalance_timeout * 1000),
                    member_epoch=epoch,
                    previous_member_epoch=epoch,
                    assigned={topic_id: dict.fromkeys(held, epoch) for topic_id, held in partitions.items()},
                    classic=ClassicProtocol(
                        session_timeout_ms=round(member.session_timeout * 1000), protocols=member.protocols
                    ),
                )
            )
            upgraded.targets[member.member_id] = partitions
        upgraded.metadata_hash = upgraded.hash_of(self._topics)
        return upgraded

    def _assigned(self, group: Group, member: Member) -> Partitions:
        if not member.assignment:
            return {}
        assignment = decode_assignment(member.assignment)
        if assignment.user_data:
            raise _not_upgraded(group, f"because an unsupported custom assignor is in use. {_HOW_TO}")
        return by_topic_id(assignment.assigned_partitions, self._topics)

    # To a classic group

    def can_downgrade(self, group: ConsumerGroup, *, without: Collection[str]) -> bool:
        """Return whether a group is to become a classic one, without some members: only classic ones are left."""
        left = len(group.members) - len(without)
        return (
            0 < left <= self._config.group_max_size
            and self.policy.downgrades
            and group.has_only_classic_members(without=without)
        )

    def can_downgrade_with(self, group: ConsumerGroup, *, replaced: str) -> bool:
        """Return whether a group is to become a classic one because a classic member takes the place of another."""
        return (
            len(group.members) <= self._config.group_max_size
            and self.policy.downgrades
            and group.has_only_classic_members(without=(replaced,))
        )

    def downgrade(
        self, group: ConsumerGroup, result: ResultBuilder, *, without: Collection[str] = (), must_rebalance: bool = True
    ) -> None:
        """Replace a consumer group by a classic one of its members, all classic, without some."""
        self._groups.delete(group, result)
        classic = self._rebalances.new_group(group.group_id, result.wall_ms)
        classic.generation = group.epoch
        members = [member for member in group.members.values() if member.member_id not in without]
        for member in members:
            assert member.classic is not None
            classic.add(
                Member(
                    member_id=member.member_id,
                    group_instance_id=member.instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    session_timeout=member.classic.session_timeout_ms / 1000,
                    rebalance_timeout=member.rebalance_timeout_ms / 1000,
                    protocols=member.classic.protocols,
                    session=self._rebalances.session(classic, member.member_id),
                ),
                CONSUMER,
            )
        classic.protocol_name = classic.select_protocol()
        classic.subscribed_topics = classic.read_subscriptions()
        for each in classic.members.values():
            target = group.targets.get(each.member_id, {})
            each.assignment = encoded_assignment(target, self._topics, each.metadata(classic.protocol_name))
            self._rebalances.keep_alive(each, result)
        classic.transition(Trigger.LOADED, result.wall_ms)
        write_group(classic, result)
        self._groups.add(classic)
        if must_rebalance:
            self._rebalances.prepare(classic, result)


def by_topic_id(topics: Iterable[TopicPartition], known: ClusterTopics) -> Partitions:
    """Return the partitions of those topics that exist, by topic id."""
    found = ((known.topics.get(each.topic), each.partitions) for each in topics)
    return {topic.topic_id: frozenset(partitions) for topic, partitions in found if topic is not None}


def encoded_assignment(partitions: Partitions, topics: ClusterTopics, metadata: Buffer) -> bytes:
    """Return an assignment in the consumer's own format, in the version of the member's metadata."""
    found = ((topics.topics_by_id.get(topic_id), held) for topic_id, held in partitions.items())
    assigned = tuple(
        TopicPartition(topic=topic.name, partitions=tuple(sorted(held))) for topic, held in found if topic is not None
    )
    return encode_consumer_protocol(ConsumerProtocolAssignment(assigned_partitions=assigned), version_of(metadata))


def _not_upgraded(group: Group, why: str) -> MemberRefusedError:
    message = f"Cannot upgrade classic group {group.group_id} to consumer group {why}"
    return MemberRefusedError(ErrorCode.GROUP_ID_NOT_FOUND, message)
