"""Commands of Kafka's tools on consumer groups (KIP-848) and streams groups (KIP-1071), and what makes the groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kafkalite_wire.messages.streams_group_heartbeat import (
    CopartitionGroup,
    Endpoint,
    KeyValue,
    Subtopology,
    TopicInfo,
    Topology,
)
from tests.support.groups_by_request import GroupsByRequest

SETTINGS: Final[Mapping[str, str]] = {
    f"group.{kind}.assignment.interval.ms": "0" for kind in ("consumer", "share", "streams")
}
"""Of a broker, for the commands: kafkalite and Kafka assign at once."""
LONG: Final = "60000"
"""Sessions outlast all commands."""

CONSUMERS: Final = "consumer.group.ConsumerGroupCommand"
STREAMS: Final = "streams.StreamsGroupCommand"
ALL: Final = "GroupsCommand"
CONFIGS: Final = "ConfigCommand"
TOPICS: Final = "TopicCommand"
C: Final = ("--group", "readers")
S: Final = ("--group", "words")
OF_C: Final = ("--entity-type", "groups", "--entity-name", "readers")
OF_S: Final = ("--entity-type", "groups", "--entity-name", "words")
RESET: Final = "--reset-offsets"
REFUSED: Final = (
    "consumer.session.timeout.ms=0",
    "consumer.session.timeout.ms=9999999",
    "consumer.heartbeat.interval.ms=99",
    "consumer.assignment.interval.ms=15001",
    "consumer.session.timeout.ms=1000,consumer.heartbeat.interval.ms=1000",
    "share.heartbeat.interval.ms=15001",
    "share.delivery.count.limit=1",
    "share.delivery.count.limit=11",
    "share.record.lock.duration.ms=3600001",
    "share.partition.max.record.locks=99",
    "share.isolation.level=none",
    "share.auto.offset.reset=none",
    "share.renew.acknowledge.enable=maybe",
    "streams.heartbeat.interval.ms=6000",
    "streams.num.standby.replicas=x",
    "streams.num.standby.replicas=9",
    "streams.initial.rebalance.delay.ms=-1",
    "streams.rack.aware.assignment.tags=[a,b,a]",
    "streams.assignor.name=other",
    "errors.deadletterqueue.topic.name=__t",
)
"""Configurations beyond what the type, the broker or another configuration allows."""

Act = Callable[[GroupsByRequest], None]


def _internal(name: str) -> TopicInfo:
    return TopicInfo(name=name, partitions=0, replication_factor=0, topic_configs=())


TOPOLOGY: Final = Topology(
    epoch=0,
    subtopologies=(
        Subtopology(
            subtopology_id="0",
            source_topics=("lines",),
            source_topic_regex=(),
            state_changelog_topics=(),
            repartition_sink_topics=("words-split-repartition",),
            repartition_source_topics=(),
            copartition_groups=(),
        ),
        Subtopology(
            subtopology_id="1",
            source_topics=(),
            source_topic_regex=(),
            state_changelog_topics=(_internal("words-counts-changelog"),),
            repartition_sink_topics=(),
            repartition_source_topics=(_internal("words-split-repartition"),),
            copartition_groups=(
                CopartitionGroup(source_topics=(), source_topic_regex=(), repartition_source_topics=(0,)),
            ),
        ),
    ),
)


def _consumers_join(groups: GroupsByRequest) -> None:
    groups.configure("readers", consumer_session_timeout_ms=LONG)
    groups.join_consumers("readers", "a", "lines")
    groups.settle("readers")
    groups.join_consumers("readers", "b", "lines", instance_id="static", rack_id="rack")


def _consumers_settle(groups: GroupsByRequest) -> None:
    groups.settle("readers")
    groups.commit("readers", "a", "lines", {0: 1})


def _consumers_leave(groups: GroupsByRequest) -> None:
    groups.leave("readers", "b", "a")


def _streams_join(groups: GroupsByRequest) -> None:
    groups.configure(
        "words",
        streams_session_timeout_ms=LONG,
        streams_num_standby_replicas="1",
    )
    groups.join_streams("words", "a", TOPOLOGY, user_endpoint=Endpoint(host="here", port=1))


def _streams_settle(groups: GroupsByRequest) -> None:
    groups.settle("words")


def _another_joins(groups: GroupsByRequest) -> None:
    groups.join_streams(
        "words", "b", TOPOLOGY, instance_id="static", rack_id="rack", tags=(KeyValue(key="zone", value="x"),)
    )


def _streams_commit(groups: GroupsByRequest) -> None:
    groups.settle("words")
    for member, index in (("a", 0), ("b", 1)):
        groups.commit("words", member, "lines", {index: 1})


def _streams_leave(groups: GroupsByRequest) -> None:
    groups.leave("words", "b", "a")


GROUP_REQUESTS: Final[Mapping[str, Act]] = {
    "a rebalancing consumer group's state": _consumers_join,
    "a consumer group's offsets": _consumers_settle,
    "an empty consumer group's state": _consumers_leave,
    "a streams group that is not ready": _streams_join,
    "a stable streams group's state": _streams_settle,
    "a rebalancing streams group's state": _another_joins,
    "a streams group's offsets": _streams_commit,
    "an empty streams group's state": _streams_leave,
}
"""What is requested before a command is run."""


def _reset(tool: str, *words: str) -> Sequence[str]:
    topic = "--input-topic" if tool == STREAMS else "--topic"
    return tool, RESET, *(S if tool == STREAMS else C), *(topic if word == "--topic" else word for word in words)


GROUP_COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "a topic of lines is created": (TOPICS, "--create", "--topic", "lines", "--partitions", "2"),
    "lines are produced": (
        "ConsoleProducer", "--topic", "lines", "--sync",
        "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
    ),
    "no streams groups": (STREAMS, "--list"),
    "all of no streams groups": (STREAMS, "--describe", "--all-groups"),
    "a streams group that there is not": (STREAMS, "--describe", "--group", "none"),
    # Groups of consumers.
    "a rebalancing consumer group's state": (CONSUMERS, "--describe", *C, "--state", "--verbose"),
    "a rebalancing consumer group's members": (CONSUMERS, "--describe", *C, "--members", "--verbose"),
    "a consumer group's offsets": (CONSUMERS, "--describe", *C),
    "a consumer group's offsets, in detail": (CONSUMERS, "--describe", *C, "--offsets", "--verbose"),
    "a consumer group's state": (CONSUMERS, "--describe", *C, "--state"),
    "a consumer group's state, in detail": (CONSUMERS, "--describe", *C, "--state", "--verbose"),
    "a consumer group's members": (CONSUMERS, "--describe", *C, "--members"),
    "a consumer group's members, in detail": (CONSUMERS, "--describe", *C, "--members", "--verbose"),
    "groups of consumers with their states": (CONSUMERS, "--list", "--state"),
    "groups of consumers of one type": (CONSUMERS, "--list", "--type", "consumer"),
    "groups of consumers in a state": (CONSUMERS, "--list", "--state", "stable,empty", "--type", "consumer"),
    "a regular expression is tried": (CONSUMERS, "--validate-regex", "w.*"),
    "a wrong regular expression is tried": (CONSUMERS, "--validate-regex", "w(*"),
    "offsets with members are reset": _reset(CONSUMERS, "--topic", "lines", "--to-earliest", "--execute"),
    "offsets with members are deleted": (CONSUMERS, "--delete-offsets", *C, "--topic", "lines"),
    "a consumer group with members is deleted": (CONSUMERS, "--delete", *C),
    "an empty consumer group's state": (CONSUMERS, "--describe", *C, "--state", "--verbose"),
    "an empty consumer group's members": (CONSUMERS, "--describe", *C, "--members", "--verbose"),
    "an empty consumer group's offsets": (CONSUMERS, "--describe", *C),
    "a reset by a number is tried": _reset(CONSUMERS, "--topic", "lines:0", "--shift-by", "1", "--dry-run"),
    "a reset of consumers is exported": _reset(CONSUMERS, "--all-topics", "--to-latest", "--dry-run", "--export"),
    "a reset of consumers is done": _reset(CONSUMERS, "--topic", "lines", "--to-offset", "1", "--execute"),
    "the reset is seen": (CONSUMERS, "--describe", "--all-groups", "--offsets"),
    "offsets of a partition are deleted": (CONSUMERS, "--delete-offsets", *C, "--topic", "lines:1"),
    "offsets of another topic are deleted": (CONSUMERS, "--delete-offsets", *C, "--topic", "none"),
    "the deletion is seen": (CONSUMERS, "--describe", *C, "--offsets"),
    "a consumer group as a streams group": (STREAMS, "--describe", *C),
    "the consumer group is deleted as a streams group": (STREAMS, "--delete", *C),
    # Groups of streams.
    "a streams group that is not ready": (STREAMS, "--describe", *S, "--state", "--verbose"),
    "a stable streams group's state": (STREAMS, "--describe", *S, "--state", "--verbose"),
    "internal topics": (TOPICS, "--describe", "--topic", "words-.*"),
    "a rebalancing streams group's state": (STREAMS, "--describe", *S, "--state", "--verbose"),
    "a rebalancing streams group's members": (STREAMS, "--describe", *S, "--members", "--verbose"),
    "a streams group's offsets": (STREAMS, "--describe", *S),
    "a streams group's offsets, in detail": (STREAMS, "--describe", *S, "--offsets", "--verbose"),
    "a streams group's state": (STREAMS, "--describe", *S, "--state"),
    "a streams group's state, in detail": (STREAMS, "--describe", *S, "--state", "--verbose"),
    "a streams group's members": (STREAMS, "--describe", *S, "--members"),
    "a streams group's members, in detail": (STREAMS, "--describe", *S, "--members", "--verbose"),
    "a streams group's topology": (STREAMS, "--describe", *S, "--topology"),
    "all streams groups": (STREAMS, "--describe", "--all-groups"),
    "streams groups": (STREAMS, "--list"),
    "states of streams groups": (STREAMS, "--list", "--state"),
    "streams groups in a state": (STREAMS, "--list", "--state", "stable"),
    "streams groups in another state": (STREAMS, "--list", "--state", "notready"),
    "a streams group as a consumer group": (CONSUMERS, "--describe", *S),
    "a streams group as a share group": ("consumer.group.ShareGroupCommand", "--describe", *S),
    "groups of all types": (ALL, "--list"),
    "groups of the type classic": (ALL, "--list", "--group-type", "classic"),
    "groups of the type consumer": (ALL, "--list", "--group-type", "consumer"),
    "groups of the type share": (ALL, "--list", "--group-type", "share"),
    "groups of the type streams": (ALL, "--list", "--group-type", "streams"),
    "groups that consume": (ALL, "--list", "--consumer"),
    "groups that stream": (ALL, "--list", "--streams"),
    "groups of the protocol streams": (ALL, "--list", "--protocol", "streams"),
    "offsets of streams with members are reset": _reset(STREAMS, "--topic", "lines", "--to-earliest", "--execute"),
    "offsets of streams with members are deleted": (STREAMS, "--delete-offsets", *S, "--input-topic", "lines"),
    "a streams group with members is deleted": (STREAMS, "--delete", *S),
    "an empty streams group's state": (STREAMS, "--describe", *S, "--state", "--verbose"),
    "an empty streams group's members": (STREAMS, "--describe", *S, "--members", "--verbose"),
    "an empty streams group's offsets": (STREAMS, "--describe", *S, "--verbose"),
    "a reset of streams is tried": _reset(STREAMS, "--topic", "lines:0", "--shift-by", "1", "--dry-run"),
    "a reset of streams is exported": _reset(STREAMS, "--all-input-topics", "--to-latest", "--dry-run", "--export"),
    "a reset of streams is done": _reset(STREAMS, "--topic", "lines", "--to-offset", "1", "--execute"),
    "a reset deletes an internal topic": _reset(
        STREAMS, "--all-input-topics", "--to-earliest", "--execute",
        "--delete-internal-topic", "words-split-repartition",
    ),
    "a topic that is not read is reset": _reset(STREAMS, "--topic", "none", "--to-earliest", "--dry-run"),
    "the reset of streams is seen": (STREAMS, "--describe", *S, "--offsets"),
    "offsets of a streams group are deleted": (STREAMS, "--delete-offsets", *S, "--input-topic", "lines:1"),
    "offsets that streams lack are deleted": (STREAMS, "--delete-offsets", *S, "--input-topic", "none"),
    "all offsets of a streams group are deleted": (STREAMS, "--delete-offsets", *S, "--all-input-topics"),
    "the deletion of streams is seen": (STREAMS, "--describe", *S, "--offsets"),
    "the streams group is deleted": (STREAMS, "--delete", *S, "--group", "none", "--delete-all-internal-topics"),
    "internal topics that are left": (TOPICS, "--list", "--exclude-internal"),
    "the streams group is deleted again": (STREAMS, "--delete", *S),
    "the consumer group is deleted": (CONSUMERS, "--delete", *C),
    # Configurations of groups.
    "configurations of groups": (CONFIGS, "--describe", "--entity-type", "groups"),
    "configurations of a streams group": (CONFIGS, "--describe", *OF_S),
    "all configurations of a group": (CONFIGS, "--describe", *OF_S, "--all"),
    "configurations are changed": (
        CONFIGS, "--alter", *OF_C,
        "--add-config", "consumer.heartbeat.interval.ms=400,share.auto.offset.reset=earliest",
    ),
    "changed configurations": (CONFIGS, "--describe", *OF_C),
    "a configuration is deleted": (CONFIGS, "--alter", *OF_C, "--delete-config", "consumer.session.timeout.ms"),
    "a configuration that there is not": (CONFIGS, "--alter", *OF_C, "--add-config", "no.such=1"),
    "a configuration that there is not is deleted": (CONFIGS, "--alter", *OF_C, "--delete-config", "no.such"),
    "configurations of all groups": (CONFIGS, "--describe", "--entity-type", "groups", "--entity-default"),
    "configurations of no group are changed": (
        CONFIGS, "--alter", "--entity-type", "groups", "--entity-default", "--add-config", "share.isolation.level=x",
    ),
    **{f"{change} is refused": (CONFIGS, "--alter", *OF_C, "--add-config", change) for change in REFUSED},
    "configurations that are left": (CONFIGS, "--describe", "--entity-type", "groups"),
}  # fmt: skip

GROUP_INPUTS: Final = {"lines are produced": "a:1\nb:2\nc:3\nd:4\ne:5\n"}
