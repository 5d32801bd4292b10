"""Clients that go on through any number of kills, each keeping account of what it was promised."""

from __future__ import annotations

import random
import struct
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from kafkalite_wire.records import Record, build_batch
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker

_IN_FLIGHT = 5  # as many as Kafka remembers of a producer
_LARGE = 120_000  # several pages, so that a kill may meet a write half done
_PRODUCE = 9
_IMPATIENT: dict[str, str | int] = {
    # The broker is back within a quarter of a second, at the address where it was.
    "metadata.recovery.strategy": "none",
    "topic.metadata.refresh.fast.interval.ms": 20,
    "reconnect.backoff.ms": 5,
    "reconnect.backoff.max.ms": 20,
    "retry.backoff.ms": 5,
    "retry.backoff.max.ms": 20,
    "log_level": 0,
}
_MARK = struct.Struct(">HI")


class Mark(NamedTuple):
    """What a record's value begins with: who wrote it, and the how-manieth of its partition it is for him."""

    producer: int
    number: int


def value_of(mark: Mark, filling: bytes) -> bytes:
    return _MARK.pack(*mark) + filling


def mark_of(value: bytes | None) -> Mark:
    assert value is not None
    return Mark(*_MARK.unpack_from(value))


class Worker(threading.Thread):
    """A worker that runs until it is stopped; `failure` is the exception that ended it."""

    def __init__(self, broker: KillableBroker) -> None:
        super().__init__(daemon=True)
        self.broker = broker
        self.failure: BaseException | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as problem:  # noqa: BLE001  # raised by the test's own thread
            self.failure = problem

    def work(self) -> None:
        raise NotImplementedError


class Writer(Worker):
    """A producer, with the offsets it was told of: by partition, that of record 0, 1, …"""

    index: int
    acked: dict[int, list[int]]

    def note(self, partition: int, number: int, offset: int) -> None:
        """Take down an acknowledgement; they come in order."""
        offsets = self.acked[partition]
        assert number == len(offsets), f"record {number} is acknowledged after {len(offsets)} others"
        offsets.append(offset)

    @property
    def count(self) -> int:
        """How many records were acknowledged."""
        return sum(map(len, self.acked.values()))


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch without an answer."""

    partition: int
    first: int
    count: int
    batch: bytes


class RawWriter(Writer):
    """An idempotent producer by hand: five requests in flight, repeated in order after every kill."""

    def __init__(self, broker: KillableBroker, index: int, topic: str, partitions: int, seed: int) -> None:
        super().__init__(broker)
        self.index = index
        self.acked = {partition: [] for partition in range(partitions)}
        self.repeated = 0
        self._topic = topic
        self._chance = random.Random(f"{seed}-{index}")
        self._written = dict.fromkeys(self.acked, 0)
        self._pending: deque[Pending] = deque()
        self._producer_id = -1

    def work(self) -> None:
        while not (self.stopping.is_set() and not self._pending):
            if not self.broker.up.wait(120):
                raise TimeoutError("the broker stays away")
            try:
                with BlockingClient(self.broker.port) as client:
                    self._talk(client)
            except (OSError, EOFError):
                continue  # it was killed; what has no answer is sent again

    def _talk(self, client: BlockingClient) -> None:
        if self._producer_id < 0:
            self._producer_id = calls.new_producer_id(client)
        for each in self._pending:
            self._send(client, each)
        self.repeated += len(self._pending)
        while self._pending or not self.stopping.is_set():
            while len(self._pending) < _IN_FLIGHT and not self.stopping.is_set():
                self._pending.append(self._make())
                self._send(client, self._pending[-1])
            if not self.broker.up.is_set():
                return  # as if the answers were lost on the way: what was written is sent again all the same
            if self._pending:
                self._settle(client.receive(ProduceResponse, _PRODUCE))

    def _make(self) -> Pending:
        partition = self._chance.choice(tuple(self.acked))
        first, count = self._written[partition], self._chance.randint(1, 3)
        self._written[partition] += count
        size = _LARGE if self._chance.random() < 0.02 else self._chance.randint(0, 300)
        now = time.time_ns() // 1_000_000
        records = [
            Record(None, value_of(Mark(self.index, first + i), bytes([i]) * (size if i == 0 else 10)), now)
            for i in range(count)
        ]
        batch = build_batch(
            records,
            compression=self._chance.choice((0, 0, 0, 1, 2, 3, 4)) if size < _LARGE else 0,
            producer_id=self._producer_id,
            producer_epoch=0,
            base_sequence=first,
        )
        return Pending(partition, first, count, batch)

    def _send(self, client: BlockingClient, pending: Pending) -> None:
        data = PartitionProduceData(index=pending.partition, records=pending.batch)
        topic = TopicProduceData(name=self._topic, partition_data=(data,))
        client.send(ProduceRequest(acks=-1, timeout_ms=10_000, topic_data=(topic,)), _PRODUCE)

    def _settle(self, response: ProduceResponse) -> None:
        answer = response.responses[0].partition_responses[0]
        pending = self._pending.popleft()
        assert answer.index == pending.partition
        assert answer.error_code == 0, f"error {answer.error_code} for {pending.count} records from {pending.first} on"
        for place in range(pending.count):
            self.note(pending.partition, pending.first + place, answer.base_offset + place)


class LibrdkafkaWriter(Writer):
    """librdkafka's idempotent producer, which repeats by itself."""

    def __init__(self, broker: KillableBroker, index: int, topic: str, partitions: int) -> None:
        super().__init__(broker)
        self.index = index
        self.acked = {partition: [] for partition in range(partitions)}
        self._topic = topic
        self._refused: list[KafkaError] = []

    def work(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.broker.port}",
                "enable.idempotence": True,
                "linger.ms": 0,
                "batch.num.messages": 20,
                "message.timeout.ms": 120_000,
                **_IMPATIENT,
            }
        )
        written = dict.fromkeys(self.acked, 0)
        while not self.stopping.is_set():
            for partition in self.acked:
                if len(producer) < 10:
                    mark = Mark(self.index, written[partition])
                    producer.produce(self._topic, value_of(mark, b"rd"), partition=partition, on_delivery=self._told)
                    written[partition] += 1
            producer.poll(0.005)
            assert not self._refused, self._refused
        assert producer.flush(100) == 0
        assert not self._refused, self._refused
        assert {partition: len(offsets) for partition, offsets in self.acked.items()} == written

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(error)
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        self.note(partition, mark_of(message.value()).number, offset)


