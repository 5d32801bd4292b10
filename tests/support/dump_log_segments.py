"""Kafka's own DumpLogSegments; needs Java, and its jars come through Maven into the user's cache folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.reference_kafka import java, kafka_tools_libs

_COMPLAINTS = re.compile(
    r"mismatch|out of order|non-consecutive|found|isvalid: false|exception|corrupt|could not", re.IGNORECASE
)
#: The tool says of every segment that does not begin at offset 0, also of Kafka's own, that something is missing.
_NO_COMPLAINT = re.compile(r"Non-consecutive offsets in \S+\n  -1 is followed by \d+\n(?!  )")


def dump(files: Iterable[Path], *options: str) -> str:
    """Return what the tool prints about files; one start of a JVM, whatever their number."""
    names = ",".join(str(file) for file in files)
    command = [
        java(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{kafka_tools_libs()}/*",
        "org.apache.kafka.tools.DumpLogSegments",
        *options,
        "--files",
        names,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def complaints(printed: str) -> list[str]:
    """Return the lines that complain of something."""
    return [line for line in _NO_COMPLAINT.sub("", printed).splitlines() if _COMPLAINTS.search(line)]
