"""A group of another kind than classic is listed, described, committed to and deleted by the same coordinator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kafkalite.coordinators.groups.offset_table import CommittedOffset
from kafkalite.coordinators.groups.registry import CoordinatedGroup
from kafkalite.coordinators.results import ResultBuilder
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.coordinator_records import GroupMetadataKey, encode_key
from kafkalite_wire.messages.describe_groups import DescribedGroup
from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from tests.support.group_harness import Bench

QUEUE = "jobs"


@dataclass
class Queue:
    """A group that accepts commits of its one worker."""

    group_id: str = QUEUE
    worker: str | None = "worker"
    is_closed: bool = False

    group_type = "queue"
    protocol_type = "queues"

    @property
    def state_name(self) -> str:
        return "Empty" if self.is_empty else "Working"

    @property
    def is_empty(self) -> bool:
        return self.worker is None

    def describe(self) -> DescribedGroup:
        return DescribedGroup(group_id=self.group_id, group_state=self.state_name, protocol_type=self.protocol_type)

    def validate_commit(self, request: OffsetCommitRequest, *, api_version: int | None) -> ErrorCode:
        del api_version
        return ErrorCode.NONE if request.member_id == self.worker else ErrorCode.STALE_MEMBER_EPOCH

    def committed(self, request: OffsetCommitRequest, result: ResultBuilder) -> None:
        pass

    def validate_fetch(self, request: OffsetFetchRequestGroup) -> ErrorCode:
        return ErrorCode.NONE if request.member_id in (None, self.worker) else ErrorCode.UNKNOWN_MEMBER_ID

    def validate_offset_delete(self) -> ErrorCode:
        return ErrorCode.NONE

    def validate_delete(self) -> ErrorCode:
        return ErrorCode.NONE if self.is_empty else ErrorCode.NON_EMPTY_GROUP

    def is_subscribed_to(self, topic: str) -> bool:
        return bool(topic)

    def retained_since(self) -> Callable[[CommittedOffset], int] | None:
        return None

    def close(self, result: ResultBuilder) -> None:
        self.is_closed = True

    def write_tombstones(self, result: ResultBuilder) -> None:
        result.record(self.group_id, encode_key(GroupMetadataKey(group=self.group_id)), None)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def bench(queue: Queue) -> Bench:
    bench = Bench()
    group: CoordinatedGroup = queue
    bench.coordinator.register(group)
    return bench


def test_groups_are_listed_with_their_type(bench: Bench) -> None:
    bench.commit(7, group="simple")
    assert bench.list_groups() == {QUEUE: "Working", "simple": "Empty"}
    assert bench.list_groups(types=("Queue",)) == {QUEUE: "Working"}
    assert bench.list_groups(types=("classic",), states=("empty",)) == {"simple": "Empty"}


def test_a_group_describes_itself(bench: Bench) -> None:
    described = bench.describe(QUEUE)
    assert (described.error_code, described.group_state, described.protocol_type) == (0, "Working", "queues")


def test_a_group_decides_who_may_commit_and_fetch(bench: Bench) -> None:
    assert bench.commit(7, "stranger", group=QUEUE) is ErrorCode.STALE_MEMBER_EPOCH
    assert bench.commit(7, "worker", group=QUEUE) is ErrorCode.NONE
    assert bench.committed(group=QUEUE) == 7
    asked = OffsetFetchRequestGroup(group_id=QUEUE, member_id="stranger", member_epoch=1, topics=None)
    (fetched,) = bench.fetch(OffsetFetchRequest(groups=(asked,)), version=9).groups
    assert fetched.error_code == ErrorCode.UNKNOWN_MEMBER_ID


def test_a_group_is_deleted_with_its_offsets_and_tombstones(bench: Bench, queue: Queue) -> None:
    bench.commit(7, "worker", group=QUEUE)
    assert bench.delete(QUEUE) == [ErrorCode.NON_EMPTY_GROUP]
    queue.worker = None
    assert bench.delete(QUEUE) == [ErrorCode.NONE]
    assert (bench.list_groups(), bench.committed(group=QUEUE), queue.is_closed) == ({}, -1, True)
    assert bench.log[-1] == (encode_key(GroupMetadataKey(group=QUEUE)), None)


def test_members_of_the_classic_protocol_cannot_join_a_group_of_another_kind(bench: Bench) -> None:
    assert bench.join(group=QUEUE).error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert bench.heartbeat("worker", 1, group=QUEUE) is ErrorCode.UNKNOWN_MEMBER_ID
    assert bench.list_groups() == {QUEUE: "Working"}
