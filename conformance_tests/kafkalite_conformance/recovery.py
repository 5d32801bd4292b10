"""How long clients stand still when one broker of three goes: on Apache Kafka and on kafkalite, by the same script.

::

    python -m kafkalite_conformance.recovery --clients librdkafka,java,franz-go,sarama,kafka-python

Of each client, an idempotent producer writes records at a steady pace to three partitions, each led by another broker,
and a member of a group reads them. Broker 2 leads one of them and coordinates the groups. It is stopped, started,
killed and started. The pauses are the longest ones between two acknowledgements of that partition, and between two
records that the member is given of it. Afterwards each record that was acknowledged must be in its partition, and no
record twice.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import click

from kafkalite_conformance.clusters import CLUSTER_SETTINGS, Cluster, ask, bootstrap_of, running_cluster
from kafkalite_conformance.drivers.events import Acknowledged, Consumed, Record, Refused
from kafkalite_conformance.scenario import DriverPool, Scenario, is_available
from kafkalite_wire.messages import create_topics as creating
from kafkalite_wire.messages.elect_leaders import ElectLeadersRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic

_CLIENTS: Final = "librdkafka,java,franz-go,sarama,kafka-python"
_INTERVAL_MS: Final = 20
_SECONDS: Final = 220
_CALM: Final = 5.0
_WATCHED: Final = 20.0
"""How long the clients are watched after a broker has ended, at least."""
_LONGEST_PAUSE: Final = 40.0
"""How much longer at most; a client that has not gone on by then has a pause as long as it was watched."""
_VICTIM: Final = 2
_PARTITION: Final = 1
_PATIENCE: Final = 180.0
_SETTINGS: Final = {
    **CLUSTER_SETTINGS,
    "auto.leader.rebalance.enable": "false",
    "broker.session.timeout.ms": "9000",
    "broker.heartbeat.interval.ms": "2000",
}
"""The session of a broker is Kafka's default, because a kill is noticed when it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """What one client saw of one stop or kill, in seconds."""

    client: str
    how: str
    produced: float
    consumed: float


@click.command()
@click.option("--clients", default=_CLIENTS, show_default=True, help="The clients, which run side by side.")
@click.option("--brokers", "kinds", default="kafka,kafkalite", show_default=True, help="What to compare.")
def main(clients: str, kinds: str) -> None:
    """Print a table of pauses. Exit with 1 if a record was lost or doubled."""
    found: dict[str, list[Pauses]] = {}
    problems = [f"{client}: {reason}" for client in clients.split(",") if (reason := is_available(client))]
    for kind in kinds.split(","):
        with running_cluster(kind, _SETTINGS) as cluster:
            found[kind], wrong = _try(cluster, [client for client in clients.split(",") if not is_available(client)])
            problems += [f"{kind}, {each}" for each in wrong]
    _print(found)
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


class _Load:
    """A producer under way, and a member that reads what it writes."""

    def __init__(self, cluster: Cluster, scenario: Scenario, client: str) -> None:
        self.client: Final = client
        self._scenario = scenario
        self._topic = _topic(cluster, scenario.name("topic"))
        self._member = scenario.member(client, _group(cluster, scenario), [self._topic], auto_commit=True)
        self._producer = scenario.driver(client)
        self._command = 0
        self._count = _SECONDS * 1000 // _INTERVAL_MS

    def join(self) -> None:
        """Wait until the member has joined."""
        self._scenario.wait(lambda: self._member.has_joined, f"{self.client}'s member", timeout=_PATIENCE)

    def start(self) -> None:
        """Begin to produce."""
        records = [Record(value=b"%d" % number, partition=number % 3) for number in range(self._count)]
        self._command = self._producer.send(
            "produce",
            topic=self._topic,
            records=[record.as_json() for record in records],
            acks="all",
            idempotence=True,
            timeout_ms=120_000,
            interval_ms=_INTERVAL_MS,
        )

    @property
    def acknowledged(self) -> list[float]:
        """When records of the partition were acknowledged."""
        return [
            at
            for at, event in self._producer.timed_events
            if isinstance(event, Acknowledged) and event.partition == _PARTITION
        ]

    @property
    def read(self) -> list[float]:
        """When the member was given records of the partition."""
        return [
            at
            for at, event in self._member.timed_events
            if isinstance(event, Consumed) and event.partition == _PARTITION
        ]

    def has_gone_on(self, since: float) -> bool:
        """Return whether both have done something after a time."""
        return all(times and times[-1] > since for times in (self.acknowledged, self.read))

    def _stored(self, partition: int, wanted: int) -> list[bytes | None]:
        """Return the values in a partition, once there are as many different ones as wanted."""
        reader = self._scenario.reader("librdkafka", self._topic, partition=partition)
        reader.wait_until(lambda: len(set(reader.values)) >= wanted, f"partition {partition}", timeout=_PATIENCE)
        return reader.values

    def wrong(self) -> list[str]:
        """Wait until all is produced and read; return what was lost or doubled."""
        self._producer.outcome(self._command, timeout=_PATIENCE)
        deliveries = self._producer.deliveries(self._command)
        refused = [each for each in deliveries if isinstance(each, Refused)]
        wrong = [f"{len(refused)} of {self._count} sends failed, the first with {refused[0]}"] if refused else []
        promised = {b"%d" % each.index for each in deliveries if isinstance(each, Acknowledged)}
        stored: Counter[bytes | None] = Counter()
        for partition in range(3):
            stored.update(self._stored(partition, sum(int(value) % 3 == partition for value in promised)))
        doubled = [value for value, times in stored.items() if times > 1]
        if doubled:
            wrong.append(f"{len(doubled)} records are in their partition twice, as {doubled[:5]}")
        if not promised <= set(stored):
            wrong.append(f"{len(promised - set(stored))} records are lost")
        self._member.wait_until(
            lambda: len(set(self._member.values)) >= len(promised), "all records", timeout=_PATIENCE
        )
        return [f"{self.client}: {each}" for each in wrong]


