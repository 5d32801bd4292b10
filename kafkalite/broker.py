"""The broker as a whole: one node, its listeners, and the tasks that keep them going."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite import upkeep
from kafkalite.clock import MACHINE_CLOCK
from kafkalite.config.address import HostPort
from kafkalite.deadlines import Deadlines
from kafkalite.node import Node
from kafkalite.server.dispatch import Dispatch
from kafkalite.server.listener import Listener, open_socket
from kafkalite_wire.apis import APIS

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from kafkalite.clock import Clock
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.filesystem import FileSystem

log = getLogger("kafkalite.broker")

_SHUTDOWN_DEADLINE: Final = 5.0


class Broker:
    """A broker to be run inside a trio program.

    Like this::

    async with Broker() as broker:
        ...  # clients connect to broker.bootstrap

    or, where it shall live as long as a nursery::

    async with trio.open_nursery() as nursery:
        addresses = await nursery.start(Broker(config).run)

    Without a configuration it listens on a free port of 127.0.0.1 and keeps everything in memory. ``file_system`` is
    where the data directory lies, by default the machine's.
    """

    def __init__(
        self,
        config: BrokerConfig | None = None,
        *,
        clock: Clock = MACHINE_CLOCK,
        file_system: FileSystem | None = None,
    ) -> None:
        if config is None:
            from kafkalite.config import load
            from kafkalite_storage.memory_filesystem import MemoryFileSystem

            config = load(listen=["127.0.0.1:0"], data="/kafkalite")
            file_system = MemoryFileSystem() if file_system is None else file_system
        self.config = config
        self._file_system = file_system
        self._node: Node | None = None
        self._deadlines = Deadlines(clock)
        self._listeners: tuple[Listener, ...] = ()
        self._stop = trio.Event()

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where the broker listens, with the ports that were really picked."""
        return tuple(listener.address for listener in self._listeners)

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker, as their ``bootstrap.servers`` wants it."""
        return ",".join(str(HostPort(host, port)) for host, port in self.addresses)

    @property
    def node(self) -> Node:
        """The state that clients share, for whoever looks in from outside; there is one once the broker is open."""
        assert self._node is not None, "the broker has not been opened"
        return self._node

    @property
    def dispatch(self) -> Dispatch:
        """What requests go through; there is one once the broker is open."""
        return self._dispatch

    def set_available(self, available: bool) -> None:
        """Turn all clients away, as if the broker were gone, or let them in again; nothing that is kept changes."""
        for listener in self._listeners:
            listener.set_available(available)

    def stop(self) -> None:
        """Begin to stop: no new clients, what is in flight is answered, then the logs are closed."""
        self._stop.set()

    def open(self) -> None:
        """Open the data directory and the listening sockets; :meth:`run` does it if it has not been done.

        Raises StartError when one of them cannot be had.
        """
        config = self.config
        node = Node(config, self._deadlines, self._file_system)
        dispatch = Dispatch(node)
        listeners: list[Listener] = []
        try:
            if config.topics:
                from kafkalite import initial_topics

                initial_topics.create(node, config.topics)
            for address in config.listen:
                listener = Listener(
                    open_socket(address.host, address.port),
                    dispatch,
                    most_bytes=config.socket_request_max_bytes,
                    most_connections=config.max_connections,
                    max_idle=config.connections_max_idle,
                )
                listeners.append(listener)
        except BaseException:
            for listener in listeners:
                listener.close()
            node.close()
            raise
        self._node, self._dispatch, self._listeners = node, dispatch, tuple(listeners)

    async def run(
        self, *, task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until :meth:`stop` or cancellation; started with the addresses once clients can connect.

        Raises StartError as :meth:`open` does. Cancellation closes the logs as cleanly as a stop does, but answers
        nothing that is still in flight.
        """
        if self._node is None:
            self.open()
        node = self._node
        assert node is not None
        try:
            async with trio.open_nursery() as background, trio.open_nursery() as connections:
                background.start_soon(self._deadlines.run)
                await background.start(node.commits.run)
                background.start_soon(_warm_up, self._dispatch)
                background.start_soon(upkeep.run, node, self.config)
                async with trio.open_nursery() as accepting:
                    for listener in self._listeners:
                        accepting.start_soon(listener.accept, connections)
                        background.start_soon(listener.sweep)
                    task_status.started(self.addresses)
                    await self._stop.wait()
                    accepting.cancel_scope.cancel()
                self._close_listeners()
                node.stop_waiting()
                with trio.move_on_after(_SHUTDOWN_DEADLINE):
                    for listener in self._listeners:
                        await listener.finish()
                connections.cancel_scope.cancel()
                background.cancel_scope.cancel()
        finally:
            self._close_listeners()
            node.close()

    async def __aenter__(self) -> Self:
        """Start, and return when clients can connect. Raises StartError."""
        if self._node is None:
            self.open()
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(trio.open_nursery())
            await nursery.start(self.run)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Stop; with an exception at once, else when what is in flight has been answered."""
        self.stop()
        return bool(await self._running.__aexit__(kind, error, traceback))

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()


async def _warm_up(dispatch: Dispatch) -> None:
    """Import handlers while nobody asks for anything, so that no client's first request has to wait for it."""
    for api in APIS.values():
        await trio.sleep(0.01)
        dispatch.import_handler(api)


def run(config: BrokerConfig, *, on_ready: Callable[[tuple[tuple[str, int], ...]], None]) -> None:
    """Run a broker as a program: until SIGINT or SIGTERM. Raises StartError when it cannot start."""
    _allow_many_files()
    trio.run(_run, config, on_ready)


def _allow_many_files() -> None:
    """Raise the soft limit on open files to the hard one: connections and segments need more than the usual 1,024."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has a limit of its own below an unlimited hard one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(config: BrokerConfig, on_ready: Callable[[tuple[tuple[str, int], ...]], None]) -> None:
    broker = Broker(config)
    broker.open()
    async with trio.open_nursery() as nursery:
        await nursery.start(_stop_on_signal, broker, nursery.cancel_scope)
        async with trio.open_nursery() as running:
            on_ready(await running.start(broker.run))
        nursery.cancel_scope.cancel()


async def _stop_on_signal(
    broker: Broker, scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            broker.stop()
            break
        async for _ in signals:  # a second signal does not wait for clients
            scope.cancel()
