"""What a scenario needs: unique names, clients on demand, waits for their events, and a clean-up."""

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from kafkalite_conformance.drivers.building import MissingToolError, Program
from kafkalite_conformance.drivers.catalogue import CLIENTS, Client
from kafkalite_conformance.drivers.events import Acknowledged, Done, Failed, Record, Sendable, TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess, wait_for_events

T = TypeVar("T")

SESSION_TIMEOUT_MS = 10_000
"""Session time-out of members that must stay alive, even when the machine stalls for a while."""

CRASH_TIMEOUT_MS = 4000
"""Session time-out where a scenario waits for it to expire: as short as a busy machine allows."""


class DriverPool:
    """Drivers of one broker: some started ahead of need, and one a client shared for producing and administration."""

    def __init__(self, bootstrap: str, *, spares: bool = True) -> None:
        self.bootstrap = bootstrap
        self.condition = threading.Condition()
        self._spares: dict[str, list[DriverProcess]] = defaultdict(list)
        self._keeps_spares = spares
        self._admins: dict[str, DriverProcess] = {}
        self._programs: dict[str, Program] = {}

    def take(self, client: Client) -> DriverProcess:
        """Return a running driver for exclusive use."""
        waiting = self._spares[client.name]
        driver = waiting.pop(0) if waiting else self._start(client)
        while self._keeps_spares and len(waiting) < client.spares:
            waiting.append(self._start(client))
        return driver

    def admin(self, client: Client) -> DriverProcess:
        """Return the client's driver that all scenarios share; only for commands that leave no consumer behind."""
        admin = self._admins.get(client.name)
        if admin is None or not admin.alive:
            admin = self._admins[client.name] = self._start(client)
        return admin

    def close(self) -> None:
        """End every driver that the pool still holds."""
        for driver in [*self._admins.values(), *(spare for spares in self._spares.values() for spare in spares)]:
            driver.close()

    def _start(self, client: Client) -> DriverProcess:
        if client.name not in self._programs:
            self._programs[client.name] = client.command()
        program = self._programs[client.name]
        return DriverProcess(
            client.name, [*program.command, self.bootstrap], environment=program.environment, condition=self.condition
        )


