"""A coordinator is loaded in steps: requests share one load, and none sees a coordinator that is loaded in part."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from kafkalite.requests.steps import Steps, finish
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from tests.support.transaction_model import TOPIC, Answer, ModelProducer, TransactionalCluster, client_of

GROUPS = 600
VERSION_2 = 2


@pytest.fixture
def stored() -> tuple[MemoryFileSystem, ModelProducer]:
    """A directory with the offsets of many groups, one of them in a transaction that is open."""
    fs = MemoryFileSystem()
    running = TransactionalCluster(fs, offsets_partitions=1)
    producer = ModelProducer("copier", VERSION_2)
    assert running.init(producer)
    assert running.commit_offset(producer, 7) is ErrorCode.NONE
    for number in range(GROUPS):
        commit(running, f"g{number}", number)
    running.cluster.close()
    return fs, producer


def commit(running: TransactionalCluster, group: str, offset: int) -> None:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata="")
    request = OffsetCommitRequest(
        group_id=group, member_id="", topics=(OffsetCommitRequestTopic(name=TOPIC, partitions=(partition,)),)
    )
    groups = running.cluster.groups
    groups.perform(groups.coordinator.offset_commit(request, client_of(9), Answer(), now=0.0, wall_ms=1))


def take_turns(*waiting: Steps[Any]) -> tuple[list[Any], int]:
    """Run steps by turns; return the results, and how many steps there were."""
    left, results, count = list(waiting), [], 0
    while left:
        steps = left.pop(0)
        try:
            next(steps)
        except StopIteration as finished:
            results.append(finished.value)
        else:
            count += 1
            left.append(steps)
    return results, count


def test_requests_share_one_load(stored: tuple[MemoryFileSystem, ModelProducer]) -> None:
    fs, _ = stored
    again = TransactionalCluster(fs, offsets_partitions=1)
    _, alone = take_turns(again.cluster.groups.load())
    assert alone > 2
    again.cluster.close()
    again = TransactionalCluster(fs, offsets_partitions=1)
    groups = again.cluster.groups
    loaded, together = take_turns(groups.load(), groups.load(), groups.load())
    assert loaded == [groups.coordinator] * 3
    assert together == alone
    assert len(groups.coordinator.groups()) == GROUPS + 1


def test_who_cannot_wait_gets_the_whole_state(stored: tuple[MemoryFileSystem, ModelProducer]) -> None:
    fs, _ = stored
    groups = TransactionalCluster(fs, offsets_partitions=1).cluster.groups
    load = groups.load()
    next(load)
    coordinator = groups.coordinator
    assert len(coordinator.groups()) == GROUPS + 1
    assert finish(load) is coordinator


@pytest.mark.parametrize("steps", [0, 1, 2, 100])
def test_a_transaction_that_ends_during_a_load_counts(
    steps: int, stored: tuple[MemoryFileSystem, ModelProducer]
) -> None:
    fs, producer = stored
    again = TransactionalCluster(fs, offsets_partitions=1)
    load = again.cluster.groups.load()
    taken = len(list(islice(load, steps)))
    assert taken == steps or steps == 100
    assert again.end(producer, commit=True) is ErrorCode.NONE
    assert again.committed_offset() == 7
    assert again.committed_offset("g599") == 599


def test_a_load_of_a_deleted_topic_begins_again(stored: tuple[MemoryFileSystem, ModelProducer]) -> None:
    fs, _ = stored
    again = TransactionalCluster(fs, offsets_partitions=1)
    load = again.cluster.groups.load()
    next(load)
    again.cluster.delete_topic("__consumer_offsets")
    assert finish(load).groups() == ()
