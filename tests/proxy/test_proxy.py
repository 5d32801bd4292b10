"""The proxy between a client and a cluster whose side the tests play by hand."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.addresses import HostPort
from kafkalite.controls.faults.fault import Fault
from kafkalite.controls.faults.injector import injector_for
from kafkalite.errors import StartError
from kafkalite.proxy.proxy import Proxy, ProxyConfig
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.frames import encode_response
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseBroker
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse
from tests.support.protocol_client import ProtocolClient

HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
HEARTBEAT_OK = HeartbeatResponse(error_code=0)
METADATA = MetadataRequest(topics=())
PATIENCE = 20

Serve = Callable[["ClusterSide"], Awaitable[None]]


class ClusterSide:
    """One connection that the proxy has made to the cluster."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.frames = ProtocolClient(stream)

    async def receive(self) -> bytes:
        """Return the next request, without its length."""
        return await self.frames.receive_frame()

    async def answer(self, request: bytes, response: object, *, correlation_id: int | None = None) -> None:
        """Answer a request with a message."""
        header = read_request_header(memoryview(request))
        parts: list[Any] = encode_response(
            header.api,
            header.api_version,
            header.correlation_id if correlation_id is None else correlation_id,
            response,
        )
        await self.stream.send_all(b"".join(parts))


async def answer_heartbeats(cluster: ClusterSide) -> None:
    """Answer each request with a HeartbeatResponse."""
    while True:
        await cluster.answer(await cluster.receive(), HeartbeatResponse(error_code=0))


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[HostPort]:
    """Play the cluster's side of each connection."""

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(EOFError, trio.BrokenResourceError):
            await serve(ClusterSide(stream))

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        host, port = listeners[0].socket.getsockname()
        yield HostPort(host, port)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def proxied(serve: Serve) -> AsyncIterator[tuple[Proxy, ProtocolClient]]:
    """Run a proxy in front of a cluster, with one client."""
    async with listening(serve) as address, Proxy(_config(address)) as proxy, connected(proxy) as client:
        with trio.fail_after(PATIENCE):
            yield proxy, client


@asynccontextmanager
async def connected(proxy: Proxy, port: int | None = None) -> AsyncIterator[ProtocolClient]:
    address = HostPort.parse(proxy.bootstrap)
    async with await trio.open_tcp_stream(address.host, port or address.port) as stream:
        yield ProtocolClient(stream)


def _config(*upstream: HostPort) -> ProxyConfig:
    return ProxyConfig(upstream=upstream, listen=HostPort("127.0.0.1", 0))


async def test_bytes_are_passed_on_as_they_are() -> None:
    """An unknown tagged field, text that is not UTF-8, and bytes behind the message."""
    odd = bytes.fromhex("000c 0004 00000007 0002 6dff 01 63 02 beef") + b"\x02g\0\0\0\x01\x02\xff\0\0 and more"
    seen: list[bytes] = []
    answer = bytes.fromhex("00000007 01 63 01 aa 0000 0000 00 0000 00")

    async def serve(cluster: ClusterSide) -> None:
        seen.append(await cluster.receive())
        await cluster.frames.send_frame(answer)
        await trio.sleep_forever()

    async with proxied(serve) as (_, client):
        await client.send_frame(odd)
        assert await client.receive_frame() == answer
    assert seen == [odd]


async def test_requests_are_pipelined_and_answered_in_order() -> None:
    async def serve(cluster: ClusterSide) -> None:
        received = [await cluster.receive() for _ in range(3)]
        for number, request in enumerate(received):
            await cluster.answer(request, HeartbeatResponse(error_code=number))
        await trio.sleep_forever()

    async with proxied(serve) as (_, client):
        sent = [await client.send(HEARTBEAT, 4) for _ in range(3)]
        answers = [await client.receive(HeartbeatResponse, 4) for _ in range(3)]
    assert [(id_, answer.error_code) for id_, answer in answers] == list(zip(sent, (0, 1, 2), strict=True))


