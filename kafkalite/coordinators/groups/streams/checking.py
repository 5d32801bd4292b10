"""What a heartbeat of a streams group must be, whatever the state of its group (KIP-1071)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.group import JOINING
from kafkalite.coordinators.groups.modern.membership import MemberRefusedError, invalid, not_empty
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest, Subtopology, Topology

LEAVING_FOR_A_WHILE = -2
"""The epoch of a static member that will come back."""


def named_topics(topology: Topology) -> tuple[str, ...]:
    """Return the topics that a member names in its topology, each once: it must be allowed to describe them."""
    return tuple(dict.fromkeys(name for subtopology in topology.subtopologies for name in _names(subtopology)))


def check_topics(names: Collection[str], is_internal: Callable[[str], bool], is_valid: Callable[[str], bool]) -> None:
    """Check that a topology may name topics: they are not Kafka's own ones. Raises MemberRefusedError."""
    prohibited = ",".join(name for name in names if is_internal(name))
    if prohibited:
        raise _invalid_topology(f"Use of Kafka internal topics {prohibited} in a Kafka Streams topology is prohibited.")
    refused = [name for name in names if not is_valid(name)]
    if refused:
        raise _invalid_topology(f"Topic names {','.join(refused)} are not valid topic names.")


def check_heartbeat(request: StreamsGroupHeartbeatRequest) -> None:
    """Check that a heartbeat does not contradict itself. Raises MemberRefusedError."""
    epoch, topology = request.member_epoch, request.topology
    if topology is not None and any(subtopology.source_topic_regex for subtopology in topology.subtopologies):
        raise invalid("Regular expressions for source topics are not supported yet.")
    not_empty(MemberId=request.member_id)
    not_empty(GroupId=request.group_id, InstanceId=request.instance_id, RackId=request.rack_id)
    tasks = {"Active": request.active_tasks, "Standby": request.standby_tasks, "Warmup": request.warmup_tasks}
    if epoch == JOINING:
        if request.rebalance_timeout_ms == -1:
            raise invalid("RebalanceTimeoutMs must be provided in first request.")
        for kind, some in tasks.items():
            if some is None or some:
                raise invalid(f"{kind}Tasks must be empty when (re-)joining.")
        if topology is None:
            raise invalid("Topology must be non-null when (re-)joining.")
        _check_changelogs(topology)
    elif epoch == LEAVING_FOR_A_WHILE:
        if request.instance_id is None:
            raise invalid("InstanceId can't be null.")
    elif epoch < LEAVING_FOR_A_WHILE:
        raise invalid(f"MemberEpoch is {epoch}, but must be greater than or equal to -2.")
    if len({some is None for some in tasks.values()}) > 1:
        raise invalid("If one task-type is non-null, all must be non-null.")
    if epoch != JOINING and topology is not None:
        raise invalid("Topology can only be provided when (re-)joining.")


def _check_changelogs(topology: Topology) -> None:
    for subtopology in topology.subtopologies:
        for changelog in subtopology.state_changelog_topics:
            if changelog.partitions:
                raise _invalid_topology(
                    f"Changelog topic {changelog.name} must have an undefined partition count, "
                    f"but it is set to {changelog.partitions}."
                )


def _names(subtopology: Subtopology) -> Iterator[str]:
    yield from subtopology.source_topics
    yield from subtopology.repartition_sink_topics
    yield from (topic.name for topic in subtopology.repartition_source_topics)
    yield from (topic.name for topic in subtopology.state_changelog_topics)


def _invalid_topology(message: str) -> MemberRefusedError:
    return MemberRefusedError(ErrorCode.STREAMS_INVALID_TOPOLOGY, message)
