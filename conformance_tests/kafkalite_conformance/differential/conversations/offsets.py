"""ListOffsets and OffsetForLeaderEpoch."""

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)


@conversation
async def offsets_are_looked_up(talk: Talk) -> None:
    """By time, by the special times, in every version; for partitions that are empty or not there."""
    topic = await talk.topic(2)
    voice = await talk.voice()
    for timestamp in (1000, 3000, 2000, 3000):
        await voice.ask(produce(topic, batch(b"x", b"y", timestamp=timestamp)), 9)
    for version in range(1, 12):
        for timestamp in (-1, -2, -3, -4, -5, -6, -7, -100, 0, 999, 1000, 1001, 2000, 3000, 3001, 2**63 - 1):
            rows = tuple(
                ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=epoch)
                for index, epoch in ((0, -1), (1, -1), (8, -1), (-1, -1), (0, 0), (0, 4))
            )
            topics = (ListOffsetsTopic(name=topic, partitions=rows),)
            for isolation in (0, 1) if version >= 2 and timestamp < 0 else (0,):
                request = ListOffsetsRequest(replica_id=-1, topics=topics, timeout_ms=2000, isolation_level=isolation)
                await voice.ask(request, version, f"{timestamp}, isolation {isolation}")
        one = (ListOffsetsPartition(partition_index=0, timestamp=-1),)
        for name in (talk.name(), "", "a b"):
            request = ListOffsetsRequest(
                replica_id=-1, topics=(ListOffsetsTopic(name=name, partitions=one),), timeout_ms=2000
            )
            await voice.ask(request, version, "an unknown topic" if name.startswith("d") else repr(name))
        twice = (ListOffsetsTopic(name=topic, partitions=one * 2),)
        await voice.ask(ListOffsetsRequest(replica_id=-1, topics=twice, timeout_ms=2000), version, "twice")
        await voice.ask(ListOffsetsRequest(replica_id=-1, topics=twice * 2, timeout_ms=2000), version, "a topic twice")
        await voice.ask(ListOffsetsRequest(replica_id=-1, topics=(), timeout_ms=2000), version, "nothing")
        await voice.ask(ListOffsetsRequest(replica_id=-2, topics=twice, timeout_ms=2000), version, "as a debugger")


@conversation
async def ends_of_epochs(talk: Talk) -> None:
    """Where a leader epoch ended."""
    topic = await talk.topic(2)
    voice = await talk.voice()
    await voice.ask(produce(topic, batch(b"x", b"y", timestamp=talk.now_ms)), 9)
    for version in (2, 3, 4):
        for name in (topic, talk.name(), "", "a b"):
            rows = tuple(
                OffsetForLeaderPartition(partition=index, current_leader_epoch=current, leader_epoch=epoch)
                for index, current, epoch in (
                    (0, -1, 0),
                    (0, 0, 0),
                    (0, 0, 5),
                    (0, 3, 0),
                    (9, 0, 0),
                    (1, -1, 0),
                    (0, -1, -1),
                    (-1, -1, 0),
                    (0, -2, -2),
                )
            )
            request = OffsetForLeaderEpochRequest(
                replica_id=-1, topics=(OffsetForLeaderTopic(topic=name, partitions=rows),)
            )
            await voice.ask(
                request, version, "unknown" if name.startswith("d") and name != topic else repr(name == topic)
            )
        await voice.ask(OffsetForLeaderEpochRequest(replica_id=-1, topics=()), version, "nothing")


@conversation
async def partitions_that_are_named_twice(talk: Talk) -> None:
    """In OffsetForLeaderEpoch and DeleteRecords, in one topic and in two."""
    topic = await talk.topic(2)
    voice = await talk.voice()
    for _ in range(3):
        await voice.ask(produce(topic, batch(b"x", b"y", timestamp=talk.now_ms)), 9)
    zero, one = (OffsetForLeaderPartition(partition=index, current_leader_epoch=-1, leader_epoch=0) for index in (0, 1))
    for note, rows in (("a partition", ((zero, zero, one),)), ("a topic", ((zero, one), (zero,)))):
        topics = tuple(OffsetForLeaderTopic(topic=topic, partitions=partitions) for partitions in rows)
        await voice.ask(OffsetForLeaderEpochRequest(replica_id=-1, topics=topics), 4, f"{note} twice")
    for note, offsets in (
        ("a partition", (((0, 1), (0, 2), (1, 0)),)),
        ("a partition, the smaller one last", (((0, 4), (0, 3)),)),
        ("a partition, the last one bad", (((0, 5), (0, 99)),)),
        ("a topic", (((0, 5),), ((1, 0), (0, 6)))),
        ("unknown", (((7, 0), (7, 1)),)),
    ):
        topics_to_shorten = tuple(
            DeleteRecordsTopic(
                name=topic,
                partitions=tuple(
                    DeleteRecordsPartition(partition_index=index, offset=offset) for index, offset in partitions
                ),
            )
            for partitions in offsets
        )
        await voice.ask(DeleteRecordsRequest(topics=topics_to_shorten, timeout_ms=5000), 2, f"{note} twice")
        lookup = ListOffsetsPartition(partition_index=0, timestamp=-2)
        earliest = ListOffsetsTopic(name=topic, partitions=(lookup,))
        await voice.ask(ListOffsetsRequest(replica_id=-1, topics=(earliest,)), 7, "earliest")


@conversation
async def times_after_records_were_deleted(talk: Talk) -> None:
    """The records are in several segments, some of which are deleted as a whole and one in part."""
    topic = await talk.topic(1, segment_bytes="1048576")
    voice = await talk.voice()
    for number in range(6):
        await voice.ask(produce(topic, batch(bytes(400_000), timestamp=1000 * (number + 1))), 9)
    for offset in (1, 2, 3, 5, 6):
        shortened = DeleteRecordsPartition(partition_index=0, offset=offset)
        topics = (DeleteRecordsTopic(name=topic, partitions=(shortened,)),)
        await voice.ask(DeleteRecordsRequest(topics=topics, timeout_ms=5000), 2, f"up to {offset}")
        for timestamp in (-3, -2, 0, 1000, 1001, 2500, 3000, 4500, 6000, 6001):
            row = ListOffsetsPartition(partition_index=0, timestamp=timestamp)
            request = ListOffsetsRequest(
                replica_id=-1, topics=(ListOffsetsTopic(name=topic, partitions=(row,)),), timeout_ms=2000
            )
            await voice.ask(request, 7, f"{timestamp}, after {offset}")
