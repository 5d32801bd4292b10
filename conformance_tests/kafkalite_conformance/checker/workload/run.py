"""One run: topics, processes, faults, then rest, and the final reads."""

import importlib
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import IO, Any, Final, TypeAlias

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.checker.history import Group, Outcome, Partition
from kafkalite_conformance.checker.recorder import Recorder
from kafkalite_conformance.checker.workload.consumers import AssignedReader, Subscriber
from kafkalite_conformance.checker.workload.final_read import end_transactions, read_logs, read_offsets
from kafkalite_conformance.checker.workload.frames import Meddler
from kafkalite_conformance.checker.workload.nemesis import FAULTS, Nemesis
from kafkalite_conformance.checker.workload.offered import offered_transactions
from kafkalite_conformance.checker.workload.processes import Scene, spawn
from kafkalite_conformance.checker.workload.producers import Writer
from kafkalite_conformance.checker.workload.proxy import Proxy
from kafkalite_conformance.checker.workload.transactions import Copier, TransactionProducer, Transactor
from kafkalite_conformance.checker.workload.version_one import VersionOneProducer
from kafkalite_conformance.checker.workload.version_two import VersionTwoProducer
from kafkalite_conformance.clusters import Cluster, bootstrap_of
from kafkalite_conformance.drivers.events import Sendable

_STOP_TIMEOUT: Final = 60.0
_LONGEST_FAULT: Final = 360.0
_CALM_SECONDS: Final = 3.0
"""How long the processes run on after the last fault, and longer until records have been read."""

