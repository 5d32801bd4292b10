"""ListGroups, DescribeGroups and DeleteGroups."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.member import LATEST, member, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest


@conversation
async def groups_are_described_in_every_state(talk: Talk) -> None:
    """In every version, together with an unknown group."""
    for version in range(7):
        voice = await talk.voice("administrator")
        leader, follower = await stable_pair(talk, LATEST, static=version == 4)
        request = DescribeGroupsRequest(groups=(leader.group, "x" + leader.group))
        await voice.ask(request, version, "stable")
        await leader.start_join()
        await voice.ask(request, version, "preparing")
        await follower.join()
        await leader.joined()
        await voice.ask(request, version, "completing")
        await leader.leave()
        await follower.leave()
        await voice.ask(request, version, "empty")
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group,)), 2)
        await voice.ask(request, version, "deleted")


@conversation
async def odd_descriptions(talk: Talk) -> None:
    """No group, the same twice, one without a name; with authorized operations."""
    leader, _ = await stable_pair(talk, LATEST)
    voice = await talk.voice("administrator")
    for version in range(7):
        await voice.ask(DescribeGroupsRequest(groups=()), version, "none")
        await voice.ask(DescribeGroupsRequest(groups=(leader.group, leader.group)), version, "twice")
        await voice.ask(DescribeGroupsRequest(groups=("",)), version, "empty name")
        await voice.ask(DescribeGroupsRequest(groups=("", leader.group)), version, "empty name and another")
        if version >= 3:
            request = DescribeGroupsRequest(
                groups=(leader.group, "x" + leader.group), include_authorized_operations=True
            )
            await voice.ask(request, version, "authorized operations")


@conversation
async def groups_are_listed(talk: Talk) -> None:
    """By state and type, in any spelling, with unknown ones."""
    leader, follower = await stable_pair(talk, LATEST)
    empty = await member(talk, "gone", await talk.group(), LATEST)
    await empty.join()
    await empty.leave()
    voice = await talk.voice("administrator")
    for version in range(6):
        await voice.ask(ListGroupsRequest(), version)
    for version in (4, 5):
        for states in (
            ("Stable",),
            ("stable",),
            ("EMPTY",),
            (" Empty ",),
            ("Stable", "Empty"),
            ("Dead",),
            ("nonsense",),
            ("",),
            ("CompletingRebalance", "PreparingRebalance"),
            ("completingrebalance",),
            ("Assigning",),
            ("Reconciling",),
            ("nonsense", "Stable"),
            ("unknown",),
        ):
            await voice.ask(ListGroupsRequest(states_filter=states), version, str(states))
    for types in (
        ("classic",),
        ("Classic",),
        ("CLASSIC",),
        (" classic",),
        ("consumer",),
        ("share",),
        ("streams",),
        ("nonsense",),
        ("",),
        ("consumer", "classic"),
        ("unknown",),
    ):
        await voice.ask(ListGroupsRequest(types_filter=types), 5, str(types))
        await voice.ask(ListGroupsRequest(types_filter=types, states_filter=("Stable",)), 5, f"{types} and Stable")
    await leader.start_join()
    await voice.ask(ListGroupsRequest(states_filter=("PreparingRebalance",)), 5)
    await follower.join()
    await leader.joined()
    await voice.ask(ListGroupsRequest(states_filter=("CompletingRebalance",)), 5)


@conversation
async def groups_are_deleted(talk: Talk) -> None:
    """Only those without members; unknown ones, nameless ones and duplicates beside them."""
    for version in range(4):
        voice = await talk.voice("administrator")
        leader, follower = await stable_pair(talk, LATEST)
        unknown = await talk.group()
        topic = await talk.topic()
        await follower.commit(topic, 7)
        await voice.ask(DeleteGroupsRequest(groups_names=()), version, "none")
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group, unknown)), version, "with members")
        await voice.ask(DeleteGroupsRequest(groups_names=("",)), version, "empty name")
        await leader.start_join()
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group,)), version, "preparing")
        await follower.leave()
        await leader.joined()
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group,)), version, "completing")
        await leader.leave()
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group, leader.group)), version, "twice")
        await voice.ask(DeleteGroupsRequest(groups_names=(leader.group,)), version, "again")
        await voice.ask(OffsetFetchRequest(group_id=leader.group, topics=None), 5, "after the deletion")
        await leader.heartbeat("after the deletion")
        leader.member_id = ""
        await leader.join("after the deletion")


@conversation
async def groups_of_offsets_only(talk: Talk) -> None:
    """A group that somebody only commits to is listed, described and deleted as well."""
    topic = await talk.topic()
    keeper = await member(talk, "keeper", await talk.group(), LATEST)
    await keeper.commit(topic, 3, "without members")
    for version in range(6):
        await keeper.voice.ask(ListGroupsRequest(), version)
    for version in range(7):
        await keeper.voice.ask(DescribeGroupsRequest(groups=(keeper.group,)), version)
    await keeper.join("a member comes")
    await keeper.sync({keeper.member_id: b"all"})
    await keeper.voice.ask(OffsetFetchRequest(group_id=keeper.group, topics=None), 5, "all topics")
    await keeper.leave()
    await keeper.voice.ask(ListGroupsRequest(states_filter=("Empty",)), 5)
    await keeper.voice.ask(DeleteGroupsRequest(groups_names=(keeper.group,)), 3)
    await keeper.voice.ask(ListGroupsRequest(), 5)


@conversation
async def an_id_that_was_given_out_makes_a_group(talk: Talk) -> None:
    """What administrators see of a group whose only member has not come back with its id."""
    pending = await member(talk, "pending", await talk.group(), LATEST)
    await pending.voice.ask(pending.join_request(), LATEST)
    await pending.voice.ask(DescribeGroupsRequest(groups=(pending.group,)), 6)
    await pending.voice.ask(ListGroupsRequest(), 5)
    await pending.voice.ask(DeleteGroupsRequest(groups_names=(pending.group,)), 3)
    await pending.voice.ask(DescribeGroupsRequest(groups=(pending.group,)), 6, "after the deletion")