async def test_a_request_without_a_response_does_not_hold_up_the_next() -> None:
    async def serve(cluster: ClusterSide) -> None:
        header = read_request_header(memoryview(await cluster.receive()))
        assert header.api.key is ApiKey.PRODUCE
        await answer_heartbeats(cluster)

    for version in (8, 11):
        async with proxied(serve) as (_, client):
            data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=0, records=b"batch"),))
            produce = ProduceRequest(transactional_id="tx", acks=0, timeout_ms=1000, topic_data=(data,))
            await client.send(produce, version)
            assert (await client.call(HEARTBEAT, 4)).error_code == 0


async def test_each_broker_has_a_port_and_is_followed_when_it_moves() -> None:
    async def broker(cluster: ClusterSide) -> None:
        await answer_heartbeats(cluster)

    async with listening(broker) as before, listening(broker) as after:
        places = iter((before, before, after))

        async def serve(cluster: ClusterSide) -> None:
            while True:
                request = await cluster.receive()
                place = next(places)
                brokers = (MetadataResponseBroker(node_id=7, host=place.host, port=place.port),)
                await cluster.answer(request, MetadataResponse(brokers=brokers, topics=()))

        async with proxied(serve) as (proxy, client):
            ports: set[int] = set()
            for _ in range(3):
                ((node,),) = [(await client.call(METADATA, 12)).brokers]
                ports.add(node.port)
                async with connected(proxy, node.port) as of_node:
                    assert (await of_node.call(HEARTBEAT, 4)).error_code == 0
            assert len(ports) == 1
            assert ports != {before.port}
            assert proxy.addresses.nodes[0].upstream == after


async def test_a_broker_without_a_free_port_costs_only_the_connection_that_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    brokers = (MetadataResponseBroker(node_id=7, host="kafka", port=9092),)

    async def serve(cluster: ClusterSide) -> None:
        while True:
            request = await cluster.receive()
            is_metadata = read_request_header(memoryview(request)).api.key is ApiKey.METADATA
            await cluster.answer(request, MetadataResponse(brokers=brokers, topics=()) if is_metadata else HEARTBEAT_OK)

    async with listening(serve) as address, listening(serve) as taken:
        config = replace(_config(address), ports={7: taken.port})
        async with Proxy(config) as proxy, connected(proxy) as client, connected(proxy) as other:
            await client.send(METADATA, 12)
            assert await client.is_closed()
            assert (await other.call(HEARTBEAT, 4)).error_code == 0
    assert f"cannot listen on 127.0.0.1:{taken.port}" in caplog.text


async def test_a_version_that_is_not_known_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with proxied(answer_heartbeats) as (_, client):
        await client.send_frame(bytes.fromhex("0003 0063 00000001 ffff 00"))
        assert await client.is_closed()
    assert "Metadata is not passed on" in caplog.text


async def test_an_unknown_version_of_api_versions_is_the_clusters_to_answer() -> None:
    refusal = ApiVersionsResponse(error_code=35, api_keys=(ApiVersion(api_key=18, min_version=0, max_version=99),))

    async def serve(cluster: ClusterSide) -> None:
        request = await cluster.receive()
        assert request[2:4] == (99).to_bytes(2)
        parts: list[Any] = encode_response(DECLARED_APIS[ApiKey.API_VERSIONS], 0, 1, refusal)
        await cluster.stream.send_all(b"".join(parts))
        await trio.sleep_forever()

    async with proxied(serve) as (_, client):
        await client.send_frame(bytes.fromhex("0012 0063 00000001 ffff 00"))
        _, response = await client.receive(ApiVersionsResponse, 0)
        assert response.error_code == 35
        assert [(each.min_version, each.max_version) for each in response.api_keys] == [(0, 5)]


@pytest.mark.parametrize("is_intercepted", [False, True])
async def test_an_older_cluster_refuses_a_version_in_version_0(is_intercepted: bool) -> None:
    refusal = ApiVersionsResponse(error_code=35, api_keys=(ApiVersion(api_key=18, min_version=0, max_version=3),))

    async def serve(cluster: ClusterSide) -> None:
        await cluster.answer(await cluster.receive(), refusal)
        await trio.sleep_forever()

    async with proxied(serve) as (proxy, client):
        if is_intercepted:
            proxy.pipeline.interceptors.add(_Everything())
        await client.send(ApiVersionsRequest(), 4)
        _, response = await client.receive(ApiVersionsResponse, 0)
        assert response.error_code == 35
        assert [(each.min_version, each.max_version) for each in response.api_keys] == [(0, 3)]


