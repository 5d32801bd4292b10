"""A broker in memory, whose handlers are called directly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.config import load
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from tests.support.partition_requests import StoppedClock


@pytest.fixture
def broker() -> Iterator[BrokerEndpoint]:
    """A broker with topic ``t`` of two partitions."""
    config = load(listen=["127.0.0.1:0"], data="/data")
    made = BrokerEndpoint(Cluster(config, TimerQueue(StoppedClock()), MemoryFileSystem()), config)
    made.cluster.create_topic("t", 2, {})
    yield made
    made.cluster.close()
