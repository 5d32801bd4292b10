"""What StreamsGroupHeartbeat does to a group (KIP-1071)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.modern.group import JOINING, LEAVING
from kafkalite.coordinators.groups.modern.membership import (
    MemberRefusedError,
    ModernMembership,
    fenced,
    invalid,
    unknown_member,
)
from kafkalite.coordinators.groups.streams.assignor import ASSIGNOR, MemberSpec, Subtopology, assign
from kafkalite.coordinators.groups.streams.checking import LEAVING_FOR_A_WHILE, check_heartbeat
from kafkalite.coordinators.groups.streams.configuring import configure
from kafkalite.coordinators.groups.streams.group import StreamsGroup, is_reconciled
from kafkalite.coordinators.groups.streams.loading import StreamsGroupLoader
from kafkalite.coordinators.groups.streams.member import (
    NO_TASKS,
    MemberState,
    StreamsMember,
    TargetTasks,
)
from kafkalite.coordinators.groups.streams.owned import OwnedTasks, ReportedOffsets
from kafkalite.coordinators.groups.streams.reconciling import reconcile
from kafkalite.coordinators.groups.streams.records import (
    NO_EPOCH,
    write_current,
    write_member,
    write_removed_member,
    write_target,
    write_topology,
)
from kafkalite.coordinators.groups.streams.responses import active_partitions, endpoints_of, task_ids
from kafkalite.coordinators.groups.streams.topology import Status, StreamsTopology, TopologyProblem, stale_topology
from kafkalite.coordinators.groups.topic_hash import hash_of
from kafkalite.coordinators.groups.views import Assigned, MemberView
from kafkalite.coordinators.java_strings import timeline_map_order
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import streams_group_heartbeat as heartbeat
from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse
from kafkalite_wire.messages.streams_group_records import Endpoint, StreamsGroupKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.groups.streams.configs import StreamsGroupConfig
    from kafkalite.coordinators.groups.streams.configuring import ConfiguredInternalTopic, ConfiguredTopology
    from kafkalite.coordinators.results import Client, ResultBuilder
    from kafkalite.coordinators.timers import Timers
    from kafkalite.coordinators.topics import ClusterTopics

_TASK_OFFSET_INTERVAL_MS: Final = 60_000
_ACCEPTABLE_RECOVERY_LAG: Final = 10_000
"""Kafka's defaults of internal properties, which it does not let users set."""

_NAMES_MISSING_TAGS_SINCE: Final = 1
_LISTED_ERRORS: Final = 3
_NO_TARGET: Final = TargetTasks()


@dataclass(frozen=True, slots=True)
class _Joined:
    """The member that a heartbeat is from, as it was, and the former self that it replaces."""

    member: StreamsMember
    former: StreamsMember | None = None