class Member(Worker):
    """The one member of a consumer group, which commits after whatever it was given."""

    def __init__(self, broker: KillableBroker, group: str, topic: str, partitions: int) -> None:
        super().__init__(broker)
        self._group, self._topic = group, topic
        #: What was read, by partition: a checksum of the value by its offset.
        self.read: dict[int, dict[int, int]] = {partition: {} for partition in range(partitions)}
        self.committed = dict.fromkeys(self.read, -1)
        self.attempted = dict.fromkeys(self.read, -1)
        self.commits = 0
        self.again = 0

    def work(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.broker.port}",
                "group.id": self._group,
                "auto.offset.reset": "error",
                "enable.auto.commit": False,
                "session.timeout.ms": 30_000,
                "heartbeat.interval.ms": 200,
                "fetch.wait.max.ms": 50,
                **_IMPATIENT,
            }
        )
        consumer.subscribe([self._topic])
        while not self.stopping.is_set():
            messages = consumer.consume(500, timeout=0.1)
            ends = self._take(messages)
            if ends:
                self._commit(consumer, ends)
        consumer.close()

    def _take(self, messages: list[Message]) -> dict[int, int]:
        ends: dict[int, int] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                assert error.retriable() or error.code() in _AWAY, error
                continue
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            assert offset is not None
            assert value is not None
            known, seen = self.read[partition], zlib.crc32(value)
            self.again += offset in known
            assert known.setdefault(offset, seen) == seen, f"offset {offset} of partition {partition} has changed"
            assert offset == 0 or offset - 1 in known, f"partition {partition} jumps to offset {offset}"
            ends[partition] = offset + 1
        return ends

    def _commit(self, consumer: Consumer, ends: dict[int, int]) -> None:
        self.attempted.update(ends)
        offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in ends.items()]
        try:
            answers = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException:
            return  # it may or may not have been kept
        for each in answers or ():
            if each.error is None:
                self.committed[each.partition] = each.offset
        self.commits += 1


_AWAY = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._PARTITION_EOF)
