"""Connections of a listener that go through a link: the listener gets one end of a pair of sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from kafkalite.server.transport import address_of
from kafkalite.shaping.link import Link

if TYPE_CHECKING:
    import trio

    from kafkalite.shaping.link import Shaping


class RelayedSocket(socket.socket):
    """The server's end of a pair of sockets, which names the client at the other end of the link."""

    peer: tuple[str, int]
    local: tuple[str, int]

    def getpeername(self) -> Any:
        """Return the client's address."""
        return self.peer

    def getsockname(self) -> Any:
        """Return the address that the client dialled."""
        return self.local

    def setsockopt(self, *arguments: Any) -> None:
        """Ignore options: they are TCP's."""


def relay_through(shaping: Shaping, client: socket.socket, nursery: trio.Nursery) -> socket.socket:
    """Put a link between a client and its server; return what the server serves in place of the client's socket."""
    inner, outer = socket.socketpair()
    served = RelayedSocket(fileno=inner.detach())
    served.peer, served.local = address_of(client.getpeername), address_of(client.getsockname)
    nursery.start_soon(Link(client, outer, shaping).run)
    return served
