"""Groups whose members use the classic and the consumer protocol, which they change while they run (KIP-848)."""

from collections.abc import Sequence
from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.consumer_groups import beating, group_without_delay, joining
from kafkalite_conformance.differential.member import LATEST, Member
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    TopicPartition,
    encode_consumer_protocol,
)
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.list_groups import ListGroupsRequest

_HEARTBEAT = 1


def subscription(*topics: str, owned: Sequence[TopicPartition] = (), version: int = 3) -> bytes:
    """Return what a classic consumer says in JoinGroup."""
    return encode_consumer_protocol(ConsumerProtocolSubscription(topics=topics, owned_partitions=tuple(owned)), version)


def share(topic: str, *partitions: int, user_data: bytes | None = None) -> bytes:
    """Return what the leader of a classic group assigns to a member."""
    assigned = (TopicPartition(topic=topic, partitions=partitions),) if partitions else ()
    return encode_consumer_protocol(ConsumerProtocolAssignment(assigned_partitions=assigned, user_data=user_data))


async def classic_member(
    talk: Talk, name: str, group: str, *protocols: tuple[str, bytes], era: int = LATEST, instance_id: str | None = None
) -> Member:
    """Return a classic member that has not joined yet."""
    return Member(await talk.voice(name), group, era, protocols=protocols, instance_id=instance_id)


async def classic_pair(talk: Talk, group: str, topic: str, era: int = LATEST) -> tuple[Member, Member]:
    """Return two members of a stable classic group, with partition 0 and 1."""
    first, second = [await classic_member(talk, name, group, ("range", subscription(topic)), era=era) for name in "ab"]
    await first.join("a joins")
    await second.start_join("b joins")
    await first.join("a joins again")
    await second.joined()
    await first.sync({first.member_id: share(topic, 0), second.member_id: share(topic, 1)}, "a assigns")
    await second.sync(note="b syncs")
    return first, second


async def look(voice: Voice, group: str, note: str) -> None:
    """Describe a group in all ways."""
    await voice.ask(ConsumerGroupDescribeRequest(group_ids=(group,)), 1, note)
    await voice.ask(DescribeGroupsRequest(groups=(group,)), 6, note)
    await voice.ask(ListGroupsRequest(), 5, note)


async def beat(voice: Voice, request: ConsumerGroupHeartbeatRequest, note: str) -> ConsumerGroupHeartbeatResponse:
    """Send the heartbeat of a member of the consumer protocol."""
    return await voice.answer(request, _HEARTBEAT, ConsumerGroupHeartbeatResponse, note)


async def rejoin(member: Member, topic: str, owned: Sequence[int], note: str) -> None:
    """Join again as a cooperative member, with what it has, and ask for the assignment."""
    has = (TopicPartition(topic=topic, partitions=tuple(owned)),) if owned else ()
    await member.join(note, protocols=(("range", subscription(topic, owned=has)),))
    await member.sync(note=note)


@conversation
async def a_classic_group_is_joined_by_a_new_member(talk: Talk) -> None:
    """It becomes a consumer group, and a classic one again when that member has left."""
    for era in (LATEST, 3, 0):
        topic = await talk.topic(3)
        topic_id = await talk.topic_id(topic)
        group, voice = await group_without_delay(talk), await talk.voice("new")
        first, second = await classic_pair(talk, group, topic, era)
        await look(voice, group, "classic")
        joined = await beat(voice, joining(group, "n", topic), "n joins")
        await look(voice, group, "n has joined")
        await first.heartbeat("n has joined")
        await first.commit(topic, 3, "with the old generation")
        await rejoin(first, topic, (0,), "a")
        await first.heartbeat("after joining")
        await second.heartbeat("n has joined")
        await rejoin(second, topic, (1,), "b")
        await second.heartbeat("after joining")
        await look(voice, group, "all have joined")
        await beat(voice, beating(group, "n", joined.member_epoch, ()), "n")
        both = (TopicPartitions(topic_id=topic_id, partitions=(2,)),)
        await beat(voice, beating(group, "n", joined.member_epoch, both), "n again")
        await first.commit(topic, 4, "with its epoch")
        await second.commit(topic, 5, "of another's partition")
        await first.heartbeat("an old generation", generation=first.generation - 1)
        await first.heartbeat("a future generation", generation=first.generation + 1)
        await first.heartbeat("of the new one", member_id="n")
        await first.sync(note="a stranger", member_id="n")
        # Kafka makes any of several members the leader of the classic group.
        await second.leave("b")
        await beat(voice, beating(group, "n", -1), "n leaves")
        await look(voice, group, "n has left")
        await first.heartbeat("n has left")
        await first.join("n has left")
        await first.sync({first.member_id: share(topic, 0, 1, 2)}, "a assigns")
        await look(voice, group, "a alone")
        await first.leave()


