"""What ConsumerGroupHeartbeat does to a group (KIP-848)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.consumer.assignors import ASSIGNORS, MemberSpec, Partitions
from kafkalite.coordinators.groups.consumer.group import ConsumerGroup, new_member
from kafkalite.coordinators.groups.consumer.loading import ConsumerGroupLoader
from kafkalite.coordinators.groups.consumer.member import (
    LEAVING_FOR_A_WHILE,
    ConsumerMember,
    MemberState,
)
from kafkalite.coordinators.groups.consumer.reconciling import reconcile
from kafkalite.coordinators.groups.consumer.records import (
    write_current,
    write_member,
    write_regex,
    write_removed_member,
    write_target,
)
from kafkalite.coordinators.groups.consumer.subscriptions import InvalidRegexError, ResolvedRegex, compiled, matching
from kafkalite.coordinators.groups.modern.group import JOINING, LEAVING
from kafkalite.coordinators.groups.modern.membership import (
    MemberRefusedError,
    ModernMembership,
    fenced,
    invalid,
    not_empty,
    unknown_member,
)
from kafkalite.coordinators.groups.views import MemberView, assigned
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.consumer_group_records import ConsumerGroupKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
    from kafkalite.coordinators.groups.consumer.migration import Migration
    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.results import Client, ResultBuilder
    from kafkalite.coordinators.timers import Timers
    from kafkalite.coordinators.topics import ClusterTopics

TargetHook = Callable[[ConsumerGroup, "dict[str, Partitions]", "ClusterTopics"], "dict[str, Partitions]"]
"""Changes a target assignment, by member id."""

_OWN_MEMBER_ID_SINCE: Final = 1
_REFRESH_REGEX_AFTER_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    request: ConsumerGroupHeartbeatRequest
    client: Client
    result: ResultBuilder
    may_read: Callable[[str], bool]


class ConsumerMembership(ModernMembership[ConsumerGroup, ConsumerMember, Partitions]):
    """The requests of members of consumer groups, and their time-outs."""

    kind = "consumer group"
    group_class = ConsumerGroup
    record_key = ConsumerGroupKey

    def __init__(
        self,
        groups: Groups,
        topics: ClusterTopics,
        timers: Timers,
        config_of: Callable[[str], ConsumerGroupConfig],
        new_member_id: Callable[[], str],
        migration: Migration,
        target_hook: TargetHook | None = None,
    ) -> None:
        super().__init__(groups, topics, timers)
        self._config_of = config_of
        self._new_member_id = new_member_id
        self._migration = migration
        self._target_hook = target_hook

    def session_timeout(self, group: ConsumerGroup, member_id: str) -> float:
        """Return the session time-out of a member in seconds; one of the classic protocol has its own."""
        classic = group.members[member_id].classic
        if classic is not None:
            return classic.session_timeout_ms / 1000
        return self._config_of(group.group_id).session_timeout

    def max_size(self, group_id: str) -> int:
        """Return how many members a group may have."""
        return self._config_of(group_id).max_size

    def assignor_of(self, group: ConsumerGroup) -> str:
        """Return the name of a group's assignor."""
        return group.preferred_assignor(self._config_of(group.group_id).assignors[0])

    def members_of(self, group: ConsumerGroup) -> Iterator[MemberView]:
        """Yield a view of each member."""
        for member in group.members.values():
            yield MemberView(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                session_timeout=self.session_timeout(group, member.member_id),
                rebalance_timeout=member.rebalance_timeout_ms / 1000,
                assigned=assigned(group.topics_of(member), member.assigned, self._topics),
            )

    def loader(self) -> ConsumerGroupLoader:
        """Return what rebuilds groups of this kind from their records."""
        return ConsumerGroupLoader()

    def heartbeat(
        self,
        request: ConsumerGroupHeartbeatRequest,
        client: Client,
        result: ResultBuilder,
        may_read: Callable[[str], bool] = lambda _: True,
    ) -> ConsumerGroupHeartbeatResponse:
        """Answer a heartbeat; ``may_read`` says which topics the sender's regular expressions may match."""
        heartbeat = _Heartbeat(request, client, result, may_read)
        try:
            self._check(request, client.api_version)
            if request.member_epoch in (LEAVING, LEAVING_FOR_A_WHILE):
                return self._leave(request, result)
            return self._beat(heartbeat)
        except MemberRefusedError as refused:
            return ConsumerGroupHeartbeatResponse(error_code=refused.error, error_message=refused.message)

    def _check(self, request: ConsumerGroupHeartbeatRequest, api_version: int) -> None:
        epoch = request.member_epoch
        names_member = api_version >= _OWN_MEMBER_ID_SINCE or epoch > 0 or epoch == LEAVING
        if names_member:
            not_empty(MemberId=request.member_id)
        not_empty(GroupId=request.group_id, InstanceId=request.instance_id, RackId=request.rack_id)
        if epoch == JOINING:
            if request.rebalance_timeout_ms == -1:
                raise invalid("RebalanceTimeoutMs must be provided in first request.")
            if request.topic_partitions is None or request.topic_partitions:
                raise invalid("TopicPartitions must be empty when (re-)joining.")
            if request.subscribed_topic_names is None and request.subscribed_topic_regex is None:
                raise invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
        elif epoch == LEAVING_FOR_A_WHILE:
            not_empty(MemberId=request.member_id)
            if request.instance_id is None:
                raise invalid("InstanceId can't be null.")
        elif epoch < LEAVING_FOR_A_WHILE:
            raise invalid("MemberEpoch is invalid.")
        assignors = self._config_of(request.group_id).assignors
        if request.server_assignor is not None and request.server_assignor not in assignors:
            raise MemberRefusedError(
                ErrorCode.UNSUPPORTED_ASSIGNOR,
                f"ServerAssignor {request.server_assignor} is not supported. Supported assignors: "
                f"{', '.join(assignors)}.",
            )

    # Groups and members

    def find_or_make(
        self, group_id: str, result: ResultBuilder, member_id: str, instance_id: str | None = None
    ) -> ConsumerGroup:
        """Return a group for a member that joins; a classic one with members becomes one of this kind."""
        group = self._groups.get(group_id)
        if not isinstance(group, Group) or group.is_empty:
            return super().find_or_make(group_id, result, member_id, instance_id)
        max_size = self.max_size(group_id)
        is_known = member_id in group.members or instance_id in group.static_members
        if len(group.members) == max_size and not is_known:
            raise self.full(group_id)
        upgraded = self._migration.upgrade(group, max_size, result)
        self.restart_timers(upgraded, result.now)
        return upgraded

    def _member(self, group: ConsumerGroup, heartbeat: _Heartbeat, member_id: str) -> ConsumerMember:
        request = heartbeat.request
        is_joining = request.member_epoch == JOINING
        if request.instance_id is None:
            member = group.members.get(member_id)
            if member is None:
                if not is_joining:
                    raise unknown_member(group.group_id, member_id)
                return new_member(member_id)
            _check_epoch(member, request)
            return member
        known_id = group.static_members.get(request.instance_id)
        if known_id is None:
            if is_joining:
                return group.members.get(member_id) or new_member(member_id)
            raise _unknown_instance(request.instance_id)
        known = group.members[known_id]
        if not is_joining:
            _check_instance(known, request)
            _check_epoch(known, request)
            return known
        if known.classic is None and known.member_epoch != LEAVING_FOR_A_WHILE:
            raise MemberRefusedError(
                ErrorCode.UNRELEASED_INSTANCE_ID,
                f"Static member {member_id} with instance id {request.instance_id} cannot join the group because the "
                f"instance id is owned by {known_id} member.",
            )
        return self.replace_static(group, known, member_id, heartbeat.result)

    def replace_static(
        self, group: ConsumerGroup, known: ConsumerMember, member_id: str, result: ResultBuilder
    ) -> ConsumerMember:
        """Put a static member's next incarnation in its place, with its partitions."""
        member = replace(known, member_id=member_id, member_epoch=JOINING, previous_member_epoch=0)
        target = group.targets.get(known.member_id, {})
        group.remove(known.member_id)
        write_removed_member(group.group_id, known.member_id, result)
        group.put(member)
        group.targets[member_id] = target
        write_member(group.group_id, member, result)
        write_target(group.group_id, member_id, target, result)
        write_current(group.group_id, member, result)
        return member

    # A regular heartbeat

    def _beat(self, heartbeat: _Heartbeat) -> ConsumerGroupHeartbeatResponse:
        request, result = heartbeat.request, heartbeat.result
        is_joining = request.member_epoch == JOINING
        config = self._config_of(request.group_id)
        if request.subscribed_topic_regex:
            _check_regex(request.subscribed_topic_regex)
        if is_joining:
            group = self.find_or_make(request.group_id, result, request.member_id, request.instance_id)
        else:
            self.check_room(request.group_id, request.member_id, request.instance_id)
            group = self.find(request.group_id)
        member = self._member(group, heartbeat, request.member_id or self._new_member_id())
        updated = _updated(member, heartbeat)
        if self._groups.get(group.group_id) is not group:
            self._groups.add(group)
        has_changed = self.subscribe(group, member, updated, result, heartbeat.may_read)
        group.stop_waiting_for(updated.member_id)
        self.assign(group, result)
        self.reconcile(group, updated.member_id, request.topic_partitions, result, has_changed=has_changed)
        reconciled = group.members[updated.member_id]
        self.restart_session(group, reconciled.member_id, result.now)
        is_full = (
            request.rebalance_timeout_ms != -1
            and (request.subscribed_topic_names is not None or request.subscribed_topic_regex is not None)
            and request.topic_partitions is not None
        )
        tells = is_joining or is_full or reconciled.assigned != member.assigned
        return ConsumerGroupHeartbeatResponse(
            member_id=reconciled.member_id,
            member_epoch=reconciled.member_epoch,
            heartbeat_interval_ms=round(config.heartbeat_interval * 1000),
            assignment=_assignment(reconciled) if tells else None,
        )

    # The steps of a request

    def subscribe(
        self,
        group: ConsumerGroup,
        member: ConsumerMember,
        updated: ConsumerMember,
        result: ResultBuilder,
        may_read: Callable[[str], bool] = lambda _: True,
    ) -> bool:
        """Take over what a member wants; return whether its subscription has changed."""
        group_id = group.group_id
        is_new = member.member_id not in group.members
        if is_new or updated.subscription != member.subscription:
            write_member(group_id, updated, result)
        names_changed = updated.subscribed_topics != member.subscribed_topics
        regex_changed = updated.subscribed_regex != member.subscribed_regex
        default = self._config_of(group_id).assignors[0]
        preferred = group.preferred_assignor(default)
        group.put(updated)
        has_regexes = bool(group.regexes or group.subscribed_regexes())
        topics_changed = has_regexes and self._resolve(group, result, may_read)
        metadata_hash = group.hash_of(self._topics)
        if (
            names_changed
            or regex_changed
            or topics_changed
            or metadata_hash != group.metadata_hash
            or group.preferred_assignor(default) != preferred
        ):
            self.bump(group, metadata_hash, result)
        return names_changed or regex_changed

    def _resolve(self, group: ConsumerGroup, result: ResultBuilder, may_read: Callable[[str], bool]) -> bool:
        """Find the topics of regular expressions again if that is due; return whether they have changed."""
        wall_ms = result.wall_ms or 0
        used = group.subscribed_regexes()
        changed = False
        for regex in group.regexes.keys() - used:
            del group.regexes[regex]
            write_regex(group.group_id, regex, None, result)
        oldest = min((resolved.timestamp for resolved in group.regexes.values()), default=wall_ms)
        is_due = group.topics_seen != len(self._topics.topics) or wall_ms > oldest + _REFRESH_REGEX_AFTER_MS
        if not is_due and used == group.regexes.keys():
            return False
        group.topics_seen = len(self._topics.topics)
        readable = [name for name in self._topics.topics if may_read(name)]
        for regex in sorted(used):
            before = group.regexes.get(regex)
            topics = matching(regex, readable)
            group.regexes[regex] = ResolvedRegex(topics=topics, version=0, timestamp=wall_ms)
            write_regex(group.group_id, regex, group.regexes[regex], result)
            changed |= before is None or before.topics != topics
        return changed

    def assign(self, group: ConsumerGroup, result: ResultBuilder) -> None:
        """Compute a target assignment if the group's epoch is higher than that of the last one."""
        config = self._config_of(group.group_id)
        if not self.is_assignment_due(group, config.assignment_interval, result.now):
            return
        counts: dict[bytes, int] = {}
        for name in sorted(group.subscribed_topics()):
            topic = self._topics.topics.get(name)
            if topic is not None:
                counts[topic.topic_id] = topic.partitions
        counts = {topic_id: counts[topic_id] for topic_id in topic_order(counts)}
        before = group.assigned_topics
        is_larger = before is not None and all(counts.get(topic_id, 0) >= count for topic_id, count in before.items())
        targets = group.targets if is_larger else _existing(group.targets, counts)
        wanted = {each: frozenset(self._topic_ids(group.topics_wanted(each))) for each in group.subscriptions()}
        specs: dict[str, MemberSpec] = {}
        for member_id in member_order(group.members):
            member = group.members[member_id]
            specs[member_id] = MemberSpec(
                topics=wanted[member.subscribed_topics, member.subscribed_regex],
                instance_id=member.instance_id,
                assigned=_in_order(targets.get(member_id, {}), counts),
            )
        targets = ASSIGNORS[self.assignor_of(group)](specs, counts, alike=group.subscribes_alike)
        if self._target_hook is not None:
            targets = self._target_hook(group, targets, self._topics)
        group.assigned_topics = counts
        self.set_targets(group, targets, result)

    def _topic_ids(self, names: Iterable[str]) -> set[bytes]:
        found = (self._topics.topics.get(name) for name in names)
        return {topic.topic_id for topic in found if topic is not None}

    def reconcile(
        self,
        group: ConsumerGroup,
        member_id: str,
        owned: tuple[TopicPartitions, ...] | None,
        result: ResultBuilder,
        *,
        has_changed: bool,
    ) -> None:
        """Bring a member, which reports what it has, nearer to its target."""
        member = group.members[member_id]
        if member.is_reconciled_to(group.assignment_epoch) and not has_changed:
            return
        target: Partitions = group.targets.get(member_id, {})
        reconciled = reconcile(
            member,
            group.assignment_epoch,
            target,
            self._topic_ids(group.topics_of(member)),
            group.is_owned,
            owned,
            has_subscription_changed=has_changed,
        )
        if reconciled.current == member.current:
            return
        group.put(reconciled)
        write_current(group.group_id, reconciled, result)
        if reconciled.state is MemberState.UNREVOKED_PARTITIONS and reconciled.classic is None:
            self.watch_revocation(group, reconciled, reconciled.rebalance_timeout_ms, result.now)
        else:
            group.cancel_timers(member_id, group.revocations)

    # The end of members

    def _leave(self, request: ConsumerGroupHeartbeatRequest, result: ResultBuilder) -> ConsumerGroupHeartbeatResponse:
        group = self.find(request.group_id, is_leaving=True)
        if request.instance_id is None:
            member = group.members.get(request.member_id)
            if member is None:
                raise unknown_member(group.group_id, request.member_id)
        else:
            known_id = group.static_members.get(request.instance_id)
            if known_id is None:
                raise _unknown_instance(request.instance_id)
            member = group.members[known_id]
            _check_instance(member, request)
        if request.member_epoch == LEAVING_FOR_A_WHILE:
            # Its next incarnation may commit for what it had, whatever epoch it gets.
            assigned = {topic_id: dict.fromkeys(epochs, JOINING) for topic_id, epochs in member.assigned.items()}
            left = replace(member, member_epoch=LEAVING_FOR_A_WHILE, assigned=assigned, pending_revocation={})
            group.put(left)
            write_current(group.group_id, left, result)
        else:
            self.remove(group, (member.member_id,), result)
        return ConsumerGroupHeartbeatResponse(member_id=request.member_id, member_epoch=request.member_epoch)

    def remove(self, group: ConsumerGroup, member_ids: Collection[str], result: ResultBuilder) -> None:
        """Remove members; the group becomes a classic one if only members of the classic protocol are left."""
        if self._migration.can_downgrade(group, without=member_ids):
            self._migration.downgrade(group, result, without=member_ids)
        else:
            super().remove(group, member_ids, result)

    def removed(self, group: ConsumerGroup, result: ResultBuilder) -> None:
        """Drop the regular expressions that only removed members had."""
        for regex in group.regexes.keys() - group.subscribed_regexes():
            del group.regexes[regex]
            write_regex(group.group_id, regex, None, result)

    def restart_timers(self, group: ConsumerGroup, now: float) -> None:
        """Start the timers of a group that has been loaded."""
        super().restart_timers(group, now)
        for member in tuple(group.members.values()):
            if member.state is MemberState.UNREVOKED_PARTITIONS and member.classic is None:
                self.watch_revocation(group, member, member.rebalance_timeout_ms, now)