async def test_a_cluster_that_cannot_be_reached_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(answer_heartbeats) as address:
        pass
    async with Proxy(_config(address)) as proxy, connected(proxy) as client:
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()
    assert f"cannot connect to the cluster: {address}" in caplog.text


async def test_a_port_in_use_is_no_exception_group() -> None:
    async with listening(answer_heartbeats) as taken:
        with pytest.raises(StartError, match="cannot listen"):
            async with Proxy(ProxyConfig(upstream=(taken,), listen=taken)):
                pass


async def test_the_next_bootstrap_broker_is_tried() -> None:
    async with listening(answer_heartbeats) as gone:
        pass
    async with (
        listening(answer_heartbeats) as there,
        Proxy(_config(gone, there)) as proxy,
        connected(proxy) as client,
        connected(proxy) as other,
    ):
        assert (await client.call(HEARTBEAT, 4)).error_code == 0
        assert (await other.call(HEARTBEAT, 4)).error_code == 0


@pytest.mark.parametrize("ends", ["cluster", "client"])
async def test_when_one_side_ends_so_does_the_other(ends: str) -> None:
    asked, cluster_ended = trio.Event(), trio.Event()

    async def serve(cluster: ClusterSide) -> None:
        await cluster.receive()
        asked.set()
        if ends == "client":
            with pytest.raises(EOFError):
                await cluster.receive()
            cluster_ended.set()

    async with proxied(serve) as (_, client):
        await client.send(HEARTBEAT, 4)
        await asked.wait()
        if ends == "cluster":
            assert await client.is_closed()
        else:
            await client.stream.aclose()
            await cluster_ended.wait()


@pytest.mark.parametrize("response", [b"\0\0\0\4\0\0\0\x63", b"\0\0\0\2\0\0", b"\xff\xff\xff\xff"])
async def test_a_response_that_fits_no_request_closes_the_connection(response: bytes) -> None:
    async def serve(cluster: ClusterSide) -> None:
        await cluster.receive()
        await cluster.stream.send_all(response)
        await trio.sleep_forever()

    async with proxied(serve) as (_, client):
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()


async def test_a_malformed_response_with_addresses_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(cluster: ClusterSide) -> None:
        request = await cluster.receive()
        await cluster.frames.send_frame(request[4:8] + b"\0\xff\xff\xff\xff")
        await trio.sleep_forever()

    async with proxied(serve) as (_, client):
        await client.send(METADATA, 12)
        assert await client.is_closed()
    assert "MetadataResponse" in caplog.text


async def test_a_client_that_does_not_read_holds_back_its_broker() -> None:
    answered = 0

    async def serve(cluster: ClusterSide) -> None:
        nonlocal answered
        request = await cluster.receive()
        size = 1 << 20
        while True:
            await cluster.frames.send_frame(request[4:8] + bytes(size))
            answered += 1
            request = await cluster.receive()

    async with proxied(serve) as (_, client):
        for _ in range(100):
            await client.send(HEARTBEAT, 0)
        await _until_nothing_moves(lambda: answered)
        assert 1 <= answered < 50
        for _ in range(100):
            await client.receive_frame()
        assert answered == 100


async def test_a_broker_that_does_not_read_holds_back_its_client() -> None:
    resumed, all_received = trio.Event(), trio.Event()

    async def serve(cluster: ClusterSide) -> None:
        await resumed.wait()
        for _ in range(100):
            await cluster.receive()
        all_received.set()

    sent = 0

    async def send(client: ProtocolClient) -> None:
        nonlocal sent
        data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=0, records=bytes(1 << 20)),))
        for _ in range(100):
            await client.send(ProduceRequest(acks=0, timeout_ms=1000, topic_data=(data,)), 9)
            sent += 1

    async with proxied(serve) as (_, client), trio.open_nursery() as nursery:
        nursery.start_soon(send, client)
        await _until_nothing_moves(lambda: sent)
        assert sent < 50
        resumed.set()
        await all_received.wait()


