"""A topic, partition or resource that stands twice in one request."""

from kafkalite_conformance.differential.batches import altered, batch
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages import alter_configs, incremental_alter_configs
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_log_dirs import (
    DescribableLogDirTopic,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

_UNKNOWN_ID = b"0123456789abcdef"
_TOPIC, _BROKER = 2, 4
_CHECKSUM = 17


@conversation
async def produced_to_twice(talk: Talk) -> None:
    """The last batch of a partition is appended, wherever it stands, and answered once."""
    topic, other, missing = await talk.topic(2), await talk.topic(), talk.name()
    ids = {topic: await talk.topic_id(topic), other: await talk.topic_id(other), missing: _UNKNOWN_ID}
    voice = await talk.voice()
    one, three = batch(b"a", timestamp=talk.now_ms), batch(b"b", b"c", b"d", timestamp=talk.now_ms)

    damaged = altered(one, _CHECKSUM, ">I", 7, checksum=False)

    def rows(name: str, *partitions: tuple[int, bytes]) -> TopicProduceData:
        data = tuple(PartitionProduceData(index=index, records=records) for index, records in partitions)
        return TopicProduceData(name=name, topic_id=ids[name], partition_data=data)

    for version in (3, 9, 12, 13):
        for note, topics in (
            ("a partition", (rows(topic, (0, one), (0, three)),)),
            ("a partition in two topics", (rows(topic, (0, one)), rows(other, (0, one)), rows(topic, (0, three)))),
            ("a topic", (rows(topic, (0, one)), rows(other, (0, one)), rows(topic, (1, three)))),
            ("good, then damaged", (rows(topic, (0, one), (0, damaged)),)),
            ("damaged, then good", (rows(topic, (0, damaged), (0, one)),)),
            ("unknown", (rows(missing, (0, one), (0, three)), rows(missing, (0, one)))),
            ("unknown partition", (rows(topic, (7, one), (7, three)),)),
            ("without partitions", (rows(topic), rows(missing), rows(other, (0, one)))),
        ):
            await voice.ask(ProduceRequest(acks=-1, timeout_ms=5000, topic_data=topics), version, note)
        refused = ProduceRequest(acks=2, timeout_ms=5000, topic_data=(rows(topic, (0, one), (0, one)),))
        await voice.ask(refused, version, "with unknown acks")


@conversation
async def created_and_deleted_twice(talk: Talk) -> None:
    """A topic in CreateTopics, CreatePartitions and DeleteTopics."""
    topic, other = await talk.topic(), await talk.topic()
    voice = await talk.voice()

    def wanted(*names: str) -> CreateTopicsRequest:
        return CreateTopicsRequest(
            topics=tuple(CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in names)
        )

    twin = talk.name()
    for note, names in (
        ("beside another", (twin, talk.name(), twin)),
        ("bad names", ("a b", "a b")),
        ("existing", (topic, topic)),
        ("of the metadata log", ("__cluster_metadata", "__cluster_metadata")),
    ):
        await voice.ask(wanted(*names), 7, note)
    for note, counts in (
        ("beside another", ((topic, 3), (other, 2), (topic, 4))),
        ("unknown", ((twin, 3), (twin, 3))),
    ):
        rows = tuple(CreatePartitionsTopic(name=name, count=count, assignments=None) for name, count in counts)
        await voice.ask(CreatePartitionsRequest(topics=rows, timeout_ms=5000, validate_only=True), 3, note)
    for note, states in (
        ("by name", ((twin, bytes(16)), (twin, bytes(16)))),
        ("by unknown id", ((None, _UNKNOWN_ID), (None, _UNKNOWN_ID))),
        ("by name and by id", ((topic, bytes(16)), (None, await talk.topic_id(topic)), (other, bytes(16)))),
    ):
        topics = tuple(DeleteTopicState(name=name, topic_id=topic_id) for name, topic_id in states)
        await voice.ask(DeleteTopicsRequest(topics=topics, timeout_ms=5000), 6, note)


@conversation
async def configured_twice(talk: Talk) -> None:
    """A resource, and a configuration of one."""
    topic, other = await talk.topic(), await talk.topic()
    voice = await talk.voice()

    def changed(kind: int, name: str, *values: str) -> incremental_alter_configs.AlterConfigsResource:
        key = "retention.ms" if kind == _TOPIC else "log.retention.ms"
        return incremental_alter_configs.AlterConfigsResource(
            resource_type=kind,
            resource_name=name,
            configs=tuple(
                incremental_alter_configs.AlterableConfig(name=key, config_operation=0, value=value) for value in values
            ),
        )

    for note, resources in (
        (
            "a topic beside another",
            (changed(_TOPIC, topic, "1"), changed(_TOPIC, other, "2"), changed(_TOPIC, topic, "3")),
        ),
        ("a configuration", (changed(_TOPIC, topic, "1", "2"),)),
        ("the broker", (changed(_BROKER, "1", "1"), changed(_BROKER, "1", "3"))),
    ):
        request = incremental_alter_configs.IncrementalAlterConfigsRequest(resources=resources, validate_only=False)
        await voice.ask(request, 1, note)
    # Kafka leaves an AlterConfigs request unanswered in which a resource stands twice.
    twice = tuple(alter_configs.AlterableConfig(name="retention.ms", value=value) for value in ("1", "2"))
    resource = alter_configs.AlterConfigsResource(resource_type=_TOPIC, resource_name=topic, configs=twice)
    await voice.ask(alter_configs.AlterConfigsRequest(resources=(resource,), validate_only=False), 2, "a configuration")
    described = tuple(
        DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=("retention.ms",))
        for kind, name in ((_TOPIC, topic), (_TOPIC, other), (_TOPIC, topic), (_BROKER, "1"), (_BROKER, "1"))
    )
    await voice.ask(DescribeConfigsRequest(resources=described), 4)


@conversation
async def looked_at_twice(talk: Talk) -> None:
    """A topic in Metadata, and a partition in DescribeLogDirs."""
    topic, other, missing = await talk.topic(3), await talk.topic(), talk.name()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for note, wanted in (
        ("by name", ((topic, bytes(16)), (other, bytes(16)), (topic, bytes(16)))),
        ("unknown", ((missing, bytes(16)), (missing, bytes(16)))),
        ("by unknown id", ((None, _UNKNOWN_ID), (None, _UNKNOWN_ID))),
        ("by id", ((None, topic_id), (None, topic_id))),
    ):
        topics = tuple(MetadataRequestTopic(name=name, topic_id=topic_id) for name, topic_id in wanted)
        await voice.ask(MetadataRequest(topics=topics, allow_auto_topic_creation=False), 12, note)
    for note, rows in (
        ("partitions", ((topic, (0, 0, 1)), (other, (0,)))),
        ("unknown", ((missing, (0,)), (topic, (9,)))),
        ("a topic", ((topic, (0, 0, 1)), (other, (0,)), (topic, (0, 2)))),
    ):
        request = DescribeLogDirsRequest(
            topics=tuple(DescribableLogDirTopic(topic=name, partitions=partitions) for name, partitions in rows)
        )
        answer = await voice.whisper(request, 5, DescribeLogDirsResponse)
        found = {each.name: sorted(row.partition_index for row in each.partitions) for each in answer.results[0].topics}
        talk.write(f"a, DescribeLogDirs v5 ({note})", found)
