"""Groups, members, protocols, assignments, topics and partitions that stand twice in a request to a coordinator."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.member import ERAS, LATEST, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic
from kafkalite_wire.messages.sync_group import SyncGroupRequestAssignment


@conversation
async def assignments_twice(talk: Talk) -> None:
    """A leader that assigns twice to a member; the last one counts, or the first."""
    for era in ERAS:
        leader, follower = await stable_pair(talk, era)
        await follower.start_join(protocols=(("range", b"changed"),))
        await leader.join()
        await follower.joined()
        rows = [(leader, b"one"), (follower, b"two"), (leader, b"three"), (follower, b"four")]
        shares = tuple(SyncGroupRequestAssignment(member_id=who.member_id, assignment=what) for who, what in rows)
        await leader.sync(note="twice", assignments=shares)
        await follower.sync(note="twice")


@conversation
async def members_leave_twice(talk: Talk) -> None:
    """The same member twice in LeaveGroup, by its id and, when it is static, by its instance id."""
    for version in (3, 4, 5):
        leader, follower = await stable_pair(talk, LATEST)
        identity = MemberIdentity(member_id=follower.member_id)
        voice = await talk.voice("administrator")
        await voice.ask(LeaveGroupRequest(group_id=leader.group, members=(identity, identity)), version, "by id")
        await leader.heartbeat("by id")
        leader, follower = await stable_pair(talk, LATEST, static=True)
        named = MemberIdentity(member_id="", group_instance_id=follower.instance_id)
        both = MemberIdentity(member_id=follower.member_id, group_instance_id=follower.instance_id)
        request = LeaveGroupRequest(group_id=leader.group, members=(named, both, named))
        await voice.ask(request, version, "by instance id")
        await leader.heartbeat("by instance id")


@conversation
async def offsets_twice(talk: Talk) -> None:
    """OffsetCommit, OffsetFetch and OffsetDelete with a topic and a partition twice."""
    topic, other = await talk.topic(2), await talk.topic()
    voice = await talk.voice()

    def committing(name: str, *offsets: tuple[int, int]) -> OffsetCommitRequestTopic:
        partitions = tuple(
            OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata="")
            for index, offset in offsets
        )
        return OffsetCommitRequestTopic(name=name, partitions=partitions)

    def deleting(name: str, *indexes: int) -> OffsetDeleteRequestTopic:
        partitions = tuple(OffsetDeleteRequestPartition(partition_index=index) for index in indexes)
        return OffsetDeleteRequestTopic(name=name, partitions=partitions)

    rows = tuple(OffsetFetchRequestTopic(name=name, partition_indexes=(0, 1)) for name in (topic, other))
    for version in (2, 5, 8, 9):
        for note, topics in (
            ("a partition", (committing(topic, (0, 1), (0, 2)),)),
            ("a topic", (committing(topic, (0, 3)), committing(other, (0, 1)), committing(topic, (1, 4)))),
            ("a partition in two topics", (committing(topic, (0, 5)), committing(topic, (0, 6)))),
            ("unknown", (committing(topic, (7, 1), (7, 2)), committing("x" + topic, (0, 1), (0, 1)))),
            ("unknown topic", (committing("x" + topic, (0, 1)), committing("x" + topic, (1, 1)))),
            (
                "unknown beside known",
                (committing("x" + topic, (0, 1)), committing(topic, (0, 7), (7, 1)), committing("x" + topic, (1, 1))),
            ),
            (
                "known and unknown in turn",
                (committing(topic, (7, 1)), committing(topic, (0, 8)), committing(topic, (8, 1))),
            ),
        ):
            group = await talk.group()
            request = OffsetCommitRequest(group_id=group, member_id="", topics=topics)
            await voice.ask(request, version, note)
            await voice.ask(OffsetFetchRequest(group_id=group, topics=rows), 5, f"after {note}")
            await voice.ask(OffsetFetchRequest(group_id=group, topics=rows * 2), 5, f"topics twice after {note}")
    for note, removed in (
        ("a partition", (deleting(topic, 0, 0),)),
        ("a topic", (deleting(topic, 0), deleting(other, 0), deleting(topic, 1))),
        ("a partition in two topics", (deleting(topic, 0), deleting(topic, 0))),
        ("unknown", (deleting(topic, 7, 7), deleting("x" + topic, 0, 0), deleting(topic, 0))),
        ("unknown topic", (deleting("x" + topic, 0), deleting("x" + topic, 1))),
        ("known and unknown in turn", (deleting(topic, 7), deleting(topic, 0), deleting(topic, 8))),
    ):
        group = await talk.group()
        offsets = (committing(topic, (0, 1), (1, 2)), committing(other, (0, 3)))
        await voice.ask(OffsetCommitRequest(group_id=group, member_id="", topics=offsets), 8)
        await voice.ask(OffsetDeleteRequest(group_id=group, topics=removed), 0, note)
        await voice.ask(OffsetFetchRequest(group_id=group, topics=rows), 5, f"after {note}")


@conversation
async def coordinators_twice_and_their_messages(talk: Talk) -> None:
    """A key twice, no key, an empty one, of every type; with the messages, word for word."""
    voice = await talk.voice()
    group = await talk.group()
    for key_type in (0, 1, 3, -1):
        for keys in ((group, group), (), ("",), (group, "")):
            for version in (4, 5, 6):
                request = FindCoordinatorRequest(key_type=key_type, coordinator_keys=keys)
                await voice.ask(request, version, f"type {key_type}, {len(keys)} keys")
    for version in range(7):
        for key_type in (0,) if version < 1 else (0, 3, -1):
            request = FindCoordinatorRequest(key=group, key_type=key_type, coordinator_keys=(group,))
            answer = await voice.whisper(request, version, FindCoordinatorResponse)
            messages = [answer.error_message, *(each.error_message for each in answer.coordinators)]
            talk.write(f"messages of version {version}, type {key_type}", messages)
