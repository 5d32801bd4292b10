"""Compaction goes by the broker's clock, and what is due of it is done when an advance is over."""

from __future__ import annotations

import pytest

from kafkalite.testing import Handle

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def users(broker: Handle) -> str:
    """A compacted topic whose segments are an hour long, and whose tombstones stay for a day."""
    configs = {
        "cleanup.policy": "compact",
        "segment.ms": str(HOUR * 1000),
        "delete.retention.ms": str(DAY * 1000),
        "min.cleanable.dirty.ratio": "0.01",
    }
    broker.topics.create("users", configs=configs)
    return "users"


def kept(broker: Handle, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(record.key, record.value) for record in broker.records(topic)]


def write(broker: Handle, topic: str, number: int) -> None:
    """Write something else, so that what lies before it is in a closed segment."""
    broker.produce(topic, "x", key=f"{number}")


@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_tombstone_goes_when_its_time_is_over(broker: Handle, users: str, is_frozen: bool) -> None:
    if is_frozen:
        broker.clock.freeze()
    broker.produce(users, "in the house", key="anna")
    broker.produce(users, None, key="anna")
    broker.clock.advance(HOUR + 1)
    write(broker, users, 1)
    broker.clock.advance(60)
    assert kept(broker, users) == [(b"anna", None), (b"1", b"x")]
    broker.clock.advance(DAY - 2 * HOUR)
    write(broker, users, 2)
    broker.clock.advance(60)
    assert kept(broker, users)[0] == (b"anna", None)
    broker.clock.advance(2 * HOUR)
    write(broker, users, 3)
    broker.clock.advance(60)
    assert kept(broker, users) == [(b"1", b"x"), (b"2", b"x"), (b"3", b"x")]


def test_a_record_is_kept_for_as_long_as_its_lag(broker: Handle) -> None:
    configs = {
        "cleanup.policy": "compact",
        "segment.ms": str(HOUR * 1000),
        "min.compaction.lag.ms": str(DAY * 1000),
        "min.cleanable.dirty.ratio": "0.01",
    }
    broker.topics.create("users", configs=configs)
    broker.produce("users", "old", "new", key="anna")
    broker.clock.advance(HOUR + 1)
    write(broker, "users", 1)
    broker.clock.advance(DAY - 2 * HOUR)
    assert kept(broker, "users") == [(b"anna", b"old"), (b"anna", b"new"), (b"1", b"x")]
    broker.clock.advance(2 * HOUR)
    assert kept(broker, "users") == [(b"anna", b"new"), (b"1", b"x")]


def test_a_clean_log_is_compacted_when_a_record_has_waited_for_too_long(broker: Handle) -> None:
    configs = {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": str(HOUR * 1000),
        "min.cleanable.dirty.ratio": "1.0",
    }
    broker.topics.create("users", configs=configs)
    broker.produce("users", "old", key="anna")
    broker.clock.advance(HOUR + 1)
    broker.produce("users", "new", key="anna")
    broker.clock.advance(HOUR + 1)
    write(broker, "users", 1)
    broker.clock.advance(60)
    assert kept(broker, "users") == [(b"anna", b"new"), (b"1", b"x")]
