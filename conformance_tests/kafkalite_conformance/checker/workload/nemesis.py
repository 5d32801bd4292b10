"""Makes faults: kills, restarts and pauses the broker, or brokers of a cluster, cuts connections, fences producers."""

import os
import signal
import threading
from collections.abc import Callable, Collection
from typing import Final

from confluent_kafka import KafkaException, Producer

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.checker.history import Outcome
from kafkalite_conformance.checker.workload.processes import Scene
from kafkalite_conformance.checker.workload.producers import TRANSACTION_TIMEOUT_MS
from kafkalite_conformance.checker.workload.proxy import Proxy
from kafkalite_conformance.clusters import Cluster

FAULTS: Final = ("kill", "restart", "pause", "cut", "fence", "stop-one", "kill-one", "kill-most")
_SHORTEST_CALM: Final = 1.5
_LONGEST_CALM: Final = 5.0


class Nemesis:
    """Makes the faults in random order, each about as often as the others, with a little calm in between."""

    def __init__(
        self,
        scene: Scene,
        transactional_ids: list[str],
        faults: Collection[str],
        *,
        proxy: Proxy | None,
        broker: Broker | None,
        cluster: Cluster | None,
    ) -> None:
        self._scene = scene
        self._proxy = proxy
        self._broker = broker
        self._cluster = cluster
        self._transactional_ids = transactional_ids
        self._random = scene.random("nemesis")
        available: dict[str, Callable[[], None]] = {}
        if proxy is not None:
            available["cut"] = self._cut
        if transactional_ids:
            available["fence"] = self._fence
        if broker is not None:
            available |= {"kill": self._kill, "restart": self._restart, "pause": self._pause}
        if cluster is not None:
            available |= {"stop-one": self._stop_one, "kill-one": self._kill_one, "kill-most": self._kill_most}
        self._faults = {name: fault for name, fault in available.items() if name in faults}
        self.stopping = threading.Event()

    def run(self) -> None:
        """Make faults until told to stop; the broker runs afterwards."""
        deck: list[str] = []
        is_first = True
        while self._faults and not self._wait(_SHORTEST_CALM, _LONGEST_CALM):
            if not deck:
                deck = sorted(self._faults)
                self._random.shuffle(deck)
                # A short run has a kill.
                deck.sort(key=lambda name: name == "kill" and is_first)
                is_first = False
            name = deck.pop()
            operation = self._scene.recorder.invoke("nemesis", "fault", name=name)
            self._faults[name]()
            self._scene.recorder.complete("nemesis", "fault", operation, Outcome.OK, name=name)

    def _wait(self, shortest: float, longest: float) -> bool:
        return self.stopping.wait(self._random.uniform(shortest, longest))

    def _kill(self) -> None:
        assert self._broker is not None
        self._broker.kill()
        self._wait(0, 1.5)
        self._broker.start_again()

    def _restart(self) -> None:
        assert self._broker is not None
        self._broker.stop()
        self._broker.start_again()

    def _pause(self) -> None:
        assert self._broker is not None
        pid = self._broker.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            self._wait(0.2, 5)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _stop_one(self) -> None:
        assert self._cluster is not None
        (broker,) = self._some_brokers(1)
        self._cluster.stop(broker)
        self._wait(0, 5)
        self._cluster.start(broker)

    def _kill_one(self) -> None:
        self._kill_brokers(1)

    def _kill_most(self) -> None:
        """Kill so many that too few replicas are in sync."""
        assert self._cluster is not None
        self._kill_brokers(len(self._cluster.addresses) - 1)

    def _kill_brokers(self, count: int) -> None:
        assert self._cluster is not None
        brokers = self._some_brokers(count)
        for broker in brokers:
            self._cluster.kill(broker)
            self._wait(0, 2)
        self._wait(0, 4)
        self._cluster.start(*brokers)

    def _some_brokers(self, count: int) -> list[int]:
        assert self._cluster is not None
        return self._random.sample(sorted(self._cluster.addresses), count)

    def _cut(self) -> None:
        assert self._proxy is not None
        for _ in range(self._random.randint(1, 4)):
            self._proxy.cut()
            self._wait(0, 0.3)

    def _fence(self) -> None:
        transactional_id = self._random.choice(self._transactional_ids)
        producer = Producer(
            self._scene.settings(transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS)
        )
        operation = self._scene.recorder.invoke("nemesis", "init", id=transactional_id)
        try:
            producer.init_transactions(5)
        except KafkaException:
            # The producer that it wanted to fence has fenced it, or the broker was too slow.
            self._scene.recorder.complete("nemesis", "init", operation, Outcome.UNKNOWN)
        else:
            self._scene.recorder.complete("nemesis", "init", operation, Outcome.OK)
