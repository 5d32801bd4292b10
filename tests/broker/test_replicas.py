"""Where replicas are placed, and which of them leads, for the brokers that are up."""

from __future__ import annotations

import pytest

from kafkalite.cluster.replicas import Brokers, place, settled
from kafkalite_storage.metadata.topics import Partition
from kafkalite_wire.messages.metadata_records import PartitionChangeRecord

TOPIC = bytes(range(16))
LED = Partition(leader=1, leader_epoch=3, replicas=(1, 2, 3), isr=(1, 2, 3))


def change(partition: Partition, up: set[int], **others: object) -> tuple[object, ...] | None:
    brokers = Brokers(all=range(1, 4), up=up)
    made = settled(TOPIC, 0, partition, brokers, **{"min_in_sync": 1, **others})  # type: ignore[arg-type]
    if made is None:
        return None
    assert isinstance(made, PartitionChangeRecord)
    return made.leader, made.isr, made.replicas, made.eligible_leader_replicas


def test_leaders_take_turns() -> None:
    placed = place(4, 3, (1, 2, 3), (None,) * 3, 0, ())
    assert placed == [(1, 2, 3), (2, 3, 1), (3, 1, 2), (1, 2, 3)]
    assert place(1, 2, (1, 2, 3), (None,) * 3, 2, ()) == [(3, 1)]


def test_replicas_are_on_different_racks() -> None:
    racks = ("a", "a", "b", "b")
    for replicas in place(8, 2, (1, 2, 3, 4), racks, 0, ()):
        assert {racks[replica - 1] for replica in replicas} == {"a", "b"}


def test_a_broker_that_is_down_is_a_follower_if_it_is_needed() -> None:
    assert place(2, 3, (1, 3), (None, None), 0, (2,)) == [(1, 3, 2), (3, 1, 2)]
    assert place(1, 2, (1, 3), (None, None), 0, (2,)) == [(1, 3)]


def test_the_next_replica_in_sync_leads() -> None:
    assert change(LED, {2, 3}) == (2, (2, 3), None, None)
    assert change(LED, {1, 3}) == (-2, (1, 3), None, None)
    assert change(LED, {1, 2, 3}) is None


def test_without_any_replica_there_is_no_leader_and_any_of_them_may_come_back() -> None:
    last = Partition(leader=3, leader_epoch=5, replicas=(1, 2, 3), isr=(3,), elr=())
    assert change(last, set()) == (-1, (), None, (3,))
    gone = Partition(leader=-1, leader_epoch=6, replicas=(1, 2, 3), isr=(), elr=(3,))
    assert change(gone, {1}) == (1, (1,), None, ())


def test_the_last_leader_is_known_while_there_is_none() -> None:
    brokers = Brokers(all=range(1, 4), up=set())
    ended = settled(TOPIC, 0, LED, brokers, min_in_sync=1)
    assert ended is not None
    assert ended.last_known_elr == (1,)
    gone = Partition(leader=-1, leader_epoch=6, replicas=(1, 2, 3), isr=(), elr=(1, 2, 3), last_known_elr=(1,))
    back = settled(TOPIC, 0, gone, Brokers(all=range(1, 4), up={3}), min_in_sync=1)
    assert back is not None
    assert (back.leader, back.last_known_elr) == (3, ())


def test_replicas_that_come_back_are_in_order() -> None:
    assert change(Partition(leader=3, leader_epoch=4, replicas=(3, 1, 2), isr=(3,)), {1, 2, 3}) == (
        -2,
        (1, 2, 3),
        None,
        None,
    )


def test_too_few_in_sync_leave_others_eligible() -> None:
    assert change(LED, {1}, min_in_sync=2) == (-2, (1,), None, (2, 3))
    assert change(LED, {1, 2}, min_in_sync=2) == (-2, (1, 2), None, None)


def test_a_leader_stays_until_the_preferred_one_is_elected() -> None:
    other = Partition(leader=2, leader_epoch=4, replicas=(1, 2, 3), isr=(2, 3, 1))
    assert change(other, {1, 2, 3}) is None
    assert change(other, {1, 2, 3}, prefer_first=True) == (1, None, None, None)
    assert change(other, {2, 3}, prefer_first=True) == (-2, (2, 3), None, None)


@pytest.mark.parametrize(("replicas", "leader"), [((1, 2), 1), ((2, 3), 2), ((1, 2, 3), None)])
def test_a_replica_that_is_given_up_starts_a_new_epoch(replicas: tuple[int, ...], leader: int | None) -> None:
    made = change(LED, {1, 2, 3}, replicas=replicas)
    assert (None if made is None else made[0]) == leader


def test_partitions_of_unknown_brokers_are_adopted() -> None:
    foreign = Partition(leader=7, leader_epoch=2, replicas=(7, 8), isr=(7, 8))
    assert change(foreign, {1, 2, 3}) == (1, (1,), None, None)
    assert change(Partition(leader=1, leader_epoch=3, replicas=(7, 8), isr=(1,)), {1, 2, 3}) is None
