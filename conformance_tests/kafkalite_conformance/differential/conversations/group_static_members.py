"""Members with an instance id: their places outlive their processes (KIP-345)."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.member import LATEST, Member, join_request, member, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest

_STATIC_ERAS = range(5, 10)


async def successor(talk: Talk, of: Member, name: str = "successor") -> Member:
    """Return a member for the same seat that has not joined yet, with the same protocols."""
    heir = await member(talk, name, of.group, of.era, instance_id=of.instance_id)
    heir.protocols = of.protocols
    return heir


@conversation
async def a_static_follower_is_replaced(talk: Talk) -> None:
    """Without a rebalance; its former self is fenced in all it does."""
    topic = await talk.topic()
    for era in _STATIC_ERAS:
        leader, follower = await stable_pair(talk, era, static=True)
        heir = await successor(talk, follower)
        await heir.join()
        await heir.sync()
        await heir.heartbeat()
        await leader.heartbeat("nothing has happened")
        await follower.heartbeat("fenced")
        await follower.sync(note="fenced")
        await follower.commit(topic, 1, "fenced")
        await follower.voice.ask(follower.join_request(), era, "fenced")
        await follower.leave("fenced")
        follower.instance_id = None
        await follower.heartbeat("its former id without a seat")
        await follower.voice.ask(follower.join_request(), era, "its former id without a seat")
        await leader.voice.ask(DescribeGroupsRequest(groups=(leader.group,)), 5)


@conversation
async def a_static_leader_is_replaced(talk: Talk) -> None:
    """Whether the response names the new member as leader depends on the version (KIP-814)."""
    for era in _STATIC_ERAS:
        leader, follower = await stable_pair(talk, era, static=True)
        heir = await successor(talk, leader)
        await heir.join()
        await heir.sync({heir.member_id: b"x"}, "with shares")
        await follower.heartbeat("nothing has happened")
        await leader.heartbeat("fenced")
        await heir.start_join("again, with its id")
        await follower.heartbeat("preparing")
        await follower.join()
        await heir.joined()


@conversation
async def a_static_member_is_replaced_with_other_protocols(talk: Talk) -> None:
    """If the group's protocol changes thereby, it rebalances."""
    for era in _STATIC_ERAS:
        leader, follower = await stable_pair(talk, era, static=True)
        heir = await successor(talk, follower)
        await heir.start_join("the same choice, other metadata", protocols=(("range", b"other"), ("sticky", b"o")))
        await heir.joined()
        await leader.heartbeat()
        another = await successor(talk, follower, "another")
        await another.start_join("another choice", protocols=(("sticky", b"o"),))
        await leader.heartbeat()
        await leader.join()
        await another.joined()


@conversation
async def a_static_member_is_replaced_during_a_rebalance(talk: Talk) -> None:
    """While it waits for others, while others wait for it, and while the group syncs."""
    for era in _STATIC_ERAS:
        leader, follower = await stable_pair(talk, era, static=True)
        await leader.start_join()
        heir = await successor(talk, leader)
        await heir.start_join("while the leader waits")
        await leader.joined()
        third = await successor(talk, follower)
        await third.start_join("while the others wait for it")
        await third.joined()
        await heir.joined()
        await third.start_sync()
        fourth = await successor(talk, follower, "fourth")
        await fourth.start_join("while it waits for its share")
        await third.synced()
        await heir.heartbeat()
        await heir.join()
        await fourth.joined()


@conversation
async def static_and_dynamic_members(talk: Talk) -> None:
    """Seats that are taken, and ids with the wrong seat."""
    for era in _STATIC_ERAS:
        leader, follower = await stable_pair(talk, era)
        voice = await talk.voice("newcomer")
        await voice.ask(
            join_request(leader.group, leader.member_id, instance_id="seat"), era, "a dynamic member takes a seat"
        )
        await voice.ask(join_request(leader.group, "x", instance_id="seat"), era, "unknown id, unknown seat")
        static = await member(talk, "static", leader.group, era, instance_id="seat")
        await static.start_join()
        await leader.join()
        await follower.start_join()
        await follower.joined()
        await static.joined()
        await voice.ask(join_request(leader.group, leader.member_id, instance_id="seat"), era, "another one's seat")
        await voice.ask(join_request(leader.group, "x", instance_id="seat"), era, "unknown id, taken seat")
        await voice.ask(join_request(leader.group, static.member_id, instance_id="other"), era, "its id, unknown seat")
        static.instance_id = None
        await static.heartbeat("without its seat")
        await static.leave("without its seat")
        await leader.heartbeat()


@conversation
async def a_static_member_returns_to_an_empty_group(talk: Talk) -> None:
    """Having left, its seat is free; an empty instance id is one too."""
    for era in _STATIC_ERAS:
        alone = await member(talk, "alone", await talk.group(), era, instance_id="seat")
        await alone.join()
        await alone.sync({alone.member_id: b"all"})
        await alone.leave()
        former = alone.member_id
        await alone.voice.ask(alone.join_request(), era, "with its former id")
        alone.member_id = ""
        await alone.join("anew")
        alone.member_id = former
        await alone.heartbeat("with its former id")
    nameless = await member(talk, "nameless", await talk.group(), LATEST, instance_id="")
    await nameless.voice.ask(nameless.join_request(), LATEST, "an empty instance id")
