"""Stepwise handlers: work in proportion to a request, cut into steps between which others have their turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import kafkalite
from kafkalite.errors import RequestError
from kafkalite.handlers import group_membership as handler
from kafkalite.requests.context import RequestContext
from kafkalite.requests.steps import Steps
from kafkalite_wire.batch import walk_batches
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from kafkalite_wire.records import Record, build_batch, iter_records
from tests.support.protocol_client import ProtocolClient

HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
DONE = HeartbeatResponse(error_code=15)
METADATA = MetadataRequest(topics=())

Handle = Callable[[Any, Any, RequestContext], object]


class Work:
    """A handler of many steps that is watched from outside."""

    def __init__(self, steps: int, *, end: Callable[[], object] = lambda: DONE) -> None:
        self.steps = steps
        self.end = end
        self.done = 0
        self.was_closed = False

    def __call__(self, node: object, request: object, context: RequestContext) -> Steps[Any]:
        try:
            while self.done < self.steps:
                self.done += 1
                yield
            return self.end()
        except GeneratorExit:
            self.was_closed = True
            raise


async def converse(
    monkeypatch: pytest.MonkeyPatch, work: Handle, talk: Callable[[kafkalite.Broker, Any, Any], Any]
) -> None:
    monkeypatch.setattr(handler, "heartbeat", work)
    async with kafkalite.Broker() as broker:
        with trio.fail_after(60):
            async with (
                await trio.open_tcp_stream(*broker.addresses[0]) as first,
                await trio.open_tcp_stream(*broker.addresses[0]) as second,
            ):
                await talk(broker, ProtocolClient(first), ProtocolClient(second))


@pytest.mark.parametrize("steps", [0, 1, 100])
async def test_a_stepwise_handler_answers_after_its_last_step(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(broker: kafkalite.Broker, client: ProtocolClient, _: ProtocolClient) -> None:
        assert await client.call(HEARTBEAT, 4) == DONE
        assert await client.call(HEARTBEAT, 4) == DONE
        assert not broker.pipeline.steps

    await converse(monkeypatch, Work(steps), talk)


async def test_others_have_their_turn_between_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1_000_000_000)

    async def talk(broker: kafkalite.Broker, client: ProtocolClient, other: ProtocolClient) -> None:
        await client.send(HEARTBEAT, 4)
        for _ in range(3):
            assert (await other.call(METADATA, 9)).brokers
        work.steps = 0
        assert (await client.receive(HeartbeatResponse, 4))[1] == DONE

    await converse(monkeypatch, work, talk)


async def test_requests_behind_a_stepwise_one_are_read_and_answered_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1_000_000_000)

    async def talk(broker: kafkalite.Broker, client: ProtocolClient, other: ProtocolClient) -> None:
        numbers = [await client.send(HEARTBEAT, 4), await client.send(METADATA, 9)]
        assert (await other.call(METADATA, 9)).brokers
        work.steps = 0
        answers = [await client.receive(HeartbeatResponse, 4), await client.receive(MetadataResponse, 9)]
        assert [number for number, _ in answers] == numbers

    await converse(monkeypatch, work, talk)


async def test_a_stepwise_request_stops_when_its_client_disconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1_000_000_000)

    async def talk(broker: kafkalite.Broker, client: ProtocolClient, other: ProtocolClient) -> None:
        await client.send(HEARTBEAT, 4)
        assert (await other.call(METADATA, 9)).brokers
        await client.stream.aclose()
        while not work.was_closed:
            await trio.lowlevel.checkpoint()
        assert not broker.pipeline.steps

    await converse(monkeypatch, work, talk)


async def test_a_stepwise_change_is_completed_when_its_client_disconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1_000_000_000)
    contexts: list[RequestContext] = []

    def handle(node: object, request: object, context: RequestContext) -> Steps[Any]:
        context.outlives_client = True
        contexts.append(context)
        return work(node, request, context)

    async def talk(broker: kafkalite.Broker, client: ProtocolClient, other: ProtocolClient) -> None:
        await client.send(HEARTBEAT, 4)
        assert (await other.call(METADATA, 9)).brokers
        await client.stream.aclose()
        while not contexts[0].response_handle().is_disconnected:
            await trio.lowlevel.checkpoint()
        assert broker.pipeline.steps
        work.steps = 0
        while broker.pipeline.steps:
            await trio.lowlevel.checkpoint()
        assert not work.was_closed

    await converse(monkeypatch, handle, talk)


async def test_a_stepwise_request_stops_when_the_broker_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(1_000_000_000)
    monkeypatch.setattr(handler, "heartbeat", work)
    async with trio.open_nursery() as nursery:
        broker = kafkalite.Broker()
        await nursery.start(broker.run)
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            await ProtocolClient(stream).send(HEARTBEAT, 4)
            while not work.done:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert work.was_closed


def refuse() -> object:
    raise RequestError("no truthful answer")


def crash() -> object:
    raise ZeroDivisionError


@pytest.mark.parametrize("steps", [0, 5])
async def test_a_stepwise_handler_may_refuse_to_answer(
    steps: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(broker: kafkalite.Broker, client: ProtocolClient, _: ProtocolClient) -> None:
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()

    await converse(monkeypatch, Work(steps, end=refuse), talk)
    assert "no truthful answer" in caplog.text


@pytest.mark.parametrize("steps", [0, 5])
async def test_a_crash_in_a_step_closes_only_the_connection_of_its_request(
    steps: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(broker: kafkalite.Broker, client: ProtocolClient, other: ProtocolClient) -> None:
        crashes: list[Exception] = []
        broker.crash_guard.on_crash = crashes.append
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()
        assert (await other.call(METADATA, 9)).brokers
        assert [type(each) for each in crashes] == [ZeroDivisionError]

    await converse(monkeypatch, Work(steps, end=crash), talk)
    assert "Heartbeat v4" in caplog.text


async def test_a_stepwise_handler_may_defer_its_response_in_a_late_step(monkeypatch: pytest.MonkeyPatch) -> None:
    handles: list[Any] = []

    def handle(node: object, request: object, context: RequestContext) -> Steps[Any]:
        yield
        handles.append(context.defer())
        return None

    monkeypatch.setattr(handler, "heartbeat", handle)
    async with kafkalite.Broker() as broker, await trio.open_tcp_stream(*broker.addresses[0]) as stream:
        client = ProtocolClient(stream)
        await client.send(HEARTBEAT, 4)
        await wait_all_tasks_blocked()
        handles[0].send(DONE)
        assert (await client.receive(HeartbeatResponse, 4))[1] == DONE


async def test_large_requests_of_one_client_are_handled_in_their_order() -> None:
    partitions = range(300)

    def produce(value: bytes) -> ProduceRequest:
        batch = memoryview(bytearray(build_batch([Record(value=value, timestamp=0)])))
        rows = tuple(PartitionProduceData(index=index, records=batch) for index in partitions)
        return ProduceRequest(
            acks=-1, timeout_ms=1000, topic_data=(TopicProduceData(name="many", partition_data=rows),)
        )

    async with kafkalite.Broker() as broker, await trio.open_tcp_stream(*broker.addresses[0]) as stream:
        broker.cluster.create_topic("many", len(partitions), {})
        client = ProtocolClient(stream)
        with trio.fail_after(60):
            for value in (b"first", b"second", b"third"):
                await client.send(produce(value), 9)
            for offset in range(3):
                _, response = await client.receive(ProduceResponse, 9)
                rows = response.responses[0].partition_responses
                assert {(row.error_code, row.base_offset) for row in rows} == {(0, offset)}
        for index in partitions:
            stored = memoryview(broker.cluster.storage.log("many", index).read(0, max_bytes=9999).read())
            batches = [stored[at : at + header.size] for at, header in walk_batches(stored)]
            values = [record.value for batch in batches for record in iter_records(batch)]
            assert values == [b"first", b"second", b"third"]
