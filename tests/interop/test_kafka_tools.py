"""Kafka's command-line tools print the same with kafkalite as with Apache Kafka, but for ids, addresses and times."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.starters import KAFKA_SETTINGS
from tests.support.reference_kafka import java, kafka_libs, kafka_tools_libs

PARTITIONS: Final = {"partitions": [{"topic": "t", "partition": 0}, {"topic": "t", "partition": 1}]}
HERE: Final = {
    "version": 1,
    "partitions": [{"topic": "t", "partition": 0, "replicas": [1]}, {"topic": "t", "partition": 1, "replicas": [1]}],
}
ELSEWHERE: Final = {"version": 1, "partitions": [{"topic": "t", "partition": 0, "replicas": [9]}]}
TOPICS: Final = {"version": 1, "topics": [{"topic": "t"}]}

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
    "unclean leaders": ("LeaderElectionCommand", "--election-type", "unclean", "--path-to-json-file", "partitions"),
    "a leader of nothing": (
        "LeaderElectionCommand", "--election-type", "preferred", "--topic", "none", "--partition", "0",
    ),
    "reassignments": ("reassign.ReassignPartitionsCommand", "--list"),
    "a proposal": (
        "reassign.ReassignPartitionsCommand", "--generate", "--broker-list", "1",
        "--topics-to-move-json-file", "topics",
    ),
    "a reassignment to the same": (
        "reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", "here",
    ),
    "a reassignment is verified": (
        "reassign.ReassignPartitionsCommand", "--verify", "--reassignment-json-file", "here",
    ),
    "a reassignment to a stranger": (
        "reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", "elsewhere",
    ),
    "a reassignment is cancelled": (
        "reassign.ReassignPartitionsCommand", "--cancel", "--reassignment-json-file", "here",
    ),
    "directories": ("LogDirsCommand", "--describe", "--topic-list", "t"),
    "access control entries": ("AclCommand", "--list"),
    "an access control entry": (
        "AclCommand", "--add", "--allow-principal", "User:a", "--operation", "Read", "--topic", "t",
    ),
    "no access control entry": (
        "AclCommand", "--remove", "--force", "--allow-principal", "User:a", "--operation", "Read", "--topic", "t",
    ),
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
    "the topic is deleted": ("TopicCommand", "--delete", "--topic", "t"),
}  # fmt: skip


OF_ONE_BROKER: Final = (
    (re.compile(r"127\.0\.0\.1[: ]\d+"), "ADDRESS"),
    (re.compile(r"(?<=TopicId: )\S+"), "ID"),
    (re.compile(r"(?<=ClusterId: )\s*\S+"), "ID"),
    (re.compile(r"(Epoch|HighWatermark|LeaderEpoch|MaxFollowerLagTimeMs):\s*-?\d+"), r"\1: N"),
    (re.compile(r"(?<=\"logDir\":\")[^\"]+|(?<=\"log_dirs\":\[\")/[^\"]+"), "DIRECTORY"),
    (re.compile(r"(?<=A{22})\s+\d+"), " N"),
    (re.compile(r"(?<=\"size\":)\d+"), "N"),
    (re.compile(r"\[20\d\d-[^\]]*\]"), "[TIME]"),
    (re.compile(r"\d{13}"), "TIME"),
)


DIFFERENT: Final = {
    "features": re.compile(r"Feature: (?!metadata|eligible|transaction).*"),
    "the quorum": re.compile(r", \"endpoints\": \[[^]]*\]"),
}
"""What may differ, as docs/differences.md says: features that are not served, and endpoints of controllers."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What a tool printed, and its exit status."""

    status: int
    text: str


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Printed], dict[str, Printed]]:
    """What the commands print with Apache Kafka, and with kafkalite."""
    folder = tmp_path_factory.mktemp("tools")
    files = {"partitions": PARTITIONS, "here": HERE, "elsewhere": ELSEWHERE, "topics": TOPICS}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    kafka_libs()
    with start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS) as kafka:
        with_kafka = _run_all(folder, kafka.bootstrap)
    kafkalite = Kafkalite(folder / "kafkalite", {})
    try:
        return with_kafka, _run_all(folder, kafkalite.bootstrap)
    finally:
        kafkalite.kill()


def _run_all(folder: Path, address: str) -> dict[str, Printed]:
    lines = [_line(folder, address, *command) for command in COMMANDS.values()]
    program = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_tools_libs()}/*"]
    program.append(str(Path(__file__).with_name("KafkaTools.java")))
    done = subprocess.run(
        program, input="".join(lines), capture_output=True, text=True, timeout=300, check=True, encoding="utf-8"
    )
    found = (answer.split("\t") for answer in done.stdout.splitlines())
    answers = [Printed(int(status), base64.b64decode(text).decode()) for status, text in found]
    return dict(zip(COMMANDS, answers, strict=True))


def _line(folder: Path, address: str, tool: str, *arguments: str) -> str:
    files = {"partitions", "here", "elsewhere", "topics"}
    given = [str(folder / word) if word in files else word for word in arguments]
    at = ["--bootstrap-server", address]
    words = [*at, *given] if tool != "ClusterTool" else [*given, *at]
    return "\t".join([f"org.apache.kafka.tools.{tool}", *words]) + "\n"


def _plain(command: str, text: str) -> list[str]:
    if command in DIFFERENT:
        text = DIFFERENT[command].sub("", text)
    for pattern, instead in OF_ONE_BROKER:
        text = pattern.sub(instead, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("WARNING")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tool_prints_the_same(command: str, printed: tuple[dict[str, Printed], dict[str, Printed]]) -> None:
    kafka, kafkalite = (each[command] for each in printed)
    assert kafkalite.status == kafka.status, kafkalite.text
    assert "UnsupportedVersion" not in kafkalite.text
    assert _plain(command, kafkalite.text) == _plain(command, kafka.text)
