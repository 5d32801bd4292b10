"""Print how long one request of each API holds the event loop: `python -m benchmarks.loop_hold`.

The requests name 10,000 partitions, of one topic or with `--topics 1000` of a thousand. The broker runs in this
process, over a data directory, with the garbage collection of `kafkalite serve`; each API is called once. A hold is one
step of one of the broker's tasks, in CPU time of the thread; the client's own steps do not count.
"""

import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import trio

from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite.program import tune_garbage_collection
from kafkalite_wire.apis import APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.messages import (
    add_partitions_to_txn,
    alter_partition_reassignments,
    consumer_group_describe,
    consumer_group_heartbeat,
    create_partitions,
    delete_records,
    describe_configs,
    describe_producers,
    describe_topic_partitions,
    elect_leaders,
    fetch,
    incremental_alter_configs,
    list_offsets,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
    txn_offset_commit,
    write_txn_markers,
)
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.describe_log_dirs import DescribeLogDirsRequest
from kafkalite_wire.messages.end_txn import EndTxnRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.records import Record, build_batch
from kafkalite_wire.schema import declaration_of

_STORED_OFFSETS = 100_000
_TOPIC_RESOURCE = 2
_SET = 0


class LongestStep(trio.abc.Instrument):
    """Measures the longest step of every task but one."""

    def __init__(self, client: trio.lowlevel.Task) -> None:
        self.seconds = 0.0
        self._client = client
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Start the clock."""
        del task
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Stop the clock."""
        if task is not self._client:
            self.seconds = max(self.seconds, time.thread_time() - self._began)