class StreamsMembership(ModernMembership[StreamsGroup, StreamsMember, TargetTasks]):
    """The requests of members of streams groups, and their time-outs."""

    kind = "streams group"
    group_class = StreamsGroup
    record_key = StreamsGroupKey

    def __init__(
        self, groups: Groups, topics: ClusterTopics, timers: Timers, config_of: Callable[[str], StreamsGroupConfig]
    ) -> None:
        super().__init__(groups, topics, timers)
        self._config_of = config_of
        self._missing_topics: tuple[ConfiguredInternalTopic, ...] = ()

    def session_timeout(self, group: StreamsGroup, member_id: str) -> float:
        """Return the session time-out of a member in seconds, which is that of the group."""
        del member_id
        return self._config_of(group.group_id).session_timeout

    def max_size(self, group_id: str) -> int:
        """Return how many members a group may have."""
        return self._config_of(group_id).max_size

    def assignor_of(self, group: StreamsGroup) -> str:
        """Return the name of the only assignor."""
        del group
        return ASSIGNOR

    def members_of(self, group: StreamsGroup) -> Iterator[MemberView]:
        """Yield a view of each member, with the partitions that its active tasks read."""
        topics = frozenset[str]() if group.topology is None else group.topology.source_topics
        for member in group.members.values():
            yield MemberView(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                session_timeout=self.session_timeout(group, member.member_id),
                rebalance_timeout=max(0, member.rebalance_timeout_ms) / 1000,
                assigned=Assigned(topics=topics, partitions=active_partitions(group, member, self._topics)),
            )

    def loader(self) -> StreamsGroupLoader:
        """Return what rebuilds groups of this kind from their records."""
        return StreamsGroupLoader()

    def heartbeat(
        self,
        request: StreamsGroupHeartbeatRequest,
        client: Client,
        result: ResultBuilder,
        may_create: Callable[[str], bool] = lambda _: True,
    ) -> StreamsGroupHeartbeatResponse:
        """Answer a heartbeat; ``may_create`` says which internal topics may be created for its sender."""
        try:
            check_heartbeat(request)
            if request.member_epoch in (LEAVING, LEAVING_FOR_A_WHILE):
                return self._leave(request, result)
            return self._beat(request, client, result, may_create)
        except MemberRefusedError as refused:
            return refusal(refused.error, refused.message)

    # The internal topics, which the broker creates

    def take_missing_topics(self) -> tuple[ConfiguredInternalTopic, ...]:
        """Return which topics are to be created for the group whose heartbeat was the last one."""
        missing, self._missing_topics = self._missing_topics, ()
        return missing

    def note_creation(self, group_id: str, errors: Mapping[str, str]) -> None:
        """Note why topics of a group could not be created; its members are told with their next heartbeats."""
        group = self._groups.get(group_id)
        if isinstance(group, StreamsGroup):
            group.creation_errors = dict(errors)

    def _creation_problem(
        self, group: StreamsGroup, configured: ConfiguredTopology, may_create: Callable[[str], bool]
    ) -> TopologyProblem | None:
        """Return the problem of a topology; topics that are missing are to be created, unless they may not."""
        problem, missing = configured.problem, configured.missing_topics
        if problem is None or not missing:
            return problem
        refused = [topic.name for topic in missing if not may_create(topic.name)]
        if refused:
            return replace(problem, detail=f"{problem.detail}; Unauthorized to CREATE on topics {','.join(refused)}.")
        self._missing_topics = missing
        if not group.creation_errors:
            return problem
        errors = [f"{name} ({why})" for name, why in group.creation_errors.items()]
        listed = ", ".join(errors[:_LISTED_ERRORS])
        more = len(errors) - _LISTED_ERRORS
        return replace(
            problem, detail=f"{problem.detail}; Creation failed: {listed}{f' and {more} more' if more > 0 else ''}."
        )

    # A regular heartbeat

    def _beat(
        self,
        request: StreamsGroupHeartbeatRequest,
        client: Client,
        result: ResultBuilder,
        may_create: Callable[[str], bool],
    ) -> StreamsGroupHeartbeatResponse:
        config = self._config_of(request.group_id)
        is_joining = request.member_epoch == JOINING
        owned = OwnedTasks.reported(request)
        if is_joining:
            group = self.find_or_make(request.group_id, result, request.member_id, request.instance_id)
        else:
            group = self.find(request.group_id)
        is_new_group = self._groups.get(group.group_id) is not group
        joined = _joined(group, request, owned)
        topology = _topology(group, request)
        metadata_hash = hash_of(self._topics, topology.required_topics)
        configured = group.configured
        if configured is None or group.topology is None or metadata_hash != group.metadata_hash:
            configured = configure(topology, self._topics)
        _check_tasks(configured, request)

        if is_new_group:
            self._groups.add(group)
        was_empty = group.is_empty
        problems = [] if group.topology is None else _stale(group.topology, joined.member, request)
        if joined.former is not None:
            _replace_static(group, joined.former, joined.member, result)
        member = _updated(joined.member, request, client)
        is_changed = self._update(group, joined, member, topology, configured, metadata_hash, config, request, result)
        if is_changed:
            self.bump(group, metadata_hash, result)
        if was_empty and config.initial_rebalance_delay > 0:
            self._delay_assignment(group, result.now + config.initial_rebalance_delay)
        delay = self._assign(group, config, result)
        if delay is not None:
            problems.append(TopologyProblem(status=Status.ASSIGNMENT_DELAYED, detail=delay))
        reconciled = self._reconcile(group, member, owned, result)
        self.restart_session(group, member.member_id, result.now)
        if request.shutdown_application and group.shutdown_requested_by is None:
            group.shutdown_requested_by = member.member_id
        problem = self._creation_problem(group, configured, may_create)
        if problem is not None:
            problems.append(problem)
        problems += _further_problems(group, reconciled, config, client)
        response = self._response(group, joined.member, reconciled, request, config, problems)
        if is_new_group:
            # Of a group's first heartbeat, Kafka keeps only what it records.
            group.forget_unrecorded()
            return replace(response, endpoint_information_epoch=group.endpoint_epoch)
        return response

    def _update(
        self,
        group: StreamsGroup,
        joined: _Joined,
        member: StreamsMember,
        topology: StreamsTopology,
        configured: ConfiguredTopology,
        metadata_hash: int,
        config: StreamsGroupConfig,
        request: StreamsGroupHeartbeatRequest,
        result: ResultBuilder,
    ) -> bool:
        """Take over what a member says; return whether the tasks are to be assigned again."""
        is_changed = metadata_hash != group.metadata_hash
        if member != joined.member:
            write_member(group.group_id, member, result)
            is_changed |= request.instance_id is None or _asks_for_tasks(member) != _asks_for_tasks(joined.member)
        group.put(member)
        if group.topology is None:
            write_topology(group.group_id, topology, result)
        group.topology, group.configured = topology, configured
        if request.task_offsets is not None or request.task_end_offsets is not None:
            offsets = group.reported_offsets.get(member.member_id, ReportedOffsets())
            group.reported_offsets[member.member_id] = offsets.updated(request.task_offsets, request.task_end_offsets)
        validated = topology.epoch if configured.problem is None else NO_EPOCH
        is_changed |= validated != group.validated_topology_epoch
        is_changed |= config.assignment_configs != group.assignment_configs
        group.validated_topology_epoch, group.assignment_configs = validated, config.assignment_configs
        return is_changed

    # The first assignment of a group

    def _delay_assignment(self, group: StreamsGroup, until: float) -> None:
        if group.initial_delay is None:
            group.initial_delay = self._timers.timer(partial(self._end_delay, group))
            group.initial_delay.move(until)

    def _end_delay(self, group: StreamsGroup, result: ResultBuilder) -> None:
        group.initial_delay = None
        if group.members and group.configured is not None:
            self._assign(group, self._config_of(group.group_id), result)

    def _assign(self, group: StreamsGroup, config: StreamsGroupConfig, result: ResultBuilder) -> str | None:
        """Compute a target assignment if that is due; return what delays it."""
        if group.initial_delay is not None:
            return "Assignment delayed due to the configured initial rebalance delay."
        if group.epoch <= group.assignment_epoch:
            return None
        if not self.is_assignment_due(group, config.assignment_interval, result.now):
            return "Assignment delayed due to the configured assignment interval."
        self.set_targets(group, _targets(group), result)
        return None

    def _reconcile(
        self, group: StreamsGroup, member: StreamsMember, owned: OwnedTasks | None, result: ResultBuilder
    ) -> StreamsMember:
        """Bring a member, which reports what it has, nearer to its target."""
        if is_reconciled(member, group.assignment_epoch):
            return member
        target = _NO_TARGET if group.initial_delay is not None else group.targets.get(member.member_id, _NO_TARGET)
        reconciled = reconcile(member, group.assignment_epoch, target, group, owned)
        if reconciled != member:
            group.put(reconciled)
            write_current(group.group_id, reconciled, result)
            if reconciled.state is MemberState.UNREVOKED_TASKS:
                self.watch_revocation(group, reconciled, reconciled.rebalance_timeout_ms, result.now)
            else:
                group.cancel_timers(member.member_id, group.revocations)
        return reconciled

    def _response(
        self,
        group: StreamsGroup,
        before: StreamsMember,
        member: StreamsMember,
        request: StreamsGroupHeartbeatRequest,
        config: StreamsGroupConfig,
        problems: Iterable[TopologyProblem],
    ) -> StreamsGroupHeartbeatResponse:
        has_new_tasks = member.assigned != before.assigned
        has_new_endpoint = member.user_endpoint != before.user_endpoint
        if has_new_endpoint or (has_new_tasks and member.user_endpoint is not None):
            group.endpoint_epoch += 1
        response = StreamsGroupHeartbeatResponse(
            member_id=member.member_id,
            member_epoch=member.member_epoch,
            heartbeat_interval_ms=round(config.heartbeat_interval * 1000),
            task_offset_interval_ms=_TASK_OFFSET_INTERVAL_MS,
            acceptable_recovery_lag=_ACCEPTABLE_RECOVERY_LAG,
            status=tuple(
                heartbeat.Status(status_code=problem.status, status_detail=problem.detail) for problem in problems
            ),
            endpoint_information_epoch=group.endpoint_epoch,
            partitions_by_user_endpoint=(
                None
                if group.endpoint_epoch == request.endpoint_information_epoch
                else endpoints_of(group, member, self._topics)
            ),
        )
        if request.member_epoch == JOINING or has_new_tasks:
            return replace(
                response,
                active_tasks=task_ids(member.assigned.active),
                standby_tasks=task_ids(member.assigned.standby),
                warmup_tasks=task_ids(member.assigned.warmup),
            )
        return response

    # The end of members

    def _leave(self, request: StreamsGroupHeartbeatRequest, result: ResultBuilder) -> StreamsGroupHeartbeatResponse:
        group = self.find(request.group_id, is_leaving=True)
        if request.instance_id is None:
            member = group.members.get(request.member_id)
            if member is None:
                raise unknown_member(group.group_id, request.member_id)
        else:
            member = _static_member(group, request.instance_id, request.member_id)
        if request.shutdown_application and group.shutdown_requested_by is None:
            group.shutdown_requested_by = request.member_id
        if request.instance_id is not None and request.member_epoch == LEAVING_FOR_A_WHILE:
            # Its next incarnation may commit for what it had, whatever epoch it gets.
            active = {name: dict.fromkeys(epochs, JOINING) for name, epochs in member.assigned.active.items()}
            left = replace(
                member,
                member_epoch=LEAVING_FOR_A_WHILE,
                assigned=replace(member.assigned, active=active),
                pending_revocation=NO_TASKS,
            )
            group.put(left)
            write_current(group.group_id, left, result)
        else:
            self.remove(group, (member.member_id,), result)
        return StreamsGroupHeartbeatResponse(
            member_id=member.member_id,
            member_epoch=request.member_epoch,
            heartbeat_interval_ms=0,
            task_offset_interval_ms=0,
            status=(),
            endpoint_information_epoch=0,
        )

    def restart_timers(self, group: StreamsGroup, now: float) -> None:
        """Start the timers of a group that has been loaded."""
        super().restart_timers(group, now)
        for member in tuple(group.members.values()):
            if member.state is MemberState.UNREVOKED_TASKS:
                self.watch_revocation(group, member, member.rebalance_timeout_ms, now)


