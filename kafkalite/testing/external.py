"""The controls of any Kafka, through its protocol; waits poll.

Topics, records, groups, ``consume``, ``await_stable`` and ``await_committed`` work as with a broker in the test's
process. Kafka's protocol has no requests for all other controls: they raise NotOnThisBroker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from heapq import merge
from inspect import BoundArguments
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from kafkalite.addresses import HostPort
from kafkalite.controls.conditions import HasCommitted, Stable, missing_records
from kafkalite.controls.controls import check_count, check_values
from kafkalite.controls.defaults import Value, text_of
from kafkalite.controls.definition import in_a_thread
from kafkalite.controls.errors import Conflict, NotFound, NotOnThisBroker, WaitTimeout
from kafkalite.controls.records import Batch, Partitioner, Text, batch_of, existing, produced, records_in
from kafkalite.controls.views import (
    Committed,
    Group,
    Header,
    Member,
    Record,
    Topic,
    TopicPartition,
    member_of,
    no_topic,
)
from kafkalite.testing.cluster_connections import ClusterConnections
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.controls.conditions import Condition
    from kafkalite.controls.definition import Arguments, Call, Control, Subject

T = TypeVar("T")

_MAX_BYTES: Final = 8 << 20
_EARLIEST: Final = -2
_LATEST: Final = -1
_DEAD: Final = "Dead"
_TIMEOUT_MS: Final = 30_000
_POLL_INTERVAL: Final = 0.05


class ExternalTransport:
    """Any Kafka broker. ``created`` gets the topics that are created here because records are produced to them."""

    def __init__(self, bootstrap: str, created: dict[str, None]) -> None:
        self.bootstrap = bootstrap
        self._created = created
        self._cluster = ClusterConnections(HostPort.parse(bootstrap.partition(",")[0]))
        self._lock = threading.RLock()
        self._partitioner = Partitioner()
        self._controls: Mapping[str, Callable[..., Any]] = {
            "Topics.all": self.topics,
            "Topics.create": self.create_topic,
            "Topics.describe": self.topic,
            "Topics.delete": self.delete_topic,
            "Controls.produce": self.produce,
            "Controls.records": self.records,
            "Groups.ids": self.groups,
            "Groups.describe": self.group,
            "Groups.delete": self.delete_group,
        }
        self._waits: Mapping[str, Callable[..., Any]] = {
            "Controls.consume": self.consume,
            "Controls.await_stable": self.await_stable,
            "Controls.await_committed": self.await_committed,
        }

    def close(self) -> None:
        """Close the connections."""
        self._cluster.close()

    def call(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> T:
        """Run a control in this thread."""
        del subject
        return self._run(control, arguments, threading.Event())

    def start(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> Call[T]:
        """Run a control in another thread."""
        del subject
        cancelled = threading.Event()
        return in_a_thread(lambda: self._run(control, arguments, cancelled), cancelled.set)

    def fork(self, snapshot_of: object) -> NoReturn:
        """Raise NotOnThisBroker."""
        del snapshot_of
        self._refuse("taking snapshots")

    def _run(self, control: Control[..., T], arguments: Arguments, cancelled: threading.Event) -> T:
        name = f"{control.subject.__name__}.{control.name}"
        bound = BoundArguments(control.signature, dict(arguments))
        bound.apply_defaults()
        result: T
        if name in self._controls:
            result = self._controls[name](**bound.arguments)
        elif name in self._waits:
            result = self._waits[name](cancelled, **bound.arguments)
        elif name.startswith("Snapshots."):
            self._refuse("taking snapshots")
        else:
            self._refuse("steering time, groups, faults and the broker itself, or logging its requests,")
        return result

    def _refuse(self, what: str) -> NoReturn:
        raise NotOnThisBroker(
            f"{what} works only with a broker in the test's process, not with the one at {self.bootstrap}"
        )

    # Topics

    def create_topic(
        self,
        name: str,
        partitions: int,
        configs: Mapping[str, Value] | None,
        replication_factor: int | None = None,
    ) -> Topic:
        """Create a topic. Raises ValueError where the broker refuses."""
        from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest

        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=-1 if replication_factor is None else replication_factor,
            configs=tuple(
                CreatableTopicConfig(name=key, value=text_of(value)) for key, value in (configs or {}).items()
            ),
        )
        request = CreateTopicsRequest(topics=(topic,), timeout_ms=_TIMEOUT_MS)
        with self._lock:
            (result,) = self._cluster.any().call(request, 5).topics
            if result.error_code:
                raise Conflict(f"topic {name!r} cannot be created: {result.error_message or _name(result.error_code)}")
            self._cluster.await_topic(name)
            return self._topic(name, self._cluster.partitions()[name])

    def delete_topic(self, topic: str) -> None:
        """Delete a topic. Raises LookupError."""
        from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest

        with self._lock:
            request = DeleteTopicsRequest(topic_names=(topic,), timeout_ms=_TIMEOUT_MS)
            (result,) = self._cluster.any().call(request, 5).responses
            if result.error_code:
                known = ", ".join(self._cluster.partitions()) or "none"
                raise NotFound(f"topic {topic!r} cannot be deleted: {_name(result.error_code)}; topics: {known}")

    def topics(self) -> list[Topic]:
        """Return all topics but the internal ones."""
        with self._lock:
            partitions = self._cluster.partitions()
            return [self._topic(name, partitions[name]) for name in sorted(partitions)]

    def topic(self, topic: str) -> Topic:
        """Return a topic. Raises LookupError."""
        with self._lock:
            return self._topic(topic, self._partitions(topic))

    def _partitions(self, topic: str) -> int:
        partitions = self._cluster.partitions()
        if topic not in partitions:
            raise NotFound(no_topic(topic, partitions))
        return partitions[topic]

    def _topic(self, name: str, partitions: int) -> Topic:
        return Topic(
            name=name,
            partitions=partitions,
            start_offsets=tuple(self._cluster.offset(name, index, _EARLIEST) for index in range(partitions)),
            end_offsets=tuple(self._cluster.offset(name, index, _LATEST) for index in range(partitions)),
        )

    # Records

    def produce(
        self,
        topic: str,
        values: Sequence[Text],
        key: Text,
        partition: int | None,
        headers: Sequence[Header],
        timestamp: int | None,
    ) -> tuple[Record, ...]:
        """Produce; a missing topic is created with the broker's defaults."""
        from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

        check_values(values)
        batch = Batch(
            topic=topic, partition=partition, values=values, key=key, headers=tuple(headers), timestamp=timestamp
        )
        with self._lock:
            if topic not in self._cluster.partitions():
                self.create_topic(topic, -1, {})
                self._created[topic] = None
            index = self._partitioner.choose(batch, self._partitions(topic))
            now_ms = time.time_ns() // 1_000_000 if timestamp is None else timestamp
            data = batch_of(values, key=key, headers=batch.headers, timestamp=now_ms)
            asked = TopicProduceData(
                name=topic, partition_data=(PartitionProduceData(index=index, records=memoryview(data)),)
            )
            request = ProduceRequest(acks=-1, timeout_ms=_TIMEOUT_MS, topic_data=(asked,))
            result = self._cluster.ask_leader(
                topic, index, request, 9, lambda response: response.responses[0].partition_responses[0]
            )
        if result.error_code:
            raise Conflict(f"cannot produce to {topic}-{index}: {_name(result.error_code)}")
        return produced(batch, index, result.base_offset, now_ms)

    def records(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        """Return the records of a topic, in the order of their timestamps."""
        with self._lock:
            total = self._partitions(topic)
            chosen = range(total) if partition is None else (existing(topic, partition, total),)
            found = [self._read(topic, index, offset) for index in chosen]
        return list(merge(*found, key=lambda record: record.timestamp))

    def _read(self, topic: str, partition: int, offset: int) -> list[Record]:
        from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic

        at = max(offset, self._cluster.offset(topic, partition, _EARLIEST))
        end = self._cluster.offset(topic, partition, _LATEST)
        found: list[Record] = []
        while at < end:
            wanted = FetchPartition(partition=partition, fetch_offset=at, partition_max_bytes=_MAX_BYTES)
            request = FetchRequest(
                max_wait_ms=0, min_bytes=0, topics=(FetchTopic(topic=topic, partitions=(wanted,)),), isolation_level=1
            )
            response = self._cluster.leader(topic, partition).call(request, 12)
            (data,) = response.responses[0].partitions
            if data.error_code:
                raise Conflict(f"cannot read {topic}-{partition}: {_name(data.error_code)}")
            following = at
            for record, next_offset in records_in(topic, partition, bytes(data.records or b"")):
                following = max(following, next_offset)
                if record is not None and record.offset >= at:
                    found.append(record)
            if following == at:
                break
            at = following
        return found

    def consume(
        self,
        cancelled: threading.Event,
        topic: str,
        count: int,
        partition: int | None,
        offset: int,
        timeout: float,
    ) -> list[Record]:
        """Wait until a topic has ``count`` records, and return the first ones."""
        check_count(count)

        def look() -> list[Record] | None:
            try:
                found = self.records(topic, partition, offset)
            except LookupError:
                return None
            return found[:count] if len(found) >= count else None

        return _poll(
            look,
            timeout,
            cancelled,
            lambda: missing_records(topic, count, lambda: self.records(topic, partition, offset)),
        )

    # Groups

    def groups(self) -> list[str]:
        """Return the ids of all groups."""
        from kafkalite_wire.messages.list_groups import ListGroupsRequest

        with self._lock:
            return sorted({
                group.group_id for each in self._cluster.all() for group in each.call(ListGroupsRequest(), 4).groups
            })  # fmt: skip

    def group(self, group: str) -> Group:
        """Return a group; its state is ``Dead`` if there is none."""
        from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest

        with self._lock:
            request = DescribeGroupsRequest(groups=(group,))
            response = self._cluster.ask_coordinator(group, request, 5, lambda answer: answer.groups[0].error_code)
            (found,) = response.groups
            if found.error_code:
                raise Conflict(f"cannot describe group {group!r}: {_name(found.error_code)}")
            if found.group_state == _DEAD and self._cluster.any().serves(ApiKey.CONSUMER_GROUP_DESCRIBE):
                return self._consumer_group(group)
            return Group(
                group_id=group,
                state=found.group_state,
                protocol=found.protocol_data,
                members=tuple(
                    member_of(member, member.member_metadata, member.member_assignment) for member in found.members
                ),
                committed=self._committed(group),
            )

    def _consumer_group(self, group: str) -> Group:
        """Return a group of the consumer protocol (KIP-848), of which DescribeGroups says that there is none."""
        from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest

        request = ConsumerGroupDescribeRequest(group_ids=(group,))
        response = self._cluster.ask_coordinator(group, request, 0, lambda answer: answer.groups[0].error_code)
        (found,) = response.groups
        if found.error_code == ErrorCode.GROUP_ID_NOT_FOUND:
            return Group(group_id=group, state=_DEAD)
        if found.error_code:
            raise Conflict(f"cannot describe group {group!r}: {_name(found.error_code)}")
        return Group(
            group_id=group,
            state=found.group_state,
            generation=found.group_epoch,
            protocol=found.assignor_name,
            members=tuple(
                Member(
                    member_id=member.member_id,
                    client_id=member.client_id,
                    group_instance_id=member.instance_id,
                    client_host=member.client_host,
                    topics=frozenset(member.subscribed_topic_names),
                    assignment=frozenset(
                        TopicPartition(topic.topic_name, partition)
                        for topic in member.assignment.topic_partitions
                        for partition in topic.partitions
                    ),
                )
                for member in found.members
            ),
            committed=self._committed(group),
        )

    def _committed(self, group_id: str) -> Mapping[TopicPartition, Committed]:
        from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest

        request = OffsetFetchRequest(group_id=group_id, topics=None)
        response = self._cluster.ask_coordinator(group_id, request, 7, lambda answer: answer.error_code)
        return {
            TopicPartition(topic.name, partition.partition_index): Committed(
                offset=partition.committed_offset,
                end_offset=self._cluster.offset(topic.name, partition.partition_index, _LATEST),
                metadata=partition.metadata or "",
            )
            for topic in response.topics
            for partition in topic.partitions
            if partition.committed_offset >= 0
        }

    def delete_group(self, group: str) -> None:
        """Delete a group without members. Raises ValueError where the broker refuses."""
        from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

        with self._lock:
            request = DeleteGroupsRequest(groups_names=(group,))
            response = self._cluster.ask_coordinator(group, request, 2, lambda answer: answer.results[0].error_code)
            (result,) = response.results
            if result.error_code:
                raise Conflict(f"cannot delete ({_name(result.error_code)}): {self.group(group)}")

    def await_stable(self, cancelled: threading.Event, group: str, members: int | None, timeout: float) -> Group:
        """Wait until a group is stable."""
        return self._until(Stable(group, members), timeout, cancelled)

    def await_committed(
        self,
        cancelled: threading.Event,
        group: str,
        topic: str,
        partition: int | None,
        offset: int | Mapping[int, int] | None,
        timeout: float,
    ) -> Group:
        """Wait until a group has committed offsets."""
        condition = HasCommitted.of(group, topic, partition, offset, self.topic(topic).end_offsets)
        return self._until(condition, timeout, cancelled)

    def _until(self, condition: Condition, timeout: float, cancelled: threading.Event) -> Group:
        def missing() -> str:
            return f"waited for {condition.missing(self)}\nnow: {self.group(condition.group_id)}"

        return _poll(lambda: condition.met(self), timeout, cancelled, missing)

    def partition_count(self, topic: str) -> int:
        """Return the number of a topic's partitions, 0 if there is no such topic."""
        with self._lock:
            return self._cluster.partitions().get(topic, 0)

    def position(self, client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Raise NotOnThisBroker: Kafka does not report who fetches."""
        del client_id, partition, since
        self._refuse("await_positioned")

    def stable_since(self, group_id: str) -> int:
        """Raise NotOnThisBroker, as :meth:`position` does."""
        del group_id
        self._refuse("await_positioned")


def _poll(look: Callable[[], T | None], timeout: float, cancelled: threading.Event, missing: Callable[[], str]) -> T:
    until = time.monotonic() + timeout
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= until or cancelled.wait(_POLL_INTERVAL):
            raise WaitTimeout(f"after {timeout:g} s: {missing()}")


def _name(error_code: int) -> str:
    return ErrorCode(error_code).name
