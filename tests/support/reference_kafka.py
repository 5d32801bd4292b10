"""The jars of Apache Kafka, the reference for declarations and file formats."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.toolchains import missing, program


def kafka_libs() -> Path:
    """Return the folder of Kafka's jars: `KAFKALITE_KAFKA_LIBS`, or the user's cache folder, filled by Maven.

    Without the folder and Maven the test is skipped, or on CI fails.
    """
    named = os.environ.get("KAFKALITE_KAFKA_LIBS")
    if named:
        return Path(named)
    from kafkalite_conformance.reference_broker import kafka_jars

    return _from_maven(kafka_jars)


def kafka_tools_libs() -> Path:
    """Return the folder of Kafka's command-line tools. Skips and fails as :func:`kafka_libs` does."""
    from kafkalite_conformance.reference_broker import kafka_tools_jars

    return _from_maven(kafka_tools_jars)


def _from_maven(jars: Callable[[], Path]) -> Path:
    try:
        return jars()
    except (FileNotFoundError, subprocess.CalledProcessError) as problem:
        return missing(f"Kafka's jars are not in the cache and Maven cannot download them ({problem})")


def java() -> str:
    """Return the path of `java`. Without it the test is skipped, or on CI fails."""
    return program("java")
