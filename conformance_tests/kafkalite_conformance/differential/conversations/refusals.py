"""Errors that the other conversations do not come to: of records, configurations, offsets and groups."""

from collections.abc import Iterator
from dataclasses import replace

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.connection import api_of
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.commits import commit, topic_row
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.member import LATEST, stable_pair
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.alter_configs import AlterableConfig, AlterConfigsRequest, AlterConfigsResource
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.incremental_alter_configs import AlterableConfig as ConfigChange
from kafkalite_wire.messages.incremental_alter_configs import AlterConfigsResource as ChangedResource
from kafkalite_wire.messages.incremental_alter_configs import IncrementalAlterConfigsRequest
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite_wire.schema import declaration_of

_TOPIC, _BROKER = 2, 4
_SET = 0
_UNKNOWN_ID = b"0123456789abcdef"
_BY_ID = 13


def versions_of(request: object) -> list[int]:
    """Return the versions in which a request can be sent."""
    api = api_of(request)
    served = declaration_of(type(request)).versions
    return [version for version in range(api.min_version, api.max_version + 1) if version in served]


def forget(group: str, topic: str, *partitions: int) -> OffsetDeleteRequest:
    """Return a request to delete offsets of a group."""
    rows = tuple(OffsetDeleteRequestPartition(partition_index=index) for index in partitions)
    return OffsetDeleteRequest(group_id=group, topics=(OffsetDeleteRequestTopic(name=topic, partitions=rows),))


def shorten(topic: str, offsets: dict[int, int]) -> DeleteRecordsRequest:
    """Return a request to delete the records before offsets."""
    rows = tuple(DeleteRecordsPartition(partition_index=index, offset=offset) for index, offset in offsets.items())
    return DeleteRecordsRequest(topics=(DeleteRecordsTopic(name=topic, partitions=rows),), timeout_ms=2000)


def settings(kind: int, name: str, key: str, value: str | None) -> Iterator[object]:
    """Return both requests that change one setting of a resource."""
    changed = AlterConfigsResource(
        resource_type=kind, resource_name=name, configs=(AlterableConfig(name=key, value=value),)
    )
    yield AlterConfigsRequest(resources=(changed,), validate_only=True)
    change = ConfigChange(name=key, config_operation=_SET, value=value)
    resource = ChangedResource(resource_type=kind, resource_name=name, configs=(change,))
    yield IncrementalAlterConfigsRequest(resources=(resource,), validate_only=True)


@conversation
async def batches_that_are_refused(talk: Talk) -> None:
    """Each for one reason, in every version."""
    waiting = await talk.topic(min_insync_replicas="2")
    small = await talk.topic(max_message_bytes="200")
    compacted = await talk.topic(cleanup_policy="compact")
    topic = await talk.topic()
    ids = {name: await talk.topic_id(name) for name in (waiting, small, compacted, topic)}
    data = batch(b"x" * 200, timestamp=talk.now_ms)
    late = batch(b"x", timestamp=talk.now_ms, producer_id=3000, producer_epoch=2, base_sequence=5)
    early = batch(b"x", timestamp=talk.now_ms, producer_id=3000, producer_epoch=1, base_sequence=0)
    first = batch(b"x", timestamp=talk.now_ms, producer_id=3000, producer_epoch=2, base_sequence=0)
    voice = await talk.voice()
    await voice.ask(produce(topic, first), 9)
    for version in versions_of(produce(topic, data)):
        for note, name, records in (
            ("too few replicas", waiting, data),
            ("too large", small, data),
            ("without a key", compacted, data),
            ("out of order", topic, late),
            ("an older epoch", topic, early),
            ("torn", topic, data[:-3]),
        ):
            await voice.ask(produce(name, records, topic_id=ids[name]), version, note)
        await voice.ask(produce(topic, data, topic_id=ids[topic], acks=7), version, "acks 7")


