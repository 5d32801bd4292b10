"""TxnOffsetCommit, and the offsets that it leaves pending."""

from dataclasses import replace
from typing import Final

from kafkalite_conformance.differential.conversation import conversation, conversation_with
from kafkalite_conformance.differential.conversations.commits import commit, topic_row
from kafkalite_conformance.differential.conversations.refusals import forget
from kafkalite_conformance.differential.member import LATEST, stable_pair
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_conformance.differential.transactional import TransactionalProducer, producer, ready_producer
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
)
from kafkalite_wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)

_VERSIONS: Final = range(7)
_MEMBERS_SINCE: Final = 3
_JOINS_SINCE: Final = 5
_FETCHES: Final = range(1, 11)
_STABLE_SINCE: Final = 7
_SEVERAL_GROUPS_SINCE: Final = 8
_UNKNOWN_ID: Final = b"0123456789abcdef"


def offsets_row(
    name: str, topic_id: bytes, offsets: dict[int, int], metadata: str | None = "", epoch: int = -1
) -> TxnOffsetCommitRequestTopic:
    """Return the part of a commit for one topic, by name and id."""
    return TxnOffsetCommitRequestTopic(
        name=name,
        topic_id=topic_id,
        partitions=tuple(
            TxnOffsetCommitRequestPartition(
                partition_index=index,
                committed_offset=offset,
                committed_leader_epoch=epoch,
                committed_metadata=metadata,
            )
            for index, offset in offsets.items()
        ),
    )


async def commit_in(
    each: TransactionalProducer,
    group: str,
    *rows: TxnOffsetCommitRequestTopic,
    version: int,
    note: str = "",
    **changes: object,
) -> None:
    """Commit offsets in a producer's transaction; `changes` replace fields of the request."""
    fields: dict[str, object] = {
        "transactional_id": each.transactional_id,
        "group_id": group,
        "producer_id": each.producer_id,
        "producer_epoch": each.epoch,
        "topics": rows,
    }
    request = TxnOffsetCommitRequest(**{**fields, **changes})  # type: ignore[arg-type]  # the fields above
    await each.voice.ask(request, version, note)


async def _ready_to_commit(talk: Talk, group: str, version: int) -> TransactionalProducer:
    """Return a producer whose transaction the group has joined, unless its commits see to that."""
    each = await ready_producer(talk, version=2 if version >= _JOINS_SINCE else 1)
    if version < _JOINS_SINCE:
        await each.add_offsets(group)
    return each


async def _look(voice: Voice, group: str, topic: str, note: str, *versions: int, topic_id: bytes = bytes(16)) -> None:
    """Look offsets up, with and without require_stable, of one topic and of all."""
    for version in versions or (6, 7, 9):
        for stable in (False, True) if version >= _STABLE_SINCE else (False,):
            words = f"{note}{', stable' if stable else ''}"
            if version < _SEVERAL_GROUPS_SINCE:
                rows = (OffsetFetchRequestTopic(name=topic, partition_indexes=(0, 1)),)
                request = OffsetFetchRequest(group_id=group, topics=rows, require_stable=stable)
                await voice.ask(request, version, words)
                if version > 1:
                    await voice.ask(replace(request, topics=None), version, f"{words}, all")
            else:
                wanted = OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=(0, 1))
                for which, topics in (("", (wanted,)), (", all", None)):
                    groups = (OffsetFetchRequestGroup(group_id=group, topics=topics),)
                    request = OffsetFetchRequest(groups=groups, require_stable=stable)
                    await voice.ask(request, version, f"{words}{which}")


async def until_stable(talk: Talk, group: str) -> None:
    """Wait until no offset of a group is pending; its marker comes after the answer to EndTxn."""
    voice = await talk.voice("usher")

    async def is_stable() -> bool:
        groups = (OffsetFetchRequestGroup(group_id=group, topics=None),)
        request = OffsetFetchRequest(groups=groups, require_stable=True)
        answer = await voice.whisper(request, 9, OffsetFetchResponse)
        return not any(
            each.error_code or any(one.error_code for row in each.topics for one in row.partitions)
            for each in answer.groups
        )

    await talk.until(is_stable, "stable offsets")
    await voice.hang_up()


async def _finish(talk: Talk, each: TransactionalProducer, group: str, *, commit: bool) -> None:
    await each.finish(commit=commit)
    await until_stable(talk, group)


