"""Share groups (KIP-932): heartbeats, sessions, acknowledgements, and offsets."""

from dataclasses import replace

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.group_configs import configure_group
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.alter_share_group_offsets import (
    AlterShareGroupOffsetsRequest,
    AlterShareGroupOffsetsRequestPartition,
    AlterShareGroupOffsetsRequestTopic,
)
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_share_group_offsets import (
    DeleteShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsRequestTopic,
)
from kafkalite_wire.messages.describe_share_group_offsets import (
    DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsRequestGroup,
    DescribeShareGroupOffsetsRequestTopic,
)
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.share_acknowledge import (
    AcknowledgementBatch,
    AcknowledgePartition,
    AcknowledgeTopic,
    ShareAcknowledgeRequest,
)
from kafkalite_wire.messages.share_fetch import (
    AcknowledgementBatch as PiggybackedBatch,
)
from kafkalite_wire.messages.share_fetch import (
    FetchPartition,
    FetchTopic,
    ShareFetchRequest,
)
from kafkalite_wire.messages.share_group_describe import ShareGroupDescribeRequest
from kafkalite_wire.messages.share_group_heartbeat import ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse

_MEMBER, _OTHER = "AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"
_UNKNOWN_ID = b"0123456789abcdef"
_ACCEPT, _RELEASE, _REJECT, _RENEW = 1, 2, 3, 4


def beating(group: str, member: str, epoch: int, topics: tuple[str, ...] | None = None) -> ShareGroupHeartbeatRequest:
    """Return a heartbeat."""
    return ShareGroupHeartbeatRequest(
        group_id=group, member_id=member, member_epoch=epoch, subscribed_topic_names=topics
    )


async def joined(talk: Talk, voice: Voice, group: str, member: str, topic: str) -> int:
    """Join, and return the epoch once the member has partitions: Kafka assigns them a moment later."""
    epoch = 0

    async def has_partitions() -> bool:
        nonlocal epoch
        answer = await voice.whisper(beating(group, member, 0, (topic,)), 1, ShareGroupHeartbeatResponse)
        epoch = answer.member_epoch
        return answer.assignment is not None and bool(answer.assignment.topic_partitions)

    await talk.until(has_partitions, f"partitions of {member}")
    return epoch


async def from_the_start(talk: Talk) -> str:
    """Return the id of a group that begins at the first record, and is assigned without delay."""
    group = await talk.group()
    await configure_group(talk, group, {"share.auto.offset.reset": "earliest", "share.assignment.interval.ms": "0"})
    return group


def fetching(
    group: str,
    member: str,
    epoch: int,
    topic_id: bytes,
    *batches: PiggybackedBatch,
    partition: int = 0,
    most: int = 100,
    mode: int = 0,
    wait_ms: int = 2000,
) -> ShareFetchRequest:
    """Return a ShareFetch for one partition."""
    row = FetchPartition(partition_index=partition, acknowledgement_batches=batches)
    return ShareFetchRequest(
        group_id=group,
        member_id=member,
        share_session_epoch=epoch,
        max_wait_ms=wait_ms,
        min_bytes=1,
        max_records=most,
        batch_size=most,
        share_acquire_mode=mode,
        topics=(FetchTopic(topic_id=topic_id, partitions=(row,)),),
        forgotten_topics_data=(),
    )


def acknowledging(
    group: str, member: str, epoch: int, topic_id: bytes, first: int, last: int, *types: int, renews: bool = False
) -> ShareAcknowledgeRequest:
    """Return a ShareAcknowledge for one range."""
    said = AcknowledgementBatch(first_offset=first, last_offset=last, acknowledge_types=types)
    row = AcknowledgePartition(partition_index=0, acknowledgement_batches=(said,))
    return ShareAcknowledgeRequest(
        group_id=group,
        member_id=member,
        share_session_epoch=epoch,
        is_renew_ack=renews,
        topics=(AcknowledgeTopic(topic_id=topic_id, partitions=(row,)),),
    )


