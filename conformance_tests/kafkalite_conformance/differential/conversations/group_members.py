"""How a group takes members in and lets them go, request by request."""

from kafkalite_conformance.differential.conversation import conversation, conversation_with
from kafkalite_conformance.differential.member import ERAS, LATEST, Member, join_request, member, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.join_group import JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.sync_group import SyncGroupRequest


@conversation
async def a_first_member_joins_syncs_and_leaves(talk: Talk) -> None:
    """The whole life of a group of one, in every version."""
    for era in ERAS:
        alone = await member(talk, f"era-{era}", await talk.group(), era)
        await alone.join()
        await alone.heartbeat("before the sync")
        await alone.sync({alone.member_id: b"all"})
        await alone.heartbeat()
        await alone.sync({alone.member_id: b"something else"}, "again")
        await alone.join("again, unchanged")
        await alone.sync({alone.member_id: b"all"})
        await alone.leave()
        await alone.leave("again")
        await alone.heartbeat("after leaving")
        await alone.sync(note="after leaving")
        alone.member_id = ""
        await alone.join("once more")


@conversation
async def strangers(talk: Talk) -> None:
    """An unknown member id, in an unknown group and in an active one."""
    for era in ERAS:
        stranger = await member(talk, "stranger", await talk.group(), era)
        stranger.member_id, stranger.generation, stranger.protocol_name = "who-is-it", 1, "range"
        await stranger.voice.ask(stranger.join_request(), era, "no such group")
        await stranger.heartbeat("no such group")
        await stranger.sync(note="no such group")
        await stranger.leave("no such group")
        insider = await member(talk, "insider", stranger.group, era)
        await insider.join()
        for state in ("completing", "stable"):
            await stranger.voice.ask(stranger.join_request(), era, state)
            await stranger.heartbeat(state)
            await stranger.sync(note=state)
            await stranger.leave(state)
            await insider.sync({insider.member_id: b"all"})
        await insider.leave()
        await stranger.voice.ask(stranger.join_request(), era, "empty")
        await stranger.heartbeat("empty")
        await stranger.sync(note="empty")
        await stranger.leave("empty")


@conversation
async def groups_without_a_name(talk: Talk) -> None:
    """The empty group id in every request of members."""
    await talk.group()
    for era in ERAS:
        nameless = await member(talk, "nameless", "", era)
        await nameless.voice.ask(nameless.join_request(), era)
        nameless.member_id, nameless.generation, nameless.protocol_name = "someone", 1, "range"
        await nameless.voice.ask(nameless.join_request(), era, "with an id")
        await nameless.heartbeat()
        await nameless.sync()
        await nameless.leave()


@conversation_with({"group.min.session.timeout.ms": "500", "group.max.session.timeout.ms": "60000"})
async def session_timeouts_out_of_bounds(talk: Talk) -> None:
    """Just inside and just outside of both limits."""
    for era in ERAS:
        for timeout in (-1, 0, 499, 500, 60_000, 60_001, 2**31 - 1):
            voice = await talk.voice("a")
            group = await talk.group()
            await voice.ask(join_request(group, session_timeout_ms=timeout), era, f"{timeout} ms")
            await voice.ask(join_request(group, "x", session_timeout_ms=timeout), era, f"{timeout} ms, with an id")
            await voice.hang_up()


@conversation
async def protocols_that_do_not_fit(talk: Talk) -> None:
    """No protocol at all, none in common, another type: into a new group, a live one and one that is empty again."""
    for era in ERAS:
        insider = await member(talk, "insider", await talk.group(), era)
        voice = await talk.voice("newcomer")

        async def offers(state: str, era: int = era, insider: Member = insider) -> None:
            for note, request in (
                ("no protocol", join_request(insider.group, protocols=())),
                ("no type", join_request(insider.group, protocol_type="")),
                ("neither", join_request(insider.group, protocol_type="", protocols=())),
            ):
                newcomer = await talk.voice("newcomer")
                await newcomer.ask(request, era, f"{note}, {state}")
                await newcomer.hang_up()

        await offers("new")
        await insider.join()
        await offers("completing")
        await insider.sync({insider.member_id: b"all"})
        await offers("stable")
        await voice.ask(join_request(insider.group, protocols=(("exotic", b""),)), era, "nothing in common")
        await voice.ask(join_request(insider.group, protocol_type="connect"), era, "another type")
        request = join_request(insider.group, insider.member_id, protocols=(("exotic", b""),))
        await insider.voice.ask(request, era, "the only member changes its protocol")
        request = join_request(insider.group, insider.member_id, protocol_type="connect")
        await insider.voice.ask(request, era, "the only member changes its type")
        await insider.leave()
        await offers("empty")
        await voice.ask(
            join_request(insider.group, protocol_type="connect", protocols=(("new", b""),)), era, "other type, empty"
        )


