"""Kafka's command-line tools print the same with three brokers of kafkalite as with three of Apache Kafka.

Not in the suite, because three JVMs take minutes. Name the file to run it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from kafkalite_conformance.clusters import CLUSTER_SETTINGS, Cluster, ask, bootstrap_of, running_cluster
from kafkalite_wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from tests.support.kafka_tools import Printed, lines_of, running_tools

SETTINGS: Final[Mapping[str, str]] = {
    **CLUSTER_SETTINGS,
    "auto.leader.rebalance.enable": "false",
    "replica.lag.time.max.ms": "2000",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
RACKS: Final = ("a", "b", "c")
SETTLING: Final = 60.0


def _moves(**replicas: Sequence[int]) -> object:
    partitions = [
        {"topic": name.rpartition("_")[0], "partition": int(name.rpartition("_")[2]), "replicas": list(brokers)}
        for name, brokers in replicas.items()
    ]
    return {"version": 1, "partitions": partitions}


FILES: Final[Mapping[str, object]] = {
    "move.json": _moves(spread_0=(3, 1), alone_0=(3, 2)),
    "back.json": _moves(spread_0=(1, 2, 3), alone_0=(2,)),
    "unknown.json": _moves(spread_0=(7, 1)),
    "none.json": _moves(none_0=(1,)),
    "twice.json": _moves(spread_0=(1, 1)),
    "elect.json": {"partitions": [{"topic": "spread", "partition": 1}, {"topic": "alone", "partition": 0}]},
    "topics.json": {"version": 1, "topics": [{"topic": "alone"}]},
}

TOPICS: Final = "TopicCommand"
MOVE: Final = "reassign.ReassignPartitionsCommand"
ELECT: Final = "LeaderElectionCommand"
QUORUM: Final = "MetadataQuorumCommand"
CONFIGS: Final = "ConfigCommand"
ALICE: Final = ("--entity-type", "users", "--entity-name", "alice")
DESCRIBED: Final = (
    (TOPICS, "--describe", "--topic", "spread"),
    (TOPICS, "--describe", "--topic", "alone"),
    (TOPICS, "--describe", "--under-replicated-partitions"),
    (TOPICS, "--describe", "--under-min-isr-partitions"),
    (TOPICS, "--describe", "--at-min-isr-partitions"),
    (TOPICS, "--describe", "--unavailable-partitions"),
    ("ClusterTool", "list-endpoints"),
    ("ClusterTool", "list-endpoints", "--include-fenced-brokers"),
)
STEPS: Final[Sequence[Sequence[str]]] = (
    (TOPICS, "--create", "--topic", "spread", "--replica-assignment", "1:2:3,2:3:1,3:1:2"),
    (TOPICS, "--create", "--topic", "alone", "--replica-assignment", "2"),
    (TOPICS, "--create", "--topic", "pair", "--replica-assignment", "2:3", "--config", "min.insync.replicas=1"),
    (TOPICS, "--create", "--topic", "x", "--partitions", "1", "--replication-factor", "4"),
    (TOPICS, "--create", "--topic", "x", "--replica-assignment", "1:9"),
    (TOPICS, "--create", "--topic", "x", "--replica-assignment", "1:2,1"),
    (TOPICS, "--alter", "--topic", "alone", "--partitions", "2", "--replica-assignment", "2,9"),
    (TOPICS, "--list"),
    (TOPICS, "--describe", "--topics-with-overrides"),
    *DESCRIBED,
    (QUORUM, "describe", "--status"),
    (QUORUM, "describe", "--replication"),
    ("LogDirsCommand", "--describe", "--topic-list", "spread,alone"),
    ("LogDirsCommand", "--describe", "--broker-list", "2", "--topic-list", "spread,alone"),
    ("LogDirsCommand", "--describe", "--broker-list", "2,7"),
    (ELECT, "--election-type", "preferred", "--all-topic-partitions"),
    (ELECT, "--election-type", "preferred", "--path-to-json-file", "elect.json"),
    ("stop", "2"),
    *DESCRIBED,
    (QUORUM, "describe", "--replication"),
    (ELECT, "--election-type", "preferred", "--topic", "spread", "--partition", "1"),
    (ELECT, "--election-type", "preferred", "--path-to-json-file", "elect.json"),
    (ELECT, "--election-type", "unclean", "--topic", "alone", "--partition", "0"),
    (ELECT, "--election-type", "unclean", "--topic", "spread", "--partition", "0"),
    (TOPICS, "--create", "--topic", "late", "--replica-assignment", "2:3"),
    (TOPICS, "--describe", "--topic", "late"),
    (TOPICS, "--create", "--topic", "later", "--replica-assignment", "2"),
    (TOPICS, "--create", "--topic", "wide", "--replica-assignment", "1:3:2"),
    ("stop", "3"),
    *DESCRIBED,
    ("start", "3"), ("start", "2"),
    *DESCRIBED,
    (ELECT, "--election-type", "preferred", "--topic", "spread", "--partition", "1"),
    (ELECT, "--election-type", "preferred", "--topic", "spread", "--partition", "1"),
    (ELECT, "--election-type", "preferred", "--topic", "spread", "--partition", "7"),
    (ELECT, "--election-type", "preferred", "--topic", "none", "--partition", "0"),
    (ELECT, "--election-type", "preferred", "--all-topic-partitions"),
    (TOPICS, "--describe", "--topic", "spread"),
    (MOVE, "--list"),
    (MOVE, "--execute", "--reassignment-json-file", "move.json"),
    ("settle",),
    (MOVE, "--verify", "--reassignment-json-file", "move.json"),
    (MOVE, "--list"),
    (MOVE, "--cancel", "--reassignment-json-file", "move.json"),
    (TOPICS, "--describe", "--topic", "spread"),
    (TOPICS, "--describe", "--topic", "alone"),
    (MOVE, "--verify", "--reassignment-json-file", "back.json"),
    (MOVE, "--execute", "--reassignment-json-file", "back.json", "--throttle", "1000000"),
    ("settle",),
    (CONFIGS, "--describe", "--entity-type", "topics", "--entity-name", "spread"),
    (CONFIGS, "--describe", "--entity-type", "brokers", "--entity-name", "1"),
    (MOVE, "--verify", "--reassignment-json-file", "back.json", "--preserve-throttles"),
    (MOVE, "--verify", "--reassignment-json-file", "back.json"),
    (CONFIGS, "--describe", "--entity-type", "topics", "--entity-name", "spread"),
    (TOPICS, "--describe", "--topic", "spread"),
    (MOVE, "--execute", "--reassignment-json-file", "unknown.json"),
    (MOVE, "--execute", "--reassignment-json-file", "none.json"),
    (MOVE, "--execute", "--reassignment-json-file", "twice.json"),
    (MOVE, "--generate", "--broker-list", "2", "--topics-to-move-json-file", "topics.json"),
    (MOVE, "--generate", "--broker-list", "7", "--topics-to-move-json-file", "topics.json"),
    (CONFIGS, "--alter", *ALICE, "--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret-of-alice]"),
    (CONFIGS, "--alter", *ALICE, "--add-config", "SCRAM-SHA-512=[password=secret-of-alice]"),
    (CONFIGS, "--alter", *ALICE, "--add-config", "SCRAM-SHA-256=[iterations=1,password=secret-of-alice]"),
    (CONFIGS, "--alter", *ALICE, "--add-config", "consumer_byte_rate=2048"),
    (CONFIGS, "--describe", *ALICE),
    (CONFIGS, "--describe", "--entity-type", "users"),
    (CONFIGS, "--alter", *ALICE, "--delete-config", "SCRAM-SHA-256"),
    (CONFIGS, "--alter", *ALICE, "--delete-config", "SCRAM-SHA-256"),
    (CONFIGS, "--describe", *ALICE),
    (
        CONFIGS, "--alter", *ALICE, "--entity-type", "clients", "--entity-name", "app",
        "--add-config", "producer_byte_rate=1",
    ),
    (CONFIGS, "--describe", "--entity-type", "users", "--entity-type", "clients"),
    (CONFIGS, "--alter", "--entity-type", "users", "--entity-default", "--add-config", "controller_mutation_rate=5"),
    (CONFIGS, "--describe", "--entity-type", "users", "--entity-default"),
    ("AclCommand", "--add", "--allow-principal", "User:alice", "--operation", "All", "--cluster"),
    ("AclCommand", "--add", "--allow-principal", "User:bob", "--consumer", "--topic", "spread", "--group", "g"),
    ("AclCommand", "--list", "--topic", "spread"),
    ("AclCommand", "--list", "--cluster"),
    ("AclCommand", "--remove", "--force", "--principal", "User:bob", "--topic", "spread"),
    ("AclCommand", "--list"),
    ("DelegationTokenCommand", "--describe"),
)  # fmt: skip


def test_the_tools_print_the_same(tmp_path: Path) -> None:
    """Every line of every command, once the cluster has settled."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(json.dumps(content))
    printed = []
    for kind in ("kafka", "kafkalite"):
        with running_cluster(kind, SETTINGS, racks=RACKS, voters=3) as cluster:
            printed.append(_run(cluster, tmp_path))
    differences = [
        "\n".join([f"{number}: {' '.join(step)}", f"  Kafka {kafka}", *kafka_lines, f"  kafkalite {lite}", *lite_lines])
        for number, (step, kafka, lite) in enumerate(zip(STEPS, *printed, strict=True))
        if (kafka_lines := _plain(step, kafka)) != (lite_lines := _plain(step, lite)) or kafka.status != lite.status
    ]
    assert not differences, f"{len(differences)} differences\n" + "\n\n".join(differences)


