"""Clients above their quotas are throttled alike on both brokers: the same errors, about the same times.

Not in the suite, because it takes a minute of throttled time. Name the file to run it.
"""

import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import trio

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.brokers import Brokers, both_brokers
from kafkalite_conformance.differential.connection import Connection
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic

_NAMES = count(1)
_SETTLE = 0.6
_NOW = round(time.time() * 1000)
_PING = DescribeClusterRequest(include_cluster_authorized_operations=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client sees of one request."""

    what: str
    detail: object
    """Errors and the like, equal on both brokers."""
    throttle_ms: int
    """About equal."""
    muted_ms: float
    """How long the next request had to wait, as measured; about the throttle time."""

    def __str__(self) -> str:
        return f"{self.what:60} {self.throttle_ms:8} ms  muted {self.muted_ms:7.0f} ms  {self.detail}"


class Visit:
    """One client of one broker, with a client id and topics of its own."""

    def __init__(self, bootstrap: str, client_id: str, connection: Connection) -> None:
        self.bootstrap = bootstrap
        self.client_id = client_id
        self.connection = connection
        self.seen: list[Seen] = []

    async def ask(self, request: object, version: int) -> Any:
        """Send a request, and return its response."""
        await self.connection.send(request, version)
        with trio.fail_after(30):
            return await self.connection.receive()

    async def note(self, what: str, request: object, version: int, detail: Callable[[Any], object]) -> None:
        """Send a request, and then another one, whose response shows how long the connection was muted."""
        answer = await self.ask(request, version)
        begin = time.monotonic()
        await self.ask(_PING, 0)
        muted_ms = (time.monotonic() - begin) * 1000
        throttle_ms = getattr(answer, "throttle_time_ms", 0)
        self.seen.append(Seen(f"{what}, v{version}", detail(answer), throttle_ms, muted_ms))

    async def give_up(self, what: str, topic: str, version: int) -> None:
        """Produce 500 bytes on a connection of its own, without waiting for its throttle time to pass."""
        connection = await Connection.open(self.bootstrap, self.client_id)
        await connection.send(produce(topic, batch(bytes(500), timestamp=_NOW), acks=1), version)
        answer: Any = await connection.receive()
        self.seen.append(Seen(what, None, answer.throttle_time_ms, 0))
        await connection.close()

    async def topic(self, name: str, partitions: int = 1) -> str:
        """Create a topic."""
        await self.ask(_create(name, partitions), 5)
        await trio.sleep(_SETTLE)
        return name


async def alter(bootstrap: str, entity: dict[str, str | None], quotas: dict[str, float | None]) -> None:
    """Set quotas, or with None remove them, with a client that has none."""
    connection = await Connection.open(bootstrap, "an admin")
    names = tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in entity.items())
    ops = tuple(OpData(key=key, value=value or 0.0, remove=value is None) for key, value in quotas.items())
    await connection.send(AlterClientQuotasRequest(entries=(EntryData(entity=names, ops=ops),), validate_only=False), 1)
    await connection.receive()
    await connection.close()
    await trio.sleep(_SETTLE)


def _create(name: str, partitions: int, *, validate_only: bool = False) -> CreateTopicsRequest:
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
    return CreateTopicsRequest(topics=(topic,), validate_only=validate_only)


def _fetch(topic: str, *, session_id: int = 0, epoch: int = -1, max_bytes: int = 1 << 30) -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 30)
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=max_bytes,
        session_id=session_id,
        session_epoch=epoch,
        topics=(FetchTopic(topic=topic, partitions=(partition,)),),
    )


def _produced(answer: Any) -> object:
    return [p.error_code for topic in answer.responses for p in topic.partition_responses]


def _fetched(answer: Any) -> object:
    partitions = [p for topic in answer.responses for p in topic.partitions]
    return [
        answer.error_code,
        answer.session_id != 0,
        [(p.error_code, len(p.records or b"")) for p in partitions],
    ]


async def _producers(visit: Visit) -> None:
    topic = await visit.topic(f"{visit.client_id}-topic")
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"producer_byte_rate": 1000})
    for version, size in ((3, 2000), (3, 9000), (9, 2000), (12, 1000)):
        request = produce(topic, batch(bytes(size), timestamp=_NOW), acks=1)
        await visit.note(f"{size} bytes are produced at 1000 a second", request, version, _produced)
    await visit.connection.send(produce(topic, batch(bytes(1500), timestamp=_NOW), acks=0), 9)
    begin = time.monotonic()
    await visit.ask(_PING, 0)
    visit.seen.append(Seen("1500 bytes with acks=0", None, 0, (time.monotonic() - begin) * 1000))
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"producer_byte_rate": None})
    await visit.note("without the quota", produce(topic, batch(bytes(90000), timestamp=_NOW), acks=1), 9, _produced)


async def _exact_bytes(visit: Visit) -> None:
    """With one byte a second the throttle time shows each byte; the connection is given up, muted for hours."""
    topic = await visit.topic(f"{visit.client_id}-topic")
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"producer_byte_rate": 1, "consumer_byte_rate": 1e6})
    for version in (3, 8, 9, 12):
        await visit.give_up(f"a byte a second, v{version}", topic, version)


async def _consumers(visit: Visit) -> None:
    topic = await visit.topic(f"{visit.client_id}-topic")
    for _ in range(30):
        await visit.ask(produce(topic, batch(bytes(1000), timestamp=_NOW), acks=1), 9)
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"consumer_byte_rate": 1500})
    for version in (4, 6, 11, 12):
        for max_bytes in (3000, 12000, 1 << 30):
            request = _fetch(topic, max_bytes=max_bytes)
            await visit.note(f"at most {max_bytes} bytes fetched at 1500 a second", request, version, _fetched)
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"consumer_byte_rate": 400})
    await trio.sleep(11.5)  # until the window is empty
    for turn in range(3):
        await visit.note(f"a session is opened, turn {turn}", _fetch(topic, epoch=0, max_bytes=3500), 12, _fetched)


async def _sessions(visit: Visit) -> None:
    topic = await visit.topic(f"{visit.client_id}-topic")
    await visit.ask(produce(topic, batch(bytes(1000), timestamp=_NOW), acks=1), 9)
    opened = await visit.ask(_fetch(topic, epoch=0), 12)
    session_id = opened.session_id
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"consumer_byte_rate": 200})
    for epoch in range(1, 6):
        request = FetchRequest(max_wait_ms=0, min_bytes=1, session_id=session_id, session_epoch=epoch, topics=())
        await visit.note(f"in a session, epoch {epoch}", request, 12, _fetched)


def _topics(answer: Any) -> object:
    return [(t.error_code, t.error_message) for t in answer.topics]


def _results(answer: Any) -> object:
    return [(t.error_code, t.error_message) for t in answer.results]


def _responses(answer: Any) -> object:
    return [(t.error_code, t.error_message) for t in answer.responses]


async def _mutations(visit: Visit) -> None:
    name = visit.client_id
    await alter(visit.bootstrap, {"client-id": name}, {"controller_mutation_rate": 2})
    await visit.note("20 of 22 tokens", _create(f"{name}-1", 20), 7, _topics)
    await visit.note("only validated", _create(f"{name}-2", 8, validate_only=True), 7, _topics)
    await visit.note("more than there are", _create(f"{name}-2", 5), 7, _topics)
    await visit.note("more than there are, older", _create(f"{name}-3", 5), 5, _topics)
    await visit.note("a topic that exists", _create(f"{name}-1", 5), 7, _topics)
    more = (CreatePartitionsTopic(name=f"{name}-1", count=22, assignments=None),)
    grow = CreatePartitionsRequest(topics=more, timeout_ms=5000, validate_only=False)
    await visit.note("partitions", grow, 3, _results)
    await visit.note("partitions, older", grow, 2, _results)
    await visit.note("a topic deleted", DeleteTopicsRequest(topic_names=(f"{name}-1",), timeout_ms=5000), 5, _responses)
    asked = MetadataRequest(topics=(MetadataRequestTopic(name=f"{name}-auto"),), allow_auto_topic_creation=True)
    for turn in range(2):
        await visit.note(f"created by asking for it, turn {turn}", asked, 12, _topics_of_metadata)
        await trio.sleep(1)
    gone = DeleteTopicsRequest(topic_names=(f"{name}-3",), timeout_ms=5000)
    await visit.note("a topic deleted, older", gone, 4, _responses)


def _topics_of_metadata(answer: Any) -> object:
    return [(topic.error_code, len(topic.partitions)) for topic in answer.topics]


def _nothing(answer: Any) -> object:
    del answer
    return None


async def _precedence(visit: Visit) -> None:
    topic = await visit.topic(f"{visit.client_id}-topic")
    entities: list[dict[str, str | None]] = [
        {"client-id": None},
        {"client-id": visit.client_id},
        {"user": None},
        {"user": None, "client-id": None},
        {"user": None, "client-id": visit.client_id},
        {"user": "ANONYMOUS"},
        {"user": "ANONYMOUS", "client-id": None},
        {"user": "ANONYMOUS", "client-id": visit.client_id},
    ]
    for place, entity in enumerate(entities):
        await alter(visit.bootstrap, entity, {"producer_byte_rate": 20 - place})
        await visit.give_up(f"the first {place + 1} quotas", topic, 9)
    for entity in entities[::-1]:
        await alter(visit.bootstrap, entity, {"producer_byte_rate": None})


async def _time(visit: Visit) -> None:
    await alter(visit.bootstrap, {"client-id": visit.client_id}, {"request_percentage": 0.0001})
    await visit.ask(_PING, 0)
    await visit.note("any request, without time", _PING, 0, _nothing)
    await visit.note("Metadata", MetadataRequest(topics=()), 12, _nothing)
    topic = f"{visit.client_id}-none"
    await visit.note("Produce", produce(topic, batch(b"x", timestamp=_NOW), acks=1), 9, _produced)
    await visit.note("Fetch", _fetch(topic), 12, _fetched)


_VISITS: tuple[Callable[[Visit], Awaitable[None]], ...] = (
    _producers, _exact_bytes, _consumers, _sessions, _mutations, _precedence, _time,
)  # fmt: skip


async def _visit(bootstrap: str, script: Callable[[Visit], Awaitable[None]], number: int) -> list[Seen]:
    client_id = f"{script.__name__.strip('_')}-{number}"
    connection = await Connection.open(bootstrap, client_id)
    visit = Visit(bootstrap, client_id, connection)
    try:
        await script(visit)
    finally:
        await connection.close()
        everything = ("producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate")
        await alter(bootstrap, {"client-id": client_id}, dict.fromkeys(everything))
        for seen in visit.seen:
            print(seen)
    return visit.seen


@pytest.fixture(scope="module")
def brokers() -> Generator[Brokers]:
    """Start both brokers."""
    with both_brokers() as started:
        yield started


@pytest.mark.parametrize("script", _VISITS, ids=lambda script: script.__name__.strip("_"))
def test_throttling(script: Callable[[Visit], Awaitable[None]], brokers: Brokers) -> None:
    """The same requests bring the same errors and about the same throttle times."""
    number = next(_NAMES)
    kafka, kafkalite = (trio.run(_visit, each, script, number) for each in (brokers.kafka, brokers.kafkalite))
    assert [(seen.what, seen.detail) for seen in kafkalite] == [(seen.what, seen.detail) for seen in kafka]
    for ours, theirs in zip(kafkalite, kafka, strict=True):
        assert ours.throttle_ms == pytest.approx(theirs.throttle_ms, abs=300, rel=0.02), str(ours)
        assert ours.muted_ms == pytest.approx(theirs.muted_ms, abs=400), str(ours)
