"""OffsetCommit and OffsetFetch."""

from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation, conversation_with
from kafkalite_conformance.differential.member import ERAS, LATEST, member, stable_pair
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)

_COMMITS = range(2, 11)
_FETCHES = range(1, 11)
_BY_ID = 10
_MANY_GROUPS = 8
_UNKNOWN_ID = b"0123456789abcdef"


def commit(
    group: str, *topics: OffsetCommitRequestTopic, generation: int = -1, member_id: str = ""
) -> OffsetCommitRequest:
    """Return an OffsetCommit request."""
    return OffsetCommitRequest(
        group_id=group, generation_id_or_member_epoch=generation, member_id=member_id, topics=topics
    )


def topic_row(
    name: str, topic_id: bytes, offsets: dict[int, int], metadata: str | None = ""
) -> OffsetCommitRequestTopic:
    """Return the part of a commit for one topic, by name and id."""
    return OffsetCommitRequestTopic(
        name=name,
        topic_id=topic_id,
        partitions=tuple(
            OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata=metadata)
            for index, offset in offsets.items()
        ),
    )


async def fetch_everywhere(voice: Voice, group: str, topic: str, topic_id: bytes, note: str = "") -> None:
    """Ask for the offsets of two partitions, and for everything, in every version."""
    for version in _FETCHES:
        if version < _MANY_GROUPS:
            named = (OffsetFetchRequestTopic(name=topic, partition_indexes=(0, 1)),)
            await voice.ask(OffsetFetchRequest(group_id=group, topics=named), version, note)
            if version >= 2:
                await voice.ask(OffsetFetchRequest(group_id=group, topics=None), version, f"{note} all")
        else:
            rows = (OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=(0, 1)),)
            for which in (rows, None):
                groups = (OffsetFetchRequestGroup(group_id=group, topics=which),)
                await voice.ask(OffsetFetchRequest(groups=groups), version, note if which else f"{note} all")