@conversation
async def odd_heartbeats(talk: Talk) -> None:
    """What is missing, of wrong epochs, and of unknown members."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    epoch = await joined(talk, voice, group, _MEMBER, topic)
    for note, request in (
        ("nothing new", beating(group, _MEMBER, epoch)),
        ("no group", beating("", _OTHER, 0, (topic,))),
        ("no member", beating(group, "", 0, (topic,))),
        ("no subscription", beating(group, _OTHER, 0)),
        ("an empty subscription", beating(group, _OTHER, 0, ())),
        ("epoch -2", beating(group, _OTHER, -2)),
        ("an unknown member", beating(group, _OTHER, 1)),
        ("an unknown member leaves", beating(group, _OTHER, -1)),
        ("an unknown group", beating(f"x{group}", _MEMBER, 1)),
        ("an unknown group is left", beating(f"x{group}", _MEMBER, -1)),
        ("a future epoch", beating(group, _MEMBER, epoch + 1)),
    ):
        await voice.ask(request, 1, note)
    describe = ShareGroupDescribeRequest(group_ids=(group,), include_authorized_operations=False)
    await voice.ask(describe, 1, "with a member")
    await voice.ask(replace(describe, group_ids=(f"x{group}",)), 1, "an unknown group")
    await voice.ask(replace(describe, group_ids=("",)), 1, "no group")
    await voice.ask(ListGroupsRequest(types_filter=("share",)), 5)
    await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "with a member")
    await voice.ask(beating(group, _MEMBER, -1), 1, "leaves")
    await voice.ask(describe, 1, "empty")
    await voice.ask(DeleteGroupsRequest(groups_names=(group,)), 2, "empty")
    await voice.ask(describe, 1, "deleted")


@conversation
async def records_are_acknowledged(talk: Talk) -> None:
    """Each type, by ShareAcknowledge and with the next fetch; records come again, or do not."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    topic_id = await talk.topic_id(topic)
    for number in range(3):
        await voice.ask(produce(topic, batch(b"a%d" % number, b"b", timestamp=talk.now_ms)), 9)
    await joined(talk, voice, group, _MEMBER, topic)
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "all")
    await voice.ask(acknowledging(group, _MEMBER, 1, topic_id, 0, 0, _ACCEPT), 2, "accepted")
    await voice.ask(acknowledging(group, _MEMBER, 2, topic_id, 1, 2, _RELEASE), 2, "released")
    await voice.ask(acknowledging(group, _MEMBER, 3, topic_id, 3, 4, _REJECT, _RELEASE), 2, "rejected and released")
    await voice.ask(acknowledging(group, _MEMBER, 4, topic_id, 5, 5, _RENEW, renews=True), 2, "renewed")
    await voice.ask(acknowledging(group, _MEMBER, 5, topic_id, 5, 5, _RENEW), 2, "renewed without the flag")
    await voice.ask(fetching(group, _MEMBER, 6, topic_id), 2, "what was released")
    accepted = PiggybackedBatch(first_offset=1, last_offset=2, acknowledge_types=(_ACCEPT,))
    await voice.ask(fetching(group, _MEMBER, 7, topic_id, accepted, wait_ms=0), 2, "accepted with a fetch")
    await voice.ask(fetching(group, _MEMBER, 8, topic_id, accepted, wait_ms=0), 2, "accepted twice")
    offsets = DescribeShareGroupOffsetsRequest(
        groups=(DescribeShareGroupOffsetsRequestGroup(group_id=group, topics=None),)
    )
    await voice.ask(offsets, 1, "some are left")
    await voice.ask(fetching(group, _MEMBER, -1, topic_id), 2, "the end of the session")
    await voice.ask(fetching(group, _MEMBER, 9, topic_id), 2, "after the end")
    await voice.ask(fetching(group, _MEMBER, 0, topic_id, most=1, mode=1), 2, "again, one record")
    await voice.ask(fetching(group, _MEMBER, 1, topic_id, most=1), 2, "the rest of a batch")


