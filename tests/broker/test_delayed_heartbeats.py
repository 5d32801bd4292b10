"""A heartbeat that has nothing to tell waits for news; nothing else ever waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.support.protocol_client import ProtocolClient

Connect = Callable[[], Awaitable[ProtocolClient]]

JOIN, SYNC, HEARTBEAT, LEAVE = 3, 2, 2, 1


@pytest.fixture
def settings() -> list[str]:
    return ["offsets.topic.num.partitions=3", "kafkalite.group.heartbeat.hold.ms=3000"]


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    autojump_clock.autojump_threshold = 0.02
    return autojump_clock


def join(member_id: str = "") -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id="g",
        session_timeout_ms=30_000,
        rebalance_timeout_ms=60_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b""),),
    )


async def settle(client: ProtocolClient) -> JoinGroupResponse:
    """Join as the only member and take the assignment."""
    joined: JoinGroupResponse = await client.call(join(), JOIN)
    given = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"all")
    synced = await client.call(
        SyncGroupRequest(
            group_id="g", generation_id=joined.generation_id, member_id=joined.member_id, assignments=(given,)
        ),
        SYNC,
    )
    assert synced.error_code == ErrorCode.NONE
    return joined


def heartbeat(of: JoinGroupResponse, *, generation: int | None = None) -> HeartbeatRequest:
    return HeartbeatRequest(
        group_id="g",
        generation_id=of.generation_id if generation is None else generation,
        member_id=of.member_id,
    )


async def test_a_rebalance_is_told_at_once(clock: MockClock, client: ProtocolClient, connect: Connect) -> None:
    member = await settle(client)
    started = trio.current_time()
    await client.send(heartbeat(member), HEARTBEAT)
    await wait_all_tasks_blocked()
    newcomer = await connect()
    await newcomer.send(join(), JOIN)
    _, response = await client.receive(HeartbeatResponse, HEARTBEAT)
    assert response.error_code == ErrorCode.REBALANCE_IN_PROGRESS
    assert trio.current_time() - started < 0.5


async def test_a_session_begins_with_a_heartbeat_and_not_with_its_answer(
    clock: MockClock, client: ProtocolClient
) -> None:
    member = await settle(client)
    heard = trio.current_time()
    await client.call(heartbeat(member), HEARTBEAT)
    assert trio.current_time() - heard == pytest.approx(3, abs=0.5)
    await trio.sleep_until(heard + 30.5)
    response = await client.call(heartbeat(member), HEARTBEAT)
    assert response.error_code == ErrorCode.UNKNOWN_MEMBER_ID


async def test_without_news_the_answer_comes_a_little_later(clock: MockClock, client: ProtocolClient) -> None:
    member = await settle(client)
    started = trio.current_time()
    response = await client.call(heartbeat(member), HEARTBEAT)
    assert response.error_code == ErrorCode.NONE
    assert trio.current_time() - started == pytest.approx(3.0, abs=0.2)


async def test_a_heartbeat_that_has_something_to_tell_does_not_wait(clock: MockClock, client: ProtocolClient) -> None:
    member = await settle(client)
    started = trio.current_time()
    response = await client.call(heartbeat(member, generation=99), HEARTBEAT)
    assert response.error_code == ErrorCode.ILLEGAL_GENERATION
    assert trio.current_time() - started < 0.5


async def test_the_next_request_of_the_client_does_not_wait(clock: MockClock, client: ProtocolClient) -> None:
    member = await settle(client)
    started = trio.current_time()
    await client.send(heartbeat(member), HEARTBEAT)
    await client.send(LeaveGroupRequest(group_id="g", member_id=member.member_id), LEAVE)
    _, response = await client.receive(HeartbeatResponse, HEARTBEAT)
    assert response.error_code == ErrorCode.NONE
    _, left = await client.receive(LeaveGroupResponse, LEAVE)
    assert left.error_code == ErrorCode.NONE
    assert trio.current_time() - started < 0.5


async def test_a_member_that_dies_while_its_heartbeat_waits_still_times_out(
    clock: MockClock, client: ProtocolClient, connect: Connect
) -> None:
    member = await settle(client)
    started = trio.current_time()
    await client.send(heartbeat(member), HEARTBEAT)
    await wait_all_tasks_blocked()
    await client.stream.aclose()
    standby = await connect()
    joined = await standby.call(join(), JOIN)
    assert joined.error_code == ErrorCode.NONE
    assert trio.current_time() - started == pytest.approx(30.0, abs=0.5)


async def test_a_crash_of_one_member_is_told_to_the_others_at_once(
    clock: MockClock, client: ProtocolClient, connect: Connect
) -> None:
    first = await settle(client)
    doomed = await connect()
    await doomed.send(join(), JOIN)
    await wait_all_tasks_blocked()
    again: JoinGroupResponse = await client.call(join(first.member_id), JOIN)
    _, second = await doomed.receive(JoinGroupResponse, JOIN)
    await doomed.send(
        SyncGroupRequest(group_id="g", generation_id=second.generation_id, member_id=second.member_id, assignments=()),
        SYNC,
    )
    await client.call(
        SyncGroupRequest(group_id="g", generation_id=again.generation_id, member_id=again.member_id, assignments=()),
        SYNC,
    )
    await doomed.stream.aclose()
    started = trio.current_time()
    while True:
        response = await client.call(heartbeat(again), HEARTBEAT)
        if response.error_code:
            break
    assert response.error_code == ErrorCode.REBALANCE_IN_PROGRESS
    assert trio.current_time() - started == pytest.approx(30.0, abs=0.5), "when its session ends, not a heartbeat later"


class TestSwitchedOff:
    @pytest.fixture
    def settings(self) -> list[str]:
        return ["offsets.topic.num.partitions=3"]

    async def test_a_heartbeat_is_answered_at_once_as_in_kafka(self, clock: MockClock, client: ProtocolClient) -> None:
        member = await settle(client)
        started = trio.current_time()
        response = await client.call(heartbeat(member), HEARTBEAT)
        assert response.error_code == ErrorCode.NONE
        assert trio.current_time() - started < 0.5
