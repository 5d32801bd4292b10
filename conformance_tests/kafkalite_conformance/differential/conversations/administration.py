"""CreateTopics, CreatePartitions, DeleteTopics, DescribeConfigs."""

from dataclasses import replace

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from kafkalite_wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource

_UNKNOWN_ID = b"0123456789abcdef"


def config(name: str, value: str | None) -> tuple[CreatableTopicConfig, ...]:
    """Return one configuration of a topic to be created."""
    return (CreatableTopicConfig(name=name, value=value),)


@conversation
async def topics_are_created(talk: Talk) -> None:
    """In every version, with everything that can be wrong with one."""
    voice = await talk.voice()
    there = await talk.topic()
    dotted = talk.name()
    await voice.ask(
        CreateTopicsRequest(topics=(CreatableTopic(name=f"{dotted}.x", num_partitions=1, replication_factor=1),)), 7
    )
    for version in range(2, 8):
        plain = CreatableTopic(name=talk.name(), num_partitions=2, replication_factor=1)
        defaults = replace(plain, name=talk.name(), num_partitions=-1, replication_factor=-1)
        here = CreatableReplicaAssignment(partition_index=0, broker_ids=(1,))
        for note, topic in (
            ("plain", plain),
            ("again", plain),
            ("defaults", defaults),
            ("existing", replace(plain, name=there)),
            ("empty name", replace(plain, name="")),
            ("bad name", replace(plain, name="a b")),
            ("dot", replace(plain, name=".")),
            ("dots", replace(plain, name="..")),
            ("too long", replace(plain, name="x" * 250)),
            ("collides", replace(plain, name=f"{dotted}_x")),
            ("internal", replace(plain, name="__consumer_offsets")),
            ("no partitions", replace(plain, name=talk.name(), num_partitions=0)),
            ("minus two", replace(plain, name=talk.name(), num_partitions=-2)),
            ("a partition too many", replace(plain, name=talk.name(), num_partitions=10_001)),
            ("countless partitions", replace(plain, name=talk.name(), num_partitions=2**31 - 1)),
            ("three replicas", replace(plain, name=talk.name(), replication_factor=3)),
            ("no replica", replace(plain, name=talk.name(), replication_factor=0)),
            ("unknown config", replace(plain, name=talk.name(), configs=config("no.such", "1"))),
            ("bad number", replace(plain, name=talk.name(), configs=config("retention.ms", "soon"))),
            ("null config", replace(plain, name=talk.name(), configs=config("retention.ms", None))),
            ("empty config name", replace(plain, name=talk.name(), configs=config("", "1"))),
            ("bad policy", replace(plain, name=talk.name(), configs=config("cleanup.policy", "eat"))),
            ("out of bounds", replace(plain, name=talk.name(), configs=config("segment.bytes", "1"))),
            ("good config", replace(plain, name=talk.name(), configs=config("retention.ms", "1000"))),
            ("both policies", replace(plain, name=talk.name(), configs=config("cleanup.policy", "compact,delete"))),
            (
                "a config twice",
                replace(plain, name=talk.name(), configs=config("retention.ms", "1") + config("retention.ms", "2")),
            ),
            ("assigned", replace(defaults, name=talk.name(), assignments=(here,))),
            ("assigned and counted", replace(plain, name=talk.name(), assignments=(here,))),
            (
                "assigned with a gap",
                replace(defaults, name=talk.name(), assignments=(replace(here, partition_index=1),)),
            ),
            ("assigned to nobody", replace(defaults, name=talk.name(), assignments=(replace(here, broker_ids=()),))),
            (
                "assigned to a stranger",
                replace(defaults, name=talk.name(), assignments=(replace(here, broker_ids=(9,)),)),
            ),
            ("assigned twice", replace(defaults, name=talk.name(), assignments=(replace(here, broker_ids=(1, 1)),))),
            ("one partition twice", replace(defaults, name=talk.name(), assignments=(here, here))),
        ):
            if not (topic.num_partitions == -1 and version < 4 and not topic.assignments):
                await voice.ask(CreateTopicsRequest(topics=(topic,)), version, note)
            trial = replace(topic, name=topic.name if note not in ("plain", "defaults") else talk.name())
            await voice.ask(CreateTopicsRequest(topics=(trial,), validate_only=True), version, f"{note}, on trial")
        half = replace(plain, num_partitions=5001)
        both = CreateTopicsRequest(topics=(replace(half, name=talk.name()), replace(half, name=talk.name())))
        await voice.ask(both, version, "two that are too many together")
        await voice.ask(CreateTopicsRequest(topics=()), version, "nothing")
        twin = replace(plain, name=talk.name())
        other = replace(plain, name=talk.name())
        await voice.ask(CreateTopicsRequest(topics=(twin, twin, other)), version, "twins and another")