def refusal(error: ErrorCode, message: str | None = None) -> StreamsGroupHeartbeatResponse:
    """Return the answer to a heartbeat that is refused."""
    return StreamsGroupHeartbeatResponse(
        error_code=error,
        error_message=message,
        member_id="",
        member_epoch=0,
        heartbeat_interval_ms=0,
        task_offset_interval_ms=0,
        status=(),
        endpoint_information_epoch=0,
    )


def _joined(group: StreamsGroup, request: StreamsGroupHeartbeatRequest, owned: OwnedTasks | None) -> _Joined:
    """Return the member that a heartbeat is from, as it was before. Raises MemberRefusedError."""
    member_id, instance_id = request.member_id, request.instance_id
    is_joining = request.member_epoch == JOINING
    member = group.members.get(member_id)
    if instance_id is None:
        if member is None:
            if not is_joining:
                raise unknown_member(group.group_id, member_id)
            member = StreamsMember(member_id=member_id)
        _check_epoch(member, request.member_epoch, owned)
        return _Joined(member)
    if not is_joining:
        member = _static_member(group, instance_id, member_id)
        _check_epoch(member, request.member_epoch, owned)
        return _Joined(member)
    known_id = group.static_members.get(instance_id)
    if known_id is None:
        return _Joined(member or StreamsMember(member_id=member_id))
    known = group.members[known_id]
    if known.member_epoch != LEAVING_FOR_A_WHILE:
        raise MemberRefusedError(
            ErrorCode.UNRELEASED_INSTANCE_ID,
            f"Static member {member_id} with instance id {instance_id} cannot join the group because the instance id "
            f"is owned by {known_id} member.",
        )
    return _Joined(replace(known, member_id=member_id, member_epoch=JOINING, previous_member_epoch=0), former=known)


