"""What becomes of a request that a fault acts on, as a client of the bare protocol sees it."""

from __future__ import annotations

import gc
import select
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.fetch import FetchResponse
from kafkalite_wire.messages.heartbeat import HeartbeatResponse
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.produce import (
    ProduceResponse,
)
from kafkalite_wire.records import CorruptBatch, check_batch
from tests.support.broker_with_faults import HEARTBEAT, UNKNOWN_MEMBER, errors, faulty_broker
from tests.support.protocol_client import ProtocolClient
from tests.support.requests import fetch_each, produce_each

# Delays and holds


async def nothing_comes(client: ProtocolClient) -> bool:
    """Return whether there is no reply yet, after the broker has done all that it can do at once."""
    await trio.lowlevel.checkpoint()
    readable, _, _ = select.select([client.stream.socket], [], [], 0)
    return not readable


def records_of(response: FetchResponse) -> list[memoryview]:
    """Return the records of each partition of a response that was decoded."""
    records = [partition.records for partition in response.responses[0].partitions]
    return [each for each in records if isinstance(each, memoryview)]


async def test_a_delay_is_that_requests_own_and_goes_by_the_brokers_clock() -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Heartbeat", delay=60)
        await client.send(HEARTBEAT, 4)
        await client.send(produce_each(("t", 0)), 9)
        other = await broker.connect()
        assert (await other.call(MetadataRequest(topics=()), 9)).brokers
        # What came later on the same connection is done already, and its reply waits behind the one that is late.
        assert broker.values("t") == 1
        broker.clock.advance(59.9)
        await other.call(MetadataRequest(topics=()), 9)
        assert await nothing_comes(client)
        broker.clock.advance(0.2)
        assert (await client.receive(HeartbeatResponse, 4))[1] == UNKNOWN_MEMBER
        assert errors((await client.receive(ProduceResponse, 9))[1]) == [("t", 0, 0)]


async def test_a_delayed_request_is_done_late_and_a_delayed_reply_is_of_what_was_done_at_once() -> None:
    async with faulty_broker(a=1, b=1) as (broker, client):
        broker.inject(api="Produce", topic="a", delay=1)
        broker.inject(api="Produce", topic="b", delay=1, on="reply")
        await client.send(produce_each(("a", 0)), 9)
        await client.send(produce_each(("b", 0)), 9)
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        assert [broker.values(topic) for topic in "ab"] == [0, 1]
        broker.clock.advance(1)
        for topic in "ab":
            assert errors((await client.receive(ProduceResponse, 9))[1]) == [(topic, 0, 0)]
        assert broker.values("a") == 1


async def test_an_error_can_come_late() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="Heartbeat", delay=5, error="REBALANCE_IN_PROGRESS")
        await client.send(HEARTBEAT, 4)
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        assert await nothing_comes(client)
        broker.clock.advance(5)
        assert (await client.receive(HeartbeatResponse, 4))[1].error_code == ErrorCode.REBALANCE_IN_PROGRESS


async def base_offset(client: ProtocolClient) -> int:
    _, response = await client.receive(ProduceResponse, 9)
    return response.responses[0].partition_responses[0].base_offset


async def test_calls_are_held_until_they_are_released_in_the_order_in_which_they_came() -> None:
    async with faulty_broker(t=1) as (broker, client):
        rule = broker.inject(api="Produce", hold=True)
        for _ in range(3):
            await client.send(produce_each(("t", 0)), 9)
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        assert (rule.held, broker.values("t")) == (3, 0)
        assert rule.release(1) == 1
        assert await base_offset(client) == 0
        assert [fired.released for fired in broker.fired] == [True, False, False]
        broker.injector.remove(rule)
        for offset in (1, 2):
            assert (await client.receive(ProduceResponse, 9))[1].responses[0].partition_responses[
                0
            ].base_offset == offset
        assert [fired.released for fired in broker.fired] == [True, True, True]


async def test_a_call_that_fails_when_it_is_released_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with faulty_broker(t=1) as (broker, client):
        rule = broker.inject(api="Produce", hold=True)
        other = await broker.connect()
        for producer in (client, other):
            await producer.send(produce_each(("t", 0)), 9)
            await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        with monkeypatch.context() as patched:
            patched.setattr(type(broker.cluster), "append", fail_once(type(broker.cluster).append))
            assert rule.release() == 2
        assert await client.is_closed()
        assert await base_offset(other) == 0