def member_order(member_ids: Iterable[str]) -> Iterable[str]:
    """Return members in the order in which they are assigned to: as they have joined, where Kafka takes any."""
    return member_ids


def topic_order(topic_ids: Iterable[bytes]) -> Iterable[bytes]:
    """Return topics in the order in which they are assigned: by their names, where Kafka takes any."""
    return topic_ids


def _in_order(target: Partitions, topic_ids: Iterable[bytes]) -> Partitions:
    """Return a target with its topics in the order of all topics, in which members give partitions up."""
    if len(target) <= 1:
        return target
    return {topic_id: target[topic_id] for topic_id in topic_ids if topic_id in target}


def _existing(targets: Mapping[str, Partitions], counts: Mapping[bytes, int]) -> dict[str, Partitions]:
    """Return what exists of targets, by the number of partitions of each topic."""
    return {
        member_id: {
            topic_id: frozenset(each for each in partitions if each < counts[topic_id])
            for topic_id, partitions in target.items()
            if topic_id in counts
        }
        for member_id, target in targets.items()
    }


def _updated(member: ConsumerMember, heartbeat: _Heartbeat) -> ConsumerMember:
    request, client = heartbeat.request, heartbeat.client
    names, regex = request.subscribed_topic_names, request.subscribed_topic_regex
    timeout = request.rebalance_timeout_ms
    return replace(
        member,
        instance_id=member.instance_id if request.instance_id is None else request.instance_id,
        rack_id=member.rack_id if request.rack_id is None else request.rack_id,
        rebalance_timeout_ms=member.rebalance_timeout_ms if timeout == -1 else timeout,
        server_assignor=member.server_assignor if request.server_assignor is None else request.server_assignor,
        subscribed_topics=member.subscribed_topics if names is None else frozenset(names),
        subscribed_regex=member.subscribed_regex if regex is None else regex,
        client_id=client.client_id,
        client_host=client.client_host,
        classic=None,
    )