@conversation
async def partitions_are_added(talk: Talk) -> None:
    """More, as many, fewer; with assignments that fit and do not."""
    voice = await talk.voice()
    for version in range(4):
        topic = await talk.topic(2)
        here, there = CreatePartitionsAssignment(broker_ids=(1,)), CreatePartitionsAssignment(broker_ids=(9,))
        for note, name, count, assignments in (
            ("as many", topic, 2, None),
            ("fewer", topic, 1, None),
            ("none", topic, 0, None),
            ("minus one", topic, -1, None),
            ("countless", topic, 2**31 - 1, None),
            ("unknown topic", talk.name(), 5, None),
            ("empty name", "", 3, None),
            ("bad name", "a b", 3, None),
            ("no assignment", topic, 3, ()),
            ("too few assignments", topic, 4, (here,)),
            ("too many", topic, 3, (here, here)),
            ("to a stranger", topic, 3, (there,)),
            ("to nobody", topic, 3, (CreatePartitionsAssignment(broker_ids=()),)),
            ("twice to one", topic, 3, (CreatePartitionsAssignment(broker_ids=(1, 1)),)),
            ("fits", topic, 3, (here,)),
            ("more", topic, 4, None),
        ):
            row = CreatePartitionsTopic(name=name, count=count, assignments=assignments)
            for trial in (True, False):
                request = CreatePartitionsRequest(topics=(row,), timeout_ms=5000, validate_only=trial)
                await voice.ask(request, version, f"{note}{', on trial' if trial else ''}")
        row = CreatePartitionsTopic(name=topic, count=9, assignments=None)
        request = CreatePartitionsRequest(topics=(row, row), timeout_ms=5000, validate_only=False)
        await voice.ask(request, version, "twins")
        await voice.ask(replace(request, topics=()), version, "nothing")


@conversation
async def topics_are_deleted(talk: Talk) -> None:
    """By name and by id; unknown, odd and repeated ones."""
    voice = await talk.voice()
    for version in range(1, 7):
        topic, second = await talk.topic(), await talk.topic()
        if version < 6:
            for note, names in (
                ("unknown", (talk.name(),)),
                ("empty name", ("",)),
                ("bad name", ("a b",)),
                ("twice", (topic, topic)),
                ("known and unknown", (second, talk.name())),
                ("again", (second,)),
                ("nothing", ()),
            ):
                await voice.ask(DeleteTopicsRequest(topic_names=names, timeout_ms=5000), version, note)
            continue
        first_id, second_id = await talk.topic_id(topic), await talk.topic_id(second)
        for note, rows in (
            ("unknown id", ((None, _UNKNOWN_ID),)),
            ("neither", ((None, bytes(16)),)),
            ("both", ((topic, first_id),)),
            ("name and another id", ((topic, _UNKNOWN_ID),)),
            ("bad name", (("a b", bytes(16)),)),
            ("unknown name", ((talk.name(), bytes(16)),)),
            ("empty name", (("", bytes(16)),)),
            ("id twice", ((None, second_id), (None, second_id))),
            ("name and id of one", ((second, bytes(16)), (None, second_id))),
            ("by name", ((topic, bytes(16)),)),
            ("by id", ((None, second_id),)),
            ("again", ((None, second_id),)),
        ):
            states = tuple(DeleteTopicState(name=name, topic_id=topic_id) for name, topic_id in rows)
            await voice.ask(DeleteTopicsRequest(topics=states, timeout_ms=5000), version, note)


@conversation
async def configurations_are_described(talk: Talk) -> None:
    """Of topics that there are and are not, of the broker, of other kinds of things."""
    voice = await talk.voice()
    topic = await talk.topic(cleanup_policy="compact", retention_ms="1000")
    keys = ("cleanup.policy", "retention.ms", "segment.bytes", "num.partitions", "no.such")
    for version in range(1, 5):
        for kind, name in (
            (2, topic),
            (2, talk.name()),
            (2, "a b"),
            (2, ""),
            (4, "1"),
            (4, "9"),
            (4, "x"),
            (8, "1"),
            (16, ""),
            (16, "metrics"),
            (32, ""),
            (32, "group"),
            (99, "z"),
            (0, ""),
        ):
            row = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
            for synonyms in (False, True):
                request = DescribeConfigsRequest(resources=(row,), include_synonyms=synonyms)
                shown = (
                    "unknown" if name.startswith("d") and name != topic else "topic" if name == topic else repr(name)
                )
                await voice.ask(request, version, f"type {kind}, {shown}{', synonyms' if synonyms else ''}")
        for kind in (16, 32):
            everything = DescribeConfigsResource(resource_type=kind, resource_name="any", configuration_keys=None)
            request = DescribeConfigsRequest(resources=(everything,), include_synonyms=True)
            await voice.ask(request, version, f"type {kind}, all keys")
        everything = DescribeConfigsResource(resource_type=2, resource_name=topic, configuration_keys=None)
        await voice.ask(DescribeConfigsRequest(resources=(everything,), include_synonyms=True), version, "all keys")
        nothing = replace(everything, configuration_keys=())
        await voice.ask(DescribeConfigsRequest(resources=(nothing,)), version, "no keys")
        await voice.ask(DescribeConfigsRequest(resources=()), version, "nothing")
        twice = replace(everything, configuration_keys=("retention.ms",))
        await voice.ask(DescribeConfigsRequest(resources=(twice, twice)), version, "twice")
