"""Kafka's command-line tools, run one after the other in one JVM, and what they print without what differs anyway."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.reference_kafka import java, kafka_tools_libs

_PROGRAM: Final = Path(__file__).parents[1] / "interop" / "KafkaTools.java"

_OF_ONE_BROKER: Final = (
    (re.compile(r"127\.0\.0\.1[: ]\d+"), "ADDRESS"),
    (re.compile(r"(?<=TopicId: )\S+"), "ID"),
    (re.compile(r"(?<=ClusterId: )\s*\S+"), "ID"),
    (re.compile(r"(Epoch|HighWatermark|LeaderEpoch|MaxFollowerLagTimeMs):\s*-?\d+"), r"\1: N"),
    (re.compile(r"(?<=\"logDir\":\")[^\"]+|(?<=\"log_dirs\":\[\")/[^\"]+"), "DIRECTORY"),
    (re.compile(r"(?<=A{22})\s+\d+"), " N"),
    (re.compile(r"(?<=\"size\":)\d+"), "N"),
    (re.compile(r"\[20\d\d-[^\]]*\]"), "[TIME]"),
    (re.compile(r"(?<=\"avg_throughput\":)[\d.]+"), "N"),
    (re.compile(r"\b\d{13}\b"), "TIME"),
    (re.compile(r"TIME\s+\d+"), "TIME DURATION"),
    (re.compile(r"^20\d\d-[^,]*, (?:[^,]*, ){3}(\d+), .*$", re.MULTILINE), r"\1 consumed"),
)


@dataclass(frozen=True, slots=True)
class Printed:
    """What a tool printed, and its exit status."""

    status: int
    text: str


class Tools:
    """A JVM that runs tools against one address."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self._address = address

    def run(self, tool: str, *arguments: str, text: str = "") -> Printed:
        """Run a tool, named by its class in Kafka's package of tools, with a text as its input."""
        at = ["--bootstrap-server", self._address]
        words = [*at, *arguments] if tool != "ClusterTool" else [*arguments, *at]
        given = base64.b64encode(text.encode()).decode()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join([given, f"org.apache.kafka.tools.{tool}", *words]) + "\n")
        self._process.stdin.flush()
        status, printed = self._process.stdout.readline().rstrip("\n").split("\t")
        return Printed(int(status), base64.b64decode(printed).decode())


@contextmanager
def running_tools(address: str) -> Generator[Tools]:
    """Run a JVM for the tools until the block ends."""
    program = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{kafka_tools_libs()}/*", str(_PROGRAM)]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        try:
            yield Tools(process, address)
        finally:
            process.kill()


def lines_of(text: str) -> list[str]:
    """Return the lines that a tool printed, without warnings and stack traces, and without ids, addresses and times."""
    for pattern, instead in _OF_ONE_BROKER:
        text = pattern.sub(instead, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("WARNING", "at "))]
