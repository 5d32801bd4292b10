"""A broker with faults, a clock that is steered, and clients that speak the bare protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import trio

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.controls.faults.fault import fault_from
from kafkalite.controls.faults.fault_log import Fired
from kafkalite.controls.faults.injector import Injector
from kafkalite.controls.faults.rule import FaultRule
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from tests.support.protocol_client import ProtocolClient

HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
UNKNOWN_MEMBER = HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)


class Faulty:
    """The broker as these tests use it; its clock stands still."""

    def __init__(self, broker: Broker, clock: SteerableClock, connect: Callable[[], Any]) -> None:
        self.cluster, self.endpoint = broker.cluster, broker.endpoint
        self.clock = clock
        self.connect = connect
        self.injector = Injector(
            broker.pipeline.interceptors,
            now=self.cluster.now,
            call_at=self.cluster.timers.call_at,
            guard=broker.crash_guard.guard,
            topic_name=self.cluster.topic_name,
            chances=lambda seed: Random(seed).random,
        )

    def inject(self, **words: object) -> FaultRule:
        return self.injector.add(fault_from(words))

    @property
    def fired(self) -> list[Fired]:
        return list(self.injector.log.all())

    def values(self, topic: str, partition: int = 0) -> int:
        """Return the number of records in a partition."""
        log = self.cluster.log(topic, partition)
        assert log is not None
        return log.high_watermark

    def topic_id(self, name: str) -> bytes:
        return self.cluster.storage.topics[name].topic_id


@asynccontextmanager
async def faulty_broker(**topics: int) -> AsyncIterator[tuple[Faulty, ProtocolClient]]:
    """Run a broker with topics, and give a client besides it."""
    clock = SteerableClock()
    async with Broker(clock=clock) as broker:
        for name, partitions in topics.items():
            broker.cluster.create_topic(name, partitions, {})
        streams: list[trio.SocketStream] = []

        async def connect() -> ProtocolClient:
            streams.append(await trio.open_tcp_stream(*broker.addresses[0]))
            return ProtocolClient(streams[-1])

        clock.freeze()
        with trio.fail_after(60):
            yield Faulty(broker, clock, connect), await connect()
        for stream in streams:
            await trio.aclose_forcefully(stream)


def errors(response: Any) -> list[tuple[str | None, int, int]]:
    """List topic, partition and error of what a response says of partitions."""
    topics = response.responses if hasattr(response, "responses") else response.topics
    return [
        (
            getattr(topic, "topic", None) or getattr(topic, "name", ""),
            getattr(partition, "partition_index", getattr(partition, "index", -1)),
            partition.error_code,
        )
        for topic in topics
        for partition in getattr(topic, "partitions", getattr(topic, "partition_responses", ()))
    ]
