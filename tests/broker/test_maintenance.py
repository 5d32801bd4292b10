"""What the broker does by itself, on the broker's clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite.coordinators.share.state import ShareKey
from kafkalite_storage.storage import Storage
from kafkalite_wire.error_codes import ErrorCode
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import EARLIEST, batch, fetch, list_offsets, produce
from tests.support.storage.controls import kill_storage

NOW = 4_000_000_000_000


class Told(logging.Handler):
    """Wakes the test that waits for a line of the log."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning
        self.line = ""
        self.event = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self.beginning):
            self.line = record.getMessage()
            self.event.set()


@pytest.fixture
def told() -> Iterator[Callable[[str], Told]]:
    def listen(beginning: str) -> Told:
        handler = Told(beginning)
        logging.getLogger("kafkalite").addHandler(handler)
        handlers.append(handler)
        return handler

    handlers: list[Told] = []
    yield listen
    for handler in handlers:
        logging.getLogger("kafkalite").removeHandler(handler)


async def earliest(client: ProtocolClient, topic: str) -> int:
    response = await client.call(list_offsets(topic, EARLIEST), 7)
    offset: int = response.topics[0].partitions[0].offset
    return offset


async def test_records_go_when_their_time_is_over_and_waiting_readers_learn_so(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    clock = SteerableClock()
    broker = Broker(load(listen=["127.0.0.1:0"], data=tmp_path / "data"), clock=clock)
    [(host, port)] = await nursery.start(broker.run)
    client = ProtocolClient(await trio.open_tcp_stream(host, port))
    await create_topic(client, "t", retention_ms="60000")
    await client.call(produce("t", batch(b"a", b"b")), 9)
    clock.freeze()
    clock.advance(50)
    assert await earliest(client, "t") == 0
    async with trio.open_nursery() as waiting:
        answers: list[int] = []

        async def read() -> None:
            reader = ProtocolClient(await trio.open_tcp_stream(host, port))
            response = await reader.call(fetch("t", 0, wait_ms=1_000_000_000, min_bytes=10_000), 12)
            answers.append(response.responses[0].partitions[0].error_code)
            await reader.stream.aclose()

        waiting.start_soon(read)
        with trio.fail_after(60):
            while not answers:  # a look at all logs takes some turns, and only then the next one is planned
                await trio.testing.wait_all_tasks_blocked(0.01)
                clock.advance(100)
    assert answers == [ErrorCode.OFFSET_OUT_OF_RANGE]
    assert await earliest(client, "t") == 2
    await client.stream.aclose()
    broker.stop()


async def test_one_line_tells_what_a_crash_left(
    tmp_path: Path, nursery: trio.Nursery, told: Callable[[str], Told]
) -> None:
    config = load(listen=["127.0.0.1:0"], data=tmp_path)
    storage = Storage.open(tmp_path, new_uuid=lambda: bytes(range(16)), now_ms=NOW)
    storage.create_topic("t", 3, now_ms=NOW)
    for number in range(2):
        for value in (b"whole", b"torn"):
            records = batch(value)
            storage.log("t", number).append(records, now_ms=NOW)
    kill_storage(storage)
    log = tmp_path / "t-1" / "00000000000000000000.log"
    log.write_bytes(log.read_bytes()[:-1])
    line = told("after an unclean stop")
    broker = Broker(config)
    await nursery.start(broker.run)
    with trio.fail_after(60):
        await line.event.wait()
    assert "3 logs were opened" in line.line, "two that were used, and the log of the topics itself"
    assert f"{len(records) - 1} bytes were cut off the ends of 1 ({log} ends" in line.line
    assert broker.cluster.storage.log("t", 1).log_end_offset == 1
    broker.stop()


async def test_after_a_clean_stop_there_is_nothing_to_tell(
    tmp_path: Path, nursery: trio.Nursery, told: Callable[[str], Told]
) -> None:
    config = load(listen=["127.0.0.1:0"], data=tmp_path)
    Storage.open(tmp_path, new_uuid=lambda: bytes(range(16)), now_ms=NOW).close()
    line = told("after an unclean stop")
    broker = Broker(config)
    await nursery.start(broker.run)
    await trio.testing.wait_all_tasks_blocked()
    broker.stop()
    assert line.line == ""


async def test_advancing_past_many_periods_runs_a_job_once(tmp_path: Path, nursery: trio.Nursery) -> None:
    clock = SteerableClock()
    broker = Broker(load(listen=["127.0.0.1:0"], data=tmp_path / "data"), clock=clock)
    await nursery.start(broker.run)
    clock.freeze()
    await trio.testing.wait_all_tasks_blocked()
    expired: list[float] = []
    broker.cluster.expire_producers = lambda: expired.append(clock.now())  # type: ignore[method-assign]
    clock.advance(24 * 3600)
    await broker.maintenance.run_due()
    await broker.maintenance.run_due()
    await trio.testing.wait_all_tasks_blocked()
    assert expired == [clock.now()]
    clock.advance(600)
    await broker.maintenance.run_due()
    assert len(expired) == 2
    broker.stop()


async def test_redundant_states_of_share_groups_are_deleted(tmp_path: Path, nursery: trio.Nursery) -> None:
    clock = SteerableClock()
    settings = [
        "share.coordinator.state.topic.num.partitions=1",
        "share.coordinator.snapshot.update.records.per.snapshot=2",
    ]
    broker = Broker(load(listen=["127.0.0.1:0"], data=tmp_path / "data", settings=settings), clock=clock)
    await nursery.start(broker.run)
    clock.freeze()
    states = broker.cluster.share_states
    busy, idle = (ShareKey("g", bytes(16), index) for index in range(2))

    def write(key: ShareKey, offset: int) -> None:
        recording = states.write(
            key, state_epoch=0, leader_epoch=0, start_offset=offset, delivery_complete_count=0, batches=()
        )
        assert not recording.error

    for key in (busy, idle):
        states.initialize(key, state_epoch=0, start_offset=0)
    for offset in range(1, 9):
        write(busy, offset)  # every third is a record of the whole state
    log = broker.cluster.storage.log("__share_group_state", 0)
    assert (log.log_start_offset, log.log_end_offset) == (0, 10)
    clock.advance(301)
    await broker.maintenance.run_due()
    assert (log.log_start_offset, log.log_end_offset) == (10, 12)  # both were recorded again
    before = states.read(busy), states.read(idle)
    states.partitions_moved()  # they are loaded from the log
    assert (states.read(busy), states.read(idle)) == before
    write(idle, 1)
    clock.advance(301)
    await broker.maintenance.run_due()
    assert (log.log_start_offset, log.log_end_offset) == (10, 13)  # no state has changed so much that it was recorded
    states.delete(busy)
    states.delete(idle)
    clock.advance(301)
    await broker.maintenance.run_due()
    assert (log.log_start_offset, log.log_end_offset) == (14, 15)
    broker.stop()
