"""Several members: which of them wait, and when each gets which response."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.member import ERAS, LATEST, member, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest


@conversation
async def two_members(talk: Talk) -> None:
    """From the first join to the last leave, in every version."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await leader.heartbeat()
        await follower.heartbeat()
        await leader.leave()
        await follower.heartbeat("the leader has left")
        await follower.join()
        await follower.sync({follower.member_id: b"all"})
        await follower.leave()


@conversation
async def a_follower_joins_again(talk: Talk) -> None:
    """Unchanged it is answered at once; changed it starts a rebalance."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await follower.join("unchanged")
        await leader.heartbeat("nothing has happened")
        await follower.sync(note="stable")
        await follower.start_join("changed", protocols=(("range", b"other"), ("sticky", b"other")))
        await leader.heartbeat("the follower has changed")
        await leader.join()
        await follower.joined()
        await follower.join("completing, unchanged", protocols=(("range", b"other"), ("sticky", b"other")))
        await leader.join("completing, unchanged")
        await follower.start_join("completing, changed", protocols=(("sticky", b"other"),))
        await leader.start_sync({leader.member_id: b"x"}, "preparing")
        await leader.synced()
        await leader.join()
        await follower.joined()


@conversation
async def a_leader_joins_again(talk: Talk) -> None:
    """A leader always starts a rebalance."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await leader.start_join("unchanged")
        await follower.heartbeat("preparing")
        await follower.sync(note="preparing")
        await follower.start_join("unchanged")
        await leader.joined()
        await follower.joined()
        await follower.start_sync()
        await leader.start_join("completing, changed", protocols=(("range", b"new"),))
        await follower.synced()
        await follower.join()
        await leader.joined()


@conversation
async def a_newcomer_while_the_group_syncs(talk: Talk) -> None:
    """A member that waits for the assignment gets REBALANCE_IN_PROGRESS."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await leader.start_join()
        await follower.join()
        await leader.joined()
        await follower.start_sync()
        newcomer = await member(talk, "newcomer", leader.group, era)
        await newcomer.start_join()
        await follower.synced()
        await leader.sync({leader.member_id: b"late"}, "too late")
        await leader.heartbeat("preparing")
        await leader.start_join()
        await follower.join()
        await leader.joined()
        await newcomer.joined()
        await newcomer.start_sync()
        await leader.sync({newcomer.member_id: b"new"})
        await newcomer.synced()


@conversation
async def members_leave_at_bad_moments(talk: Talk) -> None:
    """While others wait for them, and while they wait themselves."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await leader.start_join()
        await follower.leave("while the leader waits for it")
        await leader.joined()
        await leader.leave("before it has synced")

        leader, follower = await stable_pair(talk, era)
        await leader.start_join()
        await follower.join()
        await leader.joined()
        await follower.start_sync()
        await leader.leave("while the follower waits for its share")
        await follower.synced()
        await follower.join("as the new leader")

        leader, follower = await stable_pair(talk, era)
        await follower.start_join("changed", protocols=(("range", b"other"),))
        deputy = await member(talk, "deputy", leader.group, era)
        deputy.member_id = follower.member_id
        await deputy.leave("in the name of the follower, which waits")
        await follower.joined()
        await leader.heartbeat("preparing")
        await leader.join()


@conversation
async def votes_for_a_protocol(talk: Talk) -> None:
    """Each votes for the first of its protocols that all have."""
    for name, first, second, third in (
        ("unanimous", "ab", "ab", "ab"),
        ("two to one", "ab", "ba", "ba"),
        ("only one in common", "abc", "bd", "eb"),
        ("a tie", "ab", "ba", ""),
        ("three ways", "abc", "bca", "cab"),
    ):
        group = await talk.group()
        members = [await member(talk, f"m{number}", group, LATEST) for number in range(3 if third else 2)]
        for each, letters in zip(members, (first, second, third), strict=False):
            each.protocols = tuple((f"protocol-{letter}", letter.encode()) for letter in letters)
        await members[0].join(name)
        for each in members[1:]:
            await each.start_join(name)
        await members[0].join(name)
        for each in members[1:]:
            await each.joined()


@conversation
async def a_tie_between_many_protocols(talk: Talk) -> None:
    """What wins between equals is an accident of Java's hash maps, which clients see all the same."""
    for names in (
        ("range", "roundrobin"),
        ("sticky", "cooperative-sticky"),
        ("a", "b"),
        ("zebra", "apple"),
        ("q1", "q17"),
    ):
        group = await talk.group()
        first, second = await member(talk, "first", group, LATEST), await member(talk, "second", group, LATEST)
        first.protocols = tuple((name, b"") for name in names)
        second.protocols = tuple((name, b"") for name in reversed(names))
        await first.join()
        await second.start_join()
        await first.join()
        await second.joined()


@conversation
async def a_join_overtakes_another_of_the_same_member(talk: Talk) -> None:
    """The second request of a member whose first one still waits."""
    for era in (0, 4, LATEST):
        leader, follower = await stable_pair(talk, era)
        await leader.start_join("first")
        again = await member(talk, "leader-again", leader.group, era)
        again.member_id, again.protocols = leader.member_id, leader.protocols
        await again.start_join("second")
        await leader.voice.is_waiting()
        await follower.join()
        await again.joined()


@conversation
async def a_sync_overtakes_another_of_the_same_member(talk: Talk) -> None:
    """The second request of a member whose first one still waits."""
    for era in (0, 4, LATEST):
        leader, follower = await stable_pair(talk, era)
        await leader.start_join()
        await follower.join()
        await leader.joined()
        await follower.start_sync(note="first")
        again = await member(talk, "follower-again", leader.group, era)
        again.member_id, again.generation, again.protocol_name = follower.member_id, follower.generation, "range"
        await again.start_sync(note="second")
        await follower.voice.is_waiting()
        await leader.sync({follower.member_id: b"right"})
        await again.synced()


@conversation
async def a_client_hangs_up_while_it_waits(talk: Talk) -> None:
    """Its member stays for now."""
    leader, follower = await stable_pair(talk, LATEST)
    await leader.start_join()
    await leader.voice.reconnect()
    await follower.heartbeat("preparing")
    await follower.join()
    await leader.heartbeat("completing, with the last generation")
    await leader.join("completing")
    await leader.sync({leader.member_id: b"l", follower.member_id: b"f"})
    await follower.start_sync()
    await follower.synced()


@conversation
async def a_group_comes_to_life_again(talk: Talk) -> None:
    """Generations go on counting; the protocol type may change."""
    for era in ERAS:
        alone = await member(talk, "alone", await talk.group(), era)
        voice = await talk.voice("onlooker")
        describe = DescribeGroupsRequest(groups=(alone.group,))
        await alone.join()
        await voice.ask(describe, min(era, 5), "completing")
        await alone.sync({alone.member_id: b"all"})
        await voice.ask(describe, min(era, 5), "stable")
        await alone.leave()
        await voice.ask(describe, min(era, 5), "empty")
        alone.member_id = ""
        await alone.join("again", protocols=(("other", b"o"),))
        await voice.ask(describe, min(era, 5), "completing again")