@conversation
async def offsets_without_members(talk: Talk) -> None:
    """Committed and looked up in every version, by those who assign partitions to themselves."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _COMMITS:
        group = await talk.group()
        row = topic_row(topic, topic_id, {0: version}, "a note")
        await voice.ask(commit(group, row), version)
        await voice.ask(commit(group, row, member_id="somebody"), version, "with an id")
        await voice.ask(commit(group, row, generation=0), version, "generation 0")
        await voice.ask(commit(group, row, generation=0, member_id="x"), version, "generation 0 with an id")
        await fetch_everywhere(voice, group, topic, topic_id)
    unknown = await talk.group()
    await fetch_everywhere(voice, unknown, topic, topic_id, "unknown group")


@conversation
async def commits_of_groups_that_nobody_knows(talk: Talk) -> None:
    """With a generation it must be a group; without one it becomes one."""
    topic = await talk.topic()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    row = topic_row(topic, topic_id, {0: 1})
    for version in _COMMITS:
        await voice.ask(commit(await talk.group(), row, generation=1), version, "generation 1")
        await voice.ask(
            commit(await talk.group(), row, generation=1, member_id="x"), version, "generation 1, with an id"
        )
        await voice.ask(commit(await talk.group(), row, generation=-2), version, "generation -2")
        await voice.ask(commit("", row), version, "no name")
        await voice.ask(commit("", row, generation=1, member_id="x"), version, "no name, generation 1")
        if version >= 7:
            request = replace(commit(await talk.group(), row, generation=1, member_id="x"), group_instance_id="seat")
            await voice.ask(request, version, "generation 1, with a seat")
            request = replace(commit(await talk.group(), row), group_instance_id="seat")
            await voice.ask(request, version, "only a seat")
    # The group without a name is that of other conversations too, and some of them ask whether there is one.
    await voice.whisper(DeleteTopicsRequest(topic_names=(topic,), timeout_ms=5000), 5, object)
    await voice.whisper(DeleteGroupsRequest(groups_names=("",)), 2, object)


@conversation
async def commits_in_every_state(talk: Talk) -> None:
    """Of members, of strangers, of former generations."""
    topic = await talk.topic()
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)

        async def all_kinds(state: str) -> None:
            await follower.commit(topic, 1, state)  # noqa: B023  # awaited within the turn
            await follower.commit(topic, 2, f"{state}, older", generation_id_or_member_epoch=1)  # noqa: B023
            await follower.commit(topic, 3, f"{state}, newer", generation_id_or_member_epoch=9)  # noqa: B023
            await follower.commit(topic, 4, f"{state}, stranger", member_id="x")  # noqa: B023
            await follower.commit(topic, 5, f"{state}, no generation", generation_id_or_member_epoch=-1)  # noqa: B023
            await follower.commit(topic, 6, f"{state}, no id", member_id="")  # noqa: B023
            await follower.commit(topic, 7, f"{state}, neither", generation_id_or_member_epoch=-1, member_id="")  # noqa: B023
            if era >= 7:  # noqa: B023
                await follower.commit(topic, 8, f"{state}, a seat", group_instance_id="x")  # noqa: B023
                await follower.commit(  # noqa: B023
                    topic,
                    9,
                    f"{state}, only a seat",
                    group_instance_id="x",
                    generation_id_or_member_epoch=-1,
                    member_id="",
                )
            await follower.voice.ask(OffsetFetchRequest(group_id=follower.group, topics=None), 5, state)  # noqa: B023

        await all_kinds("stable")
        await leader.start_join()
        await all_kinds("preparing")
        await follower.join()
        await leader.joined()
        await all_kinds("completing")
        await leader.sync({leader.member_id: b"all"})
        await all_kinds("stable again")
        await leader.leave()
        await follower.leave()
        await all_kinds("empty")


@conversation_with({"offset.metadata.max.bytes": "64"})
async def notes_that_are_too_long(talk: Talk) -> None:
    """One partition of several; characters beyond ASCII; none at all."""
    topic = await talk.topic(3)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _COMMITS:
        group = await talk.group()
        for note, text in (
            ("64", "x" * 64),
            ("65", "x" * 65),
            ("64 wide", "ä" * 64),
            ("64 of two units", "\U0001f600" * 33),
        ):
            await voice.ask(commit(group, topic_row(topic, topic_id, {0: 1}, text)), version, note)
        long, short = topic_row(topic, topic_id, {0: 2}, "x" * 99), topic_row(topic, topic_id, {1: 2}, "fine")
        both = replace(long, partitions=long.partitions + short.partitions)
        await voice.ask(commit(group, both), version, "one of two")
        await voice.ask(commit(group, topic_row(topic, topic_id, {2: 3}, None)), version, "none")
        await voice.ask(OffsetFetchRequest(group_id=group, topics=None), 5)


@conversation
async def commits_of_topics_that_do_not_exist(talk: Talk) -> None:
    """Beside one that does; and partitions beyond its last."""
    topic, missing = await talk.topic(2), talk.name()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _COMMITS:
        group = await talk.group()
        known, unknown = topic_row(topic, topic_id, {0: 5}), topic_row(missing, _UNKNOWN_ID, {0: 6, 1: 7})
        beyond = topic_row(topic, topic_id, {0: 8, 2: 9, -1: 10})
        await voice.ask(commit(group, unknown), version, "unknown")
        await voice.ask(commit(group, known, unknown), version, "known and unknown")
        await voice.ask(commit(group, beyond), version, "partitions beyond")
        await voice.ask(commit(group, replace(beyond, partitions=beyond.partitions[1:])), version, "only beyond")
        await voice.ask(commit(group), version, "no topic")
        await voice.ask(commit(group, replace(known, partitions=())), version, "no partition")
        await voice.ask(
            commit(group, known, replace(known, partitions=beyond.partitions[:1])), version, "a topic twice"
        )
        await voice.ask(commit(group, topic_row(topic, topic_id, {1: -5})), version, "a negative offset")
        await voice.ask(commit(group, topic_row("", bytes(16), {0: 1})), version, "neither name nor id")
        await voice.ask(commit(group, topic_row("a b", bytes(16), {0: 1})), version, "no name for a topic")
        await voice.ask(commit(group, unknown, generation=4, member_id="x"), version, "unknown, as a stranger")
        await voice.ask(commit(group, known, unknown, generation=4, member_id="x"), version, "both, as a stranger")
        await voice.ask(OffsetFetchRequest(group_id=group, topics=None), 5)


@conversation
async def lookups_of_what_is_not_there(talk: Talk) -> None:
    """Unknown topics, partitions and groups, by name and by id."""
    topic, missing = await talk.topic(2), talk.name()
    topic_id = await talk.topic_id(topic)
    group = await talk.group()
    voice = await talk.voice("a")
    await voice.ask(commit(group, topic_row(topic, topic_id, {0: 1, 1: 2})), 9)
    for version in _FETCHES:
        if version < _MANY_GROUPS:
            for note, topics in (
                ("missing", (OffsetFetchRequestTopic(name=missing, partition_indexes=(0, 5)),)),
                ("beyond", (OffsetFetchRequestTopic(name=topic, partition_indexes=(1, 7, -1)),)),
                ("no partition", (OffsetFetchRequestTopic(name=topic, partition_indexes=()),)),
                ("twice", (OffsetFetchRequestTopic(name=topic, partition_indexes=(0, 0)),) * 2),
                ("no topic", ()),
                ("bad name", (OffsetFetchRequestTopic(name="a b", partition_indexes=(0,)),)),
                ("no name", (OffsetFetchRequestTopic(name="", partition_indexes=(0,)),)),
            ):
                await voice.ask(OffsetFetchRequest(group_id=group, topics=topics), version, note)
            await voice.ask(OffsetFetchRequest(group_id="", topics=()), version, "nameless group")
            if version >= 2:
                await voice.ask(OffsetFetchRequest(group_id="", topics=None), version, "nameless group, all")
            continue
        row = OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=(1,))
        unknown = OffsetFetchRequestTopics(name=missing, topic_id=_UNKNOWN_ID, partition_indexes=(0, 5))
        nobody = OffsetFetchRequestTopics(name="", topic_id=bytes(16), partition_indexes=(0,))
        one = OffsetFetchRequestGroup(group_id=group, topics=(row,))
        for note, groups in (
            ("missing", (replace(one, topics=(unknown,)),)),
            ("known and missing", (replace(one, topics=(unknown, row)),)),
            ("beyond", (replace(one, topics=(replace(row, partition_indexes=(1, 7, -1)),)),)),
            ("no partition", (replace(one, topics=(replace(row, partition_indexes=()),)),)),
            ("twice", (replace(one, topics=(row, row)),)),
            ("no topic", (replace(one, topics=()),)),
            ("neither name nor id", (replace(one, topics=(nobody,)),)),
            ("no group", ()),
            ("several groups", (one, replace(one, group_id="x" + group), replace(one, topics=None))),
            ("the same group twice", (one, one)),
            ("nameless group", (replace(one, group_id=""),)),
            ("nameless group, all", (replace(one, group_id="", topics=None),)),
            ("nameless group and another", (replace(one, group_id=""), one)),
        ):
            await voice.ask(OffsetFetchRequest(groups=groups), version, note)
            await voice.ask(OffsetFetchRequest(groups=groups, require_stable=True), version, f"{note}, stable")


@conversation
async def lookups_by_members(talk: Talk) -> None:
    """Member ids and epochs (KIP-848) in lookups of a classic group."""
    topic = await talk.topic()
    topic_id = await talk.topic_id(topic)
    leader, follower = await stable_pair(talk, LATEST)
    await leader.commit(topic, 5)
    rows = (OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=(0,)),)
    for version in (9, 10):
        for group in (leader.group, await talk.group()):
            for note, member_id, epoch in (
                ("member", follower.member_id, 2),
                ("member, old epoch", follower.member_id, 1),
                ("stranger", "x", 2),
                ("no id", None, 2),
                ("empty id", "", -1),
                ("member, no epoch", follower.member_id, -1),
            ):
                asked = OffsetFetchRequestGroup(group_id=group, member_id=member_id, member_epoch=epoch, topics=rows)
                kind = "the group" if group == leader.group else "an unknown group"
                await follower.voice.ask(OffsetFetchRequest(groups=(asked,)), version, f"{note} of {kind}")


@conversation
async def epochs_and_retention(talk: Talk) -> None:
    """The leader epoch of a commit comes back; old versions may say how long it is kept."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _COMMITS:
        group = await talk.group()
        row = topic_row(topic, topic_id, {0: 5, 1: 6})
        marked = replace(row, partitions=tuple(replace(each, committed_leader_epoch=3) for each in row.partitions))
        request = commit(group, marked)
        if version <= 4:
            request = replace(request, retention_time_ms=3_600_000)
        await voice.ask(request, version)
        for fetch in (5, 7):
            await voice.ask(OffsetFetchRequest(group_id=group, topics=None), fetch)


