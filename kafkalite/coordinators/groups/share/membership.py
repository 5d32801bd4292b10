"""What ShareGroupHeartbeat does to a group (KIP-932)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.share.assignor import assign
from kafkalite.coordinators.groups.share.group import ShareGroup
from kafkalite.coordinators.groups.share.member import NO_PARTITIONS, ShareMember
from kafkalite.coordinators.groups.share.records import (
    write_current,
    write_epoch,
    write_initialized,
    write_member,
    write_removed_member,
    write_target,
    write_target_epoch,
)
from kafkalite.coordinators.groups.topic_hash import hash_of
from kafkalite.coordinators.share.state import ShareKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.share_group_heartbeat import (
    Assignment,
    ShareGroupHeartbeatRequest,
    ShareGroupHeartbeatResponse,
    TopicPartitions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
    from kafkalite.coordinators.results import Client, ResultBuilder
    from kafkalite.coordinators.timers import Timer, Timers
    from kafkalite.coordinators.topics import ClusterTopics

JOINING: Final = 0
LEAVING: Final = -1


class _RefusedError(Exception):
    def __init__(self, error: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class ShareMembership:
    """The requests of members of share groups, and their time-outs."""

    def __init__(
        self,
        groups: Groups,
        topics: ClusterTopics,
        timers: Timers,
        config_of: Callable[[str], ShareGroupConfig],
    ) -> None:
        self._groups = groups
        self._topics = topics
        self._timers = timers
        self._config_of = config_of
        self.new_states: list[tuple[ShareKey, int]] = []
        """What the share coordinator is to make a state for, with its state epoch."""

    def heartbeat(
        self, request: ShareGroupHeartbeatRequest, client: Client, result: ResultBuilder
    ) -> ShareGroupHeartbeatResponse:
        """Answer a heartbeat; the member joins or leaves with it, if its epoch says so."""
        try:
            _check(request)
            if request.member_epoch == LEAVING:
                return self._leave(request, result)
            return self._beat(request, client, result)
        except _RefusedError as refused:
            return ShareGroupHeartbeatResponse(error_code=refused.error, error_message=refused.message)

    def _beat(
        self, request: ShareGroupHeartbeatRequest, client: Client, result: ResultBuilder
    ) -> ShareGroupHeartbeatResponse:
        is_joining = request.member_epoch == JOINING
        config = self._config_of(request.group_id)
        group = self._group(request.group_id, result, is_joining=is_joining)
        if len(group.members) >= config.max_size and request.member_id not in group.members:
            raise _RefusedError(
                ErrorCode.GROUP_MAX_SIZE_REACHED,
                f"The share group has reached its maximum capacity of {config.max_size} members.",
            )
        member = group.members.get(request.member_id)
        if member is None:
            if not is_joining:
                raise _unknown(group, request.member_id)
            member = ShareMember(member_id=request.member_id)
        else:
            _check_epoch(member, request)
        if self._groups.get(group.group_id) is not group:
            self._groups.add(group)
        self._subscribe(group, member, request, client, result)
        self._assign(group, config, result)
        reconciled = self._reconcile(group, request.member_id, result)
        self._session(group, reconciled.member_id).move(result.now + config.session_timeout)
        tells = is_joining or request.subscribed_topic_names is not None or reconciled.assigned != member.assigned
        return ShareGroupHeartbeatResponse(
            member_id=reconciled.member_id,
            member_epoch=reconciled.member_epoch,
            heartbeat_interval_ms=round(config.heartbeat_interval * 1000),
            assignment=_assignment(reconciled) if tells else None,
        )

    def _group(
        self, group_id: str, result: ResultBuilder, *, is_joining: bool = False, is_leaving: bool = False
    ) -> ShareGroup:
        group = self._groups.get(group_id)
        if isinstance(group, ShareGroup):
            return group
        if group is None:
            if is_joining:
                return ShareGroup(group_id=group_id)
            kind = "Group" if is_leaving else "Share group"
            raise _RefusedError(ErrorCode.GROUP_ID_NOT_FOUND, f"{kind} {group_id} not found.")
        if is_joining and isinstance(group, Group) and group.is_empty and not group.pending_join:
            self._groups.delete(group, result)
            return ShareGroup(group_id=group_id)
        raise _RefusedError(ErrorCode.GROUP_ID_NOT_FOUND, f"Group {group_id} is not a share group.")

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
        metadata_hash = hash_of(self._topics, group.subscribed_topics())
        if updated.subscribed_topics != member.subscribed_topics or metadata_hash != group.metadata_hash:
            self._bump(group, metadata_hash, result)

    def _bump(self, group: ShareGroup, metadata_hash: int, result: ResultBuilder) -> None:
        group.epoch += 1
        group.metadata_hash = metadata_hash
        write_epoch(group.group_id, group.epoch, metadata_hash, result)

    def _assign(self, group: ShareGroup, config: ShareGroupConfig, result: ResultBuilder) -> None:
        """Compute a target assignment if the group's epoch is higher than that of the last one."""
        if group.epoch <= group.assignment_epoch:
            return
        if group.assigned_at is not None and result.now < group.assigned_at + config.assignment_interval:
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
        for member_id, target in targets.items():
            if group.targets.get(member_id) != target:
                write_target(group.group_id, member_id, target, result)
        group.targets = targets
        group.assignment_epoch = group.epoch
        group.assigned_at = result.now
        write_target_epoch(group.group_id, group.epoch, result.wall_ms or 0, result)

    def _initialize(self, group: ShareGroup, counts: dict[bytes, int], result: ResultBuilder) -> None:
        """Record that the group keeps a state of partitions that are new to it.

        Kafka assigns them when the state is there, with one more epoch; here they are assigned at once, with that one.
        """
        missing = group.without_state(counts)
        if not missing:
            return
        self._keep_states(group, missing, result)
        self.new_states += [
            (ShareKey(group.group_id, topic_id, each), group.epoch)
            for topic_id, partitions in missing.items()
            for each in sorted(partitions)
        ]
        self._bump(group, group.metadata_hash, result)

    def _keep_states(
        self, group: ShareGroup, partitions: Mapping[bytes, Collection[int]], result: ResultBuilder
    ) -> None:
        for topic_id, indexes in partitions.items():
            _, there = group.initialized.get(topic_id, ("", frozenset[int]()))
            group.initialized[topic_id] = (self._topics.topics_by_id[topic_id].name, there | frozenset(indexes))
        write_initialized(group.group_id, group.initialized, result)

    def keep_states(
        self, group: ShareGroup, partitions: Mapping[bytes, Collection[int]], result: ResultBuilder
    ) -> None:
        """Record that a group without members, perhaps a new one, keeps a state of more partitions; raise its epoch."""
        self._groups.add(group)
        self._bump(group, group.metadata_hash, result)
        self._keep_states(group, partitions, result)

    def drop_states(self, group: ShareGroup, topic_ids: Collection[bytes], result: ResultBuilder) -> None:
        """Record that a group keeps no state of topics any more."""
        for topic_id in topic_ids:
            group.initialized.pop(topic_id, None)
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
        group = self._group(request.group_id, result, is_leaving=True)
        if request.member_id not in group.members:
            raise _unknown(group, request.member_id)
        self.remove(group, request.member_id, result)
        return ShareGroupHeartbeatResponse(member_id=request.member_id, member_epoch=LEAVING)

    def remove(self, group: ShareGroup, member_id: str, result: ResultBuilder) -> None:
        """Remove a member; the next heartbeats of the others take over what it had."""
        write_removed_member(group.group_id, member_id, result)
        group.remove(member_id)
        self._bump(group, hash_of(self._topics, group.subscribed_topics()), result)
        if not group.members:
            group.assignment_epoch = group.epoch
            write_target_epoch(group.group_id, group.epoch, 0, result)

    def _session(self, group: ShareGroup, member_id: str) -> Timer:
        timer = group.sessions.get(member_id)
        if timer is None:
            timer = group.sessions[member_id] = self._timers.timer(partial(self._expire, group, member_id))
        return timer

    def restart_timers(self, group: ShareGroup, now: float) -> None:
        """Start the timers of a group that has been loaded."""
        for member_id in group.members:
            self._session(group, member_id).move(now + self._config_of(group.group_id).session_timeout)

    def _expire(self, group: ShareGroup, member_id: str, result: ResultBuilder) -> None:
        if member_id in group.members:
            self.remove(group, member_id, result)


