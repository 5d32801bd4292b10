"""A full read of one partition by hand, which shows what no client does: the producer of each batch."""

import socket
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from kafkalite_conformance.checker.history import Partition
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, PartitionData
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.payloads import read_payload
from kafkalite_wire.records import BatchHeader, check_batches, iter_records

_FETCH_VERSION: Final = 12
"""The last that names topics; any broker since Kafka 2.7 has it."""
_METADATA_VERSION: Final = 9
_LARGEST_FETCH: Final = 1 << 20


@dataclass(slots=True)
class RawLog:
    """The records of a partition, those of aborted transactions too."""

    records: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    """Offset, value, and producer id with epoch; the last is empty for a batch without a producer id."""
    end: int = 0
    """Where the last read ended."""
    is_complete: bool = False
    """Whether that was the high watermark."""

    @classmethod
    def read(cls, bootstrap: str, partition: Partition, *, patience: float) -> "RawLog":
        """Read a partition from its start to its high watermark, or for as long as patience lasts."""
        log = cls()
        deadline = time.monotonic() + patience
        while not log.is_complete and time.monotonic() < deadline:
            with (
                suppress(OSError, WireError, LookupError),
                closing(socket.create_connection(_leader(bootstrap, partition), 10)) as connection,
            ):
                log._read_on(connection, partition, deadline)
        return log

    def _read_on(self, connection: socket.socket, partition: Partition, deadline: float) -> None:
        while not self.is_complete and time.monotonic() < deadline:
            for topic in _ask(connection, self._request(partition), _FETCH_VERSION).responses:
                for each in topic.partitions:
                    self._add(each)

    def _request(self, partition: Partition) -> FetchRequest:
        wanted = FetchPartition(partition=partition.number, fetch_offset=self.end, partition_max_bytes=_LARGEST_FETCH)
        return FetchRequest(
            max_wait_ms=100,
            min_bytes=1,
            topics=(FetchTopic(topic=partition.topic, partitions=(wanted,)),),
        )

    def _add(self, fetched: PartitionData) -> None:
        if fetched.error_code != 0:
            raise LookupError("the partition has another leader")
        data = read_payload(fetched.records or b"")
        for position, header in check_batches(data):
            if not header.is_control:
                for record in iter_records(data[position : position + header.size]):
                    if record.offset >= self.end:
                        self.records.append((record.offset, (record.value or b"").decode(), _producer(header)))
            self.end = header.next_offset
        self.is_complete = self.end >= fetched.high_watermark


def _producer(header: BatchHeader) -> str:
    return f"{header.producer_id}.{header.producer_epoch}" if header.producer_id >= 0 else ""


def _leader(bootstrap: str, partition: Partition) -> tuple[str, int]:
    """Return the address of a partition's leader. Raises LookupError, OSError and WireError."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    with closing(socket.create_connection((host, int(port)), 10)) as connection:
        request = MetadataRequest(topics=(MetadataRequestTopic(name=partition.topic),))
        found = _ask(connection, request, _METADATA_VERSION)
    addresses = {broker.node_id: (broker.host, broker.port) for broker in found.brokers}
    leaders = {each.partition_index: each.leader_id for topic in found.topics for each in topic.partitions}
    return addresses[leaders[partition.number]]


def _ask(connection: socket.socket, request: object, version: int) -> Any:
    client = ClientConnection("checker")
    connection.sendall(client.send(request, version))
    while True:
        data = connection.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the broker closed the connection")
        if responses := client.receive(data):
            return responses[0].message
