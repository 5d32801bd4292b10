"""The handle against real clients: what it shows is what clients did, and they see what it did."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.cluster.partitioning import partition_for_key
from kafkalite.testing import Handle, TopicPartition, WaitTimeout, run
from tests.support.group_members import BOTH, Join

pytestmark = pytest.mark.also_over_http


@BOTH
def test_a_member_reads_what_the_handle_produced(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "one", "two", partition=1)
    member = join("reader")
    assert [member.read.get(timeout=30) for _ in range(2)] == [(1, 0, b"one"), (1, 1, b"two")]


@BOTH
def test_a_group_is_stable_when_all_have_their_partitions(broker: Handle, join: Join) -> None:
    for number in range(3):
        join(f"reader-{number}")
    group = broker.await_stable("readers", members=3)
    assert group.generation >= 1
    assert sorted(member.client_id for member in group.owners.values()) == ["reader-0", "reader-1", "reader-2"]
    assert set(group.owners) == {TopicPartition("clicks", index) for index in range(3)}


@pytest.mark.parametrize(("partition", "offset"), [(3, None), (99, 1), (-1, None)])
def test_commits_in_a_partition_that_is_not_there_are_not_waited_for(
    broker: Handle, partition: int, offset: int | None
) -> None:
    with pytest.raises(LookupError, match=rf"topic 'clicks' has 3 partition\(s\), and no {partition}"):
        broker.await_committed("readers", "clicks", partition=partition, offset=offset, timeout=0)


@pytest.mark.in_process
def test_a_wait_for_records_that_was_given_up_leaves_nothing_behind(broker: Handle) -> None:
    for topic in ("clicks", "no-such-topic"):
        with pytest.raises(WaitTimeout):
            broker.consume(topic, timeout=0)
    assert len(broker._local.cluster.delayed_fetches) == 0


def test_a_wait_for_records_of_a_partition_that_a_new_topic_lacks_ends_and_concerns_nobody_else(broker: Handle) -> None:
    wait = broker.consume.start("later", partition=5)
    broker.topics.create("later", 1)
    broker.produce("later", "one")
    with pytest.raises(LookupError, match=r"topic 'later' has 1 partition\(s\), and no 5"):
        wait.future.result(timeout=30)


def awaited(broker: Handle) -> list[Coroutine[Any, Any, object]]:
    """Everything that can be awaited, and does not come."""
    return [
        broker.aio.consume("clicks"),
        broker.aio.consume("no-such-topic"),
        broker.aio.await_stable("readers"),
        broker.aio.await_committed("readers", "clicks", offset=1),
        broker.aio.await_fired(broker.faults.drop("Fetch")),
        broker.aio.await_request("Fetch"),
    ]


def nothing_is_awaited(broker: Handle) -> bool:
    local = broker._local
    waits = (local.watch.waiters, broker.faults.waiters, broker.requests.waiters)
    transport: Any = broker._transport
    return bool(transport.portal.call(lambda: not any(waits) and not len(local.cluster.delayed_fetches)))


def becomes(is_so: Callable[[], bool]) -> bool:
    """Ask the broker's loop until it has taken its turns: each question is one of them."""
    return any(is_so() for _ in range(10_000))


@pytest.mark.in_process
def test_a_wait_that_is_cancelled_in_asyncio_leaves_nothing_behind(broker: Handle) -> None:
    async def cancel() -> None:
        tasks = [asyncio.create_task(each) for each in awaited(broker)]
        await asyncio.sleep(0)  # each has begun
        assert becomes(lambda: not nothing_is_awaited(broker))
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
        )

    broker.requests.start()
    asyncio.run(cancel())
    assert becomes(lambda: nothing_is_awaited(broker))