def _static_member(group: StreamsGroup, instance_id: str, member_id: str) -> StreamsMember:
    known_id = group.static_members.get(instance_id)
    if known_id is None:
        raise MemberRefusedError(ErrorCode.UNKNOWN_MEMBER_ID, f"Instance id {instance_id} is unknown.")
    if known_id != member_id:
        raise MemberRefusedError(
            ErrorCode.FENCED_INSTANCE_ID,
            f"Static member {member_id} with instance id {instance_id} was fenced by member {known_id}.",
        )
    return group.members[known_id]


def _check_epoch(member: StreamsMember, received: int, owned: OwnedTasks | None) -> None:
    known = member.member_epoch
    if received in (JOINING, known):
        return
    # The answer that brought the epoch may have been lost.
    is_retry = received == member.previous_member_epoch and owned is not None and owned.are_within(member.assigned)
    if received > known or not is_retry:
        raise fenced("streams group", received, known)


def _replace_static(group: StreamsGroup, former: StreamsMember, member: StreamsMember, result: ResultBuilder) -> None:
    """Put a static member's next incarnation in its place, with its tasks."""
    target = group.targets.get(former.member_id, _NO_TARGET)
    group.remove(former.member_id)
    write_removed_member(group.group_id, former.member_id, result)
    group.put(member)
    group.targets[member.member_id] = target
    write_member(group.group_id, member, result)
    write_target(group.group_id, member.member_id, target, result)
    write_current(group.group_id, member, result)


