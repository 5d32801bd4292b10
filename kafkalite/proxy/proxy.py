"""The proxy as a whole: its listeners, one for each broker of the cluster, and what runs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.addresses import HostPort
from kafkalite.background.timers import TimerQueue
from kafkalite.clock import MACHINE_CLOCK
from kafkalite.config.proxy_listener import ProxyListener
from kafkalite.errors import StartError
from kafkalite.proxy.addresses import AddressMap
from kafkalite.proxy.cluster_connections import ClusterConnections, TlsSource
from kafkalite.proxy.contacts import Contacts
from kafkalite.proxy.dispatch import Dispatch
from kafkalite.proxy.relay import Relay
from kafkalite.proxy.shared_port import ServerNames, SharedPort
from kafkalite.proxy.topic_names import TopicNames
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.server.admission import Admission
from kafkalite.server.block import ServerBlock
from kafkalite.server.connection_errors import ConnectionErrors
from kafkalite.server.listener import Listener, open_socket
from kafkalite.server.step_runner import run_steps
from kafkalite_wire.frames import LARGEST_FRAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kafkalite.clock import Clock
    from kafkalite.proxy.measured_relay import Measurements
    from kafkalite.proxy.relay import LogIn
    from kafkalite.requests.pipeline import Pipeline
    from kafkalite.security.cluster_credentials import Credentials
    from kafkalite.server.connection import Connection
    from kafkalite.server.protection import ListenerProtection
    from kafkalite.server.proxy_protocol import Origins
    from kafkalite.server.transport import Transport

log = getLogger("kafkalite.proxy")

DEFAULT_LISTEN: Final = HostPort("127.0.0.1", 19092)

_LOOKING: Final = 3.0
_MOST_PORTS_TRIED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """What a proxy is started with."""

    upstream: tuple[HostPort, ...]
    """Brokers of the cluster to begin with, as in ``bootstrap.servers``."""
    listen: HostPort = DEFAULT_LISTEN
    """Where clients begin; each broker has a port of its own, by default the next free ones."""
    advertise: str | None = None
    """The host that clients are sent to; None for the one that each has dialled."""
    names: ServerNames | None = None
    """The names by which clients of one shared port say which broker they want; None for a port for each broker."""
    origins: Origins = "off"
    """Whether clients' connections begin with a header of the PROXY protocol."""
    authentication_limit: float = 30.0
    """Seconds within which a client has to log in, where the listeners have SASL."""
    drain: float = 5.0
    """Seconds that a stop waits for responses in flight."""
    ports: Mapping[int, int] = field(default_factory=lambda: dict[int, int]())
    """Ports of brokers that are to stay the same, by broker id."""
    tls: TlsSource | None = None
    """How to connect to the cluster, if it has TLS."""
    login: Credentials | None = None
    """Who the proxy is to the cluster; None where it passes on the clients' logins, or needs none."""
    listener: ProxyListener = field(default_factory=ProxyListener)
    """What protects the listeners; see :func:`kafkalite.config.proxy_listener.proxy_listener`."""


