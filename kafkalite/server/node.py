"""One broker of the process: its endpoint, its pipeline and its listeners, which can be stopped and started again."""

from __future__ import annotations

from enum import Enum
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers.table import HandlerTable
from kafkalite.requests.pipeline import Pipeline
from kafkalite_wire.messages import metadata_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafkalite.background.timers import Timer
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.config import BrokerConfig
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.server.admission import Admission
    from kafkalite.server.listener import Listener

log = getLogger("kafkalite.broker")

_LAST_RESPONSES: Final = 0.5
_SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


class NodeState(Enum):
    """Whether a broker runs."""

    UP = "up"
    STOPPED = "stopped"
    KILLED = "killed"


class Node:
    """A broker: clients connect to its listeners, and their requests go to its handlers."""

    def __init__(
        self, cluster: Cluster, config: BrokerConfig, crash_guard: CrashGuard, interceptors: InterceptorChain
    ) -> None:
        self.config = config
        self.state = NodeState.UP
        self.listeners: tuple[Listener, ...] = ()
        self.admission: Admission | None = None
        self.endpoint = BrokerEndpoint(cluster, config)
        self.handlers = _handlers(self.endpoint)
        self.pipeline = Pipeline(self.handlers, crash_guard, cluster.steps, interceptors)
        self._serving = trio.CancelScope()
        self._fencing: Timer | None = None

    @property
    def id(self) -> int:
        """Its id."""
        return self.endpoint.id

    def listen(self, listeners: Sequence[Listener]) -> None:
        """Serve the clients of listeners that are open."""
        self.listeners = tuple(listeners)
        self.endpoint.ports = tuple(listener.address[1] for listener in listeners)

    def use(self, cluster: Cluster) -> None:
        """Serve another cluster, the successor of the one before, while no client is connected."""
        before = self.endpoint
        self.endpoint = BrokerEndpoint(cluster, self.config)
        self.endpoint.ports = before.ports
        self.endpoint.carry_over(before)
        self.handlers = _handlers(self.endpoint)
        self.pipeline.end = self.handlers
        if self.admission is not None:
            self.admission.follow(self.endpoint)

    async def serve(self, connections: trio.Nursery) -> None:
        """Accept clients until the broker is stopped or killed; each is served by a task of ``connections``."""
        with trio.CancelScope() as self._serving:
            async with trio.open_nursery() as accepting:
                for listener in self.listeners:
                    accepting.start_soon(listener.accept, connections)

    # Stop and start

    async def stop(self) -> None:
        """Hand over what the broker leads and coordinates, answer what is in flight, and close its ports."""
        self.endpoint.cluster.broker_stopped(self.id)
        self._close()
        with trio.move_on_after(_LAST_RESPONSES):
            for listener in self.listeners:
                await listener.finish()
        await self._cut_off()
        self.state = NodeState.STOPPED
        log.info("broker %d has stopped", self.id)

    async def kill(self) -> None:
        """Close the ports and all connections at once; others take over after ``broker.session.timeout.ms``."""
        self._close()
        self.state = NodeState.KILLED
        await self._cut_off()
        cluster = self.endpoint.cluster
        timeout = self.config.broker_session_timeout
        if timeout > 0:
            cluster.broker_killed(self.id)
            self._fencing = cluster.timers.call_at(cluster.now() + timeout, self._fence)
        else:
            self._fence()
        log.info("broker %d was killed", self.id)

    def _fence(self) -> None:
        self._fencing = None
        self.endpoint.cluster.broker_stopped(self.id)

    def start(self, accepting: trio.Nursery, connections: trio.Nursery) -> None:
        """Listen at the same ports again, with the same data. Raises StartError."""
        for listener in self.listeners:
            listener.reopen()
        if self._fencing is not None:
            self._fencing.cancel()
            self._fence()
        self.endpoint.forget_sessions()
        self.endpoint.cluster.broker_started(self.id)
        self.state = NodeState.UP
        accepting.start_soon(self.serve, connections)
        log.info("broker %d has started", self.id)

    def _close(self) -> None:
        self._serving.cancel()
        if self.admission is not None:
            self.admission.close()
        for listener in self.listeners:
            listener.shut()

    async def _cut_off(self) -> None:
        with trio.CancelScope(shield=True):
            for listener in self.listeners:
                await listener.cut_off()

    def registration(self, epoch: int) -> metadata_records.RegisterBrokerRecord:
        """Return what Kafka's controller records of a broker that starts."""
        from kafkalite.cluster.cluster import random_uuid
        from kafkalite.cluster.features import SERVED_FEATURES

        named = zip(self.listeners, self.config.security, strict=True)
        return metadata_records.RegisterBrokerRecord(
            broker_id=self.id,
            incarnation_id=random_uuid(),
            broker_epoch=epoch,
            end_points=tuple(
                metadata_records.BrokerEndpoint(
                    name=security.name,
                    host=listener.address[0],
                    port=listener.address[1],
                    security_protocol=_SECURITY_PROTOCOLS.index(security.protocol.value),
                )
                for listener, security in named
            ),
            features=tuple(
                metadata_records.BrokerFeature(
                    name=name, min_supported_version=served.min_level, max_supported_version=served.max_level
                )
                for name, served in SERVED_FEATURES.items()
            ),
            rack=self.endpoint.rack,
            fenced=self.state is not NodeState.UP,
        )


def _handlers(endpoint: BrokerEndpoint) -> HandlerTable:
    if not endpoint.cluster.has_several_brokers:
        return HandlerTable(endpoint)
    # Imported here, because a single broker needs none of it.
    from kafkalite.handlers import coordination

    return HandlerTable(endpoint, coordination.checked)
