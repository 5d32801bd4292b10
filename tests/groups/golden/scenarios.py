"""Replay what ``GroupOracle.java`` wrote down of Apache Kafka 4.4.0's own coordinator, and compare every answer.

Three things are left to chance in Kafka, or are known differences of ours:

- the order of members in lists is that of a Java HashMap of random ids, so lists are compared sorted;
- so is the choice of the next leader, which :func:`java_leader` stands in for;
- a join or sync that another request of the same member overtook, or whose member was removed, stays without an answer
  in Kafka. We end it with an error.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kafkalite.coordinators.groups.coordinator import GroupConfig, GroupCoordinator
from kafkalite.coordinators.java_strings import hash_map_order
from kafkalite.coordinators.results import Client, CoordinatorResult, Reply, ResultBuilder
from kafkalite.requests.steps import Steps, finish
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.coordinator_records import GroupMetadataValue, decode_key, decode_value
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kafkalite_wire.messages.describe_groups import (
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kafkalite_wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from kafkalite_wire.schema import ZERO_UUID
from tests.support.group_harness import EveryTopic, replayed

WALL_MS = 1_700_000_000_000

MESSAGES: dict[str, tuple[type[Any], type[Any]]] = {
    "join": (JoinGroupRequest, JoinGroupResponse),
    "sync": (SyncGroupRequest, SyncGroupResponse),
    "heartbeat": (HeartbeatRequest, HeartbeatResponse),
    "leave": (LeaveGroupRequest, LeaveGroupResponse),
    "commit": (OffsetCommitRequest, OffsetCommitResponse),
    "fetch": (OffsetFetchRequest, OffsetFetchResponse),
    "describe": (DescribeGroupsRequest, DescribeGroupsResponse),
    "list": (ListGroupsRequest, ListGroupsResponse),
    "delete": (DeleteGroupsRequest, DeleteGroupsResponse),
}

OVERTAKEN = {ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID}


def java_leader(candidates: Any) -> str | None:
    return next(iter(hash_map_order(candidates)), None)


def scenarios(path: Path) -> Iterator[tuple[list[Any], list[list[Any]]]]:
    head: list[Any] | None = None
    steps: list[list[Any]] = []
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            step = json.loads(line)
            if step[0] == "scenario":
                if head is not None:
                    yield head, steps
                head, steps = step, []
            else:
                steps.append(step)
    if head is not None:
        yield head, steps


@dataclass(frozen=True)
class Token:
    """The response handle of a recorded request; the replies are read from the coordinator's results."""

    number: int

    def send(self, response: object, /) -> None:
        raise AssertionError("a replay reads its replies from the results")

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


