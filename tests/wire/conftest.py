"""Fixtures of the wire tests."""

from pathlib import Path

import pytest

from tests.support.reference_kafka import kafka_libs


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """Apache Kafka's jars, with the official definition of every message."""
    return kafka_libs()
