"""Accept connections, bound their number, and close them."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Final, cast

import trio

from kafkalite.errors import StartError
from kafkalite.server.connection import Connection
from kafkalite.server.transport import PlainTransport, address_of

if TYPE_CHECKING:
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.steps import StepQueue
    from kafkalite.server.admission import Admission
    from kafkalite.server.connection_errors import ConnectionErrors
    from kafkalite.server.protection import ListenerProtection
    from kafkalite.server.proxy_protocol import Origin, Origins
    from kafkalite.server.transport import Transport

log = getLogger("kafkalite.listener")

_IPV4_IN_IPV6: Final = "::ffff:"
_BACKLOG: Final = 512
_SWEEP_EVERY: Final = 5.0
_SHRINK_AFTER: Final = 5.0
_ORIGIN_LIMIT: Final = 10.0
_MOST_WITHOUT_ORIGIN: Final = 1000
"""Connections whose header of the PROXY protocol has not arrived yet; further ones are closed at once."""
_LAST_REQUESTS: Final = 0.02
_OUT_OF: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
"""The process or the machine is out of what a connection needs; this passes."""

_NOT_ACCEPTED: Final = {
    errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR,  # there is no connection any more
    errno.ECONNABORTED, errno.EPERM, errno.EPROTO,  # the client left first, or a firewall refused it
    errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH,
    errno.ETIMEDOUT, errno.ECONNRESET,
}  # fmt: skip
"""Errors of the connection that was to be accepted, which Linux reports here; any other error is the listener's own."""