def fail_once(append: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that fails at its first call, and then is the one that was given."""
    failures = iter([RuntimeError("a bug")])

    def append_or_fail(*arguments: Any, **options: Any) -> Any:
        for failure in failures:
            raise failure
        return append(*arguments, **options)

    return append_or_fail


async def test_a_call_that_is_released_when_its_client_has_gone_is_still_done() -> None:
    async with faulty_broker(t=1) as (broker, client):
        rule = broker.inject(api="Produce", hold=True)
        await client.send(produce_each(("t", 0)), 9)
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        await client.stream.aclose()
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        rule.release()
        assert broker.values("t") == 1


async def test_replies_to_clients_that_have_gone_are_not_held() -> None:
    async with faulty_broker(t=1) as (broker, client):
        produced = broker.inject(api="Produce", hold=True, on="reply")
        fetched = broker.inject(api="Fetch", hold=True, on="reply")
        await client.send(produce_each(("t", 0)), 9)
        other = await broker.connect()
        await other.send(fetch_each(0, offset=1, max_wait_ms=1000), 12)
        third = await broker.connect()
        await third.call(MetadataRequest(topics=()), 9)
        assert (produced.held, fetched.held, len(broker.fired)) == (1, 0, 2)
        for gone in (client, other):
            await gone.stream.aclose()
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        assert (produced.held, produced.release()) == (0, 0)
        await third.send(produce_each(("t", 0)), 9)
        await (await broker.connect()).call(MetadataRequest(topics=()), 9)
        assert (produced.held, fetched.held) == (1, 0)


async def test_of_the_requests_of_clients_that_have_gone_the_last_hundred_are_still_done() -> None:
    async with faulty_broker(t=1) as (broker, client):
        rule = broker.inject(api="Produce", hold=True)
        gone = await broker.connect()
        for _ in range(101):
            await gone.send(produce_each(("t", 0)), 9)
        await client.send(produce_each(("t", 0)), 9)
        other = await broker.connect()
        await other.call(MetadataRequest(topics=()), 9)
        assert rule.held == 102
        await gone.stream.aclose()
        await other.call(MetadataRequest(topics=()), 9)
        assert rule.held == 101
        rule.release()
        assert broker.values("t") == 101
        assert await base_offset(client) == 100


async def test_what_is_held_later_because_its_reply_comes_later_is_not_held_when_the_fault_has_ended() -> None:
    async with faulty_broker(t=1) as (broker, client):
        hold = broker.inject(api="Fetch", hold=True, on="reply")
        await client.send(fetch_each(0, max_wait_ms=1000), 12)
        other = await broker.connect()
        await other.call(MetadataRequest(topics=()), 9)
        assert len(broker.fired) == 1
        broker.injector.remove(hold)
        await other.call(produce_each(("t", 0)), 9)
        assert errors((await client.receive(FetchResponse, 12))[1]) == [("t", 0, 0)]


async def test_a_fault_that_has_ended_does_not_corrupt_what_was_asked_for_before() -> None:
    async with faulty_broker(t=1) as (broker, client):
        rule = broker.inject(corrupt=True)
        await client.send(fetch_each(0, max_wait_ms=1000), 12)
        other = await broker.connect()
        await other.call(MetadataRequest(topics=()), 9)
        broker.injector.remove(rule)
        await other.call(produce_each(("t", 0)), 9)
        _, response = await client.receive(FetchResponse, 12)
        assert check_batch(records_of(response)[0]).records_count == 1
        assert broker.fired == []


# Connections and replies that are lost


@pytest.mark.parametrize(("on", "written"), [("request", 0), ("reply", 1)])
async def test_a_client_is_cut_off_before_or_after_its_request_was_done(on: str, written: int) -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Produce", disconnect=True, on=on)
        await client.send(produce_each(("t", 0)), 9)
        assert await client.is_closed()
        assert broker.values("t") == written


@pytest.mark.parametrize(("on", "written"), [("request", 0), ("reply", 1)])
async def test_a_reply_is_lost_and_those_behind_it_come(on: str, written: int) -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Produce", drop=True, on=on)
        await client.send(produce_each(("t", 0)), 9)
        assert (await client.call(MetadataRequest(topics=()), 9)).brokers
        assert broker.values("t") == written


# What a reply says


@pytest.mark.parametrize("version", [12, 13])
async def test_fetched_records_have_a_wrong_checksum_and_stored_ones_do_not(version: int) -> None:
    async with faulty_broker(t=2) as (broker, client):
        topic = "t" if version == 12 else broker.topic_id("t")
        broker.inject(topic="t", partition=1, corrupt=True, times=1)
        await client.call(fetch_each(0, 1, topic=topic), version)  # without records there is nothing to corrupt
        assert broker.fired == []
        await client.call(produce_each(("t", 0), ("t", 1)), 9)
        response: FetchResponse = await client.call(fetch_each(0, 1, topic=topic), version)
        sound, damaged = records_of(response)
        assert check_batch(sound).records_count == 1
        with pytest.raises(CorruptBatch):
            check_batch(damaged)
        assert [fired.about for fired in broker.fired] == [("t-1",)]
        response = await client.call(fetch_each(1, topic=topic), version)
        assert check_batch(records_of(response)[0]).records_count == 1


async def test_clients_are_asked_to_wait_where_the_reply_has_a_field_for_it() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api=["Heartbeat", "Metadata"], throttle=1.5)
        assert await client.call(HEARTBEAT, 4) == HeartbeatResponse(
            error_code=ErrorCode.UNKNOWN_MEMBER_ID, throttle_time_ms=1500
        )
        broker.clock.advance(1.5)
        assert (await client.call(MetadataRequest(topics=()), 9)).throttle_time_ms == 1500
        assert len(broker.fired) == 2


@pytest.mark.parametrize("version", [0, 4])
async def test_a_client_that_does_not_wait_is_held_back_whether_or_not_it_was_asked(version: int) -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Heartbeat", throttle=1.5)
        await client.send(HEARTBEAT, version)
        await client.send(produce_each(("t", 0)), 9)
        await client.receive(HeartbeatResponse, version)  # at once
        for seconds in (0.0, 1.4):
            broker.clock.advance(seconds)
            other = await broker.connect()
            assert (await other.call(MetadataRequest(topics=()), 9)).brokers, "others are served meanwhile"
            assert broker.values("t") == 0
        broker.clock.advance(0.1)
        await client.receive(ProduceResponse, 9)
        assert broker.values("t") == 1


async def test_a_producer_that_wants_no_reply_is_held_back() -> None:
    async with faulty_broker(t=1) as (broker, client):
        broker.inject(api="Produce", throttle=60)
        for _ in range(2):
            await client.send(produce_each(("t", 0), acks=0), 9)
        for written in (1, 2):
            while len(broker.fired) < written:
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            assert broker.values("t") == written
            broker.clock.advance(60)


async def test_an_error_can_be_told_with_a_time_to_wait() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="CreateTopics", error="THROTTLING_QUOTA_EXCEEDED", throttle=2)
        topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
        response = await client.call(CreateTopicsRequest(topics=(topic,)), 6)
        assert (response.throttle_time_ms, response.topics[0].error_code) == (2000, 89)


# Which rule acts


async def test_the_first_rule_that_matches_acts_until_it_is_used_up() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(name="first", api="Heartbeat", nth=2, error="REBALANCE_IN_PROGRESS")
        broker.inject(name="second", api="Heartbeat", times=2, error="ILLEGAL_GENERATION")
        told = [(await client.call(HEARTBEAT, 4)).error_code for _ in range(4)]
        assert told == [22, 27, 22, 25]
        assert [fired.rule for fired in broker.fired] == ["second", "first", "second"]


async def test_a_rule_acts_in_its_window_of_the_brokers_time() -> None:
    async with faulty_broker() as (broker, client):
        broker.inject(api="Heartbeat", since=10, until=20, error="ILLEGAL_GENERATION")
        told: list[int] = []
        for _ in range(3):
            told.append((await client.call(HEARTBEAT, 4)).error_code)
            broker.clock.advance(10)
        assert told == [25, 22, 25]
        assert broker.fired[0].at == pytest.approx(10)


async def test_the_log_tells_who_was_hit() -> None:
    async with faulty_broker() as (broker, client):
        rule = broker.inject(api="Heartbeat", group="g", drop=True, nth=1)
        number = await client.send(HEARTBEAT, 4)
        await client.call(MetadataRequest(topics=()), 9)
        (fired,) = broker.fired
        assert (fired.number, fired.rule, fired.did) == (1, rule.fault.name, "reply lost")
        assert (fired.api, fired.api_version, fired.client_id, fired.correlation_id) == ("Heartbeat", 4, "test", number)
        assert fired.about == ("group g",)
        assert "127.0.0.1:" in fired.connection


async def test_faults_of_one_name_are_told_apart() -> None:
    async with faulty_broker() as (broker, _):
        names = [broker.inject(name="same", drop=True).fault.name for _ in range(2)]
        assert names == ["same", "same #2"]
        assert [rule.fault.name for rule in broker.injector.rules] == names
        broker.injector.clear()
        assert broker.injector.rules == ()


async def test_a_name_is_free_again_when_nobody_knows_its_fault_and_the_log_does_not_show_it() -> None:
    async with faulty_broker() as (broker, client):
        first = broker.inject(name="n", drop=True)
        broker.injector.remove(first)
        second = broker.inject(name="n", disconnect=True)
        assert second.fault.name == "n #2"
        broker.injector.remove(second)
        del first, second
        gc.collect()
        third = broker.inject(name="n", disconnect=True)
        assert third.fault.name == "n"
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()
        broker.injector.remove(third)
        del third
        gc.collect()
        assert broker.inject(name="n", drop=True).fault.name == "n #2"
