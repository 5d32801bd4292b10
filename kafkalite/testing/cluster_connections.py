"""Blocking connections to the brokers of a cluster: to any, to a partition's leader, to a group's coordinator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from kafkalite.client.connection import open_connection
from kafkalite.controls.errors import Conflict
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.schema import declaration_of

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort

_TIMEOUT: Final = 30.0
_SETTLING: Final = 30.0
_PAUSE: Final = 0.05
_NOT_YET: Final = (
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.LEADER_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
)


class Connection:
    """One blocking connection, one request at a time. Methods raise OSError and NotKafkaError."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._connection = open_connection((host, port), timeout=_TIMEOUT)
        except OSError as error:
            raise ConnectionError(f"no broker answers at {host}:{port}: {error}") from None
        answer = self._connection.call(ApiVersionsRequest(), 0, ApiVersionsResponse)
        self._newest = {api.api_key: api.max_version for api in answer.api_keys}

    def close(self) -> None:
        """Close the connection."""
        self._connection.__exit__()

    def serves(self, key: ApiKey) -> bool:
        """Return whether the broker has an API."""
        return key in self._newest

    def call(self, request: object, most: int) -> Any:
        """Send a request, in version ``most`` at most, and return its response."""
        api = APIS[declaration_of(type(request)).api_key]
        version = min(most, self._newest.get(api.key, most))
        return self._connection.call(request, version, api.response_type)


class ClusterConnections:
    """One connection to each broker that is used. Methods raise OSError."""

    def __init__(self, bootstrap: HostPort) -> None:
        self._any = Connection(bootstrap.host, bootstrap.port)
        self._by_node: dict[int, Connection] = {}
        self._brokers: dict[int, tuple[str, int]] = {}
        self._leaders: dict[tuple[str, int], int] = {}

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._any, *self._by_node.values()):
            connection.close()

    def any(self) -> Connection:
        """Return the connection to the bootstrap broker."""
        return self._any

    def all(self) -> Iterator[Connection]:
        """Yield a connection to each broker."""
        self.partitions()
        for node in tuple(self._brokers):
            yield self._node(node)

    def partitions(self) -> dict[str, int]:
        """Return the number of partitions of each topic that is not internal, and refresh the leaders."""
        from kafkalite_wire.messages.metadata import MetadataRequest

        metadata = self._any.call(MetadataRequest(topics=None, allow_auto_topic_creation=False), 9)
        self._brokers = {broker.node_id: (broker.host, broker.port) for broker in metadata.brokers}
        self._leaders = {
            (topic.name, partition.partition_index): partition.leader_id
            for topic in metadata.topics
            for partition in topic.partitions
        }
        return {topic.name: len(topic.partitions) for topic in metadata.topics if not topic.is_internal}

    def await_topic(self, topic: str) -> None:
        """Wait until a new topic is in the metadata."""
        until = time.monotonic() + _SETTLING
        while topic not in self.partitions() and time.monotonic() < until:
            time.sleep(_PAUSE)

    def leader(self, topic: str, partition: int) -> Connection:
        """Return the connection to a partition's leader."""
        until = time.monotonic() + _SETTLING
        while self._leaders.get((topic, partition), -1) < 0 and time.monotonic() < until:
            self.partitions()  # it may have been created just now
            time.sleep(_PAUSE)
        return self._node(self._leaders[topic, partition])

    def offset(self, topic: str, partition: int, timestamp: int) -> int:
        """Return the first (-2) or the next (-1) offset of a partition."""
        from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic

        asked = ListOffsetsTopic(
            name=topic, partitions=(ListOffsetsPartition(partition_index=partition, timestamp=timestamp),)
        )
        request = ListOffsetsRequest(replica_id=-1, topics=(asked,))
        answer = self.ask_leader(topic, partition, request, 5, lambda response: response.topics[0].partitions[0])
        if answer.error_code:
            raise Conflict(f"no offsets of {topic}-{partition}: {ErrorCode(answer.error_code).name}")
        offset: int = answer.offset
        return offset

    def ask_leader(
        self, topic: str, partition: int, request: object, most: int, result_of: Callable[[Any], Any]
    ) -> Any:
        """Send a request to a partition's leader, again until it leads; return the partition's result."""
        until = time.monotonic() + _SETTLING
        while True:
            result = result_of(self.leader(topic, partition).call(request, most))
            if result.error_code not in _NOT_YET or time.monotonic() > until:
                return result
            time.sleep(_PAUSE)

    def coordinator(self, group_id: str) -> Connection:
        """Return the connection to a group's coordinator."""
        from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest

        until = time.monotonic() + _SETTLING
        while True:
            found = self._any.call(FindCoordinatorRequest(key=group_id), 3)
            if not found.error_code:
                self._brokers[found.node_id] = (found.host, found.port)
                return self._node(found.node_id)
            if found.error_code not in _NOT_YET or time.monotonic() > until:
                raise Conflict(f"group {group_id!r} has no coordinator: {ErrorCode(found.error_code).name}")
            time.sleep(_PAUSE)

    def ask_coordinator(self, group_id: str, request: object, most: int, error_of: Callable[[Any], int]) -> Any:
        """Send a request to a group's coordinator, again while it is loading."""
        until = time.monotonic() + _SETTLING
        while True:
            response = self.coordinator(group_id).call(request, most)
            if error_of(response) not in _NOT_YET or time.monotonic() > until:
                return response
            time.sleep(_PAUSE)

    def _node(self, node_id: int) -> Connection:
        if node_id not in self._by_node:
            self._by_node[node_id] = Connection(*self._brokers[node_id])
        return self._by_node[node_id]
