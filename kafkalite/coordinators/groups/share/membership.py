"""What ShareGroupHeartbeat does to a group (KIP-932)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.group import JOINING, LEAVING
from kafkalite.coordinators.groups.modern.membership import (
    MemberRefusedError,
    ModernMembership,
    fenced,
    invalid,
    not_empty,
    unknown_member,
)
from kafkalite.coordinators.groups.share.assignor import Partitions, assign
from kafkalite.coordinators.groups.share.group import ShareGroup
from kafkalite.coordinators.groups.share.loading import ShareGroupLoader
from kafkalite.coordinators.groups.share.member import NO_PARTITIONS, ShareMember
from kafkalite.coordinators.groups.share.records import (
    write_current,
    write_initialized,
    write_member,
)
from kafkalite.coordinators.groups.views import MemberView, assigned
from kafkalite.coordinators.results import ResultBuilder
from kafkalite.coordinators.share.state import ShareKey
from kafkalite_wire.messages.share_group_heartbeat import (
    Assignment,
    ShareGroupHeartbeatRequest,
    ShareGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.share_group_records import ShareGroupKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
    from kafkalite.coordinators.results import Client, CoordinatorResult
    from kafkalite.coordinators.timers import Timers
    from kafkalite.coordinators.topics import ClusterTopics


class ShareMembership(ModernMembership[ShareGroup, ShareMember, Partitions]):
    """The requests of members of share groups, and their time-outs."""

    kind = "share group"
    group_class = ShareGroup
    record_key = ShareGroupKey

    def __init__(
        self,
        groups: Groups,
        topics: ClusterTopics,
        timers: Timers,
        config_of: Callable[[str], ShareGroupConfig],
    ) -> None:
        super().__init__(groups, topics, timers)
        self._config_of = config_of
        self._new_states: list[tuple[ShareKey, int]] = []

    def session_timeout(self, group: ShareGroup, member_id: str) -> float:
        """Return the session time-out of a member in seconds, which is that of the group."""
        del member_id
        return self._config_of(group.group_id).session_timeout

    def max_size(self, group_id: str) -> int:
        """Return how many members a group may have."""
        return self._config_of(group_id).max_size

    def assignor_of(self, group: ShareGroup) -> str:
        """Return the name of the only assignor."""
        del group
        return "simple"

    def members_of(self, group: ShareGroup) -> Iterator[MemberView]:
        """Yield a view of each member."""
        for member in group.members.values():
            yield MemberView(
                member_id=member.member_id,
                group_instance_id=None,
                client_id=member.client_id,
                client_host=member.client_host,
                session_timeout=self.session_timeout(group, member.member_id),
                assigned=assigned(member.subscribed_topics, member.assigned, self._topics),
            )

    def loader(self) -> ShareGroupLoader:
        """Return what rebuilds groups of this kind from their records."""
        return ShareGroupLoader()

    def heartbeat(
        self, request: ShareGroupHeartbeatRequest, client: Client, result: ResultBuilder
    ) -> ShareGroupHeartbeatResponse:
        """Answer a heartbeat; the member joins or leaves with it, if its epoch says so."""
        try:
            _check(request)
            if request.member_epoch == LEAVING:
                return self._leave(request, result)
            return self._beat(request, client, result)
        except MemberRefusedError as refused:
            return ShareGroupHeartbeatResponse(error_code=refused.error, error_message=refused.message)

    def _beat(
        self, request: ShareGroupHeartbeatRequest, client: Client, result: ResultBuilder
    ) -> ShareGroupHeartbeatResponse:
        is_joining = request.member_epoch == JOINING
        config = self._config_of(request.group_id)
        if is_joining:
            group = self.find_or_make(request.group_id, result, request.member_id)
        else:
            self.check_room(request.group_id, request.member_id)
            group = self.find(request.group_id)
        member = group.members.get(request.member_id)
        if member is None:
            if not is_joining:
                raise unknown_member(group.group_id, request.member_id)
            member = ShareMember(member_id=request.member_id)
        else:
            _check_epoch(member, request)
        if self._groups.get(group.group_id) is not group:
            self._groups.add(group)
        self._subscribe(group, member, request, client, result)
        self._assign(group, config, result)
        reconciled = self._reconcile(group, request.member_id, result)
        self.restart_session(group, reconciled.member_id, result.now)
        tells = is_joining or request.subscribed_topic_names is not None or reconciled.assigned != member.assigned
        return ShareGroupHeartbeatResponse(
            member_id=reconciled.member_id,
            member_epoch=reconciled.member_epoch,
            heartbeat_interval_ms=round(config.heartbeat_interval * 1000),
            assignment=_assignment(reconciled) if tells else None,
        )

    def _subscribe(
        self,
        group: ShareGroup,
        member: ShareMember,
        request: ShareGroupHeartbeatRequest,
        client: Client,
        result: ResultBuilder,
    ) -> None:
        """Take over what a member wants; raise the group's epoch if that, or one of the topics, has changed."""
        names = request.subscribed_topic_names
        updated = replace(
            member,
            rack_id=member.rack_id if request.rack_id is None else request.rack_id,
            client_id=client.client_id,
            client_host=client.client_host,
            subscribed_topics=member.subscribed_topics if names is None else frozenset(names),
        )
        if updated != member or member.member_id not in group.members:
            write_member(group.group_id, updated, result)
        group.members[updated.member_id] = updated
        metadata_hash = group.hash_of(self._topics)
        if updated.subscribed_topics != member.subscribed_topics or metadata_hash != group.metadata_hash:
            self.bump(group, metadata_hash, result)

    def _assign(self, group: ShareGroup, config: ShareGroupConfig, result: ResultBuilder) -> None:
        """Compute a target assignment if the group's epoch is higher than that of the last one."""
        if not self.is_assignment_due(group, config.assignment_interval, result.now):
            return
        counts = {
            topic.topic_id: topic.partitions
            for topic in map(self._topics.topics.get, sorted(group.subscribed_topics()))
            if topic is not None
        }
        self._initialize(group, counts, result)
        targets = assign(
            {member_id: self._topic_ids(member) for member_id, member in sorted(group.members.items())},
            group.targets,
            {topic_id: range(count) for topic_id, count in counts.items()},
        )
        self.set_targets(group, targets, result)

    def _initialize(self, group: ShareGroup, counts: dict[bytes, int], result: ResultBuilder) -> None:
        """Record that the group keeps a state of partitions that are new to it.

        Kafka assigns them when the state is there, with one more epoch; here they are assigned at once, with that one.
        """
        missing = group.without_state(counts)
        if not missing:
            return
        self._record_states(group, missing, result)
        self._new_states += [
            (ShareKey(group.group_id, topic_id, each), group.epoch)
            for topic_id, partitions in missing.items()
            for each in sorted(partitions)
        ]
        self.bump(group, group.metadata_hash, result)

    def _record_states(
        self, group: ShareGroup, partitions: Mapping[bytes, Collection[int]], result: ResultBuilder
    ) -> None:
        for topic_id, indexes in partitions.items():
            _, there = group.initialized.get(topic_id, ("", frozenset[int]()))
            group.initialized[topic_id] = (self._topics.topics_by_id[topic_id].name, there | frozenset(indexes))
        write_initialized(group.group_id, group.initialized, result)

    def _topic_ids(self, member: ShareMember) -> frozenset[bytes]:
        found = (self._topics.topics.get(name) for name in member.subscribed_topics)
        return frozenset(topic.topic_id for topic in found if topic is not None)

    def _reconcile(self, group: ShareGroup, member_id: str, result: ResultBuilder) -> ShareMember:
        member = group.members[member_id]
        target = group.targets.get(member_id, NO_PARTITIONS)
        if member.member_epoch == group.assignment_epoch and member.assigned == target:
            return member
        reconciled = group.members[member_id] = member.at(group.assignment_epoch, target)
        write_current(group.group_id, reconciled, result)
        return reconciled

    # The end of members

    def _leave(self, request: ShareGroupHeartbeatRequest, result: ResultBuilder) -> ShareGroupHeartbeatResponse:
        group = self.find(request.group_id, is_leaving=True)
        if request.member_id not in group.members:
            raise unknown_member(group.group_id, request.member_id)
        self.remove(group, (request.member_id,), result)
        return ShareGroupHeartbeatResponse(member_id=request.member_id, member_epoch=LEAVING)

    # The states of partitions, which the share coordinator keeps

    def get(self, group_id: str) -> ShareGroup | None:
        """Return a share group, or None if there is none with this id."""
        group = self._groups.get(group_id)
        return group if isinstance(group, ShareGroup) else None

    def states_of(self, group_id: str) -> list[ShareKey]:
        """Return the partitions of which a share group without members keeps a state; none for any other group."""
        group = self.get(group_id)
        if group is None or group.members:
            return []
        return [
            ShareKey(group_id, topic_id, each)
            for topic_id, (_, partitions) in group.initialized.items()
            for each in partitions
        ]

    def take_new_states(self) -> list[tuple[ShareKey, int]]:
        """Return what a state is to be made for since the last call, with its state epoch."""
        new, self._new_states = self._new_states, []
        return new

    def keep_states(
        self, group: ShareGroup, partitions: Mapping[bytes, Collection[int]], *, wall_ms: int
    ) -> CoordinatorResult:
        """Record that a group without members, perhaps a new one, keeps a state of more partitions; raise its epoch."""
        result = ResultBuilder(0.0, wall_ms)
        self._groups.add(group)
        self.bump(group, group.metadata_hash, result)
        self._record_states(group, partitions, result)
        return result.build()

    def drop_states(self, group: ShareGroup, topic_ids: Collection[bytes], *, wall_ms: int) -> CoordinatorResult:
        """Record that a group keeps no state of topics any more."""
        result = ResultBuilder(0.0, wall_ms)
        for topic_id in topic_ids:
            group.initialized.pop(topic_id, None)
        write_initialized(group.group_id, group.initialized, result)
        return result.build()


def _check(request: ShareGroupHeartbeatRequest) -> None:
    not_empty(MemberId=request.member_id, GroupId=request.group_id, RackId=request.rack_id)
    if request.member_epoch == JOINING:
        if not request.subscribed_topic_names:
            raise invalid("SubscribedTopicNames must be set in first request.")
    elif request.member_epoch < LEAVING:
        raise invalid(f"MemberEpoch is {request.member_epoch}, but must be greater than or equal to -1.")


def _check_epoch(member: ShareMember, request: ShareGroupHeartbeatRequest) -> None:
    received, known = request.member_epoch, member.member_epoch
    if received in (known, JOINING, member.previous_member_epoch):
        return
    raise fenced("share group", received, known)


def _assignment(member: ShareMember) -> Assignment:
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, partitions=tuple(sorted(partitions)))
            for topic_id, partitions in member.assigned.items()
        )
    )
