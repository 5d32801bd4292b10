"""What the wire tests share."""

from pathlib import Path

import pytest

from tests.reference import kafka_libs


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """Apache Kafka's jars, with the official definition of every message."""
    return kafka_libs()
