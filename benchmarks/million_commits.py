"""How long a start takes after a million commits: `python -m benchmarks.million_commits`.

Commits offsets to a thousand keys (20 groups, 50 partitions), each commit in a request and so in a batch of its own,
stops the broker, kills it too, and measures each time from the start of the process to the last of the offsets, all
of which are checked. The peer beside us is kafkalite itself without its cleaner (`--without-cleaner`), which reads
the whole history.
"""

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import click

from benchmarks.brokers import PlainServer
from benchmarks.processes import cpu_seconds
from kafkalite_conformance.broker import free_port, serves_metadata
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse

_GROUPS: Final = 20
_PARTITIONS: Final = 50
_IN_FLIGHT: Final = 200
_STARTS: Final = 3
_COMMIT_VERSION: Final = 8
_FETCH_VERSION: Final = 8
_CREATE_VERSION: Final = 5
T = TypeVar("T")


class Connection:
    """A blocking connection that may have many requests in flight."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._stream = self._socket.makefile("rb", buffering=1 << 16)
        self._client = ClientConnection(None)

    def close(self) -> None:
        """Close it."""
        self._stream.close()
        self._socket.close()

    def send(self, *requests: object, version: int) -> None:
        """Send requests in one write."""
        self._socket.sendall(b"".join(self._client.send(request, version) for request in requests))

    def receive(self, kind: type[T]) -> T:
        """Receive one response."""
        size = int.from_bytes(self._stream.read(4))
        message = self._client.receive_frame(self._stream.read(size)).message
        assert isinstance(message, kind)
        return message


def _commits(count: int) -> Iterator[OffsetCommitRequest]:
    keys = _GROUPS * _PARTITIONS
    for number in range(count):
        partition = OffsetCommitRequestPartition(
            partition_index=number % _PARTITIONS,
            committed_offset=number // keys,
            committed_metadata="",
        )
        yield OffsetCommitRequest(
            group_id=f"group-{number // _PARTITIONS % _GROUPS}",
            member_id="",
            topics=(OffsetCommitRequestTopic(name="clicks", partitions=(partition,)),),
        )


def commit(connection: Connection, count: int) -> float:
    """Commit and return how many a second."""
    started = time.perf_counter()
    in_flight: list[OffsetCommitRequest] = []
    for request in _commits(count):
        in_flight.append(request)
        if len(in_flight) == _IN_FLIGHT:
            _send_commits(connection, in_flight)
    _send_commits(connection, in_flight)
    return count / (time.perf_counter() - started)


def _send_commits(connection: Connection, requests: list[OffsetCommitRequest]) -> None:
    if not requests:
        return
    connection.send(*requests, version=_COMMIT_VERSION)
    for _ in requests:
        response = connection.receive(OffsetCommitResponse)
        if response.topics[0].partitions[0].error_code:
            raise click.ClickException(f"a commit failed: {response}")
    requests.clear()


def fetch(connection: Connection, count: int) -> None:
    """Fetch the offsets of all groups and check them."""
    groups = tuple(OffsetFetchRequestGroup(group_id=f"group-{number}", topics=None) for number in range(_GROUPS))
    connection.send(OffsetFetchRequest(groups=groups), version=_FETCH_VERSION)
    response = connection.receive(OffsetFetchResponse)
    keys = _GROUPS * _PARTITIONS
    found = {
        (group.group_id, partition.partition_index): partition.committed_offset
        for group in response.groups
        for topic in group.topics
        for partition in topic.partitions
    }
    for number in range(max(count - keys, 0), count):
        key = (f"group-{number // _PARTITIONS % _GROUPS}", number % _PARTITIONS)
        if found.get(key) != number // keys:
            raise click.ClickException(f"the offset of {key} is {found.get(key)}, not {number // keys}")


def _start(folder: Path, *, cleaner: bool, partitions: int) -> tuple[PlainServer, str]:
    bootstrap = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "kafkalite", "serve", "--listen", bootstrap, "--data", str(folder / "data")]
    command += ["--set", f"log.cleaner.enable={str(cleaner).lower()}"]
    command += ["--set", f"offsets.topic.num.partitions={partitions}"]
    server = PlainServer(command, bootstrap, folder / "kafkalite.log")
    deadline = time.monotonic() + 60
    while not serves_metadata(bootstrap):
        if time.monotonic() > deadline:
            server.kill()
            raise click.ClickException("the broker did not start")
        time.sleep(0.005)
    return server, bootstrap


def _restart(folder: Path, count: int, *, cleaner: bool, partitions: int) -> tuple[PlainServer, float, float]:
    started = time.perf_counter()
    server, bootstrap = _start(folder, cleaner=cleaner, partitions=partitions)
    ready = time.perf_counter() - started
    with closing(Connection(bootstrap)) as connection:
        fetch(connection, count)
    return server, ready, time.perf_counter() - started


def _bytes_of_offsets(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("data/__consumer_offsets-*/*.log"))


@click.command()
@click.option("--commits", default=1_000_000, show_default=True, help="How many offsets to commit.")
@click.option("--partitions", default=50, show_default=True, help="Partitions of __consumer_offsets.")
@click.option("--without-cleaner", is_flag=True, help="Start the broker with log.cleaner.enable=false.")
def main(*, commits: int, partitions: int, without_cleaner: bool) -> None:
    """Commit, stop or kill, start, fetch; print the times."""
    cleaner = not without_cleaner
    with tempfile.TemporaryDirectory(prefix="kafkalite-commits-") as name:
        folder = Path(name)
        server, bootstrap = _start(folder, cleaner=cleaner, partitions=partitions)
        try:
            with closing(Connection(bootstrap)) as connection:
                topic = CreatableTopic(
                    name="clicks", num_partitions=_PARTITIONS, replication_factor=1, assignments=(), configs=()
                )
                connection.send(
                    CreateTopicsRequest(topics=(topic,), timeout_ms=10_000, validate_only=False),
                    version=_CREATE_VERSION,
                )
                connection.receive(CreateTopicsResponse)
                rate = commit(connection, commits)
            cpu = cpu_seconds(server.pid)
            print(
                f"{commits} commits to {_GROUPS * _PARTITIONS} keys: {rate:.0f} a second, "
                f"{1e6 * cpu / commits:.0f} µs of a processor each"
            )
            for how in ("kill -9", "stop"):
                for _ in range(_STARTS):
                    print(f"{_bytes_of_offsets(folder) / 1e6:8.2f} MB of offsets, {how}: ", end="")
                    if how == "stop":
                        server.stop()
                    else:
                        server.kill()
                    server, ready, total = _restart(folder, commits, cleaner=cleaner, partitions=partitions)
                    cpu = cpu_seconds(server.pid)
                    print(f"ready after {ready:.3f} s, all offsets after {total:.3f} s ({cpu:.2f} s of a processor)")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