@conversation
async def static_members_commit(talk: Talk) -> None:
    """With their seat, without it, with another one's."""
    topic = await talk.topic()
    for era in range(7, 10):
        leader, follower = await stable_pair(talk, era, static=True)
        await follower.commit(topic, 1)
        await follower.commit(topic, 2, "without its seat", group_instance_id=None)
        await follower.commit(topic, 3, "another one's seat", group_instance_id=leader.instance_id)
        await follower.commit(topic, 4, "an unknown seat", group_instance_id="x")
        await follower.commit(topic, 5, "seat only", generation_id_or_member_epoch=-1, member_id="")


@conversation
async def a_commit_to_a_topic_that_is_made_again(talk: Talk) -> None:
    """Its offsets go with the topic."""
    topic = await talk.topic()
    group = await talk.group()
    voice = await talk.voice("a")
    keeper = await member(talk, "keeper", group, LATEST)
    await keeper.commit(topic, 3)
    await voice.ask(DeleteTopicsRequest(topic_names=(topic,), timeout_ms=5000), 5)

    async def are_gone() -> bool:
        answer = await voice.whisper(OffsetFetchRequest(group_id=group, topics=None), 5, OffsetFetchResponse)
        return not answer.topics

    await talk.until(are_gone, "end of the offsets")
    await voice.ask(OffsetFetchRequest(group_id=group, topics=None), 5)