async def _until_nothing_moves(count: Callable[[], int]) -> None:
    """Return when a count has not changed for a while in which every task was blocked."""
    before = -1
    while count() != before:
        before = count()
        for _ in range(5):
            await wait_all_tasks_blocked(0.05)


class _Everything(Interceptor):
    """Wants each request, and passes it on."""

    stage = Stage.OBSERVERS


async def test_what_is_decoded_for_an_interceptor_arrives_unchanged() -> None:
    odd = bytes.fromhex("000c 0004 00000007 0002 6dff 01 63 02 beef") + b"\x02g\0\0\0\x01\x02\xff\0\1\x63\1x"
    answer = bytes.fromhex("00000007 00 00000000 0000 01 63 01 aa")
    seen: list[bytes] = []

    async def serve(cluster: ClusterSide) -> None:
        seen.append(await cluster.receive())
        await cluster.frames.send_frame(answer)
        await trio.sleep_forever()

    async with proxied(serve) as (proxy, client):
        proxy.pipeline.interceptors.add(_Everything())
        await client.send_frame(odd)
        assert await client.receive_frame() == answer
    assert seen == [odd]


async def test_faults_act_on_what_is_passed_through() -> None:
    async with proxied(answer_heartbeats) as (proxy, client):
        injector = injector_for(proxy)
        injector.add(Fault(api="Heartbeat", error="NOT_COORDINATOR", times=1))
        errors = [(await client.call(HEARTBEAT, 4)).error_code for _ in range(2)]
    assert errors == [16, 0]


async def test_faults_act_on_apis_that_a_broker_of_kafkalite_does_not_serve() -> None:
    request = ShareGroupHeartbeatRequest(group_id="g", member_id="m", member_epoch=0)
    answer = ShareGroupHeartbeatResponse(member_epoch=1, heartbeat_interval_ms=5)

    async def serve(cluster: ClusterSide) -> None:
        while True:
            await cluster.answer(await cluster.receive(), answer)

    async with proxied(serve) as (proxy, client):
        injector_for(proxy).add(Fault(api="ShareGroupHeartbeat", error="COORDINATOR_NOT_AVAILABLE", times=1))
        refused, passed = await client.call(request, 1), await client.call(request, 1)
    assert (refused.error_code, passed) == (15, answer)


async def test_a_held_request_keeps_its_place_before_one_that_is_passed_on() -> None:
    async def serve(cluster: ClusterSide) -> None:
        while True:
            request = await cluster.receive()
            is_produce = read_request_header(memoryview(request)).api.key is ApiKey.PRODUCE
            await cluster.answer(request, ProduceResponse(responses=()) if is_produce else HeartbeatResponse())

    async with proxied(serve) as (proxy, client):
        rule = injector_for(proxy).add(Fault(api="Heartbeat", hold=True, times=1))
        held = await client.send(HEARTBEAT, 4)
        passed_on = await client.send(ProduceRequest(acks=1, timeout_ms=1, topic_data=()), 9)
        await wait_all_tasks_blocked(0.05)
        rule.end()
        assert (await client.receive(HeartbeatResponse, 4))[0] == held
        assert (await client.receive(ProduceResponse, 9))[0] == passed_on


async def test_a_stop_answers_what_is_in_flight_and_starts_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    asked, stopped = trio.Event(), trio.Event()
    requests = 0

    async def serve(cluster: ClusterSide) -> None:
        nonlocal requests
        while True:
            request = await cluster.receive()
            requests += 1
            asked.set()
            await stopped.wait()
            await cluster.answer(request, HeartbeatResponse(error_code=0))

    async with proxied(serve) as (proxy, client):
        await client.send(HEARTBEAT, 4)
        await asked.wait()
        proxy.stop()
        await wait_all_tasks_blocked(0.05)
        await client.send(HEARTBEAT, 4)
        await wait_all_tasks_blocked(0.05)
        stopped.set()
        assert (await client.receive(HeartbeatResponse, 4))[1].error_code == 0
        assert await client.is_closed()
    assert requests == 1
    assert caplog.text == ""