@conversation
async def members_that_were_given_an_id_and_have_not_come_back(talk: Talk) -> None:
    """A pending member is not a member yet (KIP-394)."""
    for era in range(4, 10):
        insider = await member(talk, "insider", await talk.group(), era)
        pending = await member(talk, "pending", insider.group, era)
        first = await pending.voice.answer(pending.join_request(), era, JoinGroupResponse, "into an empty group")
        pending.member_id, pending.protocol_name = first.member_id, "range"
        await pending.heartbeat("pending")
        await pending.sync(note="pending")
        await pending.commit("whatever", 1, "pending")
        describe = DescribeGroupsRequest(groups=(insider.group,))
        await pending.voice.ask(describe, 5, "only a pending member")
        await insider.start_join("while another one is pending")
        await pending.leave("pending")
        await insider.joined()
        await pending.leave("again")
        await pending.voice.ask(pending.join_request(), era, "with an id that was given up")
        await insider.sync({insider.member_id: b"all"})
        pending.member_id = ""
        second = await pending.voice.answer(pending.join_request(), era, JoinGroupResponse, "into a stable group")
        await insider.heartbeat("while another one is pending")
        if era >= 5:
            request = join_request(insider.group, second.member_id, instance_id="seat")
            await pending.voice.ask(request, era, "as a static member with an id of a dynamic one")
        request = join_request(insider.group, second.member_id, protocols=(("exotic", b""),))
        await pending.voice.ask(request, era, "nothing in common")
        await insider.heartbeat("after that")


@conversation_with({"group.max.size": "4"})
async def groups_that_are_full(talk: Talk) -> None:
    """The fifth member of four, with and without an id."""
    for era in (0, 3, 4, LATEST):
        group = await talk.group()
        members = [await member(talk, f"m{number}", group, era) for number in range(5)]
        first = members[0]
        await first.join()
        for other in members[1:4]:
            await other.start_join()
        last = members[4]
        await last.voice.start(last.join_request(), era, "the fifth, while the others wait")
        if era >= 4:
            last.voice = await talk.voice("m4, again")
            await last.voice.ask(join_request(group, "unknown"), era, "the fifth with an unknown id")
        await first.join()
        for other in members[1:4]:
            await other.joined()
        late = await talk.voice("late")
        await late.ask(join_request(group), era, "completing")
        await first.sync({each.member_id: each.voice.name.encode() for each in members[:4]})
        await late.ask(join_request(group), era, "stable")
        await late.ask(join_request(group, "unknown"), era, "stable, with an id")
        await late.ask(join_request(group, protocol_type="connect"), era, "stable, of another type")
        if era >= 5:
            await late.ask(join_request(group, instance_id="seat"), era, "stable, static")
        await members[1].leave()
        await first.heartbeat()


@conversation
async def heartbeats_in_every_state(talk: Talk) -> None:
    """With the right and with wrong generations and ids."""
    for era in range(5):
        leader, follower = await stable_pair(talk, era)
        await leader.heartbeat("stable")
        await follower.heartbeat("stable, an older generation", generation=1)
        await follower.heartbeat("stable, a newer generation", generation=3)
        await follower.heartbeat("stable, no generation", generation=-1)
        await follower.heartbeat("stable, no id", member_id="")
        await follower.heartbeat("stable, unknown id", member_id="x")
        await leader.start_join()
        await follower.heartbeat("preparing")
        await follower.heartbeat("preparing, the next generation", generation=3)
        await follower.heartbeat("preparing, unknown id", member_id="x")
        await follower.join()
        await leader.joined()
        await follower.heartbeat("completing")
        await follower.heartbeat("completing, the last generation", generation=2)
        await leader.sync({leader.member_id: b"all"})
        await follower.heartbeat("stable again, without having synced")
        await leader.leave()
        await follower.leave()
        await follower.heartbeat("empty")
        await follower.heartbeat("empty, its generation", generation=4)


