"""One run: topics, processes, faults, then rest, and the final reads."""

import importlib
import secrets
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import IO, Any, Final

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.checker.history import Partition
from kafkalite_conformance.checker.recorder import Recorder
from kafkalite_conformance.checker.workload.consumers import AssignedReader, Subscriber
from kafkalite_conformance.checker.workload.copiers import Copier
from kafkalite_conformance.checker.workload.final_read import end_transactions, read_logs, read_offsets
from kafkalite_conformance.checker.workload.frames import Meddler
from kafkalite_conformance.checker.workload.nemesis import FAULTS, Nemesis
from kafkalite_conformance.checker.workload.processes import Scene, spawn
from kafkalite_conformance.checker.workload.producers import Transactor, Writer
from kafkalite_conformance.checker.workload.proxy import Proxy
from kafkalite_conformance.drivers.events import Sendable
from kafkalite_conformance.raw import RawConnection

_TRANSACTION_APIS: Final = frozenset({22, 24, 25, 26, 28})
_STOP_TIMEOUT: Final = 120.0
_CALM_SECONDS: Final = 3.0
"""How long the processes run on after the last fault."""


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


def run_workload(
    bootstrap: str, file: IO[str], plan: Plan, *, broker: Broker | None = None, meddler: Meddler | None = None
) -> None:
    """Run the workload and write its history; `broker` is needed for faults of the process.

    Processes that need transactions are left out if the broker does not offer them. Raises what a process raised, and
    TimeoutError if one does not end.
    """
    with RawConnection(bootstrap) as connection:
        has_transactions = connection.offered_apis() >= _TRANSACTION_APIS
    with Proxy(bootstrap, meddler) as proxy:
        name = secrets.token_hex(3)
        scene = Scene(
            bootstrap=proxy.bootstrap,
            recorder=Recorder(file),
            source=tuple(Partition(f"source-{name}", number) for number in range(plan.partitions)),
            target=tuple(Partition(f"target-{name}", number) for number in range(plan.partitions)),
            seed=plan.seed,
        )
        _Run(scene, plan, name, has_transactions=has_transactions).run(proxy, broker)


class _Run:
    def __init__(self, scene: Scene, plan: Plan, name: str, *, has_transactions: bool) -> None:
        self._scene = scene
        self._plan = plan
        self._has_transactions = has_transactions
        self._copy_group = f"copiers-{name}"
        self._group = f"subscribers-{name}"
        transactors = plan.transactors if has_transactions else 0
        self._copiers = {f"copier{n}": f"copier{n}-{name}" for n in range(plan.copiers if has_transactions else 0)}
        self._transactors = {f"transactor{n}": f"transactor{n}-{name}" for n in range(transactors)}
        self._subscribers = [f"subscriber{n}" for n in range(plan.subscribers)]

    @property
    def _transactional_ids(self) -> list[str]:
        return [*self._copiers.values(), *self._transactors.values()]

    def run(self, proxy: Proxy, broker: Broker | None) -> None:
        self._create_topics()
        self._record_plan()
        nemesis = Nemesis(self._scene, proxy, broker, self._transactional_ids, self._plan.faults)
        processes = {name: spawn(name, run) for name, run in self._processes().items()}
        faults = spawn("nemesis", nemesis.run)
        # Ends early only if a process fails.
        until_calm = max(self._plan.seconds - _CALM_SECONDS, 0)
        wait([*processes.values(), faults], timeout=until_calm, return_when="FIRST_EXCEPTION")
        nemesis.stopping.set()
        _join({"nemesis": faults})
        wait(processes.values(), timeout=_CALM_SECONDS, return_when="FIRST_EXCEPTION")
        self._scene.stopping.set()
        _join(processes)
        end_transactions(self._scene, self._transactional_ids)
        read_offsets(self._scene, self._group, self._scene.partitions)
        if self._copiers:
            read_offsets(self._scene, self._copy_group, self._scene.source)
        read_logs(self._scene)

    def _processes(self) -> dict[str, Callable[[], None]]:
        scene, plan = self._scene, self._plan
        processes: dict[str, Callable[[], None]] = {}
        for number in range(plan.writers):
            processes[f"writer{number}"] = Writer(scene, f"writer{number}").run
        for name, transactional_id in self._transactors.items():
            processes[name] = Transactor(scene, name, transactional_id).run
        for name, transactional_id in self._copiers.items():
            processes[name] = Copier(scene, name, transactional_id, self._copy_group).run
        for number in range(plan.assigned_readers):
            processes[f"reader{number}"] = AssignedReader(scene, f"reader{number}").run
        for name in self._subscribers:
            processes[name] = Subscriber(scene, name, self._group).run
        return processes

    def _record_plan(self) -> None:
        topics = sorted({partition.topic for partition in self._scene.partitions})
        groups: list[Sendable] = [
            {"name": self._group, "topics": topics, "members": self._subscribers, "copying": False},
            {
                "name": self._copy_group,
                "topics": [self._scene.source[0].topic],
                "members": sorted(self._copiers),
                "copying": True,
            },
        ]
        settings = {
            "seed": str(self._plan.seed),
            "seconds": str(self._plan.seconds),
            "transactions": "yes" if self._has_transactions else "not offered",
        }
        self._scene.recorder.note("run", "run", settings=settings, groups=groups if self._copiers else groups[:1])

    def _create_topics(self) -> None:
        # The administrative half of the client is typed by halves, which strict checking cannot use.
        admin: Any = importlib.import_module("confluent_kafka.admin")
        client = admin.AdminClient(self._scene.settings())
        topics = sorted({partition.topic for partition in self._scene.partitions})
        made = client.create_topics([admin.NewTopic(topic, self._plan.partitions, 1) for topic in topics])
        for created in made.values():
            created.result(timeout=60)


def _join(processes: "Mapping[str, Future[None]]") -> None:
    """Wait until all have ended; raise what one of them raised, or TimeoutError."""
    wait(processes.values(), timeout=_STOP_TIMEOUT, return_when="FIRST_EXCEPTION")
    for process in processes.values():
        if process.done():
            process.result()
    waiting = sorted(name for name, process in processes.items() if not process.done())
    if waiting:
        raise TimeoutError(f"{', '.join(waiting)} did not end within {_STOP_TIMEOUT:.0f} s")
