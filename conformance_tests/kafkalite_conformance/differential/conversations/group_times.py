"""What happens in a group when somebody is silent for too long."""

import trio

from kafkalite_conformance.differential.conversation import conversation_with
from kafkalite_conformance.differential.member import LATEST, Member, member, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.join_group import JoinGroupResponse

_SHORT = {"group.min.session.timeout.ms": "500"}


async def members_become(talk: Talk, group: str, count: int) -> None:
    """Wait until a group has so many members, and write down how it stands."""
    voice = await talk.voice("onlooker")
    request = DescribeGroupsRequest(groups=(group,))

    async def is_so() -> bool:
        return len((await voice.whisper(request, 5, DescribeGroupsResponse)).groups[0].members) == count

    await talk.until(is_so, f"group of {count}")
    await voice.ask(request, 5)


async def stay(someone: Member, seconds: float) -> None:
    """Keep a member alive for a while without writing down what it hears."""
    for _ in range(round(seconds / 0.1)):
        await trio.sleep(0.1)
        await someone.voice.whisper(_heartbeat(someone), 4, object)


def _heartbeat(someone: Member) -> object:
    return HeartbeatRequest(
        group_id=someone.group,
        generation_id=someone.generation,
        member_id=someone.member_id,
        group_instance_id=someone.instance_id,
    )


@conversation_with(_SHORT)
async def a_silent_member_is_removed(talk: Talk) -> None:
    """After its session; the next one leads."""
    topic = await talk.topic()
    for era in (0, 4, LATEST):
        silent = await member(talk, "silent", await talk.group(), era, session_timeout_ms=600)
        await silent.join()
        await silent.sync({silent.member_id: b"all"})
        await members_become(talk, silent.group, 0)
        await silent.heartbeat("too late")
        await silent.commit(topic, 1, "too late")
        await silent.sync(note="too late")
        await silent.leave("too late")
        await silent.voice.ask(silent.join_request(), era, "too late")


@conversation_with(_SHORT)
async def a_silent_follower_is_removed(talk: Talk) -> None:
    """The leader hears of a rebalance."""
    for static in (False, True):
        leader, follower = await stable_pair(talk, LATEST, static=static, session_timeout_ms=1000)
        for _ in range(14):
            await trio.sleep(0.1)
            await leader.voice.whisper(_heartbeat(leader), 4, object)
        await leader.heartbeat("alone")
        await follower.heartbeat("too late")
        await leader.join()


@conversation_with(_SHORT)
async def those_who_do_not_rejoin_in_time_are_removed(talk: Talk) -> None:
    """After the rebalance time-out, although they send heartbeats; static ones stay."""
    for static in (False, True):
        leader, follower = await stable_pair(talk, LATEST, static=static, rebalance_timeout_ms=700)
        await leader.start_join()
        await stay(follower, 0.4)
        await follower.heartbeat("preparing")
        await leader.joined()
        await follower.heartbeat("the others went on")
        await leader.sync({leader.member_id: b"all"})
        await follower.heartbeat("the others are stable")
        await members_become(talk, leader.group, 2 if static else 1)


@conversation_with(_SHORT)
async def those_who_join_and_never_sync_are_removed(talk: Talk) -> None:
    """After the rebalance time-out the group rebalances without them (KAFKA-12487)."""
    leader, follower = await stable_pair(talk, LATEST, rebalance_timeout_ms=700)
    await leader.start_join()
    await follower.join()
    await leader.joined()
    await leader.sync({leader.member_id: b"l", follower.member_id: b"f"})
    await follower.heartbeat("without having synced")
    await stay(leader, 1.0)
    await leader.heartbeat("after the rebalance time-out")
    await follower.heartbeat("after the rebalance time-out")
    await members_become(talk, leader.group, 1)


@conversation_with(_SHORT)
async def a_leader_that_never_syncs_is_removed(talk: Talk) -> None:
    """A member that waits for its assignment gets REBALANCE_IN_PROGRESS."""
    leader, follower = await stable_pair(talk, LATEST, rebalance_timeout_ms=700)
    await leader.start_join()
    await follower.join()
    await leader.joined()
    await follower.start_sync()
    await follower.synced()
    await leader.heartbeat("after the rebalance time-out")
    await follower.join()


@conversation_with(_SHORT)
async def ids_that_are_not_used_expire(talk: Talk) -> None:
    """A member that was told its id has one session time to come back."""
    for era in (4, LATEST):
        late = await member(talk, "late", await talk.group(), era, session_timeout_ms=600)
        told = await late.voice.answer(late.join_request(), era, JoinGroupResponse)
        late.member_id = told.member_id
        await trio.sleep(1.0)
        await late.voice.ask(late.join_request(), era, "too late")
        other = await member(talk, "other", late.group, era)
        late.member_id = ""
        await late.voice.answer(late.join_request(), era, JoinGroupResponse, "again")
        await other.start_join("while an id has not been used")
        await other.joined()


@conversation_with(_SHORT)
async def a_static_member_expires_and_returns(talk: Talk) -> None:
    """Its seat is free after its session."""
    first = await member(talk, "first", await talk.group(), LATEST, instance_id="seat", session_timeout_ms=600)
    await first.join()
    await first.sync({first.member_id: b"all"})
    await members_become(talk, first.group, 0)
    await first.heartbeat("too late")
    second = await member(talk, "second", first.group, LATEST, instance_id="seat")
    await second.join()


@conversation_with(_SHORT)
async def waiting_counts_as_a_sign_of_life(talk: Talk) -> None:
    """A member that waits for others is not removed when its session would be over."""
    leader, follower = await stable_pair(talk, LATEST, session_timeout_ms=600, rebalance_timeout_ms=1500)
    await leader.start_join()
    await stay(follower, 1.0)
    await leader.voice.is_waiting()
    await follower.join()
    await leader.joined()
    await follower.start_sync()
    await stay(leader, 1.0)
    await follower.voice.is_waiting()
    await leader.sync({follower.member_id: b"all"})
    await follower.synced()


@conversation_with(_SHORT)
async def a_client_that_hung_up_is_removed_after_its_session(talk: Talk) -> None:
    """Its waiting join keeps it for no longer than the next generation."""
    leader, follower = await stable_pair(talk, LATEST, session_timeout_ms=600, rebalance_timeout_ms=1500)
    await leader.start_join()
    await leader.voice.reconnect()
    await stay(follower, 0.8)
    await follower.join()
    await members_become(talk, leader.group, 1)
    await follower.heartbeat()