class Replay:
    """Our coordinator on the way through one scenario."""

    def __init__(self, head: list[Any]) -> None:
        _, _, delay_ms, max_size = head
        self.config = GroupConfig(
            group_initial_rebalance_delay=delay_ms / 1000,
            group_max_size=max_size,
            offsets_retention=600.0,
            offsets_retention_check_interval=1e9,
        )
        self.uuids: list[str] = []
        self.ms = 0
        self.log: list[tuple[bytes, bytes | None]] = []
        self.kinds: dict[int, tuple[str, int]] = {}
        self.unanswered_by_kafka: set[int] = set()
        self.start()

    @property
    def now(self) -> float:
        return self.ms / 1000

    def start(self) -> None:
        self.coordinator = GroupCoordinator(self.config, EveryTopic(), new_member_suffix=lambda: self.uuids.pop(0))
        self.coordinator.load(replayed(self.log), now=self.now)
        self.coordinator.advance(self.now, WALL_MS + self.ms)

    def step(self, step: list[Any]) -> None:
        *given, records, replies = step
        effects = self.perform(given)
        self.log += [(record.key, record.value) for record in effects.records]
        assert self.uuids == [], "Kafka made an id where we did not"
        ours = sorted(_record(record.key, record.value) for record in effects.records)
        kafkas = [(bytes.fromhex(key), None if value is None else bytes.fromhex(value)) for key, value in records]
        assert ours == sorted(_record(key, value) for key, value in kafkas), given
        self.compare_replies(effects, {token: bytes.fromhex(response) for token, response in replies})

    def perform(self, given: list[Any]) -> CoordinatorResult:
        coordinator, now, wall_ms = self.coordinator, self.now, WALL_MS + self.ms
        match given:
            case ["advance", ms]:
                self.ms += ms
                return coordinator.advance(self.now, WALL_MS + self.ms)
            case ["restart", _]:
                self.start()
                return CoordinatorResult((), ())
            case ["expire", _]:
                result = ResultBuilder(now, wall_ms)
                coordinator._offsets.expire(wall_ms, result)
                return result.build()
            case ["topic", name]:
                results = tuple(coordinator.delete_topic_offsets(name, ZERO_UUID))
                return CoordinatorResult(tuple(record for result in results for record in result.records), ())
            case [kind, token, version, client_id, request, uuids]:
                self.uuids += uuids
                self.kinds[token] = kind, version
                client = Client(client_id=client_id, client_host="/127.0.0.1", api_version=version)
                message = decode(MESSAGES[kind][0], version, bytes.fromhex(request), exact=True)
                return self.request(kind, message, client, Token(token), now, wall_ms)
            case _:
                raise AssertionError(given)

    def request(
        self, kind: str, message: Any, client: Client, token: Token, now: float, wall_ms: int
    ) -> CoordinatorResult:
        coordinator = self.coordinator
        match kind:
            case "join":
                return coordinator.join_group(message, client, token, now=now)
            case "sync":
                return coordinator.sync_group(message, client, token, now=now)
            case "heartbeat":
                return coordinator.heartbeat(message, client, token, now=now)
            case "leave":
                return coordinator.leave_group(message, client, token, now=now)
            case "commit":
                return coordinator.offset_commit(message, client, token, now=now, wall_ms=wall_ms)
            case "fetch":
                return _read(token, coordinator.offset_fetch(message, client))
            case "describe":
                return _read(token, coordinator.describe_groups(message, client))
            case "list":
                return _read(token, coordinator.list_groups(message))
            case _:
                return coordinator.delete_groups(message, client, token)

    def compare_replies(self, effects: CoordinatorResult, kafkas: dict[int, bytes]) -> None:
        ours: dict[int, Any] = {}
        for reply in effects.replies:
            assert isinstance(reply.handle, Token)
            token = reply.handle.number
            assert token not in ours
            ours[token] = reply.response
        for token in set(ours) - set(kafkas):
            assert ours[token].error_code in OVERTAKEN, ours[token]
            self.unanswered_by_kafka.add(token)
            del ours[token]
        assert self.unanswered_by_kafka.isdisjoint(kafkas)
        assert set(ours) == set(kafkas), self.kinds
        for token, wire in kafkas.items():
            kind, version = self.kinds[token]
            response_type = MESSAGES[kind][1]
            expected = _sorted(decode(response_type, version, wire, exact=True))
            answered = _sorted(decode(response_type, version, encode(ours[token], version), exact=True))
            assert answered == expected, f"{kind} v{version}, token {token}"


def _read(token: Any, steps: Steps[Any]) -> CoordinatorResult:
    return CoordinatorResult((), (Reply(token, finish(steps)),))


def _record(key: bytes, value: bytes | None) -> str:
    decoded = decode_key(key)
    assert decoded is not None
    if value is None:
        return f"{decoded} deleted"
    read = decode_value(decoded, value)
    if isinstance(read, GroupMetadataValue):
        read = replace(read, members=tuple(sorted(read.members, key=lambda member: member.member_id)))
    return f"{decoded} version {value[1]} {read}"


def _sorted(response: Any) -> Any:
    if isinstance(response, JoinGroupResponse):
        return replace(response, members=tuple(sorted(response.members, key=lambda member: member.member_id)))
    if isinstance(response, DescribeGroupsResponse):
        groups = [
            replace(group, members=tuple(sorted(group.members, key=lambda member: member.member_id)))
            for group in response.groups
        ]
        return replace(response, groups=tuple(groups))
    if isinstance(response, ListGroupsResponse):
        return replace(response, groups=tuple(sorted(response.groups, key=lambda group: group.group_id)))
    return response