_LONGEST_EXTENSION: Final = 60.0
_MakeProducer: TypeAlias = Callable[[Scene, str, str], TransactionProducer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long a run takes, and of how many processes it is."""

    seconds: float
    seed: int = 0
    faults: Collection[str] = FAULTS
    partitions: int = 3
    writers: int = 2
    transactors: int = 2
    copiers: int = 2
    assigned_readers: int = 1
    subscribers: int = 2
    transactions: int | None = None
    """Their version, 0 for none; by default the newest that the broker has finalized."""
    is_enough: Callable[[], bool] = lambda: True
    """Prolongs the run, by a minute at most, until it is true."""


def run_workload(
    bootstrap: str, file: IO[str], plan: Plan, *, broker: Broker | None = None, meddler: Meddler | None = None
) -> None:
    """Run the workload on one broker and write its history; `broker` is needed for faults of the process.

    Processes that need transactions are left out if the broker does not offer them. Raises what a process raised.
    """
    with Proxy(bootstrap, meddler) as proxy:
        _run(proxy.bootstrap, file, plan, _Targets(proxy=proxy, broker=broker))


def run_on_cluster(cluster: Cluster, file: IO[str], plan: Plan) -> None:
    """Run the workload on several brokers and write its history; clients connect to them directly."""
    _run(bootstrap_of(cluster), file, plan, _Targets(broker=cluster.process, cluster=cluster))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Targets:
    """What faults are made of."""

    proxy: Proxy | None = None
    broker: Broker | None = None
    cluster: Cluster | None = None


def _run(bootstrap: str, file: IO[str], plan: Plan, targets: _Targets) -> None:
    version = offered_transactions(bootstrap) if plan.transactions is None else plan.transactions
    name = secrets.token_hex(3)
    scene = Scene(
        bootstrap=bootstrap,
        recorder=Recorder(file),
        source=tuple(Partition(f"source-{name}", number) for number in range(plan.partitions)),
        target=tuple(Partition(f"target-{name}", number) for number in range(plan.partitions)),
        seed=plan.seed,
    )
    _Run(scene, plan, name, version).run(targets)


class _Run:
    def __init__(self, scene: Scene, plan: Plan, name: str, version: int) -> None:
        self._scene = scene
        self._plan = plan
        self._name = name
        self._version = version
        self._processes: dict[str, Callable[[], None]] = {}
        self._groups: list[Group] = []
        self._transactional_ids: list[str] = []
        self._add_writers_and_readers()
        if version >= 1:
            self._add_transactions("1", plan.transactors, plan.copiers, VersionOneProducer)
        if version >= 2:
            self._add_transactions("2", 1, 1, VersionTwoProducer)

    def _add_writers_and_readers(self) -> None:
        scene, plan = self._scene, self._plan
        for number in range(plan.writers):
            self._processes[f"writer{number}"] = Writer(scene, f"writer{number}").run
        for number in range(plan.assigned_readers):
            self._processes[f"reader{number}"] = AssignedReader(scene, f"reader{number}").run
        group = f"subscribers-{self._name}"
        members = [f"subscriber{number}" for number in range(plan.subscribers)]
        for member in members:
            self._processes[member] = Subscriber(scene, member, group).run
        topics = sorted({partition.topic for partition in scene.partitions})
        self._groups.append(Group(name=group, topics=tuple(topics), members=tuple(members), is_copying=False))

    def _add_transactions(self, version: str, transactors: int, copiers: int, producer: _MakeProducer) -> None:
        """Add processes of one version of transactions; the copiers are a group, one copier is alone."""
        scene = self._scene
        for number in range(transactors):
            name = f"transactor{version}.{number}"
            made = producer(scene, name, self._transactional_id(name))
            self._processes[name] = Transactor(scene, name, made).run
        group, members = f"copiers{version}-{self._name}", [f"copier{version}.{number}" for number in range(copiers)]
        for name in members:
            made = producer(scene, name, self._transactional_id(name))
            self._processes[name] = Copier(scene, name, made, group, alone=copiers == 1).run
        topics = (scene.source[0].topic,)
        self._groups.append(Group(name=group, topics=topics, members=tuple(members), is_copying=True))

    def _transactional_id(self, process: str) -> str:
        self._transactional_ids.append(f"{process}-{self._name}")
        return self._transactional_ids[-1]

    def run(self, targets: _Targets) -> None:
        """Run all processes and the nemesis, let the broker come to rest, and read what is there."""
        self._create_topics()
        self._record_plan()
        nemesis = Nemesis(
            self._scene,
            self._transactional_ids,
            self._plan.faults,
            proxy=targets.proxy,
            broker=targets.broker,
            cluster=targets.cluster,
        )
        processes = {name: spawn(name, run) for name, run in self._processes.items()}
        faults = spawn("nemesis", nemesis.run)
        # Ends early only if a process fails.
        until_calm = max(self._plan.seconds - _CALM_SECONDS, 0)
        wait([*processes.values(), faults], timeout=until_calm, return_when="FIRST_EXCEPTION")
        _prolong(processes.values(), until=self._plan.is_enough)
        nemesis.stopping.set()
        faults.result(timeout=_LONGEST_FAULT)
        wait(processes.values(), timeout=_CALM_SECONDS, return_when="FIRST_EXCEPTION")
        _prolong(processes.values(), until=lambda: self._scene.recorder.has("poll"))
        self._scene.stopping.set()
        _join(self._scene, processes)
        end_transactions(self._scene, self._transactional_ids)
        for group in self._groups:
            partitions = [each for each in self._scene.partitions if each.topic in group.topics]
            read_offsets(self._scene, group.name, partitions)
        read_logs(self._scene)

    def _record_plan(self) -> None:
        groups: list[Sendable] = [
            {"name": group.name, "topics": group.topics, "members": group.members, "copying": group.is_copying}
            for group in self._groups
        ]
        settings = {
            "seed": str(self._plan.seed),
            "seconds": f"{self._plan.seconds:g}",
            "transaction version": str(self._version) if self._version else "none",
        }
        self._scene.recorder.note("run", "run", settings=settings, groups=groups)

    def _create_topics(self) -> None:
        # The administrative half of the client is typed by halves, which strict checking cannot use.
        admin: Any = importlib.import_module("confluent_kafka.admin")
        client = admin.AdminClient(self._scene.settings())
        topics = sorted({partition.topic for partition in self._scene.partitions})
        made = client.create_topics([admin.NewTopic(topic, self._plan.partitions, -1) for topic in topics])
        for created in made.values():
            created.result(timeout=60)


def _prolong(processes: "Collection[Future[None]]", *, until: Callable[[], bool]) -> None:
    """Let the processes run on until a condition holds, a minute at most; end early if one of them ends."""
    deadline = time.monotonic() + _LONGEST_EXTENSION
    while not until() and time.monotonic() < deadline:
        if wait(processes, timeout=0.2, return_when="FIRST_COMPLETED").done:
            break


def _join(scene: Scene, processes: "Mapping[str, Future[None]]") -> None:
    """Wait until all have ended; raise what one of them raised.

    A call of librdkafka may hang, whatever its time-out (its issue 5456). Such a process is left behind and recorded:
    its operations have unknown outcomes, and its transactions are fenced.
    """
    wait(processes.values(), timeout=_STOP_TIMEOUT, return_when="FIRST_EXCEPTION")
    for name, process in processes.items():
        if process.done():
            process.result()
        else:
            scene.recorder.note(name, "hang", Outcome.UNKNOWN)
