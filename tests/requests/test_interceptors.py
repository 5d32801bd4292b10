"""Interceptors in a running broker: they see, answer, change and hold requests, and cut clients off."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

import kafkalite
from kafkalite.controls.group_rules import Silence
from kafkalite.controls.refusals import groups_of, refused
from kafkalite.requests.context import RequestContext
from kafkalite.requests.interceptors import Forward, Interceptor, InterceptorChain, Stage
from kafkalite.requests.response_handle import ResponseHandle
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic
from kafkalite_wire.messages.sync_group import SyncGroupRequest
from tests.support.protocol_client import ProtocolClient

HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
REFUSED = HeartbeatResponse(error_code=ErrorCode.FENCED_INSTANCE_ID)


class HeartbeatRule(Interceptor):
    """Does with heartbeats what a test says."""

    stage = Stage.FAULTS

    def __init__(self, act: Callable[[Forward, ResponseHandle[Any]], None]) -> None:
        self._act = act

    def wants(self, api: Api, version: int) -> bool:
        return api.key is ApiKey.HEARTBEAT

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        assert request == HEARTBEAT
        self._act(forward, response)


class Observer(Interceptor):
    """Notes each request, and how it ends."""

    stage = Stage.OBSERVERS

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, str]] = []
        self.ends: list[object] = []

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        self.seen.append((context.api.name, context.api_version, context.client_id))
        response.observe(self)
        forward()

    def sent(self, response: object | None) -> None:
        self.ends.append(response)

    def failed(self, reason: str) -> None:
        self.ends.append(reason)

    def disconnected(self) -> None:
        self.ends.append("disconnected")


async def converse(
    act: Callable[[Forward, ResponseHandle[Any]], None], talk: Callable[[ProtocolClient, InterceptorChain], object]
) -> None:
    """Run a broker with one interceptor, and talk to it."""
    async with kafkalite.Broker() as broker:
        interceptors = broker.pipeline.interceptors
        interceptors.add(HeartbeatRule(act))
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            await talk(ProtocolClient(stream), interceptors)  # type: ignore[misc]  # every talk of these tests is awaited


async def test_an_interceptor_answers_in_the_handlers_place() -> None:
    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        assert await client.call(HEARTBEAT, 4) == REFUSED

    await converse(lambda _, response: response.send(REFUSED), talk)


async def test_an_interceptor_forwards_to_the_handler() -> None:
    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        assert (await client.call(HEARTBEAT, 4)).error_code == ErrorCode.UNKNOWN_MEMBER_ID

    await converse(lambda forward, _: forward(), talk)


async def test_a_request_that_is_held_keeps_its_place_and_nothing_else_up() -> None:
    held: list[Forward] = []

    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        heartbeat = await client.send(HEARTBEAT, 4)
        await client.send(ApiVersionsRequest(client_software_name="a", client_software_version="b"), 3)
        async with await trio.open_tcp_stream(*client.stream.socket.getpeername()) as other:
            await ProtocolClient(other).call(MetadataRequest(topics=()), 9)
        held.pop()()
        number, response = await client.receive(HeartbeatResponse, 4)
        assert (number, response.error_code) == (heartbeat, ErrorCode.UNKNOWN_MEMBER_ID)

    await converse(lambda forward, _: held.append(forward), talk)


async def test_an_interceptor_drops_a_response() -> None:
    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        await client.send(HEARTBEAT, 4)
        assert (await client.call(MetadataRequest(topics=()), 9)).brokers

    await converse(lambda _, response: response.send(None), talk)


async def test_an_interceptor_cuts_the_client_off() -> None:
    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()

    await converse(lambda _, response: response.fail("as the test says"), talk)


async def test_observers_see_every_request() -> None:
    observer = Observer()

    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        interceptors.add(observer)
        await client.call(MetadataRequest(topics=()), 9)
        await client.call(HEARTBEAT, 4)

    await converse(lambda forward, _: forward(), talk)
    assert observer.seen == [("Metadata", 9, "test"), ("Heartbeat", 4, "test")]


async def test_an_interceptor_changes_what_the_handler_answers_and_observers_see_what_is_sent() -> None:
    observer = Observer()

    def change(forward: Forward, response: ResponseHandle[Any]) -> None:
        def changed(answer: object) -> None:
            assert answer == HeartbeatResponse(error_code=ErrorCode.UNKNOWN_MEMBER_ID)
            response.send(REFUSED)

        forward(response=response.redirected(changed))

    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        interceptors.add(observer)
        assert await client.call(HEARTBEAT, 4) == REFUSED
        await client.call(ApiVersionsRequest(client_software_name="a", client_software_version="b"), 3)

    await converse(change, talk)
    assert [type(response).__name__ for response in observer.ends] == ["HeartbeatResponse", "ApiVersionsResponse"]
    assert observer.ends[0] == REFUSED


async def test_observers_learn_that_a_client_is_cut_off() -> None:
    observer = Observer()

    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        interceptors.add(observer)
        await client.send(HEARTBEAT, 4)
        assert await client.is_closed()

    await converse(lambda _, response: response.fail("as the test says"), talk)
    assert observer.ends == ["as the test says"]


async def test_observers_learn_once_how_a_request_ended_whose_client_left_while_it_was_held() -> None:
    observer = Observer()
    held: list[Forward] = []

    async def talk(client: ProtocolClient, interceptors: InterceptorChain) -> None:
        interceptors.add(observer)
        await client.send(HEARTBEAT, 4)
        await client.stream.aclose()
        with trio.fail_after(30):
            while not observer.ends:
                await trio.lowlevel.checkpoint()
        held.pop()()

    await converse(lambda forward, _: held.append(forward), talk)
    assert observer.ends == ["disconnected"]


async def test_an_interceptor_that_fails_cuts_its_client_off_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    unexpected: list[Exception] = []

    def fail(forward: Forward, response: ResponseHandle[Any]) -> None:
        raise ZeroDivisionError

    async with kafkalite.Broker() as broker:
        broker.pipeline.interceptors.add(HeartbeatRule(fail))
        broker.crash_guard.on_crash = unexpected.append
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            client = ProtocolClient(stream)
            await client.send(HEARTBEAT, 4)
            assert await client.is_closed()
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            assert (await ProtocolClient(stream).call(MetadataRequest(topics=()), 9)).brokers
    assert [type(error) for error in unexpected] == [ZeroDivisionError]
    assert "Heartbeat v4" in caplog.text


async def test_what_a_silent_member_says_arrives_when_the_silence_ends() -> None:
    async with kafkalite.Broker() as broker:
        silence = Silence({"heard"})
        broker.pipeline.interceptors.add(silence)
        async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
            client = ProtocolClient(stream)
            heard = HeartbeatRequest(group_id="g", generation_id=1, member_id="m", group_instance_id="heard")
            assert (await client.call(heard, 4)).error_code == ErrorCode.UNKNOWN_MEMBER_ID
            number = await client.send(HEARTBEAT, 4)
            async with await trio.open_tcp_stream(*broker.addresses[0]) as other:
                assert (await ProtocolClient(other).call(MetadataRequest(topics=()), 9)).brokers
            assert not select.select([client.stream.socket], [], [], 0)[0], "it was heard"
            silence.end()
            assert (await client.receive(HeartbeatResponse, 4))[0] == number


def _requests() -> Iterator[tuple[object, int]]:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata=None)
    several = OffsetFetchRequestGroup(group_id="g", topics=None)
    one = OffsetFetchRequestTopic(name="t", partition_indexes=(0, 2))
    yield FindCoordinatorRequest(key="g", coordinator_keys=("g",)), ApiKey.FIND_COORDINATOR
    yield JoinGroupRequest(group_id="g", session_timeout_ms=1, member_id="m", protocol_type="c", protocols=()), 11
    yield SyncGroupRequest(group_id="g", generation_id=1, member_id="m", assignments=()), ApiKey.SYNC_GROUP
    yield HEARTBEAT, ApiKey.HEARTBEAT
    yield LeaveGroupRequest(group_id="g", member_id="m"), ApiKey.LEAVE_GROUP
    yield (
        OffsetCommitRequest(
            group_id="g", member_id="m", topics=(OffsetCommitRequestTopic(name="t", partitions=(partition,)),)
        ),
        ApiKey.OFFSET_COMMIT,
    )
    yield OffsetFetchRequest(group_id="g", topics=(one,), groups=(several,)), ApiKey.OFFSET_FETCH
    yield OffsetDeleteRequest(group_id="g", topics=()), ApiKey.OFFSET_DELETE
    yield DescribeGroupsRequest(groups=("g",)), ApiKey.DESCRIBE_GROUPS
    yield DeleteGroupsRequest(groups_names=("g",)), ApiKey.DELETE_GROUPS


@pytest.mark.parametrize(
    ("request_", "key", "version"),
    [
        (request, key, version)
        for request, key in _requests()
        for version in range(APIS[key].min_version, APIS[key].max_version + 1)
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(int(value)),
)
def test_every_request_of_a_group_can_be_refused(request_: object, key: int, version: int) -> None:
    context = RequestContext(api=APIS[key], api_version=version)
    assert groups_of(request_, context) == ("g",)
    response = refused(request_, context, ErrorCode.NOT_COORDINATOR)
    read = decode(APIS[key].response_type, version, encode(response, version))
    assert "16" in repr(read), "the error is told in this version"