@pytest.mark.in_process
async def test_a_wait_that_is_cancelled_in_trio_leaves_nothing_behind(broker: Handle) -> None:
    async def wait(coroutine: Coroutine[Any, Any, object]) -> None:
        await coroutine

    broker.requests.start()
    async with trio.open_nursery() as nursery:
        for each in awaited(broker):
            nursery.start_soon(wait, each)
        await wait_all_tasks_blocked()
        assert becomes(lambda: not nothing_is_awaited(broker))
        nursery.cancel_scope.cancel()
    assert becomes(lambda: nothing_is_awaited(broker))


@BOTH
def test_what_has_been_committed_is_awaited(broker: Handle, join: Join) -> None:
    broker.produce("clicks", *map(str, range(10)), partition=0)
    broker.produce("clicks", "x", partition=2)
    join("reader")
    group = broker.await_committed("readers", "clicks")
    assert group.lag == 0
    assert {at: committed.offset for at, committed in group.committed.items() if committed.offset} == {
        ("clicks", 0): 10,
        ("clicks", 2): 1,
    }
    broker.produce("clicks", "behind", partition=0)
    assert broker.await_committed("readers", "clicks").committed[TopicPartition("clicks", 0)].offset == 11


@BOTH
def test_a_reader_of_the_latest_misses_nothing_once_it_is_positioned(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "before", partition=0)
    member = join("reader", reset="latest")
    broker.await_positioned("readers")
    broker.produce("clicks", "after", partition=0)
    assert member.read.get(timeout=30) == (0, 1, b"after")


def test_a_position_is_awaited(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "a", "b", "c", partition=0)
    join("reader", auto_commit=False)
    broker.await_positioned("readers", "clicks", partition=0, offset=3)


def test_a_wait_in_vain_tells_the_groups_state_and_history(broker: Handle, join: Join) -> None:
    join("lonely")
    broker.await_stable("readers", members=1)
    with pytest.raises(WaitTimeout) as caught:
        broker.await_stable("readers", members=2, timeout=0.1)
    text = str(caught.value)
    assert "after 0.1 s: waited for group 'readers' to be stable with 2 member(s)" in text
    assert "now: group 'readers' is Stable, generation " in text
    assert "owns clicks-0, clicks-1, clicks-2" in text
    assert "s  CompletingRebalance, generation 1: lonely" in text


def test_a_wait_for_a_position_says_who_is_behind(broker: Handle, join: Join) -> None:
    join("reader")
    broker.await_positioned("readers")
    with pytest.raises(WaitTimeout, match=r"clicks-1 from 7 \(owner: reader, at 0\)"):
        broker.await_positioned("readers", "clicks", partition=1, offset=7, timeout=0.1)


def test_records_are_awaited(broker: Handle) -> None:
    threading.Timer(0.05, lambda: broker.produce("later", "hello", key="k", headers=[("h", b"1")])).start()
    (record,) = broker.consume("later")
    assert (record.topic, record.offset, record.key, record.text, record.headers) == (
        "later", 0, b"k", "hello", (("h", b"1"),),
    )  # fmt: skip


def test_records_are_awaited_where_each_is_synced(tmp_path: Path) -> None:
    with run(data=tmp_path) as broker:
        broker.topics.create("safe", configs={"flush.messages": "1"})
        broker.produce("safe", "one")
        assert broker.consume("safe")[0].text == "one"


def test_records_that_do_not_come_are_counted(broker: Handle) -> None:
    broker.produce("clicks", "one")
    with pytest.raises(WaitTimeout, match=r"waited for 2 record\(s\) of topic 'clicks', and there are 1"):
        broker.consume("clicks", 2, timeout=0.05)
    with pytest.raises(WaitTimeout, match="there is no topic 'nowhere'"):
        broker.consume("nowhere", timeout=0.05)


def test_records_come_in_the_order_of_time(broker: Handle) -> None:
    for timestamp, partition in ((30, 0), (10, 1), (20, 2)):
        broker.produce("clicks", str(timestamp), partition=partition, timestamp=timestamp)
    assert [record.text for record in broker.records("clicks")] == ["10", "20", "30"]
    assert [record.text for record in broker.records("clicks", partition=2)] == ["20"]
    assert [record.text for record in broker.consume("clicks", offset=0, partition=1)] == ["10"]


