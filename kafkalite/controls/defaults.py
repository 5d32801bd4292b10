"""Default properties of brokers for tests, on a thread, in a container or with controls over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Value = str | int | float | bool
"""A broker property as Python has it."""

DEFAULTS: Final[Mapping[str, Value]] = {
    "offsets.topic.num.partitions": 1,
    # A producer to a new topic need not ask twice.
    "kafkalite.auto.create.topics.immediately": True,
    # Members learn of a rebalance at once and not with their next heartbeat, so that tests need not wait for it.
    "kafkalite.group.heartbeat.hold.ms": 3000,
    # Where the broker assigns, it tells clients how often to send heartbeats, which are answered at once.
    "group.consumer.heartbeat.interval.ms": 500,
    "group.share.heartbeat.interval.ms": 500,
    "group.min.session.timeout.ms": 100,
    # Of several brokers, one can be stopped without any partition being lost to clients, and killed without a wait.
    "default.replication.factor": 3,
    "broker.session.timeout.ms": 0,
}
"""Where brokers for tests differ from those of ``kafkalite serve``."""


def text_of(value: Value) -> str:
    """Return a value as it stands in a properties file."""
    return str(value).lower() if isinstance(value, bool) else str(value)
