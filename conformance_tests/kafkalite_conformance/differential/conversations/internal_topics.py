"""What clients may do with the topics in which the broker keeps its own state."""

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages import alter_configs, incremental_alter_configs
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.produce import ProduceResponse

_TOPIC = 2
_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
_METADATA = "__cluster_metadata"
_CONFIGS = (
    "cleanup.policy",
    "compression.type",
    "min.insync.replicas",
    "retention.ms",
    "segment.bytes",
    "unclean.leader.election.enable",
)


@conversation
async def internal_topics(talk: Talk) -> None:
    """Create them by Metadata, describe them, write to them, and try every change without making it."""
    voice, admin = await talk.voice(), await talk.voice("__admin_client")
    group = await talk.group()
    for name in _INTERNAL:
        await _exists(talk, voice, name)
        topic_id = await talk.topic_id(name)
        await voice.ask(MetadataRequest(topics=(MetadataRequestTopic(name=name),)), 12, name)
        resource = DescribeConfigsResource(resource_type=_TOPIC, resource_name=name, configuration_keys=_CONFIGS)
        await voice.ask(DescribeConfigsRequest(resources=(resource,)), 4, name)
        data = batch(b"v", timestamp=talk.now_ms)
        for version in (3, 9, 12, 13):
            await voice.ask(produce(name, data, topic_id=topic_id), version, name)
            await voice.ask(produce(name, data, partition=99, topic_id=topic_id), version, f"{name}, partition 99")
        await _changes(voice, name, group)
    data = batch(b"v", timestamp=talk.now_ms)
    written = await admin.whisper(produce("__share_group_state", data), 9, ProduceResponse)
    # Its offset says how often this conversation was held.
    talk.write("__admin_client, Produce v9", written.responses[0].partition_responses[0].error_code)


@conversation
async def the_topic_of_the_metadata_log(talk: Talk) -> None:
    """For clients there is no such topic, and there cannot be one."""
    voice = await talk.voice()
    group = await talk.group()
    for version in (1, 9, 12):
        await voice.ask(MetadataRequest(topics=(MetadataRequestTopic(name=_METADATA),)), version)
    await voice.ask(produce(_METADATA, batch(b"v", timestamp=talk.now_ms)), 9)
    await _changes(voice, _METADATA, group)
    await voice.ask(DeleteTopicsRequest(topic_names=(_METADATA,), timeout_ms=5000), 5)


async def _exists(talk: Talk, voice: Voice, name: str) -> None:
    request = MetadataRequest(topics=(MetadataRequestTopic(name=name),))

    async def is_there() -> bool:
        return (await voice.whisper(request, 9, MetadataResponse)).topics[0].error_code == 0

    await talk.until(is_there, name)
    await talk.until_served(name, 1)


async def _changes(voice: Voice, name: str, group: str) -> None:
    topic = CreatableTopic(name=name, num_partitions=2, replication_factor=1)
    for trial in (True, False):
        await voice.ask(CreateTopicsRequest(topics=(topic,), validate_only=trial), 7, f"{name}, trial {trial}")
    grown = CreatePartitionsTopic(name=name, count=60, assignments=None)
    await voice.ask(CreatePartitionsRequest(topics=(grown,), timeout_ms=5000, validate_only=True), 3, name)
    shortened = DeleteRecordsTopic(name=name, partitions=(DeleteRecordsPartition(partition_index=0, offset=0),))
    await voice.ask(DeleteRecordsRequest(topics=(shortened,), timeout_ms=5000), 2, name)
    replaced = alter_configs.AlterConfigsResource(
        resource_type=_TOPIC,
        resource_name=name,
        configs=(alter_configs.AlterableConfig(name="retention.ms", value="12345"),),
    )
    await voice.ask(alter_configs.AlterConfigsRequest(resources=(replaced,), validate_only=True), 2, name)
    changed = incremental_alter_configs.AlterConfigsResource(
        resource_type=_TOPIC,
        resource_name=name,
        configs=(incremental_alter_configs.AlterableConfig(name="cleanup.policy", config_operation=0, value="delete"),),
    )
    request = incremental_alter_configs.IncrementalAlterConfigsRequest(resources=(changed,), validate_only=True)
    await voice.ask(request, 1, name)
    row = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata=None)
    commit = OffsetCommitRequest(
        group_id=group, member_id="", topics=(OffsetCommitRequestTopic(name=name, partitions=(row,)),)
    )
    await voice.ask(commit, 8, name)