@conversation
async def offsets_are_pending_and_committed(talk: Talk) -> None:
    """In every version: what lookups say before and after the end."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _VERSIONS:
        for ends in (True, False):
            group = await talk.group()
            each = await _ready_to_commit(talk, group, version)
            words = "commit" if ends else "abort"
            await commit_in(each, group, offsets_row(topic, topic_id, {0: 5}, "a note", 3), version=version, note=words)
            await each.describe(words)
            await _look(voice, group, topic, f"{words}, pending", topic_id=topic_id)
            await _finish(talk, each, group, commit=ends)
            await _look(voice, group, topic, f"{words}, ended", topic_id=topic_id)
            await voice.ask(commit(group, topic_row(topic, topic_id, {0: 7, 1: 8})), 9, words)
            if version < _JOINS_SINCE:
                await each.add_offsets(group, words)
            await commit_in(each, group, offsets_row(topic, topic_id, {0: 9}), version=version, note=f"{words}, again")
            await _look(voice, group, topic, f"{words}, pending over another", topic_id=topic_id)
            await voice.ask(commit(group, topic_row(topic, topic_id, {0: 11})), 9, f"{words}, meanwhile")
            await _look(voice, group, topic, f"{words}, committed meanwhile", topic_id=topic_id)
            await commit_in(
                each, group, offsets_row(topic, topic_id, {0: 10}), version=version, note=f"{words}, a second time"
            )
            await _finish(talk, each, group, commit=ends)
            await _look(voice, group, topic, f"{words}, ended again", topic_id=topic_id)


@conversation
async def a_later_commit_wins(talk: Talk) -> None:
    """A commit outside of the transaction is newer than one that was pending before it."""
    topic = await talk.topic(2)
    voice = await talk.voice("a")
    for order in ("inside last", "outside last"):
        group = await talk.group()
        each = await ready_producer(talk)
        inside = offsets_row(topic, bytes(16), {0: 1})
        if order == "outside last":
            await commit_in(each, group, inside, version=5, note=order)
        await voice.ask(commit(group, topic_row(topic, bytes(16), {0: 2})), 9, order)
        if order == "inside last":
            await commit_in(each, group, inside, version=5, note=order)
        await _look(voice, group, topic, f"{order}, pending")
        await _finish(talk, each, group, commit=True)
        await _look(voice, group, topic, f"{order}, ended")


@conversation
async def lookups_of_pending_offsets(talk: Talk) -> None:
    """In every version, of a partition that is pending and one that is not."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    group = await talk.group()
    voice = await talk.voice("a")
    each = await ready_producer(talk)
    await voice.ask(commit(group, topic_row(topic, topic_id, {0: 1, 1: 2})), 9)
    await commit_in(each, group, offsets_row(topic, topic_id, {0: 5}), version=5)
    await _look(voice, group, topic, "pending", *_FETCHES, topic_id=topic_id)
    other = await talk.group()
    await commit_in(each, other, offsets_row(topic, topic_id, {1: 5}), version=5)
    await _look(voice, other, topic, "only pending", *_FETCHES, topic_id=topic_id)
    await voice.ask(DescribeGroupsRequest(groups=(other,)), 5, "only pending")
    await voice.ask(ListGroupsRequest(), 5, "only pending")
    await _finish(talk, each, group, commit=False)
    await until_stable(talk, other)
    await _look(voice, group, topic, "aborted", *_FETCHES, topic_id=topic_id)
    await _look(voice, other, topic, "only pending, aborted", *_FETCHES, topic_id=topic_id)
    await voice.ask(DescribeGroupsRequest(groups=(other,)), 5, "only pending, aborted")
    await voice.ask(ListGroupsRequest(), 5, "only pending, aborted")


@conversation
async def two_producers_commit_for_one_group(talk: Talk) -> None:
    """Their transactions overlap."""
    topic = await talk.topic(2)
    voice = await talk.voice("a")
    for first_commits in (True, False):
        for second_commits in (True, False):
            group = await talk.group()
            one, two = await ready_producer(talk, "one"), await ready_producer(talk, "two")
            words = f"{'commit' if first_commits else 'abort'} and {'commit' if second_commits else 'abort'}"
            await commit_in(one, group, offsets_row(topic, bytes(16), {0: 1}), version=5, note=words)
            await commit_in(two, group, offsets_row(topic, bytes(16), {0: 2, 1: 3}), version=5, note=words)
            await _look(voice, group, topic, f"{words}, pending", 9)
            await two.finish(words, commit=second_commits)
            await _look(voice, group, topic, f"{words}, one pending", 9)
            await one.finish(words, commit=first_commits)
            await until_stable(talk, group)
            await _look(voice, group, topic, f"{words}, ended", 9)