@conversation
async def fetches_that_are_refused(talk: Talk) -> None:
    """Partitions and sessions, in every version."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for version in versions_of(fetch(topic)):
        await voice.ask(fetch(topic, row(0, 5), row(1, -7), topic_id=topic_id), version, "out of range")
        await voice.ask(fetch(topic, row(0, epoch=9), topic_id=topic_id), version, "an epoch to come")
        unknown = fetch(talk.name(), row(0), row(1), topic_id=_UNKNOWN_ID)
        await voice.ask(unknown, version, "an unknown topic")
        await voice.ask(replace(unknown, session_epoch=0), version, "an unknown topic, in a session")
        if version >= 7:
            stale = replace(fetch(topic, topic_id=topic_id), session_id=77, session_epoch=3)
            await voice.ask(stale, version, "no such session")


@conversation
async def records_are_deleted(talk: Talk) -> None:
    """Of partitions that are not there, beyond their ends, and where nothing may be deleted."""
    topic, compacted = await talk.topic(2), await talk.topic(cleanup_policy="compact")
    voice = await talk.voice()
    await voice.ask(produce(topic, batch(b"a", b"b", timestamp=talk.now_ms)), 9)
    for version in range(3):
        for note, request in (
            ("beyond", shorten(topic, {0: 99, 1: 1})),
            ("negative", shorten(topic, {0: -7})),
            ("unknown partition", shorten(topic, {9: 0, -1: 0})),
            ("unknown topic", shorten(talk.name(), {0: 0})),
            ("bad name", shorten("a b", {0: 0})),
            ("compacted", shorten(compacted, {0: 0})),
            ("known and unknown", shorten(topic, {0: 1, 9: 0})),
        ):
            await voice.ask(request, version, note)
        await voice.ask(DeleteRecordsRequest(topics=(), timeout_ms=1000), version, "nothing")


@conversation
async def settings_that_are_refused(talk: Talk) -> None:
    """Values and names that mean nothing, of topics that are there and are not."""
    topic, missing = await talk.topic(), talk.name()
    voice = await talk.voice()
    for note, kind, name, key, value in (
        ("good", _TOPIC, topic, "retention.ms", "1000"),
        ("bad number", _TOPIC, topic, "retention.ms", "soon"),
        ("unknown", _TOPIC, topic, "no.such", "1"),
        ("null", _TOPIC, topic, "retention.ms", None),
        ("unknown topic", _TOPIC, missing, "retention.ms", "1000"),
        ("bad name", _TOPIC, "a b", "retention.ms", "1000"),
        ("another broker", _BROKER, "77", "log.retention.ms", "1000"),
        ("no broker", _BROKER, "x", "log.retention.ms", "1000"),
        ("read only", _BROKER, "1", "log.dirs", "/"),
    ):
        for request in settings(kind, name, key, value):
            for version in versions_of(request):
                await voice.ask(request, version, note)


@conversation
async def offsets_are_deleted(talk: Talk) -> None:
    """Of groups that are there and are not, and that subscribe to the topic."""
    topic, missing = await talk.topic(2), talk.name()
    leader, _ = await stable_pair(talk, LATEST)
    keeper = await talk.group()
    voice = await talk.voice()
    await voice.ask(commit(keeper, topic_row(topic, bytes(16), {0: 1, 1: 2})), 9)
    for note, request in (
        ("unknown group", forget(keeper + "x", topic, 0)),
        ("no name", forget("", topic, 0)),
        ("unknown topic", forget(keeper, missing, 0, 1)),
        ("unknown partition", forget(keeper, topic, 0, 9)),
        ("of a group with members", forget(leader.group, topic, 0)),
        ("a known one", forget(keeper, topic, 1)),
    ):
        await voice.ask(request, 0, note)


@conversation
async def offsets_that_are_not_told(talk: Talk) -> None:
    """One reason at a time."""
    topic = await talk.topic()
    voice = await talk.voice()

    def asked(name: str, partition: int = 0, epoch: int = -1) -> ListOffsetsRequest:
        rows = (ListOffsetsPartition(partition_index=partition, timestamp=-1, current_leader_epoch=epoch),)
        return ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=name, partitions=rows),))

    for version in versions_of(asked(topic)):
        await voice.ask(asked(talk.name()), version, "unknown topic")
        await voice.ask(asked(topic, 9), version, "unknown partition")
        await voice.ask(asked(topic, epoch=9), version, "an epoch to come")
    for note, name, partition, epoch in (
        ("unknown topic", talk.name(), 0, -1),
        ("unknown partition", topic, 9, -1),
        ("an epoch to come", topic, 0, 9),
    ):
        end = OffsetForLeaderPartition(partition=partition, current_leader_epoch=epoch, leader_epoch=0)
        wanted = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=(OffsetForLeaderTopic(topic=name, partitions=(end,)),)
        )
        for version in range(2, 5):
            await voice.ask(wanted, version, note)


@conversation
async def several_at_once(talk: Talk) -> None:
    """One that is there and one that is not, in requests of administrators."""
    topic, missing, group = await talk.topic(), talk.name(), await talk.group()
    there = CreatableTopic(name=topic, num_partitions=1, replication_factor=1)
    voice = await talk.voice()
    for version in range(2, 8):
        topics = (there, replace(there, name="a b"))
        await voice.ask(CreateTopicsRequest(topics=topics, validate_only=True), version, "there and bad")
    for version in range(1, 6):
        request = DeleteTopicsRequest(topic_names=(missing, "a b"), timeout_ms=2000)
        await voice.ask(request, version, "missing and bad")
    for version in range(3):
        await voice.ask(DeleteGroupsRequest(groups_names=(group + "x", group + "y")), version, "two that are not there")
