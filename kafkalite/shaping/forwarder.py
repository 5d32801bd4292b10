"""Forwards the bytes of any protocol from a port to an address, through a link."""

from __future__ import annotations

import socket
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.addresses import HostPort
from kafkalite.server.listener import open_socket
from kafkalite.shaping.link import Link

if TYPE_CHECKING:
    from kafkalite.shaping.link import Shaping

log = getLogger("kafkalite.shaping")

_CONNECTING: Final = 10.0
_PAUSE: Final = 0.1


class Forwarder:
    """Listens, connects each client to an address, and moves bytes between the two. Can be stopped and started."""

    def __init__(self, listen: HostPort, upstream: HostPort, shaping: Shaping, nursery: trio.Nursery) -> None:
        """Do nothing yet; ``nursery`` runs what serves connections."""
        self.listen = listen
        self.upstream = upstream
        self._shaping = shaping
        self._nursery = nursery
        self._listening: socket.socket | None = None
        self._scope = trio.CancelScope()

    @property
    def is_started(self) -> bool:
        """Whether clients can connect."""
        return self._listening is not None

    def start(self) -> None:
        """Listen; a port that was free to choose is the same from then on. Raises StartError."""
        self._listening = open_socket(self.listen.host, self.listen.port)
        self.listen = HostPort(*self._listening.getsockname()[:2])
        self._scope = trio.CancelScope()
        self._nursery.start_soon(self._accept, self._listening, self._scope)

    def stop(self) -> None:
        """Stop listening, and close all connections."""
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        self._scope.cancel()
        trio.lowlevel.notify_closing(listening)
        listening.close()
        self._shaping.cut_off()

    async def _accept(self, listening: socket.socket, scope: trio.CancelScope) -> None:
        with listening, scope:
            while True:
                await trio.lowlevel.wait_readable(listening)
                try:
                    client, _ = listening.accept()
                except (BlockingIOError, ConnectionError):
                    continue
                except OSError as error:  # out of file descriptors: this passes
                    log.error("cannot accept clients at %s: %s", self.listen, error.strerror)
                    await trio.sleep(_PAUSE)
                    continue
                self._nursery.start_soon(partial(self._serve, client, scope))

    async def _serve(self, client: socket.socket, accepting: trio.CancelScope) -> None:
        server = None
        try:
            with trio.fail_after(_CONNECTING):
                stream = await trio.open_tcp_stream(self.upstream.host, self.upstream.port)
            server = socket.socket(fileno=stream.socket.detach())
        except (OSError, trio.TooSlowError) as error:
            log.warning("cannot connect to %s: %s", self.upstream, error or "no answer")
        finally:
            if server is None:
                client.close()
        if server is None:
            return
        if accepting.cancel_called:
            client.close()
            server.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await Link(client, server, self._shaping).run()
