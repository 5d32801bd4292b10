"""From the JSON of the controls to what tests see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafkalite.controls.faults.firings import Fired
from kafkalite.record_json import bytes_in
from kafkalite.testing.model.views import Committed, Group, Member, Record, Topic, TopicPartition

if TYPE_CHECKING:
    from kafkalite.testing.over_http.controls import Told


def topic(told: Told) -> Topic:
    """Read a topic."""
    return Topic(
        name=told["name"],
        partitions=told["partitions"],
        start_offsets=tuple(told["start_offsets"]),
        end_offsets=tuple(told["end_offsets"]),
    )


def records(told: Told) -> list[Record]:
    """Read records."""
    return [_record(each) for each in told["records"]]


def group(told: Told) -> Group:
    """Read a group."""
    return Group(
        group_id=told["group"],
        state=told["state"],
        generation=told["generation"],
        protocol=told["protocol"],
        members=tuple(_member(each) for each in told["members"]),
        committed={
            _partition(name): Committed(offset=each["offset"], end_offset=each["end_offset"], metadata=each["metadata"])
            for name, each in told["committed"].items()
        },
    )


def fired(told: list[Any]) -> tuple[Fired, ...]:
    """Read what fired."""
    as_kept: list[dict[str, Any]] = [{**each, "about": tuple(each["about"])} for each in told]
    return tuple(Fired(**each) for each in as_kept)


def _record(told: Told) -> Record:
    return Record(
        topic=told["topic"],
        partition=told["partition"],
        offset=told["offset"],
        timestamp=told["timestamp"],
        key=bytes_in(told, "key"),
        value=bytes_in(told, "value"),
        headers=tuple((header["name"], bytes_in(header, "value")) for header in told["headers"]),
    )


def _member(told: Told) -> Member:
    return Member(
        member_id=told["member_id"],
        client_id=told["client_id"],
        group_instance_id=told["group_instance_id"],
        client_host=told["client_host"],
        topics=frozenset(told["topics"]),
        assignment=frozenset(map(_partition, told["assignment"])),
    )


def _partition(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition("-")
    return TopicPartition(topic, int(partition))
