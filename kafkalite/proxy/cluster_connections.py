"""Connecting to the brokers of the cluster."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import trio

from kafkalite.server.transport import PlainTransport, Transport

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort
    from kafkalite.proxy.contacts import Contacts

_CONNECTING: Final = 10.0


class TlsSource(Protocol):
    """Where the TLS context of the next connection comes from."""

    def current(self) -> ssl.SSLContext:
        """Return the context."""
        ...


class ClusterConnections:
    """Makes connections to a broker of the cluster, or to any of the first ones."""

    def __init__(
        self,
        bootstrap: tuple[HostPort, ...],
        upstream_of: Callable[[int], HostPort],
        tls: TlsSource | None,
        contacts: Contacts,
    ) -> None:
        """``upstream_of`` returns where a broker is, by its id; ``contacts`` note which ones accept."""
        self._contacts = contacts
        self._bootstrap = bootstrap
        self._upstream_of = upstream_of
        self._tls = tls
        self._turn = count()

    async def to_node(self, node_id: int) -> Transport:
        """Connect to a broker by its id. Raises OSError."""
        return await self._connect(self._upstream_of(node_id))

    async def to_any(self) -> Transport:
        """Connect to the first of the bootstrap brokers that accepts, beginning with another one each time.

        Raises OSError.
        """
        upstream = self._bootstrap
        first = next(self._turn)
        problem: OSError | None = None
        for number in range(len(upstream)):
            try:
                return await self._connect(upstream[(first + number) % len(upstream)])
            except OSError as error:
                problem = error
        assert problem is not None
        raise problem

    async def _connect(self, address: HostPort) -> Transport:
        try:
            transport = await self._connected(address)
        except OSError as error:
            self._contacts.failed(address, str(error))
            raise
        self._contacts.accepted(address)
        return transport

    async def _connected(self, address: HostPort) -> Transport:
        try:
            with trio.fail_after(_CONNECTING):
                connected = _detached(await trio.open_tcp_stream(address.host, address.port))
                if self._tls is None:
                    return PlainTransport(connected)
                return await _secured(connected, self._tls.current(), address.host)
        except trio.TooSlowError:
            raise OSError(f"{address} has not accepted within {_CONNECTING:.0f} s") from None
        except OSError as error:
            raise OSError(f"{address}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """Return why a connection failed; trio keeps the reason of each address of a name as the cause."""
    cause: Any = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        (cause, *_) = cast("BaseExceptionGroup[BaseException]", cause).exceptions
    found = error if cause is None else cause
    return getattr(found, "strerror", None) or str(found)


def _detached(stream: trio.SocketStream) -> socket.socket:
    """Return the socket of a stream, which no longer belongs to trio."""
    connected = socket.socket(fileno=stream.socket.detach())
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


async def _secured(connected: socket.socket, tls: ssl.SSLContext, host: str) -> Transport:
    # Imported here, because most proxies need none of it.
    from kafkalite.server.tls_transport import TlsTransport

    transport = TlsTransport(connected, tls, server_hostname=host)
    try:
        await transport.handshake()
    except BaseException:
        transport.abort()
        raise
    return transport
