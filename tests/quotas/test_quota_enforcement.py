"""Clients above their quotas, at a broker whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.quotas.interceptor import QuotaEnforcer
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, create_topics, fetch_each, produce

VERSION = 9
PING = ListGroupsRequest()


@dataclass
class Limited:
    """A broker, and connections to it."""

    broker: Broker
    clock: SteerableClock
    streams: list[trio.SocketStream] = field(default_factory=list[trio.SocketStream])

    async def connect(self, client_id: str = "test") -> ProtocolClient:
        self.streams.append(await trio.open_tcp_stream(*self.broker.addresses[0]))
        client = ProtocolClient(self.streams[-1])
        client.client_id = client_id
        return client

    async def limit(self, key: str, value: float | None, client_id: str = "test") -> None:
        admin = await self.connect("admin")
        op = OpData(key=key, value=value or 0.0, remove=value is None)
        entity = (EntityData(entity_type="client-id", entity_name=client_id),)
        request = AlterClientQuotasRequest(entries=(EntryData(entity=entity, ops=(op,)),), validate_only=False)
        assert (await admin.call(request, 1)).entries[0].error_code == ErrorCode.NONE

    @property
    def has_enforcer(self) -> bool:
        return any(isinstance(each, QuotaEnforcer) for each in self.broker.pipeline.interceptors.installed)

    async def is_muted_for(self, client: ProtocolClient, seconds: float) -> bool:
        """Return whether the next request is answered after these seconds, to the millisecond."""
        await client.send(PING, 4)
        await wait_all_tasks_blocked()
        self.clock.advance(seconds - 0.001)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0) as waiting:
            await client.receive_frame()
        # The sum of two floats may be a little less than what the broker has added up.
        self.clock.advance(0.002)
        await client.receive_frame()
        return waiting.cancelled_caught


@pytest.fixture
async def limited() -> AsyncIterator[Limited]:
    clock = SteerableClock()
    async with Broker(clock=clock) as broker:
        broker.cluster.create_topic("t", 1, {})
        clock.freeze()
        made = Limited(broker, clock)
        with trio.fail_after(60):
            yield made
        for stream in made.streams:
            await trio.aclose_forcefully(stream)


async def test_a_broker_without_quotas_has_no_interceptor(limited: Limited) -> None:
    assert not limited.broker.pipeline.interceptors
    await limited.limit("producer_byte_rate", 100)
    await limited.limit("consumer_byte_rate", 100)
    assert limited.has_enforcer
    await limited.limit("consumer_byte_rate", None)
    assert limited.has_enforcer
    await limited.limit("producer_byte_rate", None)
    assert not limited.broker.pipeline.interceptors


async def test_a_producer_is_answered_and_then_muted(limited: Limited) -> None:
    await limited.limit("producer_byte_rate", 100)
    client, other = await limited.connect(), await limited.connect("other")
    assert (await other.call(produce("t", batch(bytes(2000))), VERSION)).throttle_time_ms == 0
    answer = await client.call(produce("t", batch(bytes(2000))), VERSION)
    assert 10_000 < answer.throttle_time_ms < 12_000
    assert await limited.is_muted_for(client, answer.throttle_time_ms / 1000)


async def test_a_producer_without_acknowledgements_is_muted(limited: Limited) -> None:
    await limited.limit("producer_byte_rate", 100)
    client = await limited.connect()
    await client.send(produce("t", batch(bytes(2000)), acks=0), VERSION)
    await client.send(PING, 4)
    await wait_all_tasks_blocked()
    limited.clock.advance(9)
    await wait_all_tasks_blocked()
    with trio.move_on_after(0) as waiting:
        await client.receive_frame()
    assert waiting.cancelled_caught
    limited.clock.advance(3)
    assert await client.receive_frame()


async def test_a_throttled_fetch_brings_nothing_and_costs_nothing(limited: Limited) -> None:
    client = await limited.connect()
    await client.call(produce("t", batch(bytes(2000))), VERSION)
    opened = await client.call(fetch_each(0, session_epoch=0), 11)
    await limited.limit("consumer_byte_rate", 100)

    async def fetched(epoch: int) -> Any:
        return await client.call(fetch_each(session_id=opened.session_id, session_epoch=epoch), 11)

    first = await fetched(1)
    assert (first.session_id, first.responses) == (opened.session_id, ())
    assert await limited.is_muted_for(client, first.throttle_time_ms / 1000)
    await limited.limit("consumer_byte_rate", 1000)
    second = await fetched(2)
    assert second.throttle_time_ms == 0
    assert len(second.responses[0].partitions[0].records) > 2000


async def test_what_a_throttled_fetch_did_not_say_the_next_one_says(limited: Limited) -> None:
    client = await limited.connect()
    await client.call(produce("t", batch(bytes(10))), VERSION)
    opened = await client.call(fetch_each(0, offset=1, session_epoch=0), 11)
    limited.broker.cluster.delete_records("t", 0, 1)  # the log's start changes
    await limited.limit("request_percentage", 1e-9)
    assert (await client.call(fetch_each(session_id=opened.session_id, session_epoch=1), 11)).responses == ()
    await limited.limit("request_percentage", None)
    limited.clock.advance(1)
    second = await client.call(fetch_each(session_id=opened.session_id, session_epoch=2), 11)
    assert [topic.partitions[0].log_start_offset for topic in second.responses] == [1]


async def test_a_throttled_fetch_opens_no_session(limited: Limited) -> None:
    client = await limited.connect()
    await client.call(produce("t", batch(bytes(2000))), VERSION)
    await limited.limit("consumer_byte_rate", 100)
    answer = await client.call(fetch_each(0, session_epoch=0), 11)
    assert (answer.session_id, answer.responses) == (0, ())
    assert len(limited.broker.endpoint.fetch_sessions) == 0


async def test_new_partitions_above_the_quota_are_refused(limited: Limited) -> None:
    await limited.limit("controller_mutation_rate", 1)
    client = await limited.connect()
    assert (await create_topic(client, "a", 15)).topics[0].error_code == ErrorCode.NONE
    refused = await create_topic(client, "b", 1)
    assert (refused.topics[0].error_code, refused.throttle_time_ms) == (ErrorCode.THROTTLING_QUOTA_EXCEEDED, 4000)
    assert await limited.is_muted_for(client, 4)
    assert (await create_topic(client, "b", 1)).topics[0].error_code == ErrorCode.NONE
    grow = CreatePartitionsRequest(
        topics=(CreatePartitionsTopic(name="a", count=17, assignments=None),), timeout_ms=0, validate_only=False
    )
    assert (await client.call(grow, 3)).results[0].error_code == ErrorCode.THROTTLING_QUOTA_EXCEEDED
    limited.clock.advance(1)
    gone = DeleteTopicsRequest(topic_names=("a",), timeout_ms=0)
    assert (await client.call(gone, 5)).responses[0].error_code == ErrorCode.NONE


async def test_older_clients_are_throttled_but_not_refused(limited: Limited) -> None:
    await limited.limit("controller_mutation_rate", 1)
    client = await limited.connect()
    answer = await client.call(create_topics("a", 15), 5)
    assert (answer.topics[0].error_code, answer.throttle_time_ms) == (ErrorCode.NONE, 4000)
    assert await limited.is_muted_for(client, 4)


async def test_topics_above_the_quota_are_not_created_by_asking_for_them(limited: Limited) -> None:
    await limited.limit("controller_mutation_rate", 1)
    client = await limited.connect()
    await create_topic(client, "a", 12)
    asked = MetadataRequest(topics=(MetadataRequestTopic(name="new"),), allow_auto_topic_creation=True)
    answer = await client.call(asked, 12)
    assert answer.throttle_time_ms == 0
    assert "new" not in limited.broker.cluster.storage.topics
    limited.clock.advance(2)
    await client.call(asked, 12)
    assert "new" in limited.broker.cluster.storage.topics


async def test_the_time_of_requests_throttles_for_a_second_at_most(limited: Limited) -> None:
    await limited.limit("request_percentage", 1e-9)
    client = await limited.connect()
    answer = await client.call(PING, 4)
    assert answer.throttle_time_ms == 1000
    assert await limited.is_muted_for(client, 1)


async def test_quotas_are_restored_with_the_data(limited: Limited) -> None:
    await limited.limit("producer_byte_rate", 100)
    snapshot = limited.broker.take_snapshot()
    await limited.limit("producer_byte_rate", None)
    await limited.broker.restore(snapshot)
    client = await limited.connect()
    assert (await client.call(produce("t", batch(bytes(2000))), VERSION)).throttle_time_ms > 0
    await limited.limit("producer_byte_rate", None)
    assert not limited.broker.pipeline.interceptors


async def test_throttled_clients_that_leave_take_everything_with_them(limited: Limited) -> None:
    await limited.limit("producer_byte_rate", 1)
    await wait_all_tasks_blocked()
    before = trio.lowlevel.current_statistics().tasks_living
    (listener,) = limited.broker._listeners
    for _ in range(50):
        client = await limited.connect()
        await client.call(produce("t", batch(bytes(2000))), VERSION)
        await trio.aclose_forcefully(limited.streams.pop())
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living <= before
    assert len(listener._connections) <= 1  # that of the admin
