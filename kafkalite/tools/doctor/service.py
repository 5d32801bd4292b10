"""Check that brokers serve: coordinators, leaders, records, and with a probe also writes and commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex
from typing import Final, TypeVar, cast

from kafkalite.client.connection import Connection, NotKafkaError
from kafkalite.tools.doctor.observations import Advertised, Fault
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from kafkalite_wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from kafkalite_wire.records import Record, build_batch, iter_records
from kafkalite_wire.schema import declaration_of

T = TypeVar("T")
Open = Callable[[Advertised], Connection]
"""Opens a connection to a broker; raises OSError."""
Partition = tuple[str, int]

_NAME: Final = "kafkalite-doctor"
_BY_NAME: Final = {"Fetch": 12, "Produce": 12, "DeleteTopics": 5, "OffsetCommit": 9, "OffsetFetch": 7, "Metadata": 9}
"""The highest versions that name topics and, of OffsetFetch, one group."""
_ONE_KEY: Final = 3
"""The highest version of FindCoordinator that asks for one group."""
_EARLIEST: Final = -2
_PAUSE: Final = 0.1
_PARTITIONS_PER_REQUEST: Final = 500
_FETCH_BYTES: Final = 65_536
_ESSENTIAL: Final = (
    ApiKey.PRODUCE,
    ApiKey.FETCH,
    ApiKey.LIST_OFFSETS,
    ApiKey.METADATA,
    ApiKey.FIND_COORDINATOR,
    ApiKey.JOIN_GROUP,
    ApiKey.SYNC_GROUP,
    ApiKey.HEARTBEAT,
    ApiKey.OFFSET_COMMIT,
    ApiKey.OFFSET_FETCH,
)
_PASSING: Final = (ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)


class _ServiceError(Exception):
    def __init__(self, code: str, subject: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(code, subject, reason)


@dataclass(slots=True)
class _Cluster:
    """The brokers that can be reached, and the connections to them."""

    brokers: Mapping[int, Advertised]
    open: Open
    timeout: float
    connections: dict[int, Connection] = field(default_factory=dict[int, Connection])

    def call(self, node_id: int, request: object, response_type: type[T], *, most: int | None = None) -> T:
        """Send a request in the highest version that both sides know. Raises _ServiceError."""
        api = APIS[declaration_of(type(request)).api_key]
        broker = self.brokers.get(node_id)
        if broker is None or broker.greeting is None:
            raise _ServiceError("broker-unanswered", f"broker {node_id}", "it cannot be reached")
        low, high = broker.greeting.versions.get(api.key, (0, -1))
        version = min(high, api.max_version, _BY_NAME.get(api.name, high) if most is None else most)
        if version < max(low, api.min_version):
            raise _ServiceError("versions", f"broker {node_id}", f"it offers no current version of {api.name}")
        try:
            if node_id not in self.connections:
                self.connections[node_id] = self.open(broker)
            return self.connections[node_id].call(request, version, response_type)
        except (OSError, NotKafkaError, WireError) as problem:
            with suppress(KeyError):
                self.connections.pop(node_id).__exit__()
            raise _ServiceError("broker-unanswered", f"broker {node_id}", f"{api.name}: {problem}") from None

    def any_broker(self) -> int:
        return next(iter(self.brokers))

    def coordinator(self, group: str) -> int:
        """Find the coordinator of a group. Raises _ServiceError."""
        deadline = time.monotonic() + self.timeout
        while True:
            found = self.call(
                self.any_broker(), FindCoordinatorRequest(key=group), FindCoordinatorResponse, most=_ONE_KEY
            )
            if not found.error_code:
                return found.node_id
            if found.error_code not in _PASSING or time.monotonic() > deadline:
                reason = f"FindCoordinator answers {_name(found.error_code)}"
                raise _ServiceError("no-coordinator", f"group {group}", reason)
            time.sleep(_PAUSE)

    def close(self) -> None:
        for connection in self.connections.values():
            connection.__exit__()


def check_service(brokers: Sequence[Advertised], open_: Open, *, timeout: float, probe: bool) -> tuple[Fault, ...]:
    """Check coordinators, groups and partitions, and with `probe` produce, consume and commit in a new topic."""
    too_old = tuple(_check_versions(brokers))
    if too_old:
        return too_old
    cluster = _Cluster({broker.node_id: broker for broker in brokers}, open_, timeout)
    try:
        steps = (_check_groups, _check_partitions, *([_probe] if probe else []))
        return tuple(dict.fromkeys(fault for step in steps for fault in _faults_of(step, cluster)))
    finally:
        cluster.close()


def _check_versions(brokers: Iterable[Advertised]) -> Iterator[Fault]:
    for broker in brokers:
        offered = broker.greeting.versions if broker.greeting is not None else dict[int, tuple[int, int]]()
        missing = [
            APIS[key].name
            for key in _ESSENTIAL
            if key not in offered or offered[key][0] > APIS[key].max_version or offered[key][1] < APIS[key].min_version
        ]
        if missing:
            yield Fault("versions", f"broker {broker.node_id}", f"it offers no current version of {', '.join(missing)}")


def _faults_of(step: Callable[[_Cluster], Iterator[Fault]], cluster: _Cluster) -> Iterator[Fault]:
    try:
        yield from step(cluster)
    except _ServiceError as failed:
        yield failed.fault


def _check_groups(cluster: _Cluster) -> Iterator[Fault]:
    cluster.coordinator(_NAME)
    for node_id in cluster.brokers:
        listed = cluster.call(node_id, ListGroupsRequest(), ListGroupsResponse)
        if listed.error_code:
            yield Fault(
                "groups-unavailable",
                subject=f"broker {node_id}",
                reason=f"ListGroups answers {_name(listed.error_code)}",
            )
        names = tuple(group.group_id for group in listed.groups if group.protocol_type in ("consumer", ""))
        if names:
            described = cluster.call(node_id, DescribeGroupsRequest(groups=names), DescribeGroupsResponse)
            for group in described.groups:
                # A group of another type than classic is "not found" here (KIP-1043), and no fault.
                if group.error_code not in (0, ErrorCode.GROUP_ID_NOT_FOUND):
                    reason = f"DescribeGroups answers {_name(group.error_code)}"
                    yield Fault("groups-unavailable", f"group {group.group_id}", reason)


def _check_partitions(cluster: _Cluster) -> Iterator[Fault]:
    """Check again until nothing is wrong or the time is over: a new topic has no leaders at first."""
    deadline = time.monotonic() + cluster.timeout
    while faults := list(_look_at_partitions(cluster)):
        if time.monotonic() > deadline:
            yield from faults
            return
        time.sleep(_PAUSE)


def _look_at_partitions(cluster: _Cluster) -> Iterator[Fault]:
    by_leader: dict[int, list[Partition]] = {}
    request = MetadataRequest(topics=None, allow_auto_topic_creation=False)
    for topic in cluster.call(cluster.any_broker(), request, MetadataResponse).topics:
        name = topic.name or ""
        if topic.error_code:
            yield Fault("partitions-unreadable", name, f"Metadata answers {_name(topic.error_code)}")
        for partition in topic.partitions:
            if partition.leader_id in cluster.brokers:
                by_leader.setdefault(partition.leader_id, []).append((name, partition.partition_index))
            else:
                why = "no leader" if partition.leader_id < 0 else f"broker {partition.leader_id} cannot be reached"
                yield Fault("no-leader", f"{name}-{partition.partition_index}", why)
    for leader, partitions in by_leader.items():
        for start in range(0, len(partitions), _PARTITIONS_PER_REQUEST):
            some = partitions[start : start + _PARTITIONS_PER_REQUEST]
            yield from _faults_of(partial(_check_reads, leader=leader, partitions=some), cluster)


def _check_reads(cluster: _Cluster, *, leader: int, partitions: list[Partition]) -> Iterator[Fault]:
    starts = _starts(cluster, leader, partitions)
    for partition, (code, _) in starts.items():
        if code:
            yield Fault("partitions-unreadable", _text(partition), f"ListOffsets answers {_name(code)}")
    for partition, code, _ in _fetch(cluster, leader, {key: at for key, (code, at) in starts.items() if not code}):
        if code:
            yield Fault("partitions-unreadable", _text(partition), f"Fetch answers {_name(code)}")


def _starts(cluster: _Cluster, leader: int, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
    """Return the error code and the first offset of each partition."""
    topics = tuple(
        ListOffsetsTopic(
            name=name,
            partitions=tuple(ListOffsetsPartition(partition_index=index, timestamp=_EARLIEST) for index in indexes),
        )
        for name, indexes in _by_topic(partitions).items()
    )
    response = cluster.call(leader, ListOffsetsRequest(replica_id=-1, topics=topics), ListOffsetsResponse)
    return {
        (topic.name, row.partition_index): (row.error_code, row.offset)
        for topic in response.topics
        for row in topic.partitions
    }


def _fetch(
    cluster: _Cluster, leader: int, offsets: Mapping[Partition, int], *, wait: float = 0
) -> Iterator[tuple[Partition, int, bytes]]:
    topics = tuple(
        FetchTopic(
            topic=name,
            partitions=tuple(
                FetchPartition(partition=index, fetch_offset=offsets[name, index], partition_max_bytes=_FETCH_BYTES)
                for index in indexes
            ),
        )
        for name, indexes in _by_topic(offsets).items()
    )
    request = FetchRequest(max_wait_ms=round(wait * 1000), min_bytes=1 if wait else 0, topics=topics)
    response = cluster.call(leader, request, FetchResponse)
    if response.error_code:
        raise _ServiceError("broker-unanswered", f"broker {leader}", f"Fetch answers {_name(response.error_code)}")
    for topic in response.responses:
        for row in topic.partitions:
            records = b"" if row.records is None else bytes(cast("memoryview", row.records))
            yield (topic.topic, row.partition_index), row.error_code, records


# The probe


def _probe(cluster: _Cluster) -> Iterator[Fault]:
    name = f"{_NAME}-{token_hex(4)}"
    try:
        leader = _create(cluster, name)
        try:
            _write_and_read(cluster, leader, name)
            _commit(cluster, name)
        finally:
            _delete(cluster, name)
    except _ServiceError as failed:
        yield Fault("probe-failed", name, failed.fault.reason)


def _create(cluster: _Cluster, name: str) -> int:
    """Create a topic and return the leader of its partition."""
    topic = CreatableTopic(name=name, num_partitions=1, replication_factor=-1)
    request = CreateTopicsRequest(topics=(topic,), timeout_ms=round(cluster.timeout * 1000))
    (created,) = cluster.call(cluster.any_broker(), request, CreateTopicsResponse).topics
    _expect_none(created.error_code, "CreateTopics", name)
    deadline = time.monotonic() + cluster.timeout
    while True:
        asked = MetadataRequest(topics=(MetadataRequestTopic(name=name),), allow_auto_topic_creation=False)
        (found,) = cluster.call(cluster.any_broker(), asked, MetadataResponse).topics
        leader = _leader(found)
        if leader in cluster.brokers:
            return leader
        if time.monotonic() > deadline:
            raise _ServiceError("probe-failed", name, "the new topic gets no leader that can be reached")
        time.sleep(_PAUSE)


def _leader(topic: MetadataResponseTopic) -> int:
    return topic.partitions[0].leader_id if topic.partitions and not topic.partitions[0].error_code else -1


def _write_and_read(cluster: _Cluster, leader: int, name: str) -> None:
    batch = build_batch([Record(key=b"key", value=b"value", timestamp=round(time.time() * 1000))])
    data = TopicProduceData(name=name, partition_data=(PartitionProduceData(index=0, records=batch),))
    request = ProduceRequest(acks=-1, timeout_ms=round(cluster.timeout * 1000), topic_data=(data,))
    written = cluster.call(leader, request, ProduceResponse).responses[0].partition_responses[0]
    _expect_none(written.error_code, "Produce", name)
    for _, code, records in _fetch(cluster, leader, {(name, 0): written.base_offset}, wait=cluster.timeout / 2):
        _expect_none(code, "Fetch", name)
        if not records or [record.value for record in iter_records(records)] != [b"value"]:
            raise _ServiceError("probe-failed", name, "Fetch does not return the record that was produced")


def _commit(cluster: _Cluster, name: str) -> None:
    coordinator = cluster.coordinator(name)
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata=None)
    topic = OffsetCommitRequestTopic(name=name, partitions=(partition,))
    request = OffsetCommitRequest(group_id=name, member_id="", topics=(topic,))
    committed = cluster.call(coordinator, request, OffsetCommitResponse).topics[0].partitions[0]
    _expect_none(committed.error_code, "OffsetCommit", name)
    asked = OffsetFetchRequest(group_id=name, topics=(OffsetFetchRequestTopic(name=name, partition_indexes=(0,)),))
    fetched = cluster.call(coordinator, asked, OffsetFetchResponse)
    _expect_none(fetched.error_code, "OffsetFetch", name)
    if fetched.topics[0].partitions[0].committed_offset != 1:
        raise _ServiceError("probe-failed", name, "OffsetFetch does not return the offset that was committed")
    cluster.call(coordinator, DeleteGroupsRequest(groups_names=(name,)), DeleteGroupsResponse)


def _delete(cluster: _Cluster, name: str) -> None:
    request = DeleteTopicsRequest(topic_names=(name,), timeout_ms=round(cluster.timeout * 1000))
    (deleted,) = cluster.call(cluster.any_broker(), request, DeleteTopicsResponse).responses
    _expect_none(deleted.error_code, "DeleteTopics", name)


def _expect_none(code: int, api: str, name: str) -> None:
    if code:
        raise _ServiceError("probe-failed", name, f"{api} answers {_name(code)}")


def _by_topic(partitions: Iterable[Partition]) -> dict[str, list[int]]:
    topics: dict[str, list[int]] = {}
    for name, index in partitions:
        topics.setdefault(name, []).append(index)
    return topics


def _text(partition: Partition) -> str:
    return f"{partition[0]}-{partition[1]}"


def _name(code: int) -> str:
    return ErrorCode(code).name if code in frozenset(ErrorCode) else f"error {code}"