def test_records_without_a_key_take_turns(broker: Handle) -> None:
    assert [broker.produce("clicks", "x")[0].partition for _ in range(4)] == [0, 1, 2, 0]


@pytest.mark.parametrize("key", [b"", b"a", b"ab", b"abc", b"abcd", b"user-4711", "ключ".encode(), bytes(range(256))])
def test_keys_choose_partitions_as_other_clients_do(key: bytes) -> None:
    from kafka.partitioner.default import murmur2

    assert partition_for_key(key, 1009) == (murmur2(key) & 0x7FFFFFFF) % 1009


def test_topics_are_created_shown_and_deleted(broker: Handle) -> None:
    broker.topics.create("orders", 2, {"retention.ms": "1000"})
    broker.produce("orders", "one", partition=1)
    assert set(broker.topics) == {"clicks", "orders"}
    assert broker.topics["orders"].end_offsets == (0, 1)
    with pytest.raises(KeyError, match="there is no topic 'odrers'; topics: clicks, orders"):
        broker.topics["odrers"]
    with pytest.raises(TypeError, match="str, bytes or None, not int: 5"):
        broker.produce("orders", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="headers are pairs of a str and bytes or None, not 'trace'"):
        broker.produce("orders", "x", headers={"trace": b"1"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"timestamp.* not 0\.5"):
        broker.produce("orders", "x", timestamp=0.5)  # type: ignore[arg-type]
    broker.topics.delete("orders")
    assert "orders" not in broker.topics
    with pytest.raises(LookupError, match="there is no topic 'orders'; topics: clicks"):
        broker.topics.delete("orders")
    with pytest.raises(ValueError, match="cannot be created"):
        broker.topics.create("clicks")
    with pytest.raises(ValueError, match="topic '' cannot be created"):
        broker.produce("", "x")
    with pytest.raises(LookupError, match=r"3 partition\(s\), and no 7"):
        broker.produce("clicks", "x", partition=7)
    with pytest.raises(ValueError, match="at least one value"):
        broker.produce("clicks")


def test_configurations_of_topics_may_be_numbers(broker: Handle) -> None:
    broker.topics.create(
        "users", configs={"retention.ms": 60000, "min.cleanable.dirty.ratio": 0.5, "preallocate": False}
    )
    with pytest.raises(ValueError, match=r"Invalid value -5 for configuration retention\.ms"):
        broker.topics.create("orders", configs={"retention.ms": -5})


def test_fewer_records_than_none_are_not_awaited(broker: Handle) -> None:
    broker.produce("clicks", "one", "two")
    assert broker.consume("clicks", 0) == []
    with pytest.raises(ValueError, match="there cannot be -1 records"):
        broker.consume("clicks", -1)


def test_groups_are_listed_and_deleted(broker: Handle, join: Join) -> None:
    broker.produce("clicks", "x", partition=0)
    member = join("reader")
    broker.await_committed("readers", "clicks")
    assert list(broker.groups) == ["readers"]
    with pytest.raises(ValueError, match="NON_EMPTY_GROUP"):
        broker.groups.delete("readers")
    member.ask_to_stop()
    assert member.has_ended.wait(30)
    broker.groups.delete("readers")
    assert broker.groups["readers"].state == "Dead"
    with pytest.raises(ValueError, match="GROUP_ID_NOT_FOUND"):
        broker.groups.delete("readers")


def test_large_records_leave_a_broker_in_memory(broker: Handle, join: Join) -> None:
    broker.produce("clicks", b"x" * 900_000, partition=0)
    assert len(join("reader").read.get(timeout=30)[2] or b"") == 900_000


def test_brokers_know_nothing_of_each_other() -> None:
    with run(topics={"t": 1}) as first, run() as second:
        assert first.bootstrap != second.bootstrap
        assert "t" not in second.topics