@conversation
async def partitions_change_hands(talk: Talk) -> None:
    """A classic member gives one back before the new one gets it; eager ones have nothing when they join."""
    # Six, so that each gives the same number to a third one, in whatever order Kafka walks over them.
    topic = await talk.topic(6)
    topic_id = await talk.topic_id(topic)
    group, voice = await group_without_delay(talk), await talk.voice("new")
    first = await classic_member(talk, "a", group, ("cooperative-sticky", subscription(topic)))
    await first.join("a joins")
    await first.sync({first.member_id: share(topic, 0, 1, 2, 3, 4, 5)}, "a assigns")
    joined = await beat(voice, joining(group, "n", topic), "n joins")
    await first.heartbeat("to give back")
    owned = TopicPartition(topic=topic, partitions=(0, 1, 2, 3, 4, 5))
    await first.join("has all", protocols=(("cooperative-sticky", subscription(topic, owned=(owned,))),))
    await first.sync(note="to give back")
    await look(voice, group, "a gives back")
    await first.heartbeat("still to join")
    await beat(voice, beating(group, "n", joined.member_epoch, ()), "n waits")
    kept = TopicPartition(topic=topic, partitions=(0, 1, 2))
    await first.join("has given back", protocols=(("cooperative-sticky", subscription(topic, owned=(kept,))),))
    await first.sync(note="has given back")
    await first.heartbeat("nothing new")
    await beat(voice, beating(group, "n", joined.member_epoch, ()), "n gets")
    await look(voice, group, "settled")
    got = (TopicPartitions(topic_id=topic_id, partitions=(3, 4, 5)),)
    await beat(voice, beating(group, "n", joined.member_epoch, got), "n has")
    second = await classic_member(talk, "b", group, ("cooperative-sticky", subscription(topic)))
    second.member_id = "b"
    await second.join("b joins")
    await second.sync(note="b has nothing yet")
    await second.heartbeat("b waits")
    await look(voice, group, "b waits")
    await first.heartbeat("b has joined")
    await first.join("eager, has nothing", protocols=(("cooperative-sticky", subscription(topic)),))
    await first.sync(note="eager")
    await second.heartbeat("one is free")
    await second.join("one is free", protocols=(("cooperative-sticky", subscription(topic)),))
    await second.sync(note="one is free")
    await look(voice, group, "three")
    await second.leave("b")
    await first.heartbeat("b has left")
    await first.leave("a")
    await look(voice, group, "n alone")
    await beat(voice, beating(group, "n", -1), "n leaves")
    await look(voice, group, "empty")


@conversation
async def groups_that_do_not_change(talk: Talk) -> None:
    """Of other protocol types, with subscriptions or assignments that the broker cannot read, and custom assignors."""
    topic = await talk.topic(2)
    voice = await talk.voice("new")
    for note, protocol, assignment in (
        ("unreadable subscription", ("range", b"\0"), share(topic, 0)),
        ("no subscription", ("range", b""), share(topic, 0)),
        ("unreadable assignment", ("range", subscription(topic)), b"\0\0\0"),
        ("user data", ("custom", subscription(topic)), share(topic, 0, user_data=b"mine")),
        ("empty user data", ("custom", subscription(topic)), share(topic, 0, user_data=b"")),
    ):
        group = await group_without_delay(talk)
        member = await classic_member(talk, "a", group, protocol)
        await member.join(note)
        await member.sync({member.member_id: assignment}, note)
        await beat(voice, joining(group, "n", topic), note)
        await look(voice, group, note)
        await member.heartbeat(note)
        await member.leave(note)
        await voice.ask(beating(group, "n", -1), _HEARTBEAT, note)


