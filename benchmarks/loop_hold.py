"""Print how long one request of each API holds the event loop at 10,000 partitions: `python -m benchmarks.loop_hold`.

The broker runs in this process, over a data directory, with the garbage collection of `kafkalite serve`; each API is
called once. A hold is one step of one of the broker's tasks, in CPU time of the thread; the client's own steps do not
count.
"""

import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import trio

from kafkalite.broker import Broker
from kafkalite.config import load
from kafkalite.program import tune_garbage_collection
from kafkalite_wire.apis import APIS
from kafkalite_wire.codec import encode
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.describe_log_dirs import DescribeLogDirsRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Record, build_batch
from kafkalite_wire.schema import declaration_of

_TOPIC = "many"


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


@click.command()
@click.option("--partitions", type=click.IntRange(1, 10_000), default=10_000, show_default=True)
def main(partitions: int) -> None:
    """Print the longest hold of the event loop for each API."""
    with tempfile.TemporaryDirectory(prefix="loop-hold-") as folder:
        trio.run(_measure, Path(folder), partitions)


async def _measure(folder: Path, partitions: int) -> None:
    indexes = range(partitions)
    requests: list[tuple[str, Any, int]] = [
        ("CreateTopics", CreateTopicsRequest(topics=(_new_topic(_TOPIC, partitions),), timeout_ms=60_000), 7),
        ("Metadata", MetadataRequest(topics=None), 12),
        (
            "ListOffsets",
            ListOffsetsRequest(
                replica_id=-1,
                topics=(
                    ListOffsetsTopic(
                        name=_TOPIC,
                        partitions=tuple(ListOffsetsPartition(partition_index=n, timestamp=-1) for n in indexes),
                    ),
                ),
            ),
            7,
        ),
        ("Fetch", _fetch(indexes, max_wait_ms=0), 11),
        ("Fetch that waits", _fetch(indexes, max_wait_ms=1000), 11),
        ("Produce", _produce(indexes), 9),
        ("FindCoordinator", FindCoordinatorRequest(coordinator_keys=tuple(f"g{n}" for n in indexes)), 4),
        ("DescribeLogDirs", DescribeLogDirsRequest(topics=None), 4),
        ("OffsetCommit", _commit("many", partitions), 8),
        (
            "OffsetFetch",
            OffsetFetchRequest(
                groups=(
                    OffsetFetchRequestGroup(
                        group_id="many",
                        topics=(OffsetFetchRequestTopics(name=_TOPIC, partition_indexes=tuple(indexes)),),
                    ),
                )
            ),
            8,
        ),
        ("ListGroups", ListGroupsRequest(), 5),
        ("DescribeGroups", DescribeGroupsRequest(groups=tuple(f"g{n}" for n in indexes)), 6),
        ("DeleteGroups", DeleteGroupsRequest(groups_names=tuple(f"g{n}" for n in indexes)), 2),
        (
            "DescribeConfigs (1,000 resources)",
            DescribeConfigsRequest(
                resources=(DescribeConfigsResource(resource_type=2, resource_name=_TOPIC, configuration_keys=None),)
                * 1000
            ),
            4,
        ),
        ("DeleteTopics", DeleteTopicsRequest(topic_names=(_TOPIC,), timeout_ms=60_000), 5),
        ("CreateTopics (one partition)", CreateTopicsRequest(topics=(_new_topic("grown", 1),), timeout_ms=60_000), 7),
        (
            "CreatePartitions",
            CreatePartitionsRequest(
                topics=(CreatePartitionsTopic(name="grown", count=partitions, assignments=None),),
                timeout_ms=60_000,
                validate_only=False,
            ),
            3,
        ),
        (
            "CreateTopics (1,000 topics)",
            CreateTopicsRequest(topics=tuple(_new_topic(f"t{n}", 1) for n in range(1000)), timeout_ms=60_000),
            7,
        ),
        (
            "DeleteTopics (1,000 topics)",
            DeleteTopicsRequest(topic_names=tuple(f"t{n}" for n in range(1000)), timeout_ms=60_000),
            5,
        ),
    ]
    async with Broker(load(listen=["127.0.0.1:0"], data=folder / "data")) as broker:
        await trio.sleep(2)  # the handlers are imported by then
        tune_garbage_collection()
        stream = await trio.open_tcp_stream(*broker.addresses[0])
        for name, request, version in requests:
            if name == "ListGroups":
                for number in indexes:
                    await _call(stream, _frame(_commit(f"g{number}", 1), 8))
            longest = LongestStep(trio.lowlevel.current_task())
            frame = _frame(request, version)
            trio.lowlevel.add_instrument(longest)
            started = time.perf_counter()
            await _call(stream, frame)
            took = time.perf_counter() - started
            trio.lowlevel.remove_instrument(longest)
            print(f"{name:36} longest hold {longest.seconds * 1000:7.1f} ms of {took * 1000:8.1f} ms")
        await stream.aclose()


def _new_topic(name: str, partitions: int) -> CreatableTopic:
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)


def _fetch(indexes: range, *, max_wait_ms: int) -> FetchRequest:
    partitions = tuple(FetchPartition(partition=n, fetch_offset=0, partition_max_bytes=1000) for n in indexes)
    topics = (FetchTopic(topic=_TOPIC, partitions=partitions),)
    return FetchRequest(max_wait_ms=max_wait_ms, min_bytes=1, topics=topics)


def _produce(indexes: range) -> ProduceRequest:
    batch = build_batch([Record(value=b"v", timestamp=0)])
    partitions = tuple(PartitionProduceData(index=n, records=memoryview(batch)) for n in indexes)
    topics = (TopicProduceData(name=_TOPIC, partition_data=partitions),)
    return ProduceRequest(acks=-1, timeout_ms=60_000, topic_data=topics)


def _commit(group: str, partitions: int) -> OffsetCommitRequest:
    return OffsetCommitRequest(
        group_id=group,
        member_id="",
        topics=(
            OffsetCommitRequestTopic(
                name=_TOPIC,
                partitions=tuple(
                    OffsetCommitRequestPartition(partition_index=n, committed_offset=n, committed_metadata=None)
                    for n in range(partitions)
                ),
            ),
        ),
    )


def _frame(request: object, version: int) -> bytes:
    api = APIS[declaration_of(type(request)).api_key]
    header = struct.pack(">hhih", api.key, version, 1, -1) + (b"\0" if api.is_flexible(version) else b"")
    body = header + encode(request, version)
    return struct.pack(">i", len(body)) + body


async def _call(stream: trio.SocketStream, frame: bytes) -> None:
    await stream.send_all(frame)
    receive: Callable[[int], Any] = stream.receive_some
    left: int | None = None
    received = b""
    while left is None or left > 0:
        data = await receive(1 << 20)
        if not data:
            raise EOFError("the broker closed the connection")
        if left is None:
            received += data
            if len(received) < 4:
                continue
            left = struct.unpack_from(">i", received)[0] + 4 - len(received)
        else:
            left -= len(data)


if __name__ == "__main__":
    main()
