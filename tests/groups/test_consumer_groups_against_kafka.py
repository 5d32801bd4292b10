"""Random members of consumer groups, whose dialogue with Kafka 4.4.0's own coordinator was written down, meet ours.

Left to chance in Kafka is the order in which members and topics are assigned to: that of Java's hash maps, which stands
in here. So is the order in which members are removed whose sessions end at the same moment: it decides which topics are
subscribed to in between. The hash of the topics in a group's record is our own.

The file holds 60 scenarios. Of 1,500 others 1,465 agree: in 11 Kafka assigns as if all members subscribed alike,
because it has not counted the one that joins; in the others topics are walked over in another order.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kafkalite.coordinators.groups.consumer import membership
from kafkalite.coordinators.groups.consumer.configs import ConsumerGroupConfig
from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.java_strings import hash_map_order
from kafkalite.coordinators.results import Client, CoordinatorResult, Reply
from kafkalite.requests.steps import finish
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kafkalite_wire.messages.consumer_group_records import ConsumerGroupMetadataValue
from kafkalite_wire.messages.coordinator_records import decode_key, decode_value
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kafkalite_wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from tests.support.group_harness import replayed

SCENARIOS = Path(__file__).parent / "golden" / "consumer_scenarios.jsonl.gz"
WALL_MS = 1_700_000_000_000

MESSAGES: dict[str, tuple[type[Any], type[Any]]] = {
    "heartbeat": (ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
    "commit": (OffsetCommitRequest, OffsetCommitResponse),
    "fetch": (OffsetFetchRequest, OffsetFetchResponse),
    "describe": (ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
    "classic": (DescribeGroupsRequest, DescribeGroupsResponse),
    "list": (ListGroupsRequest, ListGroupsResponse),
    "delete": (DeleteGroupsRequest, DeleteGroupsResponse),
}


def _uuid_bucket(topic_id: bytes) -> int:
    both = int.from_bytes(topic_id[:8]) ^ int.from_bytes(topic_id[8:])
    hashed = (both >> 32 ^ both) & 0xFFFFFFFF
    return (hashed ^ hashed >> 16) % 16


def java_topics(topic_ids: Iterable[bytes]) -> list[bytes]:
    return sorted(topic_ids, key=_uuid_bucket)


@dataclass(frozen=True)
class Topic:
    name: str
    topic_id: bytes
    partitions: int


class Topics:
    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[bytes, Topic] = {}

    def change(self, rows: list[Any]) -> None:
        self.topics = {name: Topic(name, bytes.fromhex(topic_id), count) for name, topic_id, count in rows}
        self.topics_by_id = {topic.topic_id: topic for topic in self.topics.values()}


class Handle:
    def send(self, response: object, /) -> None:
        raise AssertionError("a replay reads its replies from the results")

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


class Replay:
    def __init__(self, head: list[Any]) -> None:
        _, self.seed, self.max_size = head
        self.topics = Topics()
        self.ms = 0
        self.log: list[tuple[bytes, bytes | None]] = []
        self.start()

    @property
    def now(self) -> float:
        return self.ms / 1000

    def start(self) -> None:
        config = ConsumerGroupConfig(assignors=("uniform", "range"), max_size=self.max_size)
        self.coordinator = GroupCoordinator(
            GroupConfig(offsets_retention_check_interval=1e9),
            self.topics,
            new_member_suffix=lambda: "made",
            consumer_config=lambda _: config,
        )
        self.coordinator.load(replayed(self.log), now=self.now)
        self.coordinator.advance(self.now, WALL_MS + self.ms)

    def step(self, step: list[Any]) -> None:
        match step:
            case ["advance", ms, records]:
                self.ms += ms
                self.compare(step, self.coordinator.advance(self.now, WALL_MS + self.ms), records)
            case ["restart", _, []]:
                self.start()
            case ["topics", rows, []]:
                self.topics.change(rows)
            case [kind, version, client_id, request, records, response]:
                request_type, response_type = MESSAGES[kind]
                client = Client(client_id=client_id, client_host="/127.0.0.1", api_version=version)
                message = decode(request_type, version, bytes.fromhex(request), exact=True)
                result = self.request(kind, message, client)
                (reply,) = result.replies
                ours = _plain(decode(response_type, version, encode(reply.response, version)))
                assert ours == _plain(decode(response_type, version, bytes.fromhex(response))), (self.seed, message)
                self.compare(message, result, records)
            case _:
                raise AssertionError(step)

    def request(self, kind: str, message: Any, client: Client) -> CoordinatorResult:
        coordinator, handle, wall_ms = self.coordinator, Handle(), WALL_MS + self.ms
        match kind:
            case "heartbeat":
                return coordinator.consumer_group_heartbeat(message, client, handle, now=self.now, wall_ms=wall_ms)
            case "commit":
                return coordinator.offset_commit(message, client, handle, now=self.now, wall_ms=wall_ms)
            case "delete":
                return coordinator.delete_groups(message, client, handle)
            case "fetch":
                return CoordinatorResult((), (Reply(handle, finish(coordinator.offset_fetch(message, client))),))
            case "describe":
                return CoordinatorResult((), (Reply(handle, finish(coordinator.describe_consumer_groups(message))),))
            case "classic":
                return CoordinatorResult((), (Reply(handle, finish(coordinator.describe_groups(message, client))),))
            case _:
                return CoordinatorResult((), (Reply(handle, finish(coordinator.list_groups(message))),))

    def compare(self, what: object, result: CoordinatorResult, records: list[Any]) -> None:
        self.log += [(record.key, record.value) for record in result.records]
        any_hash = isinstance(what, list)  # of sessions that end
        ours = sorted(_record(record.key, record.value, any_hash) for record in result.records)
        kafkas = sorted(_record(bytes.fromhex(k), v and bytes.fromhex(v), any_hash) for k, v in records)
        assert ours == kafkas, (self.seed, what)


def _record(key: bytes, value: bytes | None, any_hash: bool) -> str:
    decoded = decode_key(key)
    assert decoded is not None
    if value is None:
        return f"{decoded} deleted"
    read = decode_value(decoded, value)
    if isinstance(read, ConsumerGroupMetadataValue):
        read = replace(read, metadata_hash=any_hash or bool(read.metadata_hash))
    return f"{decoded} version {value[1]} {_plain(read)}"


def _plain(value: Any) -> Any:
    """Sort what comes in the order of hash maps."""
    if is_dataclass(value) and not isinstance(value, type):
        named: dict[str, Any] = {field.name: getattr(value, field.name) for field in fields(value)}
        if "assignment_epochs" in named:
            pairs = sorted(zip(named["partitions"], named["assignment_epochs"] or (), strict=False))
            return ("partitions", named["topic_id"], tuple(pairs))
        made = {name: _plain(each) for name, each in named.items()}
        return (type(value).__name__, tuple(made.items()))
    if isinstance(value, tuple):
        return tuple(sorted(map(_plain, value), key=repr))
    return value


def scenarios() -> Iterator[list[list[Any]]]:
    steps: list[list[Any]] = []
    with gzip.open(SCENARIOS, "rt") as lines:
        for line in lines:
            step = json.loads(line)
            if step[0] == "scenario" and steps:
                yield steps
                steps = []
            steps.append(step)
    yield steps


def test_every_answer_and_every_record_is_that_of_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "member_order", hash_map_order)
    monkeypatch.setattr(membership, "topic_order", java_topics)
    compared = 0
    for head, *steps in scenarios():
        replay = Replay(head)
        for step in steps:
            replay.step(step)
            compared += 1
    assert compared == 4828