def open_socket(host: str, port: int, *, listens: bool = True) -> socket.socket:
    """Listen on an address, or only reserve it; port 0 picks a free one. Raises StartError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        if listens:
            listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        hint = "; is another broker running there?" if error.errno == errno.EADDRINUSE else ""
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}{hint}") from None
    return listening


class Listener:
    """One listening socket and the connections that it accepted."""

    def __init__(
        self,
        listening: socket.socket,
        dispatch: Callable[[Connection, memoryview], None],
        timers: TimerQueue,
        steps: StepQueue,
        *,
        crash_guard: CrashGuard,
        errors: ConnectionErrors,
        most_bytes: int,
        admission: Admission,
        max_idle: float,
        name: str = "PLAINTEXT",
        protection: ListenerProtection | None = None,
        broker: int | None = None,
        origins: Origins = "off",
        authentication_limit: float = math.inf,
    ) -> None:
        """``protection`` is None for a listener without TLS and SASL; ``broker`` is what clients know it as.

        ``origins`` says whether connections begin with a header of the PROXY protocol. A connection whose client has
        not logged in within ``authentication_limit`` seconds is closed.
        """
        self._origins = origins
        self._authentication_limit = authentication_limit
        self._without_origin = 0
        self._name = name
        self.broker: Final = broker
        """The id that clients know it by; None where they begin."""
        self._protection = protection
        self._has_logins = protection is not None and protection.sasl is not None
        self._listening = listening
        self._dispatch = dispatch
        self._timers = timers
        self._steps = steps
        self._crash_guard = crash_guard
        self._errors = errors
        self._most_bytes = most_bytes
        self._admission = admission
        self._max_idle = max_idle
        self._connections: set[Connection] = set()
        admission.sources.append(lambda: self.connections)
        self._all_gone = trio.Event()
        self.relay: Callable[[socket.socket, trio.Nursery], socket.socket] | None = None
        """Puts something between a client and the server: returns the socket to serve in place of the client's."""
        self._is_available = True
        self._is_shut = False
        self._refuses = False
        """Whether connections that were accepted at the last moment are closed."""
        self._accepts = trio.Event()
        self._accepts.set()
        host, port = listening.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)

    async def prepare(self, background: trio.Nursery) -> None:
        """Start what the listener's protection needs all the time."""
        if self._protection is None:
            return
        if self._protection.derive_users is not None:
            background.start_soon(self._protection.derive_users)
        if self._protection.key_fetcher is not None:
            await background.start(self._protection.key_fetcher.run)

    async def accept(self, nursery: trio.Nursery) -> None:
        """Accept clients until cancelled; each is served by a task of ``nursery``."""
        while True:
            await trio.lowlevel.wait_readable(self._listening)
            if not self._accepts.is_set():
                await self._accepts.wait()
            if self._is_shut:
                await trio.sleep_forever()  # it is cancelled already
            try:
                connected, address = cast("tuple[socket.socket, tuple[str, int] | str]", self._listening.accept())
            except OSError as error:
                if error.errno in _OUT_OF:
                    log.error("cannot accept clients: %s; trying again", error.strerror)
                    await trio.sleep(0.1)
                elif error.errno not in _NOT_ACCEPTED:
                    raise
                continue
            if not self._is_available:
                connected.close()
                continue
            # A Unix socket's address (in tests) is a string.
            host = address[0].removeprefix(_IPV4_IN_IPV6) if isinstance(address, tuple) else "?"
            if self._origins != "off":
                nursery.start_soon(self._serve_behind_balancer, connected, host, nursery)
                continue
            if not await self._admission.admit(connected, self._name, host, has_logins=self._has_logins):
                continue
            if self._is_available and self._accepts.is_set():
                nursery.start_soon(self._serve, connected, host, nursery)
            else:  # it had to wait, and the broker has gone away
                self._admission.release(self._name, host)
                connected.close()

    async def _serve_behind_balancer(self, connected: socket.socket, host: str, nursery: trio.Nursery) -> None:
        """Read where a connection comes from, and serve it if that client may have another one."""
        # Imported here, because most listeners need none of it.
        from kafkalite.server.proxy_protocol import ProxyProtocolError, read_origin

        connected.setblocking(False)
        if self._without_origin >= _MOST_WITHOUT_ORIGIN:
            connected.close()
            return
        self._without_origin += 1
        try:
            with trio.fail_after(_ORIGIN_LIMIT):
                origin = await read_origin(connected, required=self._origins == "required")
        except (OSError, ProxyProtocolError, trio.TooSlowError) as error:
            self._errors.warn(host, f"closing {host}: {str(error) or 'no header of the PROXY protocol in time'}")
            connected.close()
            return
        except trio.Cancelled:
            connected.close()
            raise
        finally:
            self._without_origin -= 1
        host = host if origin is None else origin.client[0]
        if not await self._admission.admit(connected, self._name, host, has_logins=self._has_logins):
            return
        if self._listening.fileno() < 0 or not self._is_available:  # it has stopped in the meantime
            self._admission.release(self._name, host)
            connected.close()
        else:
            await self._serve(connected, host, nursery, origin)

    async def _serve(
        self, connected: socket.socket, host: str, nursery: trio.Nursery, origin: Origin | None = None
    ) -> None:
        try:
            await self._serve_admitted(connected, host, nursery, origin)
        finally:
            self._admission.release(self._name, host)

    async def _serve_admitted(
        self, connected: socket.socket, host: str, nursery: trio.Nursery, origin: Origin | None
    ) -> None:
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connected.close()  # the client has disconnected already
            return
        if self.relay is not None:
            connected = self.relay(connected, nursery)
        transport = await self._transport(connected)
        if transport is None:
            return
        if origin is not None:
            transport.peer, transport.local = origin.client, origin.dialled
        connection = Connection(
            transport,
            self._dispatch,
            self._timers,
            self._steps,
            crash_guard=self._crash_guard,
            errors=self._errors,
            most_bytes=self._most_bytes,
            nursery=nursery,
            started_at=trio.current_time(),
        )
        connection.info.broker = self.broker
        if self._protection is not None:
            self._protection.protect(
                connection, transport, self._dispatch, on_failed=partial(self._admission.login_failed, host)
            )
        deadline = self._limit_authentication(connection)
        self._connections.add(connection)
        if self._refuses:
            connection.close()
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
            if deadline is not None:
                deadline.cancel()
            if not self._connections:
                self._all_gone.set()

    def _limit_authentication(self, connection: Connection) -> Timer | None:
        authenticator = connection.info.authenticator
        if authenticator is None or self._authentication_limit == math.inf:
            return None

        def check() -> None:
            if not authenticator.has_authenticated:
                connection.fail(f"it has not logged in within {self._authentication_limit:.0f} s")

        return self._timers.call_at(self._timers.now() + self._authentication_limit, check)

    async def _transport(self, connected: socket.socket) -> Transport | None:
        """Return the transport, after its TLS handshake where there is one, or None where that failed."""
        if self._protection is None or self._protection.tls is None:
            return PlainTransport(connected)
        host = address_of(connected.getpeername)[0]
        try:
            return await self._protection.handshake(connected)
        except OSError as error:
            from kafkalite.server.protection import reason_of

            self._errors.warn(host, f"TLS handshake with {host} failed: {reason_of(error)}")
            return None

    async def sweep(self) -> None:
        """Close connections that have been idle too long, and release the large buffers of quiet ones."""
        while True:
            await trio.sleep(_SWEEP_EVERY)
            now = trio.current_time()
            for connection in tuple(self._connections):
                idle = now - connection.last_active
                if idle > self._max_idle:
                    log.debug("closing %s: idle for %.0f s", connection, idle)
                    connection.close()
                elif idle > _SHRINK_AFTER:
                    connection.shrink()

    def set_available(self, available: bool) -> None:
        """Refuse all clients and close their connections, or accept them again; the port stays bound."""
        self._is_available = available
        if not available:
            for connection in tuple(self._connections):
                connection.close()

    def suspend(self) -> None:
        """Leave new connections in the backlog until :meth:`resume`."""
        self._refuses = True
        self._accepts = trio.Event()

    def resume(self) -> None:
        """Accept the connections that wait, and new ones."""
        self._refuses = False
        self._accepts.set()

    async def cut_off(self) -> None:
        """Close all connections at once, and return when the last one has ended."""
        while self._connections:
            self._all_gone = trio.Event()
            for connection in tuple(self._connections):
                connection.close()
            await self._all_gone.wait()

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that have not ended."""
        return tuple(self._connections)

    async def gone(self) -> None:
        """Wait until the last connection has ended."""
        while self._connections:
            self._all_gone = trio.Event()
            await self._all_gone.wait()

    def close(self) -> None:
        """Stop listening."""
        if self._listening.fileno() < 0:
            return
        trio.lowlevel.notify_closing(self._listening)
        self._listening.close()

    def shut(self) -> None:
        """Stop listening, so that clients are refused, but keep the port for :meth:`reopen`. Raises StartError."""
        self.close()
        self._is_shut = self._refuses = True
        self._listening = open_socket(*self.address, listens=False)

    def reopen(self) -> None:
        """Listen again after :meth:`shut`."""
        self._is_shut = self._refuses = False
        self._listening.listen(_BACKLOG)

    async def finish(self) -> None:
        """Close each connection as soon as its responses have left, and return when all are closed.

        Requests that have arrived are still answered, except those that wait for other clients.
        """
        while self._connections:
            self._all_gone = trio.Event()
            with trio.move_on_after(_LAST_REQUESTS):
                await self._all_gone.wait()
            for connection in tuple(self._connections):
                if connection.has_sent_everything:
                    connection.close()
