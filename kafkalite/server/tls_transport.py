"""A TCP socket under TLS."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.security.principals import ANONYMOUS, principal_of
from kafkalite.security.tls import NamedSocket
from kafkalite.server.transport import address_of
from kafkalite_wire.schema import Buffer

if TYPE_CHECKING:
    from collections.abc import Awaitable


_MOST_PER_SEND: Final = 128 * 1024
"""A larger piece would be encrypted while others wait."""


_MOST_PER_RECEIVE: Final = 256 * 1024
"""The same for what is received."""

_NOT_TLS: Final = frozenset((
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "WRONG_VERSION_NUMBER",
))  # fmt: skip
"""OpenSSL's reasons for clients that do not speak TLS, which it does not answer."""
_ALERT: Final = bytes.fromhex("15 0303 0002 02 50")
"""What Kafka answers then, a fatal alert: some clients know by it that the listener has TLS."""
_MOST_DRAINS: Final = 16
_DRAINED_AT_ONCE: Final = 64 * 1024


class TlsTransport:
    """A connected socket whose handshake is to be made before anything else."""

    def __init__(
        self, connected: socket.socket, context: ssl.SSLContext, *, server_hostname: str | None = None
    ) -> None:
        """With ``server_hostname`` this is the client's side, and that the name to be certified.

        Raises OSError, and closes the socket, if the other side has gone already.
        """
        try:
            connected.getpeername()  # wrap_socket would leave the socket of a client that has gone open
        except OSError:
            connected.close()
            raise
        connected.setblocking(False)
        self.peer = address_of(connected.getpeername)
        self.local = address_of(connected.getsockname)
        self.principal = ANONYMOUS
        """The name of the client by its certificate, once the handshake is made."""
        self.server_name = ""
        """The name that the client asked for (SNI), once the handshake is made."""
        self._socket = context.wrap_socket(
            connected,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            do_handshake_on_connect=False,
        )

    async def handshake(self) -> None:
        """Make the handshake. Raises OSError (``ssl.SSLError``) where it fails."""
        while True:
            try:
                self._socket.do_handshake()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._socket)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._socket)
            except ssl.SSLError as error:
                self._refuse(error)
                raise
            else:
                break
        if isinstance(self._socket, NamedSocket):
            self.server_name = self._socket.asked_name
        try:
            self.principal = principal_of(self._socket.getpeercert(binary_form=True))
        except ValueError:
            raise OSError("the subject of the client's certificate cannot be read") from None

    def _refuse(self, error: ssl.SSLError) -> None:
        with suppress(OSError):
            # Bytes that are unread when a socket is closed would reset the connection, and the alert might be lost.
            for _ in range(_MOST_DRAINS):
                if not socket.socket.recv(self._socket, _DRAINED_AT_ONCE):
                    break
        if error.reason in _NOT_TLS:
            with suppress(OSError):
                socket.socket.send(self._socket, _ALERT)

    def receive_into(self, buffer: memoryview, /) -> int:
        """Receive and decrypt what has arrived, up to 256 KiB."""
        # OpenSSL returns one record at a time. librdkafka puts little more than a message into one, and a turn of the
        # event loop for each would cost more than the decryption.
        received, most = 0, min(len(buffer), _MOST_PER_RECEIVE)
        try:
            while received < most:
                size = self._socket.recv_into(buffer[received:most])
                if not size:
                    break
                received += size
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not received:
                raise BlockingIOError from None
        except OSError:
            if not received:  # otherwise the next call raises it
                raise
        return received

    def has_ended(self) -> bool:
        """Look for the end of the stream without receiving anything."""
        try:
            # SSLSocket refuses flags: this looks at the encrypted bytes.
            return not socket.socket.recv(self._socket, 1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def send(self, buffers: Sequence[Buffer], *, more: bool) -> int:
        """Encrypt and send buffers, as many as fit into one piece."""
        del more
        if len(buffers) == 1:
            return self._send(memoryview(buffers[0])[:_MOST_PER_SEND])
        piece = bytearray()
        for buffer in buffers:
            piece += memoryview(buffer)[: _MOST_PER_SEND - len(piece)]
        return self._send(piece)

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        """Read, encrypt and send a part of a file."""
        piece = os.pread(descriptor, min(size, _MOST_PER_SEND), position)
        return self._send(piece) if piece else 0

    def _send(self, piece: Buffer) -> int:
        # After a BlockingIOError OpenSSL wants the same bytes again, or more of them: the outbox keeps them in place.
        try:
            return self._socket.send(piece)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    async def wait_readable(self) -> None:
        """Wait until something can be received, unless decrypted bytes are left."""
        if self._socket.pending():
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.wait_readable(self._socket)

    def wait_writable(self) -> Awaitable[None]:
        """Wait until the socket is writable."""
        return trio.lowlevel.wait_writable(self._socket)  # noqa: ASYNC105  # the caller awaits it

    def abort(self) -> None:
        """Close the socket, whose handshake has failed."""
        self._socket.close()

    def close(self) -> None:
        """Say goodbye and close the socket; a wait for it raises ClosedResourceError."""
        trio.lowlevel.notify_closing(self._socket)
        with suppress(OSError, ValueError):
            self._socket.unwrap()  # sends the alert; the client's own is not waited for
        self._socket.close()
