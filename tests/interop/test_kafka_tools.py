"""Kafka's command-line tools print the same with kafkalite as with Apache Kafka, but for ids, addresses and times."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.starters import KAFKA_SETTINGS
from tests.support.blocking_client import BlockingClient
from tests.support.groups_by_request import GroupsByRequest
from tests.support.kafka_tools import Printed, lines_of, running_tools
from tests.support.reference_kafka import java, kafka_libs, kafka_tools_libs
from tests.support.tools_on_groups import GROUP_COMMANDS, GROUP_INPUTS, GROUP_REQUESTS, SETTINGS

PARTITIONS: Final = {"partitions": [{"topic": "t", "partition": 0}, {"topic": "t", "partition": 1}]}
HERE: Final = {
    "version": 1,
    "partitions": [{"topic": "t", "partition": 0, "replicas": [1]}, {"topic": "t", "partition": 1, "replicas": [1]}],
}
ELSEWHERE: Final = {"version": 1, "partitions": [{"topic": "t", "partition": 0, "replicas": [9]}]}
TOPICS: Final = {"version": 1, "topics": [{"topic": "t"}]}
DELETIONS: Final = {"version": 1, "partitions": [{"topic": "r", "partition": 0, "offset": 2}]}
MANY_DELETIONS: Final = {"version": 1, "partitions": [{"topic": "r", "partition": 0, "offset": 9}]}

FILES: Final = {
    "partitions.json": PARTITIONS,
    "here.json": HERE,
    "elsewhere.json": ELSEWHERE,
    "topics.json": TOPICS,
    "deletions.json": DELETIONS,
    "many-deletions.json": MANY_DELETIONS,
}

AUTHORIZER_SETTINGS: Final = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
KAFKALITE_SETTINGS: Final = {
    **{name: value for name, value in KAFKA_SETTINGS.items() if name.startswith("group.")},
    **AUTHORIZER_SETTINGS,
    **SETTINGS,
}

GROUPS: Final = "consumer.group.ConsumerGroupCommand"
SHARES: Final = "consumer.group.ShareGroupCommand"
CONFIGS: Final = "ConfigCommand"
ACLS: Final = "AclCommand"
TOPIC_R: Final = ("--entity-type", "topics", "--entity-name", "r")
IN_TIME: Final = ("--timeout-ms", "20000")

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "a topic is created": ("TopicCommand", "--create", "--topic", "t", "--partitions", "2"),
    "a topic is described": ("TopicCommand", "--describe", "--topic", "t"),
    "features": ("FeatureCommand", "describe"),
    "a feature that there is not": ("FeatureCommand", "upgrade", "--feature", "no.such=1"),
    "a metadata version that is finalized": ("FeatureCommand", "upgrade", "--feature", "metadata.version=33"),
    "no eligible leaders": ("FeatureCommand", "downgrade", "--feature", "eligible.leader.replicas.version=0"),
    "eligible leaders again": ("FeatureCommand", "upgrade", "--feature", "eligible.leader.replicas.version=1"),
    "the quorum": ("MetadataQuorumCommand", "describe", "--status"),
    "the quorum's replicas": ("MetadataQuorumCommand", "describe", "--replication"),
    "preferred leaders": ("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions"),
    "unclean leaders": (
        "LeaderElectionCommand", "--election-type", "unclean", "--path-to-json-file", "partitions.json",
    ),
    "a leader of nothing": (
        "LeaderElectionCommand", "--election-type", "preferred", "--topic", "none", "--partition", "0",
    ),
    "reassignments": ("reassign.ReassignPartitionsCommand", "--list"),
    "a proposal": (
        "reassign.ReassignPartitionsCommand", "--generate", "--broker-list", "1",
        "--topics-to-move-json-file", "topics.json",
    ),
    "a reassignment to the same": (
        "reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", "here.json",
    ),
    "a reassignment is verified": (
        "reassign.ReassignPartitionsCommand", "--verify", "--reassignment-json-file", "here.json",
    ),
    "a reassignment to a stranger": (
        "reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", "elsewhere.json",
    ),
    "a reassignment is cancelled": (
        "reassign.ReassignPartitionsCommand", "--cancel", "--reassignment-json-file", "here.json",
    ),
    "directories": ("LogDirsCommand", "--describe", "--topic-list", "t"),
    "no access control entries": (ACLS, "--list"),
    "an access control entry": (ACLS, "--add", "--allow-principal", "User:a", "--operation", "Read", "--topic", "t"),
    "a denial": (
        ACLS, "--add", "--deny-principal", "User:a", "--deny-host", "10.0.0.9", "--operation", "All",
        "--group", "g", "--resource-pattern-type", "prefixed",
    ),
    "entries of a producer": (
        ACLS, "--add", "--allow-principal", "User:p", "--producer", "--topic", "t", "--transactional-id", "x",
    ),
    "an entry without a colon": (ACLS, "--add", "--allow-principal", "a", "--operation", "Read", "--topic", "t"),
    "access control entries": (ACLS, "--list"),
    "entries of a topic": (ACLS, "--list", "--topic", "t", "--resource-pattern-type", "match"),
    "entries of a user": (ACLS, "--list", "--principal", "User:a"),
    "an entry is removed": (
        ACLS, "--remove", "--force", "--allow-principal", "User:a", "--operation", "Read", "--topic", "t",
    ),
    "entries of a producer are removed": (
        ACLS, "--remove", "--force", "--allow-principal", "User:p", "--producer", "--topic", "t",
        "--transactional-id", "x",
    ),
    "entries that are left": (ACLS, "--list"),
    "client metrics": (
        "ClientMetricsCommand", "--alter", "--name", "m", "--metrics", "a.", "--interval", "1000",
    ),
    "client metrics are listed": ("ClientMetricsCommand", "--list"),
    "client metrics are described": ("ClientMetricsCommand", "--describe", "--name", "m"),
    "client metrics are deleted": ("ClientMetricsCommand", "--delete", "--name", "m"),
    "tokens": ("DelegationTokenCommand", "--describe"),
    "a broker that there is not": ("ClusterTool", "unregister", "--id", "9"),
    "endpoints": ("ClusterTool", "list-endpoints"),
    "groups": ("GroupsCommand", "--list"),
    "another topic is created": ("TopicCommand", "--create", "--topic", "r", "--partitions", "1"),
    "records are produced": (
        "ConsoleProducer", "--topic", "r",
        "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
    ),
    "records are consumed": (
        "consumer.ConsoleConsumer", "--topic", "r", "--partition", "0", "--offset", "earliest",
        "--max-messages", "3", *IN_TIME,
        "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true",
    ),
    "records are consumed by a group": (
        "consumer.ConsoleConsumer", "--topic", "r", "--group", "g", "--from-beginning", "--max-messages", "3", *IN_TIME,
    ),
    "groups with one": ("GroupsCommand", "--list"),
    "consumer groups": (GROUPS, "--list"),
    "states of groups": (GROUPS, "--list", "--state"),
    "a group's offsets": (GROUPS, "--describe", "--group", "g"),
    "a group's state": (GROUPS, "--describe", "--group", "g", "--state"),
    "a group's members": (GROUPS, "--describe", "--group", "g", "--members"),
    "a group that there is not": (GROUPS, "--describe", "--group", "none"),
    "a share group begins at the first record": (
        CONFIGS, "--alter", "--entity-type", "groups", "--entity-name", "s",
        "--add-config", "share.auto.offset.reset=earliest",
    ),
    "records are shared": (
        "consumer.ConsoleShareConsumer", "--topic", "r", "--group", "s", "--max-messages", "3", *IN_TIME,
    ),
    "groups with a share group": ("GroupsCommand", "--list"),
    "share groups": (SHARES, "--list"),
    "states of share groups": (SHARES, "--list", "--state"),
    "a share group's offsets": (SHARES, "--describe", "--group", "s"),
    "a share group's offsets, in detail": (SHARES, "--describe", "--group", "s", "--verbose"),
    "a share group's state": (SHARES, "--describe", "--group", "s", "--state", "--verbose"),
    "a share group's members": (SHARES, "--describe", "--group", "s", "--members", "--verbose"),
    "a share group that there is not": (SHARES, "--describe", "--group", "none"),
    "a consumer group as a share group": (SHARES, "--describe", "--group", "g"),
    "a reset of a share group is tried": (
        SHARES, "--reset-offsets", "--group", "s", "--topic", "r", "--to-earliest", "--dry-run",
    ),
    "a share group is reset": (
        SHARES, "--reset-offsets", "--group", "s", "--topic", "r", "--to-earliest", "--execute",
    ),
    "a share group's offsets after the reset": (SHARES, "--describe", "--group", "s"),
    "a new share group is reset": (
        SHARES, "--reset-offsets", "--group", "new", "--topic", "r", "--to-latest", "--execute",
    ),
    "a share group's offsets are deleted": (SHARES, "--delete-offsets", "--group", "s", "--topic", "r"),
    "offsets of an unknown topic are deleted": (SHARES, "--delete-offsets", "--group", "s", "--topic", "none"),
    "share groups are deleted": (SHARES, "--delete", "--group", "s", "--group", "none"),
    "groups without the share group": ("GroupsCommand", "--list"),
    "a reset of offsets is tried": (
        GROUPS, "--reset-offsets", "--group", "g", "--topic", "r", "--to-earliest", "--dry-run",
    ),
    "offsets are reset": (GROUPS, "--reset-offsets", "--group", "g", "--all-topics", "--shift-by", "-2", "--execute"),
    "offsets after the reset": (GROUPS, "--describe", "--group", "g", "--offsets"),
    "offsets are deleted": (GROUPS, "--delete-offsets", "--group", "g", "--topic", "r"),
    "the group is deleted": (GROUPS, "--delete", "--group", "g"),
    "the group is deleted again": (GROUPS, "--delete", "--group", "g"),
    "latest offsets": ("GetOffsetShell", "--topic", "r"),
    "records are deleted": ("DeleteRecordsCommand", "--offset-json-file", "deletions.json"),
    "more records than there are are deleted": ("DeleteRecordsCommand", "--offset-json-file", "many-deletions.json"),
    "earliest offsets": ("GetOffsetShell", "--topic-partitions", "r:0", "--time", "earliest"),
    "verifiable records are consumed": (
        "VerifiableConsumer", "--topic", "v", "--group-id", "v", "--max-messages", "5", "--verbose",
        "--reset-policy", "earliest",
    ),
    "a third topic is created": ("TopicCommand", "--create", "--topic", "p", "--partitions", "1"),
    "producing is measured": (
        "ProducerPerformance", "--topic", "p", "--num-records", "100", "--record-size", "10", "--throughput", "-1",
    ),
    "transactional producing is measured": (
        "ProducerPerformance", "--topic", "p", "--num-records", "100", "--record-size", "10", "--throughput", "-1",
        "--transactional-id", "tx", "--transaction-duration-ms", "1000",
    ),
    "consuming is measured": ("ConsumerPerformance", "--topic", "p", "--num-records", "200", "--group", "perf"),
    "latency is measured": (
        "EndToEndLatency", "--topic", "p", "--num-records", "10", "--producer-acks", "all", "--record-size", "10",
    ),
    "transactions": ("TransactionsCommand", "list"),
    "a transaction": ("TransactionsCommand", "describe", "--transactional-id", "tx"),
    "a transaction that there is not": ("TransactionsCommand", "describe", "--transactional-id", "none"),
    "producers": ("TransactionsCommand", "describe-producers", "--topic", "p", "--partition", "0"),
    "hanging transactions": ("TransactionsCommand", "find-hanging", "--broker-id", "1"),
    "a transaction that is over is aborted": (
        "TransactionsCommand", "abort", "--topic", "p", "--partition", "0", "--start-offset", "100",
    ),
    "a topic's settings": (CONFIGS, "--describe", *TOPIC_R),
    "all of a topic's settings": (CONFIGS, "--describe", *TOPIC_R, "--all"),
    "a topic's settings are changed": (
        CONFIGS, "--alter", *TOPIC_R, "--add-config", "retention.ms=1000,cleanup.policy=[compact,delete]",
    ),
    "a topic's changed settings": (CONFIGS, "--describe", *TOPIC_R),
    "a topic's setting is deleted": (CONFIGS, "--alter", *TOPIC_R, "--delete-config", "retention.ms"),
    "a setting that there is not": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "no.such=1"),
    "a value that is refused": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "retention.ms=long"),
    "a value out of its range": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "retention.ms=-2"),
    "a value that is neither true nor false": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "preallocate=maybe"),
    "a value that is none of those possible": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "compression.type=fast"),
    "a list with a value that is not possible": (CONFIGS, "--alter", *TOPIC_R, "--add-config", "cleanup.policy=none"),
    "settings of a topic that there is not": (CONFIGS, "--describe", "--topic", "none"),
    "a broker's settings are changed": (
        CONFIGS, "--alter", "--entity-type", "brokers", "--entity-name", "1",
        "--add-config", "message.max.bytes=2000000",
    ),
    "a broker's settings": (CONFIGS, "--describe", "--entity-type", "brokers", "--entity-name", "1"),
    "all brokers' settings are changed": (
        CONFIGS, "--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.retention.ms=5000",
    ),
    "all brokers' settings": (CONFIGS, "--describe", "--entity-type", "brokers", "--entity-default"),
    "a broker's setting that cannot change": (
        CONFIGS, "--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config", "node.id=2",
    ),
    "a group's settings are changed": (
        CONFIGS, "--alter", "--group", "g", "--add-config", "consumer.session.timeout.ms=46000",
    ),
    "a group's settings": (CONFIGS, "--describe", "--group", "g"),
    "a user's quota": (
        CONFIGS, "--alter", "--add-config", "producer_byte_rate=1024", "--entity-type", "users", "--entity-name", "u",
    ),
    "users' quotas": (CONFIGS, "--describe", "--entity-type", "users"),
    "a client's quota": (
        CONFIGS, "--alter", "--add-config", "request_percentage=50", "--entity-type", "clients", "--entity-default",
    ),
    "clients' quotas": (CONFIGS, "--describe", "--entity-type", "clients"),
    "an address' quota": (
        CONFIGS, "--alter", "--add-config", "connection_creation_rate=9", "--entity-type", "ips",
        "--entity-name", "127.0.0.2",
    ),
    "addresses' quotas": (CONFIGS, "--describe", "--entity-type", "ips"),
    "metrics for clients": (CONFIGS, "--describe", "--entity-type", "client-metrics"),
    "the topic is deleted": ("TopicCommand", "--delete", "--topic", "t"),
}  # fmt: skip


ALONE: Final[Mapping[str, Sequence[str]]] = {
    "verifiable records are produced": ("VerifiableProducer", "--topic", "v", "--max-messages", "5"),
}
"""In JVMs of their own, and first: they end with the JVM, not with their main method."""

RUN: Final = {**COMMANDS, **GROUP_COMMANDS}

INPUTS: Final = {"records are produced": "a:1\nb:2\nc:3\n", **GROUP_INPUTS}

DIFFERENT: Final = {
    "features": re.compile(r"Feature: (?!metadata|eligible|transaction).*"),
    "the quorum": re.compile(r", \"endpoints\": \[[^]]*\]"),
    "a broker's settings": re.compile(r"(?<=message.max.bytes=)\d+(?= sensitive)"),
}
"""What may differ, as docs/differences.md says: features that are not served, and endpoints of controllers.

