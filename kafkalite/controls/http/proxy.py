"""`kafkalite proxy --controls`: the controls of a proxy over HTTP."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from logging import getLogger
from typing import TYPE_CHECKING

import trio

from kafkalite.addresses import HostPort
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.server import OPEN, Server, serve_on
from kafkalite.controls.proxy import ROUTES, LocalProxy, ProxyControls
from kafkalite.server.listener import open_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from kafkalite.controls.faults.fault import Fault
    from kafkalite.proxy.proxy import Proxy

log = getLogger("kafkalite.controls")


class ControlsEndpoint:
    """Where the controls of a proxy are served: a socket that listens already, so that its port is known."""

    def __init__(
        self,
        listening: socket.socket,
        host: str,
        access: ControlsAccess,
        faults: Sequence[Fault],
        reload: Callable[[], None] | None,
    ) -> None:
        self._reload = reload
        self._listening = listening
        self._host = host
        self._access = access
        self._faults = faults
        self.address = HostPort(*listening.getsockname()[:2])

    @property
    def url(self) -> str:
        """The URL of the controls."""
        return f"{self._access.scheme}://{self.address}"

    async def serve(self, proxy: Proxy, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the controls of an open proxy until cancelled; faults are injected before its first client."""
        controls = ProxyControls(None, LocalProxy(proxy, self._reload))
        controls.faults.listen(lambda fired: log.info("%s", fired))
        for fault in self._faults:
            controls.faults.inject_now(fault)
        await serve_on(self._listening, Server(controls, ROUTES, self._host, self._access), task_status)


@contextmanager
def listening_at(
    address: HostPort,
    access: ControlsAccess = OPEN,
    *,
    faults: Sequence[Fault] = (),
    reload: Callable[[], None] | None = None,
) -> Generator[ControlsEndpoint]:
    """Listen for clients of the controls until the block ends; ``reload`` reads the proxy's file. Raises StartError."""
    with open_socket(address.host, address.port) as listening:
        yield ControlsEndpoint(listening, address.host, access, faults, reload)
