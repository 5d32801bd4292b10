"""The share partitions of a broker, and what they record with its share coordinator."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.config import load
from kafkalite.coordinators.share.state import ShareKey
from kafkalite.errors import RefusedError
from kafkalite.sharing.share_partition import Acknowledgement, AcknowledgeType, Acquired, AcquireMode
from kafkalite.sharing.share_partitions import LedPartition, Wanted
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import Record, build_batch
from tests.support.partition_requests import NOW, StoppedClock
from tests.support.storage.crashing_filesystem import CrashingFileSystem

_WANTED = Wanted(max_records=3, max_bytes=1 << 20, batch_size=500, mode=AcquireMode.RECORD_LIMIT)
_REST = Wanted(max_records=100, max_bytes=1 << 20, batch_size=500, mode=AcquireMode.RECORD_LIMIT)


class Disk(CrashingFileSystem):
    """A file system on which nothing can be appended to ``__share_group_state`` while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.fault = self._refuses

    def _refuses(self, kind: str, path: str, number: int) -> OSError | None:
        del number
        is_meant = self.is_full and kind == "append" and "__share_group_state" in path
        return OSError(errno.ENOSPC, "no space") if is_meant else None


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def cluster(disk: Disk) -> Iterator[Cluster]:
    config = load(listen=["127.0.0.1:0"], data="/data")
    made = Cluster(config, TimerQueue(StoppedClock()), disk)
    made.create_topic("t", 1, {})
    batch = build_batch([Record(offset=number, timestamp=NOW, key=None, value=b"x") for number in range(10)])
    made.storage.log("t", 0).append(batch, now_ms=NOW)
    yield made
    made.close()


@pytest.fixture
def led(cluster: Cluster) -> LedPartition:
    topic = cluster.storage.topics["t"]
    key = ShareKey("g", topic.topic_id, 0)
    assert not cluster.share_states.initialize(key, state_epoch=1, start_offset=0).error
    return cluster.share_partitions.get("g", topic, 0)


def say(cluster: Cluster, led: LedPartition, kind: AcknowledgeType, first: int, last: int, member: str = "a") -> None:
    recording = cluster.share_partitions.acknowledge(led, member, [Acknowledgement(first, last, (kind,))])
    assert recording is not None
    assert recording.is_settled


def test_an_append_that_fails_takes_back_only_what_it_was_for(cluster: Cluster, led: LedPartition, disk: Disk) -> None:
    partitions, topic = cluster.share_partitions, cluster.storage.topics["t"]
    acquired, _ = partitions.acquire(led, "a", _WANTED)
    others, _ = partitions.acquire(led, "b", _REST)
    assert (acquired, others[0].first) == ([Acquired(0, 2, 1)], 3)
    disk.is_full = True
    with pytest.raises(RefusedError) as refused:
        say(cluster, led, AcknowledgeType.ACCEPT, 0, 2)
    assert refused.value.code is ErrorCode.COORDINATOR_NOT_AVAILABLE
    disk.is_full = False
    assert partitions.get("g", topic, 0) is led
    assert partitions.acquire(led, "c", _REST)[0] == []  # everything is with its member still
    say(cluster, led, AcknowledgeType.ACCEPT, 0, 2)
    say(cluster, led, AcknowledgeType.ACCEPT, 3, 9, "b")
    state = cluster.share_states.read(led.key)
    assert state is not None
    assert (state.start_offset, [(each.first_offset, each.last_offset) for each in state.batches]) == (3, [(3, 9)])


def test_records_stay_with_a_member_that_ended_if_that_cannot_be_recorded(
    cluster: Cluster, led: LedPartition, disk: Disk
) -> None:
    partitions = cluster.share_partitions
    partitions.acquire(led, "a", _REST)
    disk.is_full = True
    partitions.release("a", [led.key])
    disk.is_full = False
    assert partitions.acquire(led, "b", _REST)[0] == []
    partitions.release("a", [led.key])
    assert partitions.acquire(led, "b", _REST)[0] == [Acquired(0, 9, 2)]


@pytest.mark.parametrize("is_newer_leader", [True, False])
def test_a_partition_whose_epochs_are_fenced_is_loaded_again(
    cluster: Cluster, led: LedPartition, is_newer_leader: bool
) -> None:
    partitions, topic = cluster.share_partitions, cluster.storage.topics["t"]
    partitions.acquire(led, "a", _REST)
    if is_newer_leader:
        cluster.share_states.take_over(led.key, leader_epoch=7)
    else:
        cluster.share_states.initialize(led.key, state_epoch=2, start_offset=4)
    with pytest.raises(RefusedError) as refused:
        say(cluster, led, AcknowledgeType.ACCEPT, 0, 2)
    assert refused.value.code is ErrorCode.NOT_LEADER_OR_FOLLOWER
    if is_newer_leader:
        with pytest.raises(RefusedError) as refused:
            partitions.get("g", topic, 0)
        assert refused.value.code is ErrorCode.NOT_LEADER_OR_FOLLOWER
    else:
        assert partitions.get("g", topic, 0).share.start_offset == 4
