"""With `flush.messages=1` nothing is acknowledged or read before it is on disk, and many producers share one sync."""

from __future__ import annotations

import errno
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite_storage.files import filesystem
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.produce import ProduceResponse
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, commit, fetch, produce

Connect = Callable[[], Awaitable[ProtocolClient]]


class Disk:
    """What syncs reach: it counts them, and can hold them up or fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.arrived = trio.Event()
        self.error: OSError | None = None
        self._open = threading.Event()
        self._open.set()
        self._token = trio.lowlevel.current_trio_token()

    def hold(self) -> None:
        """Block the syncs that begin from now on."""
        self.arrived = trio.Event()
        self._open.clear()

    def release(self) -> None:
        """Unblock them."""
        self._open.set()

    def sync(self, descriptor: int) -> None:
        """Stand in for fdatasync."""
        del descriptor
        self.syncs += 1
        if not self._open.is_set():
            self._token.run_sync_soon(self.arrived.set)
            self._open.wait(60)
        if self.error is not None:
            raise self.error


@pytest.fixture
async def disk(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Disk]:
    made = Disk()
    monkeypatch.setattr(filesystem, "_sync_data", made.sync)
    yield made
    made.error = None
    made.release()


async def test_the_reply_waits_for_the_sync_and_readers_do_too(disk: Disk, connect: Connect) -> None:
    producer, reader = await connect(), await connect()
    await create_topic(producer, "t", flush_messages="1")
    disk.hold()
    await producer.send(produce("t", batch(b"a")), 9)
    await disk.arrived.wait()
    before = await reader.call(fetch("t"), 12)  # the broker keeps serving
    partition = before.responses[0].partitions[0]
    assert (partition.error_code, partition.high_watermark, bytes(partition.records or b"")) == (0, 0, b"")
    disk.release()
    _, response = await producer.receive(ProduceResponse, 9)
    assert response.responses[0].partition_responses[0].error_code == ErrorCode.NONE
    after = await reader.call(fetch("t"), 12)
    assert after.responses[0].partitions[0].high_watermark == 1
    assert len(after.responses[0].partitions[0].records) > 0


async def test_a_fetch_that_waits_is_answered_when_the_sync_is_done(disk: Disk, connect: Connect) -> None:
    producer, reader = await connect(), await connect()
    await create_topic(producer, "t", flush_messages="1")
    disk.hold()
    await producer.send(produce("t", batch(b"a")), 9)
    await disk.arrived.wait()
    async with trio.open_nursery() as nursery:
        answers: list[object] = []

        async def wait() -> None:
            answers.append(await reader.call(fetch("t", wait_ms=60_000), 12))

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        assert answers == []
        disk.release()
    assert len(answers[0].responses[0].partitions[0].records) > 0  # type: ignore[attr-defined]  # a FetchResponse


async def test_many_producers_share_a_sync(disk: Disk, broker: Broker, connect: Connect) -> None:
    producers = [await connect() for _ in range(64)]
    await create_topic(producers[0], "t", flush_messages="1")
    disk.hold()
    await producers[0].send(produce("t", batch(b"first")), 9)
    await disk.arrived.wait()
    before = disk.syncs
    for number, producer in enumerate(producers[1:]):
        await producer.send(produce("t", batch(b"%d" % number)), 9)
    while broker.cluster.storage.log("t", 0).log_end_offset < len(producers):
        await trio.lowlevel.checkpoint()
    disk.release()
    for producer in producers:
        _, response = await producer.receive(ProduceResponse, 9)
        assert response.responses[0].partition_responses[0].error_code == ErrorCode.NONE
    assert disk.syncs - before <= 2


async def test_a_sync_that_fails_is_told_and_heals_when_the_disk_does(disk: Disk, client: ProtocolClient) -> None:
    await create_topic(client, "t", flush_messages="1")
    disk.error = OSError(errno.EIO, "input/output error")
    response = await client.call(produce("t", batch(b"a")), 9)
    partition = response.responses[0].partition_responses[0]
    assert partition.error_code == ErrorCode.KAFKA_STORAGE_ERROR
    assert "input/output error" in (partition.error_message or "")
    read = await client.call(fetch("t"), 12)
    assert read.responses[0].partitions[0].high_watermark == 0
    disk.error = None
    response = await client.call(produce("t", batch(b"b")), 9)
    assert response.responses[0].partition_responses[0].error_code == ErrorCode.NONE


async def test_an_idempotent_retry_waits_for_the_sync_of_the_original(disk: Disk, client: ProtocolClient) -> None:
    await create_topic(client, "t", flush_messages="1")
    records = batch(b"a", producer_id=7, producer_epoch=0, base_sequence=0)
    disk.error = OSError(errno.EIO, "input/output error")
    for _ in range(2):
        response = await client.call(produce("t", records), 9)
        assert response.responses[0].partition_responses[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
    disk.error = None
    response = await client.call(produce("t", records), 9)
    partition = response.responses[0].partition_responses[0]
    assert (partition.error_code, partition.base_offset) == (ErrorCode.NONE, 0)
    assert (await client.call(fetch("t"), 12)).responses[0].partitions[0].high_watermark == 1


async def test_without_acks_nobody_waits(disk: Disk, client: ProtocolClient) -> None:
    await create_topic(client, "t", flush_messages="1")
    disk.hold()
    await client.send(produce("t", batch(b"a"), acks=0), 9)
    await disk.arrived.wait()
    assert (await client.call(fetch("t"), 12)).responses[0].partitions[0].high_watermark == 0


async def test_flush_messages_counts_records(disk: Disk, client: ProtocolClient) -> None:
    await create_topic(client, "t", flush_messages="3")
    before = disk.syncs
    for count in (1, 1):
        await client.call(produce("t", batch(*[b"x"] * count)), 9)
    assert disk.syncs == before
    await client.call(produce("t", batch(b"x")), 9)
    assert disk.syncs > before


class TestCommits:
    """Offsets that are committed are kept like records."""

    @pytest.fixture
    def settings(self) -> list[str]:
        return ["offsets.topic.num.partitions=1", "log.flush.interval.messages=1"]

    async def test_a_commit_is_answered_when_it_is_on_disk(self, disk: Disk, client: ProtocolClient) -> None:
        await create_topic(client, "t")
        request = commit("g", {("t", 0): 5})
        before = disk.syncs
        response = await client.call(request, 8)
        assert response.topics[0].partitions[0].error_code == ErrorCode.NONE
        assert disk.syncs > before


async def test_flush_ms_syncs_in_time(tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteerableClock()
    broker = Broker(load(listen=["127.0.0.1:0"], data=tmp_path / "data"), clock=clock)
    [(host, port)] = await nursery.start(broker.run)
    client = ProtocolClient(await trio.open_tcp_stream(host, port))
    await create_topic(client, "t", flush_ms="5000")
    disk = Disk()
    monkeypatch.setattr(filesystem, "_sync_data", disk.sync)
    clock.freeze()
    await client.call(produce("t", batch(b"a")), 9)
    clock.advance(4.9)
    await wait_all_tasks_blocked()
    assert disk.syncs == 0
    disk.hold()
    clock.advance(0.1)
    await disk.arrived.wait()
    disk.release()
    await client.stream.aclose()
    broker.stop()