@dataclass(frozen=True)
class Layout:
    """Partitions, spread evenly over topics."""

    topics: int
    partitions: int
    names: Sequence[str] = field(init=False)
    indexes: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        """Name the topics."""
        object.__setattr__(self, "names", tuple(f"many-{number}" for number in range(self.topics)))
        object.__setattr__(self, "indexes", tuple(range(self.partitions // self.topics)))


_MEMBERS: Final = 1000

Case = tuple[str, object, int]
"""What is measured, its request and the version."""


@click.command()
@click.option("--partitions", type=click.IntRange(1, 10_000), default=10_000, show_default=True)
@click.option("--topics", type=click.IntRange(1, 10_000), default=1, show_default=True)
def main(partitions: int, topics: int) -> None:
    """Print the longest hold of the event loop for each API."""
    with tempfile.TemporaryDirectory(prefix="loop-hold-") as folder:
        trio.run(_measure, Path(folder) / "data", Layout(topics, partitions))


async def _measure(data: Path, layout: Layout) -> None:
    async with Broker(load(listen=["127.0.0.1:0"], data=data)) as broker:
        await trio.sleep(2)  # the handlers are imported by then
        tune_garbage_collection()
        client = await _Client.connect(broker)
        for case in _topics(layout):
            await client.measure(*case)
        await client.call(_produce(layout), 9)
        for case in (*_reads(layout), *_changes(layout)):
            await client.measure(*case)
        for number in range(layout.partitions):
            await client.call(_commit(layout, f"g{number}", partitions=1), 8)
        for case in _groups(layout):
            await client.measure(*case)
        await _consumer_group(client, layout)
        await _transaction(client, layout)
        for case in _deletions(layout):
            await client.measure(*case)
        await client.close()
    await _measure_loading(data, layout)


async def _measure_loading(data: Path, layout: Layout) -> None:
    """Measure the first request for a group and for a transactional id after a start."""
    async with Broker(load(listen=["127.0.0.1:0"], data=data)) as broker:
        client = await _Client.connect(broker)
        await client.call(CreateTopicsRequest(topics=_new_topics(layout), timeout_ms=60_000), 7)
        for number in range(_STORED_OFFSETS // layout.partitions):
            await client.call(_commit(layout, f"stored-{number}"), 8)
        for number in range(1000):
            request = InitProducerIdRequest(transactional_id=f"t{number}", transaction_timeout_ms=60_000)
            await client.call(request, 4)
        await client.close()
    broker = Broker(load(listen=["127.0.0.1:0"], data=data))
    longest = LongestStep(trio.lowlevel.current_task())
    trio.lowlevel.add_instrument(longest)
    async with broker:
        await trio.sleep(2)
        trio.lowlevel.remove_instrument(longest)
        _print("start with 1,000 transactional ids", longest.seconds, 2.0)
        tune_garbage_collection()
        client = await _Client.connect(broker)
        await client.measure("OffsetFetch, the first (loads 100,000 offsets)", _fetch_offsets(layout, "stored-0"), 8)
        await client.measure("DeleteGroups (10,000 offsets)", DeleteGroupsRequest(groups_names=("stored-0",)), 2)
        await client.close()


def _topics(layout: Layout) -> Iterator[Case]:
    yield "CreateTopics", CreateTopicsRequest(topics=_new_topics(layout), timeout_ms=60_000), 7
    yield "Metadata", MetadataRequest(topics=None), 12
    yield "Produce, the first", _produce(layout), 9


def _reads(layout: Layout) -> Iterator[Case]:
    yield (
        "ListOffsets",
        list_offsets.ListOffsetsRequest(
            replica_id=-1,
            topics=tuple(
                list_offsets.ListOffsetsTopic(
                    name=name,
                    partitions=tuple(
                        list_offsets.ListOffsetsPartition(partition_index=n, timestamp=-1) for n in layout.indexes
                    ),
                )
                for name in layout.names
            ),
        ),
        7,
    )
    yield "Fetch", _fetch(layout, offset=0, max_wait_ms=0), 11
    yield "Fetch that waits", _fetch(layout, offset=2, max_wait_ms=1000), 11
    yield "Produce", _produce(layout), 9
    yield (
        "OffsetForLeaderEpoch",
        offset_for_leader_epoch.OffsetForLeaderEpochRequest(
            topics=tuple(
                offset_for_leader_epoch.OffsetForLeaderTopic(
                    topic=name,
                    partitions=tuple(
                        offset_for_leader_epoch.OffsetForLeaderPartition(partition=n, leader_epoch=0)
                        for n in layout.indexes
                    ),
                )
                for name in layout.names
            )
        ),
        4,
    )
    yield "DescribeLogDirs", DescribeLogDirsRequest(topics=None), 4
    yield (
        "DescribeTopicPartitions",
        describe_topic_partitions.DescribeTopicPartitionsRequest(topics=(), response_partition_limit=10_000),
        0,
    )
    yield (
        "DescribeProducers",
        describe_producers.DescribeProducersRequest(
            topics=tuple(
                describe_producers.TopicRequest(name=name, partition_indexes=tuple(layout.indexes))
                for name in layout.names
            )
        ),
        0,
    )
    yield (
        "DescribeConfigs (1,000 resources)",
        describe_configs.DescribeConfigsRequest(
            resources=tuple(
                describe_configs.DescribeConfigsResource(
                    resource_type=_TOPIC_RESOURCE,
                    resource_name=layout.names[number % layout.topics],
                    configuration_keys=None,
                )
                for number in range(1000)
            )
        ),
        4,
    )


def _changes(layout: Layout) -> Iterator[Case]:
    yield (
        "DeleteRecords",
        delete_records.DeleteRecordsRequest(
            topics=tuple(
                delete_records.DeleteRecordsTopic(
                    name=name,
                    partitions=tuple(
                        delete_records.DeleteRecordsPartition(partition_index=n, offset=1) for n in layout.indexes
                    ),
                )
                for name in layout.names
            ),
            timeout_ms=60_000,
        ),
        2,
    )
    yield (
        "AlterPartitionReassignments",
        alter_partition_reassignments.AlterPartitionReassignmentsRequest(
            topics=tuple(
                alter_partition_reassignments.ReassignableTopic(
                    name=name,
                    partitions=tuple(
                        alter_partition_reassignments.ReassignablePartition(partition_index=n, replicas=(1,))
                        for n in layout.indexes
                    ),
                )
                for name in layout.names
            )
        ),
        0,
    )
    yield "ElectLeaders", elect_leaders.ElectLeadersRequest(topic_partitions=None), 2
    yield (
        "IncrementalAlterConfigs",
        incremental_alter_configs.IncrementalAlterConfigsRequest(
            resources=tuple(
                incremental_alter_configs.AlterConfigsResource(
                    resource_type=_TOPIC_RESOURCE,
                    resource_name=name,
                    configs=(
                        incremental_alter_configs.AlterableConfig(
                            name="retention.ms", config_operation=_SET, value="3600000"
                        ),
                    ),
                )
                for name in layout.names
            ),
            validate_only=False,
        ),
        1,
    )


def _groups(layout: Layout) -> Iterator[Case]:
    groups = tuple(f"g{n}" for n in range(layout.partitions))
    yield "FindCoordinator (10,000 groups)", FindCoordinatorRequest(coordinator_keys=groups), 4
    yield "OffsetCommit", _commit(layout, "many"), 8
    yield "OffsetFetch", _fetch_offsets(layout, "many"), 8
    yield "ListGroups (10,000 groups)", ListGroupsRequest(), 5
    yield "DescribeGroups (10,000 groups)", DescribeGroupsRequest(groups=groups), 6
    yield "DeleteGroups (10,000 groups)", DeleteGroupsRequest(groups_names=groups), 2
    yield (
        "OffsetDelete",
        offset_delete.OffsetDeleteRequest(
            group_id="many",
            topics=tuple(
                offset_delete.OffsetDeleteRequestTopic(
                    name=name,
                    partitions=tuple(
                        offset_delete.OffsetDeleteRequestPartition(partition_index=n) for n in layout.indexes
                    ),
                )
                for name in layout.names
            ),
        ),
        0,
    )


async def _consumer_group(client: "_Client", layout: Layout) -> None:
    """Measure what happens to a group of the consumer protocol (KIP-848) with 1,000 members and all partitions."""

    def joining(member_id: str) -> consumer_group_heartbeat.ConsumerGroupHeartbeatRequest:
        return consumer_group_heartbeat.ConsumerGroupHeartbeatRequest(
            group_id="new",
            member_id=member_id,
            member_epoch=0,
            rebalance_timeout_ms=300_000,
            subscribed_topic_names=tuple(layout.names),
            topic_partitions=(),
        )

    started = time.process_time()
    for number in range(_MEMBERS):
        await client.call(joining(f"m{number}"), 1)
    print(
        f"{_MEMBERS} members join a consumer group: {time.process_time() - started:.1f} s of CPU, with the client's own"
    )
    joined = await client.call(joining("last"), 1)
    beat = consumer_group_heartbeat.ConsumerGroupHeartbeatRequest(
        group_id="new", member_id="last", member_epoch=joined.member_epoch, topic_partitions=None
    )
    await client.measure("ConsumerGroupHeartbeat, one more member", joining("one-more"), 1)
    await client.measure("ConsumerGroupHeartbeat, another moves on", beat, 1)
    describe = consumer_group_describe.ConsumerGroupDescribeRequest(group_ids=("new",))
    await client.measure("ConsumerGroupDescribe", describe, 1)


async def _transaction(client: "_Client", layout: Layout) -> None:
    initialize = InitProducerIdRequest(transactional_id="tx", transaction_timeout_ms=60_000)
    producer = await client.call(initialize, 4)
    everything = tuple(
        add_partitions_to_txn.AddPartitionsToTxnTopic(name=name, partitions=tuple(layout.indexes))
        for name in layout.names
    )
    await client.measure(
        "AddPartitionsToTxn",
        add_partitions_to_txn.AddPartitionsToTxnRequest(
            v3_and_below_transactional_id="tx",
            v3_and_below_producer_id=producer.producer_id,
            v3_and_below_producer_epoch=producer.producer_epoch,
            v3_and_below_topics=everything,
        ),
        3,
    )
    await client.measure("Produce in a transaction", _produce(layout, producer), 9)
    await client.measure(
        "TxnOffsetCommit",
        txn_offset_commit.TxnOffsetCommitRequest(
            transactional_id="tx",
            group_id="transactional",
            producer_id=producer.producer_id,
            producer_epoch=producer.producer_epoch,
            topics=tuple(
                txn_offset_commit.TxnOffsetCommitRequestTopic(
                    name=name,
                    partitions=tuple(
                        txn_offset_commit.TxnOffsetCommitRequestPartition(
                            partition_index=n, committed_offset=n, committed_metadata=None
                        )
                        for n in layout.indexes
                    ),
                )
                for name in layout.names
            ),
        ),
        5,
    )
    await client.measure(
        "EndTxn",
        EndTxnRequest(
            transactional_id="tx",
            producer_id=producer.producer_id,
            producer_epoch=producer.producer_epoch,
            committed=True,
        ),
        3,
        until=lambda broker: broker.cluster.transactions.coordinator.get("tx").is_ending is False,
    )
    producer = await client.call(initialize, 4)
    await client.call(_produce(layout, producer), 12)
    await client.measure(
        "WriteTxnMarkers",
        write_txn_markers.WriteTxnMarkersRequest(
            markers=(
                write_txn_markers.WritableTxnMarker(
                    producer_id=producer.producer_id,
                    producer_epoch=producer.producer_epoch,
                    transaction_result=False,
                    topics=tuple(
                        write_txn_markers.WritableTxnMarkerTopic(name=name, partition_indexes=tuple(layout.indexes))
                        for name in layout.names
                    ),
                    coordinator_epoch=0,
                ),
            )
        ),
        1,
    )


def _deletions(layout: Layout) -> Iterator[Case]:
    yield "DeleteTopics", DeleteTopicsRequest(topic_names=tuple(layout.names), timeout_ms=60_000), 5
    grown = (CreatableTopic(name="grown", num_partitions=1, replication_factor=1),)
    yield "CreateTopics (one partition)", CreateTopicsRequest(topics=grown, timeout_ms=60_000), 7
    yield (
        "CreatePartitions",
        create_partitions.CreatePartitionsRequest(
            topics=(create_partitions.CreatePartitionsTopic(name="grown", count=layout.partitions, assignments=None),),
            timeout_ms=60_000,
            validate_only=False,
        ),
        3,
    )
    thousand = Layout(1000, 1000)
    yield "CreateTopics (1,000 topics)", CreateTopicsRequest(topics=_new_topics(thousand), timeout_ms=60_000), 7
    yield "DeleteTopics (1,000 topics)", DeleteTopicsRequest(topic_names=tuple(thousand.names), timeout_ms=60_000), 5


def _new_topics(layout: Layout) -> tuple[CreatableTopic, ...]:
    partitions = len(layout.indexes)
    return tuple(CreatableTopic(name=name, num_partitions=partitions, replication_factor=1) for name in layout.names)


def _fetch(layout: Layout, *, offset: int, max_wait_ms: int) -> fetch.FetchRequest:
    topics = tuple(
        fetch.FetchTopic(
            topic=name,
            partitions=tuple(
                fetch.FetchPartition(partition=n, fetch_offset=offset, partition_max_bytes=1000) for n in layout.indexes
            ),
        )
        for name in layout.names
    )
    return fetch.FetchRequest(max_wait_ms=max_wait_ms, min_bytes=1, topics=topics)


def _produce(layout: Layout, producer: Any = None) -> produce.ProduceRequest:
    of_producer: dict[str, Any] = (
        {}
        if producer is None
        else {
            "producer_id": producer.producer_id,
            "producer_epoch": producer.producer_epoch,
            "base_sequence": 0,
            "is_transactional": True,
        }
    )
    now_ms = round(time.time() * 1000)  # so that retention leaves it
    batch = build_batch([Record(value=b"v", timestamp=now_ms)], **of_producer)
    topics = tuple(
        produce.TopicProduceData(
            name=name,
            partition_data=tuple(
                produce.PartitionProduceData(index=n, records=memoryview(batch)) for n in layout.indexes
            ),
        )
        for name in layout.names
    )
    transactional_id = None if producer is None else "tx"
    return produce.ProduceRequest(transactional_id=transactional_id, acks=-1, timeout_ms=60_000, topic_data=topics)


def _commit(layout: Layout, group: str, *, partitions: int | None = None) -> offset_commit.OffsetCommitRequest:
    names = layout.names if partitions is None else layout.names[:1]
    return offset_commit.OffsetCommitRequest(
        group_id=group,
        member_id="",
        topics=tuple(
            offset_commit.OffsetCommitRequestTopic(
                name=name,
                partitions=tuple(
                    offset_commit.OffsetCommitRequestPartition(
                        partition_index=n, committed_offset=n, committed_metadata=None
                    )
                    for n in layout.indexes[:partitions]
                ),
            )
            for name in names
        ),
    )


def _fetch_offsets(layout: Layout, group: str) -> offset_fetch.OffsetFetchRequest:
    topics = tuple(
        offset_fetch.OffsetFetchRequestTopics(name=name, partition_indexes=tuple(layout.indexes))
        for name in layout.names
    )
    return offset_fetch.OffsetFetchRequest(
        groups=(offset_fetch.OffsetFetchRequestGroup(group_id=group, topics=topics),)
    )


class _Client:
    """A client that measures how long the broker's event loop is held while its request is served."""

    def __init__(self, broker: Broker, stream: trio.SocketStream) -> None:
        self._broker = broker
        self._stream = stream

    @classmethod
    async def connect(cls, broker: Broker) -> "_Client":
        return cls(broker, await trio.open_tcp_stream(*broker.addresses[0]))

    async def close(self) -> None:
        await self._stream.aclose()

    async def measure(
        self, name: str, request: object, version: int, *, until: Callable[[Broker], bool] = lambda _: True
    ) -> None:
        """Print the longest hold while a request is served, and after it until a condition holds."""
        frame = _frame(request, version)
        longest = LongestStep(trio.lowlevel.current_task())
        trio.lowlevel.add_instrument(longest)
        started = time.perf_counter()
        answer = await self._exchange(frame)
        while not until(self._broker):  # noqa: ASYNC110  # nothing in the broker announces it
            await trio.sleep(0.01)
        took = time.perf_counter() - started
        trio.lowlevel.remove_instrument(longest)
        _print(name, longest.seconds, took)
        _check(name, _decoded(request, version, answer))

    async def call(self, request: object, version: int) -> Any:
        """Return the response to a request, which is not measured."""
        return _decoded(request, version, await self._exchange(_frame(request, version)))

    async def _exchange(self, frame: bytes) -> bytes:
        await self._stream.send_all(frame)
        received = bytearray()
        while len(received) < 4 or len(received) < struct.unpack_from(">i", received)[0] + 4:
            data = await self._stream.receive_some(1 << 20)
            if not data:
                raise EOFError("the broker closed the connection")
            received += data
        return bytes(received)


def _print(name: str, seconds: float, took: float) -> None:
    print(f"{name:48} longest hold {seconds * 1000:7.1f} ms of {took * 1000:8.1f} ms", flush=True)


def _check(name: str, response: object) -> None:
    """Print the first error of a response: what fails at once holds nothing up, and proves nothing."""
    text = repr(response)
    position = text.find("error_code=")
    while position >= 0:
        if not text.startswith("error_code=0", position):
            print(f"{'':48} {name} was refused: {text[position : position + 80]}")
            return
        position = text.find("error_code=", position + 1)


def _api_of(request: object) -> Api:
    return APIS[declaration_of(type(request)).api_key]


def _frame(request: object, version: int) -> bytes:
    api = _api_of(request)
    header = struct.pack(">hhih", api.key, version, 1, -1) + (b"\0" if api.is_flexible(version) else b"")
    body = header + encode(request, version)
    return struct.pack(">i", len(body)) + body


def _decoded(request: object, version: int, answer: bytes) -> Any:
    api = _api_of(request)
    return decode(api.response_type, version, memoryview(answer), 9 if api.is_flexible(version) else 8)


if __name__ == "__main__":
    main()