@conversation
async def commits_without_joining(talk: Talk) -> None:
    """The group has not been added to the transaction; or there is no such producer."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    row = offsets_row(topic, topic_id, {0: 5})
    for version in _VERSIONS:
        group, other = await talk.group(), await talk.group()
        each = await producer(talk)
        await commit_in(each, group, row, version=version, note="no producer id", producer_id=-1, producer_epoch=-1)
        await commit_in(each, group, row, version=version, note="an id of nobody", producer_id=10**12, producer_epoch=0)
        await each.init()
        await commit_in(each, group, row, version=version, note="not joined")
        await each.describe("not joined")
        await _look(voice, group, topic, "not joined", 9)
        await each.add_offsets(group)
        for note, changes in (
            ("an older epoch", {"producer_epoch": each.epoch - 1}),
            ("an epoch to come", {"producer_epoch": each.epoch + 1}),
            ("another producer id", {"producer_id": each.producer_id + 100_000}),
            ("unknown transactional id", {"transactional_id": talk.name()}),
            ("empty transactional id", {"transactional_id": ""}),
            ("another group", {"group_id": other}),
            ("no group", {"group_id": ""}),
        ):
            await commit_in(each, group, row, version=version, note=note, **changes)
        await each.describe()
        await _look(voice, other, topic, "another group", 9)
        before = each.epoch
        await _finish(talk, each, group, commit=True)
        await commit_in(each, group, row, version=version, note="ended, the old epoch", producer_epoch=before)
        await commit_in(each, group, row, version=version, note="ended, the new epoch")
        await each.describe("ended")
        await each.init("a new producer")
        await commit_in(each, group, row, version=version, note="fenced", producer_epoch=each.epoch - 1)
        await _look(voice, group, topic, "fenced", 9)


@conversation
async def commits_of_topics_that_are_not_there(talk: Talk) -> None:
    """Beside one that is; and partitions beyond its last, and names that are none."""
    topic, missing = await talk.topic(2), talk.name()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _VERSIONS:
        group = await talk.group()
        each = await _ready_to_commit(talk, group, version)
        known, unknown = offsets_row(topic, topic_id, {0: 5}), offsets_row(missing, _UNKNOWN_ID, {0: 6, 1: 7})
        beyond = offsets_row(topic, topic_id, {0: 8, 2: 9, -1: 10})
        for note, rows in (
            ("unknown", (unknown,)),
            ("known and unknown", (known, unknown)),
            ("partitions beyond", (beyond,)),
            ("only beyond", (replace(beyond, partitions=beyond.partitions[1:]),)),
            ("no topic", ()),
            ("no partition", (replace(known, partitions=()),)),
            ("a topic twice", (known, replace(known, partitions=beyond.partitions[:1]))),
            ("a partition twice", (replace(known, partitions=known.partitions + beyond.partitions[:1]),)),
            ("a negative offset", (offsets_row(topic, topic_id, {1: -5}),)),
            ("neither name nor id", (offsets_row("", bytes(16), {0: 1}),)),
            ("no name for a topic", (offsets_row("a b", bytes(16), {0: 1}),)),
            ("no metadata", (offsets_row(topic, topic_id, {1: 3}, None),)),
        ):
            await commit_in(each, group, *rows, version=version, note=note)
        await _look(voice, group, topic, "pending", 9)
        await _finish(talk, each, group, commit=True)
        await _look(voice, group, topic, "ended", 9)


@conversation_with({"offset.metadata.max.bytes": "64"})
async def notes_of_pending_offsets(talk: Talk) -> None:
    """One that is too long beside one that is not."""
    topic = await talk.topic(3)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice("a")
    for version in _VERSIONS:
        group = await talk.group()
        each = await _ready_to_commit(talk, group, version)
        await commit_in(each, group, offsets_row(topic, topic_id, {0: 1}, "x" * 64), version=version, note="64")
        await commit_in(each, group, offsets_row(topic, topic_id, {0: 1}, "x" * 65), version=version, note="65")
        long, short = offsets_row(topic, topic_id, {0: 2}, "x" * 99), offsets_row(topic, topic_id, {1: 2}, "fine")
        both = replace(long, partitions=long.partitions + short.partitions)
        await commit_in(each, group, both, version=version, note="one of two")
        await _finish(talk, each, group, commit=True)
        await _look(voice, group, topic, "ended", 9)


@conversation
async def members_commit_in_a_transaction(talk: Talk) -> None:
    """With their generation and without, as strangers, of other seats (KIP-447)."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    row = offsets_row(topic, topic_id, {0: 5})
    for version in range(_MEMBERS_SINCE, 7):
        for static in (False, True):
            leader, follower = await stable_pair(talk, LATEST, static=static)
            each = await _ready_to_commit(talk, leader.group, version)
            me = {"generation_id_or_member_epoch": leader.generation, "member_id": leader.member_id}
            kind = "static" if static else "dynamic"
            for note, changes in (
                ("itself", {**me, "group_instance_id": leader.instance_id}),
                ("itself, without a seat", me),
                ("nobody", {}),
                ("an older generation", {**me, "generation_id_or_member_epoch": leader.generation - 1}),
                ("a generation to come", {**me, "generation_id_or_member_epoch": leader.generation + 1}),
                ("no generation", {"member_id": leader.member_id}),
                ("only a generation", {"generation_id_or_member_epoch": leader.generation}),
                ("a stranger", {**me, "member_id": "x"}),
                ("a stranger without a generation", {"member_id": "x"}),
                ("an unknown seat", {**me, "group_instance_id": "x"}),
                ("only an unknown seat", {"group_instance_id": "x"}),
                ("another one's seat", {**me, "group_instance_id": follower.instance_id or "seat-9"}),
                ("only a seat", {"group_instance_id": leader.instance_id or "seat-9"}),
            ):
                await commit_in(each, leader.group, row, version=version, note=f"{kind}, {note}", **changes)
            await _look(leader.voice, leader.group, topic, f"{kind}, pending", 9, topic_id=topic_id)
            await _finish(talk, each, leader.group, commit=True)
            await _look(leader.voice, leader.group, topic, f"{kind}, ended", 9, topic_id=topic_id)