class Proxy(ServerBlock):
    """A proxy inside a trio program.

    As a block, or as a task, like a Broker::

        async with Proxy(ProxyConfig(upstream=(HostPort("kafka", 9092),))) as proxy:
            ...  # clients connect to proxy.bootstrap
    """

    def __init__(
        self, config: ProxyConfig, *, clock: Clock = MACHINE_CLOCK, measurements: Measurements | None = None
    ) -> None:
        self.config = config
        self.crash_guard = CrashGuard()
        """Handles unexpected exceptions."""
        self.timers = TimerQueue(clock, self.crash_guard)
        self._clock = clock
        self._topics = TopicNames()
        names = config.names
        self.addresses = AddressMap(
            self._listen_for if names is None else self._share_port,
            advertise=config.advertise if names is None else names.host_of,
        )
        """The brokers, and the ports that stand for them."""
        self.contacts = Contacts(clock.wall_ms)
        """Which brokers accept connections."""
        self._cluster = ClusterConnections(config.upstream, self.addresses.upstream_of, config.tls, self.contacts)
        self._dispatch = Dispatch(self.addresses, self.crash_guard, self._topics)
        self._shared = (
            None
            if names is None
            else SharedPort(names, self._cluster, self.addresses.__contains__, self._dispatch.finish)
        )
        self._errors = ConnectionErrors(self.timers)
        self._admission = Admission(
            self.timers,
            self._errors,
            config.listener.connection_limits,
            failed_logins=config.listener.failed_logins_per_minute,
        )
        self._protection = self._protect()
        self._log_in = _login_of(config.login)
        self._listeners: list[Listener] = []
        self._on_listener: list[Callable[[Listener], None]] = []
        self._ports = count(config.listen.port + 1)
        self._make_relay: Callable[..., Relay] = Relay
        if measurements is not None:
            from kafkalite.proxy.measured_relay import MeasuredRelay

            self._make_relay = partial(MeasuredRelay, measurements=measurements)
        self._stop = trio.Event()
        self._accepting: trio.Nursery | None = None

    @property
    def pipeline(self) -> Pipeline:
        """What requests go through that an interceptor wants."""
        return self._dispatch.pipeline

    @property
    def bootstrap(self) -> str:
        """The address in the form of clients' ``bootstrap.servers``."""
        address = HostPort(*self._listeners[0].address)
        names = self.config.names
        return str(address if names is None else HostPort(names.bootstrap, names.port or address.port))

    def now(self) -> float:
        """Return monotonic seconds."""
        return self.timers.now()

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        return self._clock.wall_ms()

    def topic_name(self, key: str | bytes) -> str | None:
        """Return the name of a topic by its name or id, or None if no client has asked for it yet."""
        return self._topics.name_of(key)

    def topic_names(self) -> dict[bytes, str]:
        """Return the names of the topics that clients have asked for, by their ids."""
        return self._topics.by_id()

    @property
    def connection_count(self) -> int:
        """The number of connections of clients."""
        return sum(len(listener.connections) for listener in self._listeners)

    async def reaches_cluster(self) -> bool:
        """Connect to the cluster and return whether one of the brokers to begin with accepts, within 3 s."""
        with trio.move_on_after(_LOOKING), suppress(OSError):
            (await self._cluster.to_any()).close()
            return True
        return False

    def on_listener(self, call: Callable[[Listener], None]) -> None:
        """Call ``call`` with each listener, also those to come."""
        for listener in self._listeners:
            call(listener)
        self._on_listener.append(call)

    def stop(self) -> None:
        """Begin to stop: accept no clients, and close each connection when its responses have left."""
        self._stop.set()

    def open(self) -> None:
        """Listen; :meth:`run` does so if it is not done yet. Raises StartError."""
        if self._shared is not None and self.config.listener.security.tls is None:
            raise StartError("brokers can share a port only where the listener has TLS")
        self._add_listener(self.config.listen, self._cluster.to_any)

    async def run(
        self, *, task_status: trio.TaskStatus[tuple[tuple[str, int], ...]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until :meth:`stop` or cancellation; started with the address once clients can connect.

        The cluster need not be reachable: each client connection connects to it. Raises StartError.
        """
        if not self._is_open:
            self.open()
        try:
            async with trio.open_nursery() as background, trio.open_nursery() as self._connections:
                background.start_soon(self.timers.run)
                background.start_soon(run_steps, self.pipeline.steps)
                await self._listeners[0].prepare(background)
                async with trio.open_nursery() as self._accepting:
                    for listener in self._listeners:
                        self._start(listener)
                    task_status.started((self._listeners[0].address,))
                    await self._stop.wait()
                    self._accepting.cancel_scope.cancel()
                self._accepting = None
                self._close_listeners()
                for listener in self._listeners:
                    for connection in listener.connections:
                        self._dispatch.finish(connection)
                with trio.move_on_after(self.config.drain):
                    for listener in self._listeners:
                        await listener.gone()
                self._connections.cancel_scope.cancel()
                background.cancel_scope.cancel()
        finally:
            self._close_listeners()
            self._errors.flush()

    @property
    def _is_open(self) -> bool:
        return bool(self._listeners)

    # Listening

    def _protect(self) -> ListenerProtection | None:
        """Return the protection of all listeners; None where they have neither TLS nor SASL."""
        listener = self.config.listener
        security = listener.security
        if security.sasl is not None or self.config.login is not None:
            # Imported here, because most proxies need none of it.
            from kafkalite.proxy.logins import Logins

            self._dispatch.passes_logins = False
            self.pipeline.interceptors.add(Logins(self.timers, listener.connection_failed_authentication_delay))
        if security.tls is None and security.sasl is None:
            return None
        from kafkalite.server.protected_listeners import protection_of

        return protection_of(security, listener, self.timers, self.wall_ms)

    def _listen_for(self, node_id: int) -> int:
        """Listen for a broker that the cluster has named for the first time. Return the port."""
        connect = partial(self._cluster.to_node, node_id)
        host = self.config.listen.host
        pinned = self.config.ports.get(node_id)
        if pinned is not None or self.config.listen.port == 0:
            return self._add_listener(HostPort(host, pinned or 0), connect, node_id)
        for _ in range(_MOST_PORTS_TRIED):
            port = next(self._ports)
            if port in self.config.ports.values():
                continue
            try:
                return self._add_listener(HostPort(host, port), connect, node_id)
            except StartError as error:
                log.debug("no listener for broker %d: %s", node_id, error)
        raise StartError(f"no port is free for broker {node_id} of the {_MOST_PORTS_TRIED} behind {self.config.listen}")

    def _share_port(self, node_id: int) -> int:
        assert self._shared is not None
        self._shared.learned(node_id)
        return self._shared.names.port or self._listeners[0].address[1]

    def _add_listener(
        self, address: HostPort, connect: Callable[[], Awaitable[Transport]], node_id: int | None = None
    ) -> int:
        listener = Listener(
            open_socket(address.host, address.port),
            self._dispatch.through(partial(self._relay, connect)),
            self.timers,
            self.pipeline.steps,
            crash_guard=self.crash_guard,
            errors=self._errors,
            most_bytes=self.config.listener.socket_request_max_bytes,
            admission=self._admission,
            max_idle=self.config.listener.connections_max_idle,
            name=self.config.listener.security.name,
            protection=self._protection,
            origins=self.config.origins,
            authentication_limit=self.config.authentication_limit,
            broker=node_id,
        )
        self._listeners.append(listener)
        for call in self._on_listener:
            call(listener)
        if self._accepting is not None:
            self._start(listener)
        return listener.address[1]

    def _start(self, listener: Listener) -> None:
        assert self._accepting is not None
        self._accepting.start_soon(listener.accept, self._connections)
        self._accepting.start_soon(listener.sweep)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _relay(self, connect: Callable[[], Awaitable[Transport]], client: Connection) -> Relay:
        if self._shared is not None:
            connect = self._shared.connect_for(client)
        relay = self._make_relay(client, connect, self._connections, largest=LARGEST_FRAME, log_in=self._log_in)
        self._connections.start_soon(relay.run)
        return relay


def _login_of(credentials: Credentials | None) -> LogIn | None:
    if credentials is None:
        return None
    # Imported here, because most proxies need none of it.
    from kafkalite.proxy.cluster_login import log_in

    return partial(log_in, credentials)
