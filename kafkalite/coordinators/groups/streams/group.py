"""A streams group: its topology, its members, and the tasks that each of them has and is to have (KIP-1071)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.group import ModernGroup
from kafkalite.coordinators.groups.streams.member import MemberState, StreamsMember, TargetTasks
from kafkalite.coordinators.groups.streams.owned import ReportedOffsets
from kafkalite.coordinators.groups.streams.records import (
    NO_EPOCH,
    write_epoch,
    write_removed_group,
    write_removed_member,
    write_target,
    write_target_epoch,
)
from kafkalite.coordinators.groups.streams.topology import sources_of
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafkalite.coordinators.groups.offset_table import CommittedOffset
    from kafkalite.coordinators.groups.streams.configuring import ConfiguredTopology
    from kafkalite.coordinators.groups.streams.topology import StreamsTopology
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer
    from kafkalite.coordinators.topics import ClusterTopics
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequestGroup

_EPOCHS_IN_COMMITS_SINCE = 9


class StreamsGroupState(Enum):
    """The state of a streams group, named as Kafka prints it; it follows from the epochs."""

    EMPTY = "Empty"
    NOT_READY = "NotReady"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


@dataclass(kw_only=True, eq=False)
class StreamsGroup(ModernGroup[StreamsMember, TargetTasks]):
    """A streams group."""

    group_type = "streams"

    topology: StreamsTopology | None = None
    """Sent by the first member; None only until then."""
    configured: ConfiguredTopology | None = None
    """What the topology came to when the topics were looked at last; None if not since the broker has started."""
    validated_topology_epoch: int = NO_EPOCH
    """The epoch of the topology if it could be used when the group epoch was raised last."""
    assignment_configs: dict[str, str] = field(default_factory=dict[str, str])
    """What the target assignment of the group epoch is computed with."""
    stored_description_epoch: int = NO_EPOCH
    failed_description_epoch: int = NO_EPOCH
    """What a plug-in of Kafka has recorded about descriptions of topologies."""
    static_members: dict[str, str] = field(default_factory=dict[str, str])
    most_members: int = 0
    """The largest number of members that the group has had since it was loaded."""
    reported_offsets: dict[str, ReportedOffsets] = field(default_factory=dict[str, ReportedOffsets])
    endpoint_epoch: int = 0
    """Raised whenever what members tell others for interactive queries changes. It is not recorded."""
    creation_errors: dict[str, str] = field(default_factory=dict[str, str])
    """Why internal topics could not be created when that was tried last, by topic."""
    shutdown_requested_by: str | None = None
    """The member that has asked all others to end, which lasts until there are none."""
    initial_delay: Timer | None = None
    """Set while the first assignment waits for further members."""
    _active: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    _standby: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    _warmup: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])

    @property
    def state(self) -> StreamsGroupState:
        """The state."""
        if not self.members:
            return StreamsGroupState.EMPTY
        if self.topology is None or self.topology.epoch != self.validated_topology_epoch:
            return StreamsGroupState.NOT_READY
        if self.epoch > self.assignment_epoch:
            return StreamsGroupState.ASSIGNING
        if all(is_reconciled(member, self.assignment_epoch) for member in self.members.values()):
            return StreamsGroupState.STABLE
        return StreamsGroupState.RECONCILING

    # Members

    def put(self, member: StreamsMember) -> None:
        """Add a member, or replace the one with its id."""
        before = self.members.get(member.member_id)
        if before is not None:
            self._disown(before)
        self.members[member.member_id] = member
        self.most_members = max(self.most_members, len(self.members))
        self._own(member)
        if member.instance_id is not None:
            self.static_members[member.instance_id] = member.member_id

    def has_member(self, member_id: str, instance_id: str | None) -> bool:
        """Return whether a member, or with an instance id its former self, is in the group."""
        return member_id in self.members or instance_id in self.static_members

    def remove(self, member_id: str) -> StreamsMember:
        """Remove a member, its target and its timers; return what it was."""
        member = super().remove(member_id)
        self._disown(member)
        self.reported_offsets.pop(member_id, None)
        if member.instance_id is not None and self.static_members.get(member.instance_id) == member_id:
            del self.static_members[member.instance_id]
        if not self.members:
            self.shutdown_requested_by = None
        return member

    def forget_unrecorded(self) -> None:
        """Forget what is not in the records of the group."""
        self.configured = None
        self.reported_offsets.clear()
        self.endpoint_epoch = 0
        self.shutdown_requested_by = None

    # Tasks (see TaskProcesses)

    def active_process(self, subtopology_id: str, partition: int) -> str | None:
        """Return the process that has an active task, or is still to give it back."""
        return self._active.get((subtopology_id, partition))

    def has_standby(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        """Return whether a process has a standby task, or is still to give it back."""
        return self._standby[process_id, subtopology_id, partition] > 0

    def has_warmup(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        """Return whether a process has a warm-up task, or is still to give it back."""
        return self._warmup[process_id, subtopology_id, partition] > 0

    def _own(self, member: StreamsMember) -> None:
        for tasks in (member.assigned, member.pending_revocation):
            for subtopology, epochs in tasks.active.items():
                self._active.update({(subtopology, partition): member.process_id for partition in epochs})
        self._count_copies(member, 1)

    def _disown(self, member: StreamsMember) -> None:
        for tasks in (member.assigned, member.pending_revocation):
            for subtopology, epochs in tasks.active.items():
                for partition in epochs:
                    self._active.pop((subtopology, partition), None)
        self._count_copies(member, -1)

    def _count_copies(self, member: StreamsMember, change: int) -> None:
        for tasks in (member.assigned, member.pending_revocation):
            for counts, some in ((self._standby, tasks.standby), (self._warmup, tasks.warmup)):
                for subtopology, partitions in some.items():
                    for partition in partitions:
                        key = member.process_id, subtopology, partition
                        counts[key] += change
                        if not counts[key]:
                            del counts[key]

    # Its records

    def hash_of(self, topics: ClusterTopics) -> int:
        """Return the hash of the topics that was computed last: a member that leaves does not have them looked at."""
        del topics
        return self.metadata_hash

    def write_epoch(self, result: ResultBuilder) -> None:
        """Record the group's epoch."""
        write_epoch(
            self.group_id,
            self.epoch,
            self.metadata_hash,
            result,
            validated_topology_epoch=self.validated_topology_epoch,
            assignment_configs=self.assignment_configs,
            stored_description_epoch=self.stored_description_epoch,
            failed_description_epoch=self.failed_description_epoch,
        )

    def write_target_epoch(self, timestamp: int, result: ResultBuilder) -> None:
        """Record the epoch of the target assignment, and when it was computed."""
        write_target_epoch(self.group_id, self.assignment_epoch, timestamp, result)

    def write_target(self, member_id: str, target: TargetTasks, result: ResultBuilder) -> None:
        """Record what a member is to have."""
        write_target(self.group_id, member_id, target, result)

    def write_removed(self, member_id: str, result: ResultBuilder) -> None:
        """Record that a member is no more."""
        write_removed_member(self.group_id, member_id, result)

    def write_tombstones(self, result: ResultBuilder) -> None:
        """Record the deletion of the group."""
        write_removed_group(self.group_id, self.members, result)

    # What groups of all kinds do (see CoordinatedGroup)

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        """Check that a commit comes from a member with its epoch, or for tasks that it had at an older one.

        Without members any commit from outside is accepted, and a transactional producer may name no member.
        """
        epoch, member_id = request.generation_id_or_member_epoch, request.member_id
        if epoch < 0 and not self.members:
            return ErrorCode.NONE
        if api_version is None and epoch == -1 and not member_id and request.group_instance_id is None:
            return ErrorCode.NONE
        member = self.members.get(member_id)
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if api_version is not None and api_version < _EPOCHS_IN_COMMITS_SINCE:
            return ErrorCode.UNSUPPORTED_VERSION
        if epoch == member.member_epoch:
            return ErrorCode.NONE
        if epoch > member.member_epoch or self.topology is None:
            return ErrorCode.STALE_MEMBER_EPOCH
        subtopologies = {
            topic: each.subtopology_id for each in self.topology.subtopologies.values() for topic in sources_of(each)
        }
        for topic in request.topics:
            subtopology = subtopologies.get(topic.name, "")
            epochs = member.assigned.active.get(subtopology, {})
            pending = member.pending_revocation.active.get(subtopology, {})
            for each in topic.partitions:
                since = epochs.get(each.partition_index, pending.get(each.partition_index))
                if since is None or epoch < since:
                    return ErrorCode.STALE_MEMBER_EPOCH
        return ErrorCode.NONE

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        """Check that a fetch comes from a member with its epoch, or from outside."""
        if request.member_id is None and request.member_epoch < 0:
            return ErrorCode.NONE
        member = self.members.get(request.member_id or "")
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE if request.member_epoch == member.member_epoch else ErrorCode.STALE_MEMBER_EPOCH

    def validate_offset_delete(self) -> ErrorCode:
        """Accept: the topology decides for each topic."""
        return ErrorCode.NONE

    def is_subscribed_to(self, topic: str) -> bool:
        """Return whether members read a topic."""
        return bool(self.members) and self.topology is not None and topic in self.topology.source_topics

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        """Return when the retention of an offset starts: with the commit."""
        return lambda committed: committed.commit_timestamp

    def timers(self) -> Iterator[Timer]:
        """Yield the timers that are set for the group and its members."""
        yield from super().timers()
        if self.initial_delay is not None:
            yield self.initial_delay


def is_reconciled(member: StreamsMember, epoch: int) -> bool:
    """Return whether a member has all of its target assignment of an epoch."""
    return member.state is MemberState.STABLE and member.member_epoch == epoch
