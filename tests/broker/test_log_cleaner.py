"""The task that compacts, on a clock that jumps."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from kafkalite.background.cleaner import LogCleaner
from kafkalite.background.timers import TimerQueue
from kafkalite.config import BrokerConfig, load
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch

NOW = 1_700_000_000_000


@pytest.fixture
def storage() -> Storage:
    made = Storage.open("/data", fs=MemoryFileSystem(), new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    made.create_topic("t", 1, {"cleanup.policy": "compact"}, now_ms=NOW)
    return made


async def at_once(work: Callable[[], None]) -> None:
    """Stand in for a thread, during which a clock that jumps would go on."""
    work()


@asynccontextmanager
async def cleaning(storage: Storage, *settings: str) -> AsyncIterator[None]:
    """Run the cleaner under properties."""
    config: BrokerConfig = load(settings=settings)
    async with trio.open_nursery() as nursery:
        deadlines = TimerQueue()
        nursery.start_soon(deadlines.run)
        nursery.start_soon(LogCleaner(storage, config, deadlines, lambda: NOW, in_thread=at_once).run)
        yield
        nursery.cancel_scope.cancel()


def fill(log: PartitionLog, count: int, *, size: int = 10, rolls: bool = True) -> None:
    for _ in range(count):
        log.append(build_batch([Record(b"k", b"v" * size, NOW)]), now_ms=NOW, origin=AppendOrigin.BROKER)
    if rolls:
        log.roll()


async def seconds_until_small(log: PartitionLog) -> float:
    """Wait until one record is left and tell how long that took on the clock."""
    started = trio.current_time()
    while log.size > 2 * 20_000:  # noqa: ASYNC110  # the log has no event for its size
        await trio.sleep(0.01)
    return trio.current_time() - started


async def test_a_log_that_is_due_is_compacted_within_the_backoff(
    storage: Storage, autojump_clock: trio.testing.MockClock
) -> None:
    log = storage.log("t", 0)
    fill(log, 10, size=10_000)
    async with cleaning(storage, "log.cleaner.backoff.ms=5000"):
        assert 5 <= await seconds_until_small(log) < 7


async def test_the_speed_of_compaction_can_be_limited(storage: Storage, autojump_clock: trio.testing.MockClock) -> None:
    log = storage.log("t", 0)
    fill(log, 50, size=10_000)
    bytes_moved = 2 * log.size
    async with cleaning(storage, "log.cleaner.backoff.ms=0", "log.cleaner.io.max.bytes.per.second=10000"):
        assert bytes_moved / 10_000 <= await seconds_until_small(log) < bytes_moved / 10_000 + 5


async def test_properties_that_are_changed_while_it_runs_count_at_once(
    storage: Storage, autojump_clock: trio.testing.MockClock
) -> None:
    log = storage.log("t", 0)
    async with cleaning(storage, "log.cleaner.backoff.ms=3600000"):
        await trio.sleep(10)
        fill(log, 10, size=10_000)
        storage.alter_broker_configs("", {"log.cleaner.backoff.ms": "1000"}, now_ms=NOW)
        assert await seconds_until_small(log) < 3


async def test_the_brokers_own_topics_are_kept_small_whatever_the_backoff(
    storage: Storage, autojump_clock: trio.testing.MockClock
) -> None:
    storage.create_topic("__consumer_offsets", 1, {"cleanup.policy": "compact"}, now_ms=NOW)
    log = storage.log("__consumer_offsets", 0)
    async with cleaning(storage, "log.cleaner.backoff.ms=3600000"):
        fill(log, 50, size=100_000, rolls=False)
        started = trio.current_time()
        while log.size > 1_000_000:  # noqa: ASYNC110  # the log has no event for its size
            await trio.sleep(0.1)
        assert trio.current_time() - started < 3
        assert log.log_end_offset == 50


async def test_requests_are_served_between_two_steps(storage: Storage, autojump_clock: trio.testing.MockClock) -> None:
    log = storage.log("t", 0)
    fill(log, 5000)
    turns = 0

    async with cleaning(storage, "log.cleaner.backoff.ms=0"):
        while log.size > 1000:
            await trio.sleep(0.001)
            turns += 1
    assert turns > 2 * 5000 / 400