@conversation
async def members_commit_while_their_group_rebalances(talk: Talk) -> None:
    """In every state of a group."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    row = offsets_row(topic, topic_id, {0: 5})
    for version in (3, 5, 6):
        leader, follower = await stable_pair(talk, LATEST)
        each = await _ready_to_commit(talk, leader.group, version)

        async def all_kinds(state: str) -> None:
            me = {"generation_id_or_member_epoch": follower.generation, "member_id": follower.member_id}  # noqa: B023
            for note, changes in (("itself", me), ("nobody", {}), ("a stranger", {**me, "member_id": "x"})):
                await commit_in(each, follower.group, row, version=version, note=f"{state}, {note}", **changes)  # noqa: B023

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
        await each.voice.ask(DeleteGroupsRequest(groups_names=(follower.group,)), 2, "pending")
        await all_kinds("deleted")


@conversation
async def groups_with_pending_offsets_are_deleted(talk: Talk) -> None:
    """DeleteGroups and OffsetDelete while a transaction is open."""
    topic = await talk.topic(2)
    voice = await talk.voice("a")
    for ends in (True, False):
        words = "commit" if ends else "abort"
        for before in (False, True):
            group = await talk.group()
            each = await ready_producer(talk)
            kind = f"{words}, {'with' if before else 'without'} other offsets"
            if before:
                await voice.ask(commit(group, topic_row(topic, bytes(16), {0: 1, 1: 2})), 9, kind)
            await commit_in(each, group, offsets_row(topic, bytes(16), {0: 5}), version=5, note=kind)
            await voice.ask(forget(group, topic, 0, 1), 0, kind)
            await _look(voice, group, topic, f"{kind}, offsets deleted", 9)
            await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, kind)
            await _look(voice, group, topic, f"{kind}, deleted", 9)
            await voice.ask(DescribeGroupsRequest(groups=(group,)), 5, kind)
            await each.finish(kind, commit=ends)
            await until_stable(talk, group)
            await _look(voice, group, topic, f"{kind}, ended", 9)
            await voice.ask(DescribeGroupsRequest(groups=(group,)), 5, f"{kind}, ended")


@conversation
async def topics_with_pending_offsets_are_deleted(talk: Talk) -> None:
    """The offset is pending, and its topic goes."""
    voice = await talk.voice("a")
    for ends in (True, False):
        words = "commit" if ends else "abort"
        topic, other, group = await talk.topic(2), await talk.topic(2), await talk.group()
        each = await ready_producer(talk)
        await voice.ask(commit(group, topic_row(topic, bytes(16), {1: 1})), 9, words)
        await commit_in(
            each,
            group,
            offsets_row(topic, bytes(16), {0: 5}),
            offsets_row(other, bytes(16), {0: 6}),
            version=5,
            note=words,
        )
        await voice.ask(DeleteTopicsRequest(topic_names=(topic,), timeout_ms=5000), 5, words)

        async def is_gone(topic: str = topic, group: str = group) -> bool:
            answer = await voice.whisper(OffsetFetchRequest(group_id=group, topics=None), 5, OffsetFetchResponse)
            return topic not in [row.name for row in answer.topics]

        await talk.until(is_gone, "end of the offsets")
        await _look(voice, group, topic, f"{words}, deleted", 7)
        await _look(voice, group, other, f"{words}, the other", 7)
        await each.finish(words, commit=ends)
        await until_stable(talk, group)
        await _look(voice, group, topic, f"{words}, ended", 7)
        await _look(voice, group, other, f"{words}, the other, ended", 7)