@conversation
async def classic_joins_that_are_refused(talk: Talk) -> None:
    """By a consumer group: of other types and protocols, unreadable ones, of static members with wrong ids."""
    topic = await talk.topic(2)
    group, voice = await group_without_delay(talk), await talk.voice("new")
    await beat(voice, joining(group, "n", topic), "n joins")
    good = ("range", subscription(topic))
    first = await classic_member(talk, "a", group, good, ("sticky", subscription(topic)))
    await first.join("a joins")
    await first.sync(note="a")
    joins = replace(first.join_request(), member_id="")
    for version in (LATEST, 6, 3, 0):
        for note, changes in (
            ("another type", {"protocol_type": "connect"}),
            ("no type", {"protocol_type": ""}),
            ("no protocol", {"protocols": ()}),
            ("a short session", {"session_timeout_ms": 1}),
        ):
            await voice.ask(replace(joins, **changes), version, note)
    for note, protocols in (
        ("a protocol that not all have", (("cooperative-sticky", subscription(topic)),)),
        ("unreadable", (("range", b"\0"),)),
        ("the second one is shared", (("other", subscription(topic)), good)),
    ):
        other = await classic_member(talk, "b", group, *protocols)
        await other.join(note)
        await other.sync(note=note)
        if other.generation > 0:
            await other.leave(note)
    await first.sync(note="another type", protocol_type="connect")
    await first.sync(note="its second protocol", protocol_name="sticky")
    await first.sync(note="no type", protocol_type=None)
    await first.sync(note="a stranger", member_id="x")
    await first.sync(note="an old generation", generation_id=0)
    await first.sync(note="an unknown instance", group_instance_id="x")
    leaving = LeaveGroupRequest(
        group_id=group,
        members=(
            MemberIdentity(member_id="x"),
            MemberIdentity(member_id="", group_instance_id="x"),
            MemberIdentity(member_id=first.member_id, group_instance_id="x"),
            MemberIdentity(member_id=first.member_id),
            MemberIdentity(member_id=first.member_id),
        ),
    )
    await voice.ask(leaving, 5, "some strangers")
    await look(voice, group, "a has left")
    await voice.ask(LeaveGroupRequest(group_id=group, members=(MemberIdentity(member_id="n"),)), 5, "the new one")
    await look(voice, group, "n has left")


@conversation
async def static_members_change_their_protocol(talk: Talk) -> None:
    """A new member takes the place of a classic one with its instance id, and the other way round."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    group, voice = await group_without_delay(talk), await talk.voice("new")
    protocol = ("range", subscription(topic))
    first = await classic_member(talk, "a", group, protocol, instance_id="one")
    second = await classic_member(talk, "b", group, protocol, instance_id="two")
    await first.join("a joins")
    await second.start_join("b joins")
    await first.join("a joins again")
    await second.joined()
    await first.sync({first.member_id: share(topic, 0), second.member_id: share(topic, 1)}, "a assigns")
    await second.sync(note="b syncs")
    taking = replace(joining(group, "n", topic), instance_id="one")
    taken = await beat(voice, taking, "takes the place of a")
    await look(voice, group, "n is one")
    await first.heartbeat("replaced")
    await second.heartbeat("n is one")
    await rejoin(second, topic, (1,), "b")
    has = (TopicPartitions(topic_id=topic_id, partitions=(0,)),)
    await beat(voice, replace(beating(group, "n", taken.member_epoch, has), instance_id="one"), "n")
    await look(voice, group, "both")
    stranger = await classic_member(talk, "c", group, protocol, instance_id="two")
    stranger.member_id = "x"
    await stranger.join("another id")
    back = await classic_member(talk, "d", group, protocol, instance_id="one")
    await back.join("takes the place of n")
    await voice.ask(ListGroupsRequest(), 5, "d is one")
    await back.sync(note="d")
    await back.heartbeat("d")
    await second.heartbeat("d is one")
    await beat(voice, replace(beating(group, "n", taken.member_epoch, has), instance_id="one"), "replaced")


@conversation
async def a_new_member_comes_while_classic_ones_wait(talk: Talk) -> None:
    """Those who wait in JoinGroup or SyncGroup are told to join again."""
    topic = await talk.topic(2)
    voice = await talk.voice("new")
    group = await group_without_delay(talk)
    first, second = await classic_pair(talk, group, topic)
    await first.start_join("a waits")
    await beat(voice, joining(group, "n", topic), "n joins")
    await first.joined()
    await look(voice, group, "a waited to join")
    await second.heartbeat("n has joined")
    group = await group_without_delay(talk)
    first, second = await classic_pair(talk, group, topic)
    await second.start_join("b changes", protocols=(("range", subscription(topic, topic + "x")),))
    await first.join("a joins again")
    await second.joined()
    await second.start_sync(note="b waits")
    await beat(voice, joining(group, "n", topic), "n joins")
    await second.synced()
    await look(voice, group, "b waited to sync")
