"""The broker as a whole: a cluster of one endpoint, its listeners, and their tasks.

The cluster may be replaced by another one while the listeners stay (:meth:`Broker.restore`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
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
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.errors import StartError
from kafkalite.handlers.table import HandlerTable
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.pipeline import Pipeline
from kafkalite.server.client_quota_stage import ClientQuotaStage
from kafkalite.server.connection_errors import ConnectionErrors
from kafkalite.server.listener import Listener, open_socket
from kafkalite.server.step_runner import run_steps
from kafkalite_storage.snapshots import directory_swap
from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
from kafkalite_storage.snapshots.partition_snapshots import SNAPSHOTS
from kafkalite_storage.snapshots.taking import fork_directory
from kafkalite_wire.apis import APIS

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from kafkalite.clock import Clock
    from kafkalite.config import BrokerConfig
    from kafkalite.config.security import ListenerSecurity
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


class Broker:
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
        self._endpoint: BrokerEndpoint | None = None
        self.crash_guard = CrashGuard()
        """Handles unexpected exceptions."""
        self._deadlines = TimerQueue(clock, self.crash_guard)
        self._connection_errors = ConnectionErrors(self._deadlines)
        self._listeners: tuple[Listener, ...] = ()
        self._stop = trio.Event()
        self._tending: Maintenance | None = None
        self._restoring = trio.Lock()
        self._snapshots_taken = 0
        self.on_restored: list[Callable[[], None]] = []
        """Called when another cluster has taken the place of the one before."""

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where the broker listens, with the ports that were picked."""
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
    def endpoint(self) -> BrokerEndpoint:
        """The broker as clients see it; there is one once the broker is open, and another after a restore."""
        assert self._endpoint is not None, "the broker has not been opened"
        return self._endpoint

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that requests go through; there is one once the broker is open."""
        return self._pipeline

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
        endpoint = BrokerEndpoint(cluster, config)
        handlers = HandlerTable(endpoint)
        pipeline = Pipeline(handlers, self.crash_guard, cluster.steps)
        listeners: list[Listener] = []
        try:
            if config.topics:
                from kafkalite.cluster import initial_topics

                initial_topics.create(cluster, config.topics)
            for address, security in zip(config.listen, config.security, strict=True):
                listener = Listener(
                    open_socket(address.host, address.port),
                    pipeline,
                    self._deadlines,
                    pipeline.steps,
                    crash_guard=self.crash_guard,
                    errors=self._connection_errors,
                    most_bytes=config.socket_request_max_bytes,
                    most_connections=config.max_connections,
                    max_idle=config.connections_max_idle,
                    protection=self._protection(security),
                )
                listeners.append(listener)
        except BaseException:
            for listener in listeners:
                listener.close()
            cluster.close()
            raise
        if config.authorizer is not None:
            # Imported here, because most brokers need none of it.
            from kafkalite.cluster.authorization import authorization_of

            pipeline.interceptors.add(authorization_of(config, lambda: self.cluster))
        self._client_quotas = ClientQuotaStage(pipeline.interceptors, endpoint)
        self._cluster, self._endpoint = cluster, endpoint
        self._handlers, self._pipeline, self._listeners = handlers, pipeline, tuple(listeners)

    def _protection(self, security: ListenerSecurity) -> ListenerProtection | None:
        if security.tls is None and security.sasl is None:
            return None
        from kafkalite.server.protected_listeners import protection_of

        return protection_of(security, self.config, self._deadlines, lambda: self.cluster)

    async def run(
        self, *, task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until :meth:`stop` or cancellation; started with the addresses once clients can connect.

        Raises StartError as :meth:`open` does. Cancellation closes the logs as cleanly as a stop does, but answers
        nothing that is still in flight.
        """
        if self._cluster is None:
            self.open()
        try:
            async with trio.open_nursery() as background, trio.open_nursery() as connections:
                self._background = background
                background.start_soon(self._deadlines.run)
                background.start_soon(_warm_up, self._handlers)
                background.start_soon(run_steps, self._pipeline.steps)
                await self._tend()
                for listener in self._listeners:
                    await listener.prepare(background)
                async with trio.open_nursery() as accepting:
                    for listener in self._listeners:
                        accepting.start_soon(listener.accept, connections)
                        background.start_soon(listener.sweep)
                    task_status.started(self.addresses)
                    await self._stop.wait()
                    async with self._restoring:
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
        self._pipeline.steps.start("loading transactions", self.cluster.transactions.start(), _ignore)
        self._tending = Maintenance(self.cluster, self.config)
        await self._background.start(self._tending.run)

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
        async with self._restoring:
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
        endpoint = BrokerEndpoint(self._cluster, self.config)
        endpoint.carry_over(self.endpoint)
        self._endpoint = endpoint
        self._handlers = self._pipeline.end = HandlerTable(endpoint)
        self._client_quotas.remove()
        self._client_quotas = ClientQuotaStage(self._pipeline.interceptors, endpoint)
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

    async def __aenter__(self) -> Self:
        """Start the broker, and return when clients can connect. Raises StartError."""
        if self._cluster is None:
            self.open()
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(trio.open_nursery())
            await nursery.start(self.run)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Stop: with an exception at once, otherwise when what is in flight has been answered."""
        self.stop()
        return bool(await self._running.__aexit__(kind, error, traceback))

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()


def _successor(before: Cluster, snapshot: DirectorySnapshot) -> Cluster:
    """Replace the content of the data directory, and open it again."""
    fs, least_producer_id = before.storage.filesystem, before.next_producer_ids
    handover = before.restore(snapshot)
    cluster = Cluster(
        before.config, before.timers, fs, handover=handover, least_producer_id=least_producer_id, steps=before.steps
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