def _updated(member: StreamsMember, request: StreamsGroupHeartbeatRequest, client: Client) -> StreamsMember:
    sent = request.user_endpoint
    endpoint = None if sent is None else Endpoint(host=sent.host, port=sent.port)
    keeps_endpoint = sent is None and request.member_epoch != JOINING
    timeout = request.rebalance_timeout_ms
    return replace(
        member,
        instance_id=member.instance_id if request.instance_id is None else request.instance_id,
        rack_id=member.rack_id if request.rack_id is None else request.rack_id,
        rebalance_timeout_ms=member.rebalance_timeout_ms if timeout == -1 else timeout,
        topology_epoch=member.topology_epoch if request.topology is None else request.topology.epoch,
        client_id=client.client_id,
        client_host=client.client_host,
        process_id=member.process_id if request.process_id is None else request.process_id,
        user_endpoint=member.user_endpoint if keeps_endpoint else endpoint,
        client_tags=(
            member.client_tags if request.client_tags is None else {tag.key: tag.value for tag in request.client_tags}
        ),
    )


def _asks_for_tasks(member: StreamsMember) -> tuple[object, ...]:
    """Return what tasks are assigned by, of what a member says."""
    return member.topology_epoch, member.rack_id, member.client_tags, member.process_id


def _topology(group: StreamsGroup, request: StreamsGroupHeartbeatRequest) -> StreamsTopology:
    """Return the topology of a group: that of its first member, which others may have an older one of."""
    if request.topology is None:
        if group.topology is None:
            raise MemberRefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, None)
        return group.topology
    sent = StreamsTopology.from_heartbeat(request.topology)
    if group.topology is None:
        return sent
    if sent.epoch >= group.topology.epoch and sent != group.topology:
        raise invalid("Topology updates are not supported yet.")
    return group.topology