class Scenario:
    """One scenario's scenario."""

    def __init__(self, pool: DriverPool) -> None:
        self._pool = pool
        self._drivers: list[DriverProcess] = []
        self.bootstrap = pool.bootstrap

    # ------------------------------------------------------------ topics and groups

    @staticmethod
    def name(kind: str = "name") -> str:
        """Return a name that no other scenario uses."""
        return f"{kind}-{uuid.uuid4().hex[:12]}"

    def group(self) -> str:
        """Return the name of a group that does not exist yet."""
        return self.name("group")

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """Create a topic and return its name once the broker shows all its partitions."""
        name = self.name("topic")
        renamed: dict[str, Sendable] = {key.replace("_", "."): value for key, value in configs.items()}

        def created() -> bool:
            outcome = self.setup_client.attempt("create_topic", name=name, partitions=partitions, configs=renamed)
            if isinstance(outcome, Done):
                return True
            # A controller that has not heard of its broker for a while, or not yet, has nowhere to put a partition.
            assert "INVALID_REPLICATION_FACTOR" in outcome.message, outcome
            return False

        self.poll(created, f"the creation of {name}")
        self.await_partitions(name, partitions)
        return name

    def await_partitions(self, topic: str, partitions: int) -> None:
        """Wait until the broker's metadata shows the topic with this many partitions, and it leads the last of them."""
        self.poll(
            lambda: (
                not isinstance(seen := self.setup_client.attempt("describe_topic", name=topic), Failed)
                and seen.result.number("partitions") == partitions
            ),
            f"{topic} with {partitions} partitions",
        )
        self.poll(
            lambda: self.is_answered("list_offset", topic=topic, partition=partitions - 1, start="latest"),
            f"the leader of {topic}",
        )

    def fill(self, topic: str, values: Iterable[bytes], *, partition: int = 0) -> list[int]:
        """Put records into a partition and return their offsets."""
        outcomes = self.setup_client.produce(topic, [Record(value=value, partition=partition) for value in values])
        offsets = [outcome.offset for outcome in outcomes if isinstance(outcome, Acknowledged)]
        assert len(offsets) == len(outcomes), outcomes
        return offsets

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the committed offsets of a group, as the setup client sees them."""
        return {
            each: offset
            for each, offset in self.setup_client.call("committed", name=group).offsets("offsets").items()
            if offset >= 0
        }

    def is_answered(self, operation: str, **fields: Sendable) -> bool:
        """Return whether a command of the setup client succeeds, for a broker that has just restarted."""
        return not isinstance(self.setup_client.attempt(operation, timeout=60, **fields), Failed)

    # ------------------------------------------------------------ clients

    @staticmethod
    def abilities(client: str) -> frozenset[str]:
        """Return the abilities of a client."""
        return CLIENTS[client].abilities

    @cached_property
    def setup_client(self) -> DriverProcess:
        """The client that prepares topics and inspects the broker, whichever client is under test."""
        return self._pool.admin(CLIENTS["librdkafka"])

    def admin(self, client: str) -> DriverProcess:
        """Return the client's shared driver for producing and administration."""
        return self._pool.admin(CLIENTS[client])

    def driver(self, client: str) -> DriverProcess:
        """Return a driver for this scenario only, which may crash."""
        driver = self._pool.take(CLIENTS[client])
        self._drivers.append(driver)
        return driver

    def member(
        self,
        client: str,
        group: str,
        topics: Sequence[str],
        *,
        assignor: str = "range",
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
        auto_commit: bool = False,
        instance_id: str | None = None,
        protocol: str = "classic",
        **fields: Sendable,
    ) -> DriverProcess:
        """Start a consumer that joins a group; it may not have joined yet."""
        names = {"range": CLIENTS[client].range_name, "roundrobin": CLIENTS[client].roundrobin_name}
        driver = self.driver(client)
        driver.send(
            "subscribe",
            group=group,
            topics=list(topics),
            assignor=names.get(assignor, assignor) if protocol == "classic" else None,
            session_timeout_ms=session_timeout_ms,
            auto_commit=auto_commit,
            instance_id=instance_id,
            protocol=protocol,
            **fields,
        )
        return driver

    def reader(
        self,
        client: str,
        topic: str,
        *,
        partition: int = 0,
        start: str = "earliest",
        at: int | None = None,
        **fields: Sendable,
    ) -> DriverProcess:
        """Start a consumer without a group at a position of one partition; return it once it is assigned."""
        driver = self.driver(client)
        row: dict[str, Sendable] = {"topic": topic, "partition": partition, "start": start, "at": at}
        placed = driver.outcome(driver.send("assign", partitions=[row], **fields))
        assert isinstance(placed, Done), placed
        return driver

    # ------------------------------------------------------------ waits

    def wait(self, probe: Callable[[], T], what: str, *, timeout: float = 40) -> T:
        """Wait until `probe` returns something true; call it again after each event of any client."""
        return wait_for_events(self._pool.condition, self._drivers, probe, what, timeout=timeout)

    def poll(self, probe: Callable[[], T], what: str, *, timeout: float = 60) -> T:
        """Poll until `probe` returns something true, for state that no client event announces."""
        deadline = time.monotonic() + timeout
        while not (found := probe()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    "\n".join([f"polled {timeout:.0f} s for {what}", *(d.history() for d in self._drivers)])
                )
            time.sleep(0.05)
        return found

    def hold(self, probe: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Check for a while that something stays true, for events that must not happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert probe(), "\n".join([f"{what} did not last", *(driver.history() for driver in self._drivers)])
            time.sleep(0.05)

    def await_ownership(
        self, members: Iterable[DriverProcess], topics: Mapping[str, int], *, timeout: float = 40
    ) -> None:
        """Wait until all members have joined, and each partition of `topics` has exactly one owner among them."""
        everyone = list(members)
        wanted = sorted(TopicPartition(topic, number) for topic, count in topics.items() for number in range(count))

        def settled() -> bool:
            return all(member.has_joined for member in everyone) and wanted == sorted(
                partition for member in everyone for partition in member.owned
            )

        self.wait(settled, f"one owner for each of {len(wanted)} partitions", timeout=timeout)

    @staticmethod
    def await_count(reader: DriverProcess, count: int, *, timeout: float = 40) -> None:
        """Wait until a consumer has received that many records."""
        reader.wait_until(lambda: len(reader.records) >= count, f"{count} records", timeout=timeout)

    def await_values(self, reader: DriverProcess, values: Iterable[bytes], *, timeout: float = 40) -> None:
        """Wait until a consumer has received these values, in this order, and nothing else."""
        wanted = list(values)
        reader.wait_until(lambda: len(reader.values) >= len(wanted), f"{len(wanted)} records", timeout=timeout)
        assert reader.values == wanted

    def clear(self) -> None:
        """End this scenario's clients."""
        for driver in self._drivers:
            driver.close()


def is_available(client: str) -> str | None:
    """Return None when the client can run here, else the reason. Builds its driver if needed."""
    try:
        CLIENTS[client].command()
    except MissingToolError as problem:
        return str(problem)
    return None