Kafka shows a broker's changed setting a moment after it has answered that it is changed.
"""

OWN_DELAY: Final = re.compile(
    r"(?<=DEFAULT_CONFIG:group\.)\w+\.(assignment\.interval|initial\.rebalance\.delay)\.ms=\d+"
)
"""Delays of groups that are 0 by default, as docs/differences.md says."""

MEASURED: Final = frozenset({"producing is measured", "transactional producing is measured", "latency is measured"})
NUMBER: Final = re.compile(r"(?<=[\s(])[\d.]+")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Printed], dict[str, Printed]]:
    """What the commands print with Apache Kafka, and with kafkalite."""
    folder = tmp_path_factory.mktemp("tools")
    for name, content in FILES.items():
        (folder / name).write_text(json.dumps(content))
    kafka_libs()
    with start_kafka({**KAFKA_SETTINGS, **AUTHORIZER_SETTINGS, **SETTINGS}, jvm_flags=CONFORMANCE_JVM_FLAGS) as kafka:
        with_kafka = _run_all(folder, kafka.bootstrap)
    kafkalite = Kafkalite(folder / "kafkalite", KAFKALITE_SETTINGS)
    try:
        return with_kafka, _run_all(folder, kafkalite.bootstrap)
    finally:
        kafkalite.kill()


def _run_all(folder: Path, address: str) -> dict[str, Printed]:
    all_printed = {name: _run_alone(address, *command) for name, command in ALONE.items()}
    with running_tools(address) as tools, BlockingClient(int(address.rpartition(":")[2])) as client:
        groups = GroupsByRequest(client)
        for name, (tool, *words) in RUN.items():
            if name in GROUP_REQUESTS:
                GROUP_REQUESTS[name](groups)
            arguments = [str(folder / word) if word in FILES else word for word in words]
            all_printed[name] = tools.run(tool, *arguments, text=INPUTS.get(name, ""))
    return all_printed


def _run_alone(address: str, tool: str, *arguments: str) -> Printed:
    program = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_tools_libs()}/*"]
    words = [f"org.apache.kafka.tools.{tool}", "--bootstrap-server", address, *arguments]
    done = subprocess.run(
        [*program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    return Printed(done.returncode, done.stdout)


def _plain(command: str, text: str) -> list[str]:
    if command in DIFFERENT:
        text = DIFFERENT[command].sub("", text)
    if command in MEASURED:
        text = NUMBER.sub("N", text)
    told = lines_of(OWN_DELAY.sub("", text))
    # Access control entries are a set, and Kafka shows groups and their members in the order of hash codes.
    return sorted(told) if command in GROUP_COMMANDS or RUN.get(command, (None,))[0] == ACLS else told


@pytest.mark.parametrize("command", [*ALONE, *RUN])
def test_a_tool_prints_the_same(command: str, printed: tuple[dict[str, Printed], dict[str, Printed]]) -> None:
    kafka, kafkalite = (each[command] for each in printed)
    assert kafkalite.status == kafka.status, kafkalite.text
    assert "UnsupportedVersion" not in kafkalite.text
    assert _plain(command, kafkalite.text) == _plain(command, kafka.text)
