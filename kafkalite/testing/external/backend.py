"""A broker elsewhere, any Kafka, as what a handle stands on: asked through the protocol, and polled for waits.

Topics, records, groups, ``await_stable`` and ``await_committed`` work as with a broker in the test's process.
Positions, time and all that steers have no requests in Kafka's protocol: they raise NotOnThisBroker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from heapq import merge
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from kafkalite.config.address import HostPort
from kafkalite.testing.external.cluster import ClusterConnections
from kafkalite.testing.external.polling import polled
from kafkalite.testing.model.batches import Batch, Turns, batch_of, produced, records_in
from kafkalite.testing.model.conditions import missing_records
from kafkalite.testing.model.errors import NotOnThisBroker, NotPossible, NotThere
from kafkalite.testing.model.memberships import assignment_in, subscription_in
from kafkalite.testing.model.views import Committed, Group, Member, Record, Topic, TopicPartition, no_topic
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.testing.model.conditions import Condition
    from kafkalite.testing.model.wait import Wait

T = TypeVar("T")

_MOST_BYTES: Final = 8 << 20
_EARLIEST: Final = -2
_LATEST: Final = -1
_TIMEOUT_MS: Final = 30_000


class ExternalBackend:
    """Any Kafka broker."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._cluster = ClusterConnections(HostPort.parse(bootstrap.partition(",")[0]))
        self._lock = threading.RLock()
        self._turns = Turns()
        self.created: dict[str, None] = {}
        """The topics that were created here and not deleted again, for whoever cleans up."""

    def close(self) -> None:
        """Close the connections."""
        self._cluster.close()

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker."""
        return self._bootstrap

    @property
    def steering(self) -> NoReturn:
        """Raise NotOnThisBroker: Kafka has no requests for that."""
        self._refuse("steering time, groups, faults and the broker itself, or logging its requests,")

    @property
    def images(self) -> NoReturn:
        """Raise NotOnThisBroker, for the same reason."""
        self._refuse("taking snapshots")

    def forked(self, image: object) -> NoReturn:
        """Raise NotOnThisBroker, for the same reason."""
        del image
        self._refuse("taking snapshots")

    def _refuse(self, what: str) -> NoReturn:
        raise NotOnThisBroker(
            f"{what} works only with a broker in the test's process, not with the one at {self._bootstrap}"
        )

    # Topics

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Create a topic. Raises ValueError where the broker refuses."""
        from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest

        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=-1,
            configs=tuple(CreatableTopicConfig(name=key, value=value) for key, value in configs.items()),
        )
        request = CreateTopicsRequest(topics=(topic,), timeout_ms=_TIMEOUT_MS)
        with self._lock:
            (result,) = self._cluster.any().call(request, 5).topics
            if result.error_code:
                said = result.error_message or _name(result.error_code)
                raise NotPossible(f"topic {name!r} cannot be created: {said}")
            self.created[name] = None
            self._cluster.await_topic(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic. Raises LookupError if there is none."""
        from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest

        with self._lock:
            request = DeleteTopicsRequest(topic_names=(name,), timeout_ms=_TIMEOUT_MS)
            (result,) = self._cluster.any().call(request, 5).responses
            if result.error_code:
                known = ", ".join(self.topics()) or "none"
                raise NotThere(f"topic {name!r} cannot be deleted: {_name(result.error_code)}; topics: {known}")
        self.created.pop(name, None)

    def topics(self) -> dict[str, Topic]:
        """Show all topics but Kafka's own."""
        with self._lock:
            partitions = self._cluster.partitions()
            return {name: self._topic(name, partitions[name]) for name in sorted(partitions)}

    def _topic(self, name: str, partitions: int) -> Topic:
        return Topic(
            name=name,
            partitions=partitions,
            start_offsets=tuple(self._cluster.offset(name, index, _EARLIEST) for index in range(partitions)),
            end_offsets=tuple(self._cluster.offset(name, index, _LATEST) for index in range(partitions)),
        )

    # Records

    def append(self, batch: Batch) -> tuple[Record, ...]:
        """Produce; a topic that is missing is created with the broker's defaults."""
        from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

        with self._lock:
            partitions = self._cluster.partitions().get(batch.topic)
            if partitions is None:
                self.create_topic(batch.topic, -1, {})
                partitions = self._cluster.partitions()[batch.topic]
            partition = self._turns.choose(batch, partitions)
            timestamp = time.time_ns() // 1_000_000 if batch.timestamp is None else batch.timestamp
            data = batch_of(batch.values, key=batch.key, headers=batch.headers, timestamp=timestamp)
            asked = TopicProduceData(
                name=batch.topic, partition_data=(PartitionProduceData(index=partition, records=memoryview(data)),)
            )
            request = ProduceRequest(acks=-1, timeout_ms=_TIMEOUT_MS, topic_data=(asked,))
            result = self._cluster.ask_leader(
                batch.topic, partition, request, 9, lambda response: response.responses[0].partition_responses[0]
            )
        if result.error_code:
            raise NotPossible(f"cannot produce to {batch.topic}-{partition}: {_name(result.error_code)}")
        return produced(batch, partition, result.base_offset, timestamp)

    def records(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        """Show what is in a topic."""
        with self._lock:
            partitions = self._cluster.partitions()
            if topic not in partitions:
                raise NotThere(no_topic(topic, partitions))
            chosen = range(partitions[topic]) if partition is None else (partition,)
            found = [self._read(topic, index, offset) for index in chosen]
        return list(merge(*found, key=lambda record: record.timestamp))

    def _read(self, topic: str, partition: int, offset: int) -> list[Record]:
        from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic

        at = max(offset, self._cluster.offset(topic, partition, _EARLIEST))
        end = self._cluster.offset(topic, partition, _LATEST)
        found: list[Record] = []
        while at < end:
            wanted = FetchPartition(partition=partition, fetch_offset=at, partition_max_bytes=_MOST_BYTES)
            request = FetchRequest(
                max_wait_ms=0, min_bytes=0, topics=(FetchTopic(topic=topic, partitions=(wanted,)),), isolation_level=1
            )
            response = self._cluster.leader(topic, partition).call(request, 12)
            (data,) = response.responses[0].partitions
            if data.error_code:
                raise NotPossible(f"cannot read {topic}-{partition}: {_name(data.error_code)}")
            following = at
            for record, next_offset in records_in(topic, partition, bytes(data.records or b"")):
                following = max(following, next_offset)
                if record is not None and record.offset >= at:
                    found.append(record)
            if following == at:
                break
            at = following
        return found

    def arrival(self, topic: str, partition: int | None, offset: int, count: int) -> Wait[list[Record]]:
        """Wait until there are so many records."""

        def look() -> list[Record] | None:
            try:
                found = self.records(topic, partition, offset)
            except LookupError:
                return None
            return found[:count] if len(found) >= count else None

        return polled(look, lambda: missing_records(topic, count, lambda: self.records(topic, partition, offset)))

    # Groups

    def groups(self) -> list[str]:
        """Name all groups."""
        from kafkalite_wire.messages.list_groups import ListGroupsRequest

        with self._lock:
            return sorted({
                group.group_id for each in self._cluster.all() for group in each.call(ListGroupsRequest(), 4).groups
            })  # fmt: skip

    def group(self, group_id: str) -> Group:
        """Show a group, ``Dead`` if there is none."""
        from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest

        with self._lock:
            request = DescribeGroupsRequest(groups=(group_id,))
            response = self._cluster.ask_coordinator(group_id, request, 5, lambda answer: answer.groups[0].error_code)
            (found,) = response.groups
            if found.error_code:
                raise NotPossible(f"cannot describe group {group_id!r}: {_name(found.error_code)}")
            return Group(
                group_id=group_id,
                state=found.group_state,
                protocol=found.protocol_data,
                members=tuple(
                    Member(
                        member_id=member.member_id,
                        client_id=member.client_id,
                        group_instance_id=member.group_instance_id,
                        client_host=member.client_host,
                        topics=subscription_in(member.member_metadata),
                        assignment=assignment_in(member.member_assignment),
                    )
                    for member in found.members
                ),
                committed=self._committed(group_id),
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

    def delete_group(self, group_id: str) -> None:
        """Delete a group without members. Raises ValueError where the broker refuses."""
        from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

        with self._lock:
            request = DeleteGroupsRequest(groups_names=(group_id,))
            response = self._cluster.ask_coordinator(group_id, request, 2, lambda answer: answer.results[0].error_code)
            (result,) = response.results
            if result.error_code:
                raise NotPossible(f"cannot delete ({_name(result.error_code)}): {self.group(group_id)}")

    # Waiting

    def until(self, condition: Condition[T]) -> Wait[T]:
        """Wait until a condition holds, by looking again and again. Raises NotOnThisBroker for positions."""
        if condition.needs_positions:
            self._refuse("await_positioned")

        def missing() -> str:
            return f"waited for {condition.missing(self)}\nnow: {self.group(condition.group_id)}"

        return polled(lambda: condition.seen(self), missing)

    def partitions(self, topic: str) -> int:
        """Tell how many partitions a topic has, 0 if there is no such topic."""
        with self._lock:
            return self._cluster.partitions().get(topic, 0)

    def position(self, member_client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Raise NotOnThisBroker: a broker elsewhere does not tell who fetches."""
        del member_client_id, partition, since
        self._refuse("await_positioned")

    def stable_since(self, group_id: str) -> int:
        """Raise NotOnThisBroker, as :meth:`position` does."""
        del group_id
        self._refuse("await_positioned")


def _name(error_code: int) -> str:
    return ErrorCode(error_code).name