def _stale(
    topology: StreamsTopology, member: StreamsMember, request: StreamsGroupHeartbeatRequest
) -> list[TopologyProblem]:
    epoch = member.topology_epoch if request.topology is None else request.topology.epoch
    problem = stale_topology(epoch, topology.epoch)
    return [] if problem is None else [problem]


def _check_tasks(configured: ConfiguredTopology, request: StreamsGroupHeartbeatRequest) -> None:
    """Check that a member reports tasks that exist. Raises MemberRefusedError."""
    if configured.problem is not None or configured.subtopologies is None:
        return
    for tasks in (request.active_tasks, request.standby_tasks, request.warmup_tasks):
        for each in tasks or ():
            subtopology = configured.subtopologies.get(each.subtopology_id)
            if subtopology is None:
                raise invalid(f"Subtopology {each.subtopology_id} does not exist in the topology.")
            for partition in each.partitions:
                if not 0 <= partition < subtopology.tasks:
                    raise invalid(
                        f"Task {partition} for subtopology {each.subtopology_id} is invalid. "
                        f"Number of tasks for this subtopology: {subtopology.tasks}"
                    )


def _targets(group: StreamsGroup) -> dict[str, TargetTasks]:
    configured = group.configured
    if configured is None or configured.problem is not None or configured.subtopologies is None:
        return dict.fromkeys(group.members, _NO_TARGET)
    members = {
        member_id: _spec(group, group.members[member_id])
        for member_id in timeline_map_order(group.members, most=group.most_members)
    }
    subtopologies = {
        name: Subtopology(tasks=each.tasks, stateful=each.is_stateful)
        for name, each in configured.subtopologies.items()
    }
    replicas = int(group.assignment_configs["num.standby.replicas"])
    return {
        member_id: TargetTasks(active=tasks.active, standby=tasks.standby)
        for member_id, tasks in assign(members, subtopologies, standby_replicas=replicas).items()
    }


def _spec(group: StreamsGroup, member: StreamsMember) -> MemberSpec:
    offsets = group.reported_offsets.get(member.member_id, ReportedOffsets())
    return MemberSpec(
        process_id=member.process_id,
        active={name: frozenset(epochs) for name, epochs in member.assigned.active.items()},
        standby=member.assigned.standby,
        task_offsets=offsets.current,
    )


def _further_problems(
    group: StreamsGroup, member: StreamsMember, config: StreamsGroupConfig, client: Client
) -> list[TopologyProblem]:
    problems: list[TopologyProblem] = []
    if group.shutdown_requested_by is not None:
        detail = (
            f"Streams group member {group.shutdown_requested_by} encountered a fatal error and requested a shutdown "
            "for the entire application."
        )
        problems.append(TopologyProblem(status=Status.SHUTDOWN_APPLICATION, detail=detail))
    missing = [tag for tag in config.rack_tags if tag not in member.client_tags]
    if missing and client.api_version >= _NAMES_MISSING_TAGS_SINCE:
        detail = (
            f"Missing required client tags for rack-aware standby assignment: [{', '.join(missing)}]. "
            "Configure them via 'client.tag.<tagKey>' in your Streams config."
        )
        problems.append(TopologyProblem(status=Status.MISSING_CLIENT_TAGS, detail=detail))
    return problems