def _plain(step: Sequence[str], printed: Printed) -> list[str]:
    """Return the lines, with the lists that have no order in order."""
    text = re.sub(r"(?<=Isr: )[\d,]+", lambda found: ",".join(sorted(found[0].split(","))), printed.text)
    text = re.sub(r"(?<=are )SCRAM.*", lambda found: ", ".join(sorted(found[0].split(", "))), text)
    text = re.sub(r'"/tmp/[^"]+"', '"DIRECTORY"', text)
    if step[0] == QUORUM:
        text = re.sub(r', "endpoints": \[[^]]*\]', "", text)  # docs/differences.md
        text = re.sub(r"(?<=^[123] )(.{22})\s*\d+\s+\d+", "ID N LAG", re.sub("[ \t]+", " ", text), flags=re.MULTILINE)
    lines = lines_of(text)
    return sorted(lines) if step[0] in ("AclCommand", QUORUM) else lines


def _run(cluster: Cluster, folder: Path) -> list[Printed]:
    up = set(cluster.addresses)
    found: list[Printed] = []
    with running_tools(bootstrap_of(cluster)) as tools:
        for tool, *words in STEPS:
            match tool:
                case "stop":
                    cluster.stop(int(words[0]))
                    up.remove(int(words[0]))
                case "start":
                    cluster.start(int(words[0]))
                    up.add(int(words[0]))
                case "settle":
                    pass
                case _:
                    given = [str(folder / word) if word in FILES else word for word in words]
                    found.append(tools.run(tool, *given))
                    continue
            _until(lambda: _has_settled(cluster, up))
            found.append(Printed(0, ""))
    return found


def _has_settled(cluster: Cluster, up: set[int]) -> bool:
    """Return whether all replicas of brokers that are up are in sync, and none moves."""
    request = ListPartitionReassignmentsRequest(timeout_ms=30_000, topics=None)
    if ask(cluster, 1, request, 0).topics:
        return False
    answers = [ask(cluster, broker, MetadataRequest(topics=None), 9) for broker in up]
    return all(
        set(each.isr_nodes) == (set(each.replica_nodes) & up or set(each.isr_nodes))
        and (each.leader_id in up) == bool(set(each.replica_nodes) & up)
        for answer in answers
        for topic in answer.topics
        for each in topic.partitions
    ) and all({broker.node_id for broker in answer.brokers} == up for answer in answers)


def _until(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLING
    while not probe():
        assert time.monotonic() < deadline, "the cluster has not settled"
        time.sleep(0.3)
