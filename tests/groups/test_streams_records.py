"""The records of streams groups, compared with those of Apache Kafka 4.4.0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kafkalite.coordinators.groups.streams import records
from kafkalite.coordinators.groups.streams.member import AssignedTasks, MemberState, StreamsMember, TargetTasks
from kafkalite.coordinators.groups.streams.topology import StreamsTopology
from kafkalite.coordinators.results import CoordinatorRecord, ResultBuilder
from kafkalite_wire.messages.coordinator_records import decode_key, decode_value
from kafkalite_wire.messages.streams_group_records import (
    Endpoint,
    StreamsGroupCurrentMemberAssignmentKey,
    StreamsGroupCurrentMemberAssignmentValue,
    StreamsGroupMemberMetadataKey,
    StreamsGroupMemberMetadataValue,
    StreamsGroupMetadataKey,
    StreamsGroupMetadataValue,
    StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupTargetAssignmentMemberValue,
    StreamsGroupTargetAssignmentMetadataKey,
    StreamsGroupTargetAssignmentMetadataValue,
    StreamsGroupTopologyKey,
    StreamsGroupTopologyValue,
    TaskIds,
)
from tests.support.streams_answers import answers, sent

Write = Callable[[ResultBuilder], None]
JOINED = StreamsMember(member_id="m")


def written(write: Write) -> tuple[CoordinatorRecord, ...]:
    result = ResultBuilder(now=0, wall_ms=0)
    write(result)
    return result.build().records


def partitions(tasks: dict[str, list[int]]) -> dict[str, frozenset[int]]:
    return {name: frozenset(some) for name, some in tasks.items()}


def assigned(tasks: list[Any]) -> AssignedTasks:
    active, standby, warmup = tasks
    return AssignedTasks(
        active={name: {int(p): epoch for p, epoch in epochs.items()} for name, epochs in active.items()},
        standby=partitions(standby),
        warmup=partitions(warmup),
    )


def current_member(values: list[Any]) -> StreamsMember:
    epoch, previous, state, has, revokes = values
    return replace(
        JOINED,
        member_epoch=epoch,
        previous_member_epoch=previous,
        state=MemberState(state),
        assigned=assigned(has),
        pending_revocation=assigned(revokes),
    )


def joined_member(values: list[Any]) -> StreamsMember:
    instance, rack, client_id, client_host, timeout, topology_epoch, process, endpoint, tags = values
    return StreamsMember(
        member_id="m",
        instance_id=instance,
        rack_id=rack,
        client_id=client_id,
        client_host=client_host,
        rebalance_timeout_ms=timeout,
        topology_epoch=topology_epoch,
        process_id=process,
        user_endpoint=None if endpoint is None else Endpoint(host=endpoint[0], port=endpoint[1]),
        client_tags=tags,
    )


def target_of(values: list[Any]) -> TargetTasks:
    active, standby, warmup = map(partitions, values)
    return TargetTasks(active=active, standby=standby, warmup=warmup)


def topology_of(request: str) -> StreamsTopology:
    topology = sent(request).topology
    assert topology is not None
    return StreamsTopology.from_heartbeat(topology)


def write(kind: str, values: Any) -> Write:
    match kind:
        case "epoch":
            epoch, metadata_hash, validated, configs, stored, failed = values
            return lambda result: records.write_epoch(
                "g",
                epoch,
                int(metadata_hash),
                result,
                validated_topology_epoch=validated,
                assignment_configs=configs,
                stored_description_epoch=stored,
                failed_description_epoch=failed,
            )
        case "member":
            return lambda result: records.write_member("g", joined_member(values), result)
        case "current":
            return lambda result: records.write_current("g", current_member(values), result)
        case "target":
            return lambda result: records.write_target("g", "m", target_of(values), result)
        case "target_epoch":
            return lambda result: records.write_target_epoch("g", values[0], values[1], result)
        case "topology":
            return lambda result: records.write_topology("g", topology_of(values), result)
        case _:
            raise AssertionError(kind)


def test_records_are_those_of_kafka() -> None:
    compared: Counter[str] = Counter()
    for kind, values, key, value in answers("record"):
        (record,) = written(write(kind, values))
        assert record.key_id == "g"
        assert (record.key.hex(), (record.value or b"").hex()) == (key, value), (kind, values)
        compared[kind] += 1
    assert compared == dict.fromkeys(("epoch", "member", "current", "target", "target_epoch", "topology"), 20)


def test_what_is_written_is_read_back() -> None:
    key_of_member = StreamsGroupMemberMetadataKey(group_id="g", member_id="m")
    metadata = StreamsGroupMemberMetadataValue(
        instance_id=None, rack_id=None, client_id="", client_host="", topology_epoch=-1, process_id="", client_tags=()
    )
    read: Counter[str] = Counter()
    for kind, values, raw_key, raw_value in answers("record"):
        key = decode_key(bytes.fromhex(raw_key))
        assert key is not None
        match key, decode_value(key, bytes.fromhex(raw_value)):
            case StreamsGroupMetadataKey(), StreamsGroupMetadataValue() as value:
                assert records.read_assignment_configs(value) == values[3]
            case StreamsGroupMemberMetadataKey(), StreamsGroupMemberMetadataValue() as value:
                assert records.read_member(key_of_member, value, None) == joined_member(values)
            case StreamsGroupCurrentMemberAssignmentKey(), StreamsGroupCurrentMemberAssignmentValue() as value:
                assert records.read_member(key_of_member, metadata, value) == current_member(values)
            case StreamsGroupTargetAssignmentMemberKey(), StreamsGroupTargetAssignmentMemberValue() as value:
                assert records.read_target(value) == target_of(values)
            case StreamsGroupTargetAssignmentMetadataKey(), StreamsGroupTargetAssignmentMetadataValue() as value:
                assert [value.assignment_epoch, value.assignment_timestamp] == values
            case StreamsGroupTopologyKey(), StreamsGroupTopologyValue() as value:
                assert StreamsTopology.from_record(value) == topology_of(values)
            case unexpected:
                raise AssertionError(unexpected)
        read[kind] += 1
    assert len(read) == 6


def test_tasks_without_epochs_have_that_of_their_member() -> None:
    metadata = StreamsGroupMemberMetadataValue(
        instance_id=None, rack_id=None, client_id="", client_host="", topology_epoch=-1, process_id="", client_tags=()
    )
    current = StreamsGroupCurrentMemberAssignmentValue(
        member_epoch=7,
        previous_member_epoch=6,
        state=9,
        active_tasks=(
            TaskIds(subtopology_id="0", partitions=(1, 2), assignment_epochs=None),
            TaskIds(subtopology_id="1", partitions=(1, 2), assignment_epochs=(5,)),
        ),
        standby_tasks=(),
        warmup_tasks=(),
        active_tasks_pending_revocation=(TaskIds(subtopology_id="0", partitions=(3,)),),
        standby_tasks_pending_revocation=(),
        warmup_tasks_pending_revocation=(),
    )
    member = records.read_member(StreamsGroupMemberMetadataKey(group_id="g", member_id="m"), metadata, current)
    assert member.assigned.active == {"0": {1: 7, 2: 7}, "1": {1: 7, 2: 7}}
    assert member.pending_revocation.active == {"0": {3: 7}}
    assert member.state is MemberState.UNKNOWN


def test_settings_of_the_last_target_may_be_missing() -> None:
    value = StreamsGroupMetadataValue(epoch=1, metadata_hash=2, last_assignment_configs=None)
    assert records.read_assignment_configs(value) == {}


def kinds(removed: tuple[CoordinatorRecord, ...]) -> list[tuple[str, str | None]]:
    assert all(record.value is None for record in removed)
    keys = [decode_key(record.key) for record in removed]
    return [(type(key).__name__.removeprefix("StreamsGroup"), getattr(key, "member_id", None)) for key in keys]


def test_removed_members_and_groups_leave_tombstones_in_the_order_of_kafka() -> None:
    member = written(lambda result: records.write_removed_member("g", "m", result))
    assert kinds(member) == [
        ("CurrentMemberAssignmentKey", "m"),
        ("TargetAssignmentMemberKey", "m"),
        ("MemberMetadataKey", "m"),
    ]
    group = written(lambda result: records.write_removed_group("g", ("m", "n"), result))
    assert kinds(group) == [
        ("CurrentMemberAssignmentKey", "m"),
        ("CurrentMemberAssignmentKey", "n"),
        ("TargetAssignmentMemberKey", "m"),
        ("TargetAssignmentMemberKey", "n"),
        ("TargetAssignmentMetadataKey", None),
        ("MemberMetadataKey", "m"),
        ("MemberMetadataKey", "n"),
        ("MetadataKey", None),
        ("TopologyKey", None),
    ]