def _check_epoch(member: ConsumerMember, request: ConsumerGroupHeartbeatRequest) -> None:
    received, known = request.member_epoch, member.member_epoch
    if received in (known, JOINING):
        return
    # The answer that brought the epoch may have been lost.
    is_retry = received == member.previous_member_epoch and member.owns_all(request.topic_partitions)
    if received > known or not is_retry:
        raise fenced("consumer group", received, known)


def _check_instance(known: ConsumerMember, request: ConsumerGroupHeartbeatRequest) -> None:
    if known.member_id != request.member_id:
        raise MemberRefusedError(
            ErrorCode.FENCED_INSTANCE_ID,
            f"Static member {request.member_id} with instance id {request.instance_id} was fenced by member "
            f"{known.member_id}.",
        )


def _check_regex(regex: str) -> None:
    try:
        compiled(regex)
    except InvalidRegexError as error:
        raise MemberRefusedError(
            ErrorCode.INVALID_REGULAR_EXPRESSION,
            f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.",
        ) from None


def _assignment(member: ConsumerMember) -> Assignment:
    return Assignment(
        topic_partitions=tuple(
            TopicPartitions(topic_id=topic_id, partitions=tuple(sorted(epochs)))
            for topic_id, epochs in member.assigned.items()
        )
    )


def _unknown_instance(instance_id: str) -> MemberRefusedError:
    return MemberRefusedError(ErrorCode.UNKNOWN_MEMBER_ID, f"Instance id {instance_id} is unknown.")
