"""The broker as a whole: a cluster of one or several brokers, their listeners, and their tasks.

The cluster may be replaced by another one while the listeners stay (:meth:`Broker.restore`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.addresses import HostPort
from kafkalite.background.maintenance import Maintenance
from kafkalite.background.timers import TimerQueue
from kafkalite.clock import MACHINE_CLOCK
from kafkalite.cluster.cluster import Cluster
from kafkalite.errors import StartError
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.interceptors import InterceptorChain
from kafkalite.server.admission import Admission
from kafkalite.server.block import ServerBlock
from kafkalite.server.client_quota_stage import ClientQuotaStage
from kafkalite.server.connection_errors import ConnectionErrors
from kafkalite.server.listener import Listener, open_socket
from kafkalite.server.node import Node, NodeState
from kafkalite.server.step_runner import run_steps
from kafkalite_storage.snapshots import directory_swap
from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS
from kafkalite_storage.snapshots.taking import fork_directory
from kafkalite_wire.apis import APIS

if TYPE_CHECKING:
    from kafkalite.clock import Clock
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.config import BrokerConfig
    from kafkalite.config.security import ListenerSecurity
    from kafkalite.handlers.table import HandlerTable
    from kafkalite.requests.pipeline import Pipeline
    from kafkalite.server.protection import ListenerProtection
    from kafkalite_storage.files.filesystem import FileSystem
    from kafkalite_storage.snapshots.taking import RetainedLogs

log = getLogger("kafkalite.broker")

_SHUTDOWN_DEADLINE: Final = 5.0
_IMPORTED_LATE: Final = (
    "kafkalite_wire.messages.coordinator_records",
    "kafkalite.coordinators.groups.classic.group",
    "kafkalite.coordinators.groups.coordinator",
    "kafkalite.coordinators.transactions.coordinator",
)


class Broker(ServerBlock):
    """A broker inside a trio program.

    As a block::

        async with Broker() as broker:
            ...  # clients connect to broker.bootstrap

    or as a task::

        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(Broker(config).run)

    Without a configuration it listens on a free port of 127.0.0.1 and keeps everything in memory. ``file_system`` is
    where the data directory lies, by default the machine's; with ``handover`` it is owned already.
    """

    def __init__(
        self,
        config: BrokerConfig | None = None,
        *,
        clock: Clock = MACHINE_CLOCK,
        file_system: FileSystem | None = None,
        handover: RetainedLogs | None = None,
    ) -> None:
        if config is None:
            from kafkalite.config import load
            from kafkalite_storage.files.memory_filesystem import MemoryFileSystem

            config = load(listen=["127.0.0.1:0"], data="/kafkalite")
            file_system = MemoryFileSystem() if file_system is None else file_system
        elif isinstance(config, Mapping):
            raise TypeError("a broker takes a BrokerConfig, which kafkalite.config.load() makes of properties")
        self.config = config
        self._file_system = file_system
        self._handover = handover
        self._cluster: Cluster | None = None
        self._nodes: dict[int, Node] = {}
        self.crash_guard = CrashGuard()
        """Handles unexpected exceptions."""
        self._deadlines = TimerQueue(clock, self.crash_guard)
        self._connection_errors = ConnectionErrors(self._deadlines)
        self._stop = trio.Event()
        self._tending: Maintenance | None = None
        self._changing = trio.Lock()
        self._snapshots_taken = 0
        self.on_restored: list[Callable[[], None]] = []
        """Called when another cluster has taken the place of the one before."""

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where the broker listens, with the ports that were picked; of several brokers one after the other."""
        return tuple(listener.address for listener in self._listeners)

    @property
    def bootstrap(self) -> str:
        """The addresses in the form of clients' ``bootstrap.servers``."""
        return ",".join(str(HostPort(host, port)) for host, port in self.addresses)

    @property
    def cluster(self) -> Cluster:
        """The state that clients share; there is one once the broker is open, and another after a restore."""
        assert self._cluster is not None, "the broker has not been opened"
        return self._cluster

    @property
    def nodes(self) -> Mapping[int, Node]:
        """The brokers by id, whether up or not; there are some once the broker is open."""
        return self._nodes

    @property
    def endpoint(self) -> BrokerEndpoint:
        """The first broker as clients see it; there is one once the broker is open, and another after a restore."""
        return self._first.endpoint

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline of the first broker, once it is open; all brokers have the same interceptors."""
        return self._first.pipeline

    @property
    def _first(self) -> Node:
        assert self._nodes, "the broker has not been opened"
        return self._nodes[self.config.node_id]

    @property
    def _listeners(self) -> Iterator[Listener]:
        return (listener for node in self._nodes.values() for listener in node.listeners)

    @property
    def timers(self) -> TimerQueue:
        """The time-outs of everything that the broker does."""
        return self._deadlines

    def topic_name(self, key: str | bytes) -> str | None:
        """Return the name of a topic by its name or id, or None if there is no such topic."""
        return self.cluster.topic_name(key)

    def set_available(self, available: bool) -> None:
        """Refuse all clients, as if the broker were down, or accept them again; no data changes."""
        for listener in self._listeners:
            listener.set_available(available)

    @property
    def maintenance(self) -> Maintenance:
        """The background tasks of the present state; RuntimeError unless the broker runs."""
        return self._running_tending()

    def stop(self) -> None:
        """Begin to stop: accept no clients, answer what is in flight, then close the logs."""
        self._stop.set()

    def open(self) -> None:
        """Open the data directory and the listening sockets; :meth:`run` does so if it is not done yet.

        Raises StartError.
        """
        config = self.config
        cluster = Cluster(config, self._deadlines, self._file_system, handover=self._handover)
        interceptors = InterceptorChain()
        nodes: list[Node] = []
        try:
            if config.topics:
                from kafkalite.cluster import initial_topics

                initial_topics.create(cluster, config.topics)
            for number in range(config.brokers):
                node = Node(cluster, config.of_broker(number), self.crash_guard, interceptors)
                nodes.append(node)
                self._listen(node, cluster)
            self._register(cluster, nodes)
        except BaseException:
            for node in nodes:
                for listener in node.listeners:
                    listener.close()
            cluster.close()
            raise
        if config.authorizer is not None:
            # Imported here, because most brokers need none of it.
            from kafkalite.cluster.authorization import authorization_of

            interceptors.add(authorization_of(config, lambda: self.cluster))
        self._cluster, self._nodes = cluster, {node.id: node for node in nodes}
        self._client_quotas = self._enforce_quotas(interceptors)

    def _enforce_quotas(self, interceptors: InterceptorChain) -> ClientQuotaStage:
        return ClientQuotaStage(interceptors, [node.endpoint for node in self._nodes.values()])

    def _listen(self, node: Node, cluster: Cluster) -> None:
        config = node.config
        admission = node.admission = Admission(
            self._deadlines, self._connection_errors, failed_logins=config.failed_logins_per_minute
        )
        admission.follow(node.endpoint)
        for address, security in zip(config.listen, config.security, strict=True):
            listener = Listener(
                open_socket(address.host, address.port),
                node.pipeline,
                self._deadlines,
                cluster.steps,
                crash_guard=self.crash_guard,
                errors=self._connection_errors,
                most_bytes=config.socket_request_max_bytes,
                admission=admission,
                max_idle=config.connections_max_idle,
                name=security.name,
                protection=self._protection(security),
                broker=node.id,
            )
            node.listen((*node.listeners, listener))

    def _register(self, cluster: Cluster, nodes: Iterable[Node]) -> None:
        if self.config.brokers > 1:
            epoch = cluster.storage.metadata.log.log_end_offset
            cluster.leadership.register([node.registration(epoch) for node in nodes])

    def _protection(self, security: ListenerSecurity) -> ListenerProtection | None:
        if security.tls is None and security.sasl is None:
            return None
        from kafkalite.cluster.stored_users import StoredUsers
        from kafkalite.server.protected_listeners import protection_of

        users = StoredUsers(lambda: self.cluster, self.config.delegation_token_secret_key)
        return protection_of(
            security,
            self.config,
            self._deadlines,
            lambda: self.cluster.wall_ms(),
            find_stored=users.credential,
            find_token=users.token,
        )

    async def run(
        self, *, task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until :meth:`stop` or cancellation; started with the addresses once clients can connect.

        Raises StartError as :meth:`open` does. Cancellation closes the logs as cleanly as a stop does, but answers
        nothing that is still in flight.
        """
        if not self._is_open:
            self.open()
        try:
            async with trio.open_nursery() as background, trio.open_nursery() as connections:
                self._background = background
                background.start_soon(self._deadlines.run)
                background.start_soon(_warm_up, self._first.handlers)
                background.start_soon(run_steps, self.cluster.steps)
                await self._tend()
                for listener in self._listeners:
                    await listener.prepare(background)
                async with trio.open_nursery() as accepting:
                    self._accepting, self._connections = accepting, connections
                    for node in self._nodes.values():
                        accepting.start_soon(node.serve, connections)
                    for listener in self._listeners:
                        background.start_soon(listener.sweep)
                    task_status.started(self.addresses)
                    await self._stop.wait()
                    async with self._changing:
                        accepting.cancel_scope.cancel()
                self._close_listeners()
                self.cluster.stop_waiting()
                with trio.move_on_after(_SHUTDOWN_DEADLINE):
                    for listener in self._listeners:
                        await listener.finish()
                connections.cancel_scope.cancel()
                background.cancel_scope.cancel()
        finally:
            self._tending = None
            self._close_listeners()
            self._connection_errors.flush()
            if self._cluster is not None:
                self._cluster.close()

    async def _tend(self) -> None:
        self.cluster.steps.start("loading transactions", self.cluster.transactions.start(), _ignore)
        self.cluster.rebalance_leaders_later()
        self._tending = Maintenance(self.cluster, self.config)
        await self._background.start(self._tending.run)

    # Several brokers

    async def stop_broker(self, broker: int) -> None:
        """Stop one of the brokers in order: others lead and coordinate what it did, and its ports are closed.

        Nothing happens if it does not run. Raises KeyError, StorageError, and RuntimeError if nothing runs at all.
        """
        async with self._changing:
            node = self._running_node(broker)
            if node.state is NodeState.UP:
                await node.stop()

    async def kill_broker(self, broker: int) -> None:
        """End one of the brokers without notice: others take over after ``broker.session.timeout.ms``.

        Nothing happens if it does not run. Raises what :meth:`stop_broker` does.
        """
        async with self._changing:
            node = self._running_node(broker)
            if node.state is NodeState.UP:
                await node.kill()

    async def start_broker(self, broker: int) -> None:
        """Start a broker again that was stopped or killed, at the same ports. Raises what :meth:`stop_broker` does."""
        async with self._changing:
            node = self._running_node(broker)
            if node.state is not NodeState.UP:
                node.start(self._accepting, self._connections)

    def start_brokers(self) -> None:
        """Start all brokers that were stopped or killed, and elect the preferred leaders if there were any."""
        down = [node for node in self._nodes.values() if node.state is not NodeState.UP]
        for node in down:
            node.start(self._accepting, self._connections)
        if down:
            self.cluster.leadership.prefer_everywhere()

    def _running_node(self, broker: int) -> Node:
        self._running_tending()
        return self._nodes[broker]

    # Snapshots

    def take_snapshot(self) -> DirectorySnapshot:
        """Take a snapshot of all data, in milliseconds; it lasts until it is removed, or the broker ends.

        It holds neither the time nor connections. Raises StorageError.
        """
        self._snapshots_taken += 1
        return self.cluster.storage.take_snapshot(str(self._snapshots_taken))

    async def restore(self, snapshot: DirectorySnapshot) -> None:
        """Go back to the data of a snapshot of this broker, at the same addresses.

        To clients it looks like a restart: their connections are closed, and new ones wait until it is done. Producer
        ids that were allocated since are not allocated again, because their producers may still run. A process that is
        killed during the restore leaves the old data or the new.

        Raises ValueError if it is no snapshot of this broker, RuntimeError if the broker does not run, and StorageError
        if the data could not be replaced, though connections were closed; nothing has changed then. StartError and
        OSError end the broker as well.
        """
        async with self._changing:
            self.check_snapshot(snapshot)
            storage = self.cluster.storage
            with trio.CancelScope(shield=True):
                for listener in self._listeners:
                    listener.suspend()
                await self._running_tending().stop()
                for listener in self._listeners:
                    await listener.cut_off()
                self._running_tending()
                try:
                    self._replace_cluster(snapshot)
                finally:
                    await self._tend()
                    for listener in self._listeners:
                        listener.resume()
            for call in self.on_restored:
                call()
            await trio.to_thread.run_sync(directory_swap.remove_replaced, storage.filesystem, storage.path)

    def _running_tending(self) -> Maintenance:
        if self._tending is None or self._stop.is_set():
            raise RuntimeError("the broker does not run")
        return self._tending

    def check_snapshot(self, snapshot: DirectorySnapshot) -> None:
        """Raise ValueError unless it is a snapshot of this broker that has not been removed."""
        storage = self.cluster.storage
        # Those of a fork lie deeper in the same folder, and are the fork's.
        folder = snapshot.path.rpartition("/")[0]
        is_ours = snapshot.filesystem is storage.filesystem and folder == f"{storage.path}/{SNAPSHOTS}"
        if not is_ours or not snapshot.filesystem.exists(snapshot.path):
            raise ValueError("this is not a snapshot of this broker, or it has been removed")

    def _replace_cluster(self, snapshot: DirectorySnapshot) -> None:
        # In one turn of the loop, so that the broker is never seen without a cluster.
        before = self.cluster
        try:
            self._cluster = _successor(before, snapshot)
        except (OSError, StartError) as error:
            self._background.start_soon(_fail, error)
            raise
        for node in self._nodes.values():
            node.use(self._cluster)
        self._client_quotas.remove()
        self._client_quotas = self._enforce_quotas(self.pipeline.interceptors)
        self._register(self._cluster, self._nodes.values())
        # Those of clients are gone; waits of tests look at the new cluster.
        before.delayed_fetches.complete_all()

    def fork(self, snapshot: DirectorySnapshot, *, clock: Clock = MACHINE_CLOCK) -> Broker:
        """Return another broker, not running yet, that starts with the data of a snapshot and listens on a free port.

        The two are independent, but the fork's data is removed with this broker's snapshots. Raises ValueError where
        :meth:`restore` does.
        """
        self.check_snapshot(snapshot)
        self._snapshots_taken += 1
        path = self.config.data_dir / SNAPSHOTS / f"fork-{self._snapshots_taken}"
        handover = fork_directory(snapshot, str(path))
        listen = tuple(HostPort(address.host, 0) for address in self.config.listen)
        config = replace(
            self.config, data_dir=path, listen=listen, advertise=None, advertise_by_port={}, advertise_outside=None
        )
        return Broker(config, clock=clock, file_system=snapshot.filesystem, handover=handover)

    @property
    def _is_open(self) -> bool:
        return self._cluster is not None

    def _close_listeners(self) -> None:
        for node in self._nodes.values():
            if node.admission is not None:
                node.admission.close()
        for listener in self._listeners:
            listener.close()


def _successor(before: Cluster, snapshot: DirectorySnapshot) -> Cluster:
    """Replace the content of the data directory, and open it again."""
    fs, least_producer_id = before.storage.filesystem, before.next_producer_ids
    handover = before.restore(snapshot)
    cluster = Cluster(
        before.config,
        before.timers,
        fs,
        handover=handover,
        least_producer_id=least_producer_id,
        steps=before.steps,
        down=before.leadership.down,
    )
    cluster.carry_over(before)
    return cluster


def _ignore(reason: str) -> None:
    del reason  # the crash guard has logged it; the first request loads it again


async def _fail(error: Exception) -> None:
    raise error


async def _warm_up(handlers: HandlerTable) -> None:
    """Import what requests need while the broker is idle, so that none has to wait for an import."""
    for api in APIS.values():
        await trio.sleep(0.01)
        handlers.import_handler(api)
    for name in _IMPORTED_LATE:
        await trio.sleep(0.01)
        import_module(name)
