"""The byte stream below a connection: plain TCP now, TLS later, behind one interface."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import trio

from kafkalite_wire.schema import Buffer

_MSG_MORE: Final = getattr(socket, "MSG_MORE", 0)


class Transport(Protocol):
    """A connected, non-blocking byte stream.

    Receiving and sending raise BlockingIOError where nothing can be done before a wait, and other OSErrors where the
    stream is broken.
    """

    peer: tuple[str, int]
    """Address and port of the client."""
    local: tuple[str, int]
    """Address and port that the client dialled."""

    def receive_into(self, buffer: memoryview, /) -> int:
        """Receive into a buffer. Return the number of bytes, 0 at the end of the stream."""
        ...

    def has_ended(self) -> bool:
        """Return whether the peer has closed or broken the stream, and nothing is left to receive."""
        ...

    def send(self, buffers: Sequence[Buffer], *, more: bool) -> int:
        """Send buffers in their order. Return the number of bytes that were taken. ``more`` says that more follows."""
        ...

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        """Send a part of a file. Return the number of bytes that were taken, 0 if the file ends before it."""
        ...

    def wait_readable(self) -> Awaitable[None]:
        """Wait until something can be received."""
        ...

    def wait_writable(self) -> Awaitable[None]:
        """Wait until something can be sent. Raises ClosedResourceError when the stream is closed before that."""
        ...

    def close(self) -> None:
        """Close the stream at once."""
        ...


class PlainTransport:
    """A TCP socket."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self.peer = address_of(connected.getpeername)
        self.local = address_of(connected.getsockname)
        # The socket's own method: a small request costs one call less.
        self.receive_into: Callable[[memoryview], int] = connected.recv_into

    def has_ended(self) -> bool:
        """Look for the end of the stream without receiving anything."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def send(self, buffers: Sequence[Buffer], *, more: bool) -> int:
        """Send buffers with one system call."""
        if len(buffers) == 1 and not more:
            return self._socket.send(buffers[0])
        return self._socket.sendmsg(buffers, (), _MSG_MORE if more else 0)

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        """Send a part of a file inside the kernel."""
        return os.sendfile(self._socket.fileno(), descriptor, position, size)

    def wait_readable(self) -> Awaitable[None]:
        """Wait until the socket is readable."""
        return trio.lowlevel.wait_readable(self._socket)  # noqa: ASYNC105  # the caller awaits it

    def wait_writable(self) -> Awaitable[None]:
        """Wait until the socket is writable."""
        return trio.lowlevel.wait_writable(self._socket)  # noqa: ASYNC105  # the caller awaits it

    def close(self) -> None:
        """Close the socket; a wait for it raises ClosedResourceError."""
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()


def address_of(ask: Callable[[], tuple[str, int]]) -> tuple[str, int]:
    """Return host and port that ``getpeername`` or ``getsockname`` returns, or ``("?", 0)`` where it fails."""
    try:
        address = ask()
    except OSError:
        return ("?", 0)
    # An IPv6 address has two more items, a Unix socket's (in tests) is a string.
    return address[:2] if len(address) >= 2 else ("?", 0)