def _try(cluster: Cluster, clients: list[str]) -> tuple[list[Pauses], list[str]]:
    pool = DriverPool(bootstrap_of(cluster), spares=False)
    scenario = Scenario(pool)
    try:
        loads = [_Load(cluster, scenario, client) for client in clients]
        for load in loads:
            load.join()
        for load in loads:
            load.start()
        assert _until(lambda: all(load.has_gone_on(0) for load in loads)), "no records"
        pauses = [each for how in ("stop", "kill") for each in _ended(cluster, how, loads)]
        return pauses, [each for load in loads for each in load.wrong()]
    finally:
        scenario.clear()
        pool.close()


def _topic(cluster: Cluster, name: str) -> str:
    replicas = [(1, 2, 3), (2, 3, 1), (3, 1, 2)]
    assignments = tuple(
        creating.CreatableReplicaAssignment(partition_index=index, broker_ids=each)
        for index, each in enumerate(replicas)
    )
    topic = creating.CreatableTopic(
        name=name, num_partitions=-1, replication_factor=-1, assignments=assignments, configs=()
    )
    created = ask(cluster, 1, creating.CreateTopicsRequest(topics=(topic,), timeout_ms=30_000), 7).topics[0]
    assert created.error_code == 0, created
    assert _until(lambda: _in_sync(cluster, name) == 9), "a replica is not in sync"
    return name


def _in_sync(cluster: Cluster, topic: str) -> int:
    """Return how many replicas of a topic are in sync, by the broker that knows of the fewest."""
    request = MetadataRequest(topics=(MetadataRequestTopic(name=topic),), allow_auto_topic_creation=False)
    answers = [ask(cluster, broker, request, 9).topics[0].partitions for broker in cluster.addresses]
    return min(sum(len(each.isr_nodes) for each in partitions) for partitions in answers)


def _group(cluster: Cluster, scenario: Scenario) -> str:
    """Return a group that the broker which goes coordinates."""
    while True:
        names = tuple(scenario.group() for _ in range(20))
        found = ask(cluster, 1, FindCoordinatorRequest(key_type=0, coordinator_keys=names), 4).coordinators
        own = [each.key for each in found if each.node_id == _VICTIM]
        if own:
            return str(own[0])
        time.sleep(0.2)


def _ended(cluster: Cluster, how: str, loads: list[_Load]) -> list[Pauses]:
    """End the broker, wait until all clients go on, start it again, and elect it for what it led."""
    time.sleep(_CALM)
    since = time.monotonic()
    (cluster.stop if how == "stop" else cluster.kill)(_VICTIM)
    time.sleep(_WATCHED)
    _until(lambda: all(load.has_gone_on(since + _WATCHED) for load in loads), _LONGEST_PAUSE)
    until = time.monotonic()
    pauses = [
        Pauses(
            client=load.client,
            how=how,
            produced=_longest(load.acknowledged, since, until),
            consumed=_longest(load.read, since, until),
        )
        for load in loads
    ]
    cluster.start(_VICTIM)
    assert _until(lambda: _is_preferred(cluster)), "the broker does not lead again"
    return pauses


def _is_preferred(cluster: Cluster) -> bool:
    """Elect the preferred leaders; return whether all of them lead already."""
    none_is_needed = 84
    answer = ask(cluster, 1, ElectLeadersRequest(election_type=0, topic_partitions=None, timeout_ms=30_000), 2)
    errors = {row.error_code for topic in answer.replica_election_results for row in topic.partition_result}
    return answer.error_code == 0 and errors <= {none_is_needed}


def _longest(times: Iterable[float], since: float, until: float) -> float:
    """Return the longest time without an event after the broker was ended."""
    within = [since, *(at for at in times if since <= at <= until), until]
    return max(later - earlier for earlier, later in pairwise(within))


def _until(probe: Callable[[], bool], patience: float = _PATIENCE) -> bool:
    """Wait until something is true; return whether that was in time."""
    deadline = time.monotonic() + patience
    while not probe():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _print(found: dict[str, list[Pauses]]) -> None:
    kinds = list(found)
    print(f"\n| client | a broker is | {' | '.join(f'{kind}: producer | consumer' for kind in kinds)} |")
    print(f"| --- | --- |{' --- | --- |' * len(kinds)}")
    rows: dict[tuple[str, str], dict[str, Pauses]] = {}
    for kind, pauses in found.items():
        for each in pauses:
            rows.setdefault((each.client, each.how), {})[kind] = each
    for (client, how), by_kind in rows.items():
        cells = [
            f"{by_kind[kind].produced:.1f} | {by_kind[kind].consumed:.1f}" if kind in by_kind else "- | -"
            for kind in kinds
        ]
        print(f"| {client} | {'stopped' if how == 'stop' else 'killed'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