def _check(request: ShareGroupHeartbeatRequest) -> None:
    for name, value in (
        ("MemberId", request.member_id),
        ("GroupId", request.group_id),
        ("RackId", request.rack_id),
    ):
        if value == "":
            raise _invalid(f"{name} can't be empty.")
    if request.member_epoch == JOINING:
        if not request.subscribed_topic_names:
            raise _invalid("SubscribedTopicNames must be set in first request.")
    elif request.member_epoch < LEAVING:
        raise _invalid(f"MemberEpoch is {request.member_epoch}, but must be greater than or equal to -1.")


def _check_epoch(member: ShareMember, request: ShareGroupHeartbeatRequest) -> None:
    received, known = request.member_epoch, member.member_epoch
    if received in (known, JOINING, member.previous_member_epoch):
        return
    size = "greater" if received > known else "smaller"
    raise _RefusedError(
        ErrorCode.FENCED_MEMBER_EPOCH,
        f"The share group member has a {size} member epoch ({received}) than the one known by the group coordinator "
        f"({known}). The member must abandon all its partitions and rejoin.",
    )


def _assignment(member: ShareMember) -> Assignment:
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, partitions=tuple(sorted(partitions)))
            for topic_id, partitions in member.assigned.items()
        )
    )


def _invalid(message: str) -> _RefusedError:
    return _RefusedError(ErrorCode.INVALID_REQUEST, message)


def _unknown(group: ShareGroup, member_id: str) -> _RefusedError:
    return _RefusedError(ErrorCode.UNKNOWN_MEMBER_ID, f"Member {member_id} is not a member of group {group.group_id}.")