@conversation
async def syncs_that_are_wrong(talk: Talk) -> None:
    """Generation, id and protocol, in every state."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        for state in ("stable", "preparing", "completing"):
            await follower.sync(note=f"{state}, older generation", generation_id=1)
            await follower.sync(note=f"{state}, newer generation", generation_id=9)
            await follower.sync(note=f"{state}, no id", member_id="")
            await follower.sync(note=f"{state}, unknown id", member_id="x")
            if era >= 5:
                await follower.sync(note=f"{state}, other type", protocol_type="connect")
                await follower.sync(note=f"{state}, other protocol", protocol_name="roundrobin")
                await follower.sync(note=f"{state}, no type", protocol_type=None)
                await follower.sync(note=f"{state}, no protocol", protocol_name=None)
                await follower.sync(note=f"{state}, empty protocol", protocol_name="")
                await follower.sync(note=f"{state}, neither, unknown id", protocol_name=None, member_id="x")
            if era >= 3:
                await follower.sync(note=f"{state}, an unknown instance id", group_instance_id="x")
            if state == "stable":
                await follower.sync(note=state)
                await follower.sync({follower.member_id: b"mine"}, "stable, with shares, from a follower")
                await leader.start_join()
            if state == "preparing":
                await follower.sync(note=state)
                await follower.join()
                await leader.joined()
        await follower.start_sync({follower.member_id: b"mine"}, "completing, with shares, from a follower")
        await leader.sync({follower.member_id: b"right", "stranger": b"nobody's"}, "with a share for a stranger")
        await follower.synced()


@conversation
async def leaving_in_batches(talk: Talk) -> None:
    """Several identities in one LeaveGroup request (KIP-345)."""
    for version in range(3, 6):
        leader, follower = await stable_pair(talk, LATEST, static=version == 5)
        voice = await talk.voice("administrator")

        async def leave(
            note: str, *identities: MemberIdentity, group: str = leader.group, version: int = version
        ) -> None:
            await voice.ask(LeaveGroupRequest(group_id=group, members=identities), version, note)  # noqa: B023  # awaited at once

        await leave("nobody")
        await leave("nobody of no group", group="x" + leader.group)
        await leave("somebody of no group", MemberIdentity(member_id="x"), group="x" + leader.group)
        await leave("no id at all", MemberIdentity(member_id=""))
        await leave("unknown seat", MemberIdentity(member_id="", group_instance_id="seat-9"))
        await leave("empty seat", MemberIdentity(member_id="", group_instance_id=""))
        await leave("id and unknown seat", MemberIdentity(member_id=follower.member_id, group_instance_id="seat-9"))
        await leave("seat and wrong id", MemberIdentity(member_id="x", group_instance_id="seat-2"))
        await leader.heartbeat("nobody has left")
        await leave(
            "the follower twice, and a stranger",
            MemberIdentity(member_id=follower.member_id, reason="enough"),
            MemberIdentity(member_id="x"),
            MemberIdentity(member_id=follower.member_id),
        )
        await leader.heartbeat("the follower has left")
        await leave("the leader's seat", MemberIdentity(member_id="", group_instance_id="seat-1"))
        await leader.heartbeat("the seat is empty")
        await leave("the leader", MemberIdentity(member_id=leader.member_id))
        await voice.ask(DescribeGroupsRequest(groups=(leader.group,)), 5)


@conversation
async def requests_of_members_to_a_deleted_state(talk: Talk) -> None:
    """Generations and ids where there has never been a group."""
    group = await talk.group()
    voice = await talk.voice("a")
    for version in range(5):
        await voice.ask(HeartbeatRequest(group_id=group, generation_id=-1, member_id=""), version, "no id")
        await voice.ask(HeartbeatRequest(group_id=group, generation_id=0, member_id="x"), version)
    for version in range(6):
        names = {"protocol_type": "consumer", "protocol_name": "range"} if version >= 5 else {}
        await voice.ask(
            SyncGroupRequest(group_id=group, generation_id=0, member_id="", assignments=(), **names), version
        )
    for version in range(3):
        await voice.ask(LeaveGroupRequest(group_id=group, member_id=""), version)