@conversation
async def odd_acknowledgements(talk: Talk) -> None:
    """Of others' records, of none, of ranges and types that are none; sessions of wrong epochs."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    topic_id = await talk.topic_id(topic)
    await voice.ask(produce(topic, batch(b"a", b"b", b"c", timestamp=talk.now_ms)), 9)
    await joined(talk, voice, group, _MEMBER, topic)
    await voice.ask(acknowledging(group, _MEMBER, 1, topic_id, 0, 0, _ACCEPT), 2, "no session")
    await voice.ask(acknowledging(group, _MEMBER, 0, topic_id, 0, 0, _ACCEPT), 2, "epoch 0")
    await voice.ask(fetching(group, _MEMBER, 1, topic_id), 2, "no session")
    said = PiggybackedBatch(first_offset=0, last_offset=0, acknowledge_types=(_ACCEPT,))
    await voice.ask(fetching(group, _MEMBER, 0, topic_id, said), 2, "an acknowledgement with epoch 0")
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "all")
    await voice.ask(fetching(group, _MEMBER, 5, topic_id), 2, "a future epoch")
    epoch = 1
    for note, first, last, types in (
        ("behind the end", 0, 3, (_ACCEPT,)),
        ("far behind the end", 100, 100, (_ACCEPT,)),
        ("backwards", 2, 0, (_ACCEPT,)),
        ("negative", -1, 0, (_ACCEPT,)),
        ("too few types", 0, 2, (_ACCEPT, _ACCEPT)),
        ("no types", 0, 0, ()),
        ("an unknown type", 0, 0, (9,)),
        ("a negative type", 0, 0, (-1,)),
    ):
        await voice.ask(acknowledging(group, _MEMBER, epoch, topic_id, first, last, *types), 2, note)
        epoch += 1
    await voice.ask(acknowledging(group, _MEMBER, epoch, _UNKNOWN_ID, 0, 0, _ACCEPT), 2, "an unknown topic")
    other = await talk.voice("b")
    await other.ask(fetching(group, _OTHER, 0, topic_id, wait_ms=0), 2, "nothing is left")
    await other.ask(acknowledging(group, _OTHER, 1, topic_id, 0, 0, _ACCEPT), 2, "another's record")
    await other.ask(fetching(group, _OTHER, 2, _UNKNOWN_ID, wait_ms=0), 2, "an unknown topic")
    await other.ask(fetching(group, _OTHER, 0, topic_id, partition=7, wait_ms=0), 2, "an unknown partition")
    await other.ask(fetching("", _OTHER, 0, topic_id), 2, "no group")
    await other.ask(fetching(group, "", 0, topic_id), 2, "no member")


@conversation
async def offsets_of_share_groups(talk: Talk) -> None:
    """Described, set and deleted: of groups and topics that are there and are not."""
    topic, group, voice = await talk.topic(2), await from_the_start(talk), await talk.voice()
    await voice.ask(produce(topic, batch(b"a", b"b", b"c", timestamp=talk.now_ms)), 9)
    await joined(talk, voice, group, _MEMBER, topic)
    missing = talk.name()
    alteration = AlterShareGroupOffsetsRequest(
        group_id=group,
        topics=(
            AlterShareGroupOffsetsRequestTopic(
                topic_name=topic,
                partitions=tuple(
                    AlterShareGroupOffsetsRequestPartition(partition_index=index, start_offset=1) for index in (0, 9)
                ),
            ),
            AlterShareGroupOffsetsRequestTopic(
                topic_name=missing,
                partitions=(AlterShareGroupOffsetsRequestPartition(partition_index=0, start_offset=1),),
            ),
        ),
    )
    deletion = DeleteShareGroupOffsetsRequest(
        group_id=group,
        topics=tuple(DeleteShareGroupOffsetsRequestTopic(topic_name=name) for name in (topic, missing)),
    )

    async def describe(note: str) -> None:
        for version in (0, 1):
            for each, topics in (
                (group, None),
                (group, ((topic, 0),)),
                (group, ((missing, 0),)),
                (group, ()),
                (f"x{group}", None),
                (f"x{group}", ((topic, 0),)),
            ):
                named = (
                    None
                    if topics is None
                    else tuple(
                        DescribeShareGroupOffsetsRequestTopic(topic_name=name, partitions=(index,))
                        for name, index in topics
                    )
                )
                wanted = DescribeShareGroupOffsetsRequestGroup(group_id=each, topics=named)
                await voice.ask(DescribeShareGroupOffsetsRequest(groups=(wanted,)), version, f"{note}, {named}")

    await voice.ask(alteration, 0, "with a member")
    await voice.ask(deletion, 0, "with a member")
    await voice.ask(beating(group, _MEMBER, -1), 1, "leaves")
    await describe("before")
    await voice.ask(alteration, 0, "empty")
    await describe("set")
    await voice.ask(deletion, 0, "empty")
    await describe("deleted")
