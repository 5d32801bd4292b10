"""DescribeTopicPartitions, ElectLeaders, reassignments and moves between directories."""

from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from kafkalite_wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from kafkalite_wire.messages.describe_log_dirs import (
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from kafkalite_wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)
from kafkalite_wire.messages.elect_leaders import ElectLeadersRequest, ElectLeadersResponse, TopicPartitions
from kafkalite_wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsTopics,
)


@conversation
async def partitions_are_described(talk: Talk) -> None:
    """Page by page; with cursors that no page has told."""
    first, second, missing, third = await talk.topic(3), await talk.topic(1), talk.name(), await talk.topic(2)
    await talk.group()  # creates the topic of offsets
    voice = await talk.voice()

    def of(*names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> DescribeTopicPartitionsRequest:
        return DescribeTopicPartitionsRequest(
            topics=tuple(TopicRequest(name=name) for name in names),
            response_partition_limit=limit,
            cursor=None if cursor is None else Cursor(topic_name=cursor[0], partition_index=cursor[1]),
        )

    for note, request in (
        ("one", of(first)),
        ("all of ours", of(third, first, second)),
        ("twice", of(first, first)),
        ("unknown", of(missing)),
        ("known and unknown", of(missing, second)),
        ("bad name", of("a b")),
        ("empty name", of("")),
        ("too long", of("x" * 250)),
        ("internal", of("__consumer_offsets")),
        ("the metadata log", of("__cluster_metadata")),
        ("no room", of(first, limit=0)),
        ("less than no room", of(first, limit=-1)),
        ("exactly", of(first, limit=3)),
        ("a limit between topics", of(first, second, third, limit=3)),
        ("a limit within a topic", of(first, second, third, limit=5)),
        ("a limit before an unknown topic", of(second, missing, limit=1)),
        ("a cursor", of(first, second, cursor=(first, 1))),
        ("a cursor at another topic", of(first, second, third, cursor=(second, 0))),
        ("a cursor at an unknown topic", of(missing, third, cursor=(missing, 0))),
        ("a cursor at a topic that is not asked for", of(first, third, cursor=(second, 0))),
        ("a cursor behind all", of(first, cursor=("zzz", 0))),
        ("a cursor before all", of(first, cursor=("", 0))),
        ("a negative cursor", of(first, cursor=(first, -1))),
        ("a cursor behind the last partition", of(first, second, cursor=(first, 3))),
        ("a cursor far behind", of(first, second, cursor=(first, 1000))),
        ("a negative cursor over all", of(cursor=(first, -1))),
    ):
        await voice.ask(request, 0, note)
    cursor: Cursor | None = Cursor(topic_name=first, partition_index=0)
    for page in range(9):
        request = DescribeTopicPartitionsRequest(
            topics=tuple(TopicRequest(name=name) for name in (third, second, first)),
            response_partition_limit=2,
            cursor=cursor,
        )
        answer = await voice.answer(request, 0, DescribeTopicPartitionsResponse, f"page {page}")
        cursor = answer.next_cursor
        if cursor is None:
            break


@conversation
async def leaders_are_elected(talk: Talk) -> None:
    """Where they lead already, and where there is nothing to lead."""
    topic, missing = await talk.topic(2), talk.name()
    voice = await talk.voice()
    for version in range(3):
        for kind in (0, 1, 2, -1) if version else (0,):
            for note, rows in (
                ("a partition", ((topic, (0,)),)),
                ("all of them", ((topic, (0, 1)),)),
                ("an unknown partition", ((topic, (0, 7, -1)),)),
                ("an unknown topic", ((missing, (0,)),)),
                ("a bad name", (("a b", (0,)),)),
                ("twice", ((topic, (0, 0)), (topic, (0,)))),
                ("no partitions", ((topic, ()),)),
                ("nothing", ()),
            ):
                partitions = tuple(TopicPartitions(topic=name, partitions=indexes) for name, indexes in rows)
                request = ElectLeadersRequest(election_type=kind, topic_partitions=partitions, timeout_ms=5000)
                await voice.ask(request, version, f"type {kind}, {note}")
            everything = ElectLeadersRequest(election_type=kind, topic_partitions=None, timeout_ms=5000)
            answer = await voice.whisper(everything, version, ElectLeadersResponse)
            # Both brokers have topics of other conversations.
            ours = tuple(result for result in answer.replica_election_results if result.topic == topic)
            talk.write_answer(f"v{version}, type {kind}, everything", replace(answer, replica_election_results=ours))


@conversation
async def replicas_are_reassigned(talk: Talk) -> None:
    """To where they are, to brokers that there are not, and never for long."""
    topic, missing = await talk.topic(2), talk.name()
    voice = await talk.voice()
    for version in range(2):
        for note, name, index, replicas in (
            ("where it is", topic, 0, (1,)),
            ("cancelled", topic, 0, None),
            ("to nobody", topic, 0, ()),
            ("to a stranger", topic, 0, (9,)),
            ("to a stranger too", topic, 0, (1, 9)),
            ("twice to one", topic, 0, (1, 1)),
            ("negative", topic, 0, (-1,)),
            ("an unknown partition", topic, 7, (1,)),
            ("a negative partition", topic, -1, (1,)),
            ("an unknown topic", missing, 0, (1,)),
            ("an unknown topic, cancelled", missing, 0, None),
            ("a bad name", "a b", 0, (1,)),
        ):
            row = ReassignablePartition(partition_index=index, replicas=replicas)
            topics = (ReassignableTopic(name=name, partitions=(row,)),)
            await voice.ask(AlterPartitionReassignmentsRequest(topics=topics, timeout_ms=5000), version, note)
            if version:
                fixed = AlterPartitionReassignmentsRequest(
                    topics=topics, timeout_ms=5000, allow_replication_factor_change=False
                )
                await voice.ask(fixed, version, f"{note}, as many")
        here = ReassignablePartition(partition_index=0, replicas=(1,))
        there = ReassignablePartition(partition_index=1, replicas=(9,))
        both = ReassignableTopic(name=topic, partitions=(here, there))
        for note, rows in (
            ("both", (both,)),
            ("a topic twice", (both, both)),
            ("a partition twice", (ReassignableTopic(name=topic, partitions=(here, here)),)),
            ("no partitions", (ReassignableTopic(name=topic, partitions=()),)),
            ("nothing", ()),
        ):
            await voice.ask(AlterPartitionReassignmentsRequest(topics=rows, timeout_ms=5000), version, note)
    for note, wanted in (
        ("ours", ((topic, (0, 1)),)),
        ("an unknown partition", ((topic, (7, -1)),)),
        ("an unknown topic", ((missing, (0,)),)),
        ("a bad name", (("a b", (0,)),)),
        ("nothing", ()),
    ):
        asked = tuple(
            ListPartitionReassignmentsTopics(name=name, partition_indexes=indexes) for name, indexes in wanted
        )
        await voice.ask(ListPartitionReassignmentsRequest(topics=asked, timeout_ms=5000), 0, note)
    await voice.ask(ListPartitionReassignmentsRequest(topics=None, timeout_ms=5000), 0, "all")


@conversation
async def replicas_change_directories(talk: Talk) -> None:
    """To the one that they are in, and to others."""
    topic, missing = await talk.topic(2), talk.name()
    voice = await talk.voice()
    told = await voice.whisper(DescribeLogDirsRequest(topics=()), 4, DescribeLogDirsResponse)
    here = told.results[0].log_dir
    for version in (1, 2):
        for note, path, rows in (
            ("here", here, ((topic, (0, 1)),)),
            ("here, with a slash", f"{here}/", ((topic, (0,)),)),
            ("elsewhere", "/no/such/directory", ((topic, (0, 1)),)),
            ("nowhere", "", ((topic, (0,)),)),
            ("an unknown partition", here, ((topic, (0, 7, -1)),)),
            ("an unknown topic", here, ((missing, (0,)),)),
            ("an unknown topic elsewhere", "/no/such/directory", ((missing, (0,)),)),
            ("a bad name", here, (("a b", (0,)),)),
            ("a long name", here, (("x" * 249, (0,)),)),
            ("twice", here, ((topic, (0, 0)), (topic, (0,)))),
            ("no partitions", here, ((topic, ()),)),
        ):
            topics = tuple(AlterReplicaLogDirTopic(name=name, partitions=indexes) for name, indexes in rows)
            await voice.ask(
                AlterReplicaLogDirsRequest(dirs=(AlterReplicaLogDir(path=path, topics=topics),)), version, note
            )
        to = AlterReplicaLogDirTopic(name=topic, partitions=(0,))
        for note, paths in (
            ("here and elsewhere", (here, "/no")),
            ("elsewhere and here", ("/no", here)),
            ("nothing", ()),
        ):
            dirs = tuple(AlterReplicaLogDir(path=path, topics=(to,)) for path in paths)
            await voice.ask(AlterReplicaLogDirsRequest(dirs=dirs), version, note)
