"""What is served over HTTP beside a broker or a proxy, and where."""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING

import trio

from kafkalite.addresses import HostPort
from kafkalite.controls.http.server import OPEN, Server
from kafkalite.server.listener import open_socket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from kafkalite.controls.controls import Controls
    from kafkalite.controls.definition import Routes
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.http.access import ControlsAccess
    from kafkalite.controls.http.server import HttpServer
    from kafkalite.controls.proxy import ProxyControls

log = getLogger("kafkalite.controls")


class Endpoint:
    """A socket that listens from the start, so that its port is known; it is closed at the end of a block."""

    def __init__(self, address: HostPort, scheme: str = "http") -> None:
        """Listen at an address. Raises StartError."""
        self._listening = open_socket(address.host, address.port)
        self.host = address.host
        """The host that it was told to listen on."""
        self.address = HostPort(*self._listening.getsockname()[:2])
        self.url = f"{scheme}://{self.address}"
        """Its URL, without a path."""

    async def serve_by(self, server: HttpServer, task_status: trio.TaskStatus[None]) -> None:
        """Serve connections until cancelled; started when it does."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._listening))
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, server.serve, [listener])
            task_status.started()

    def __enter__(self) -> Self:
        """Return the endpoint."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._listening.close()


class ControlsEndpoint(Endpoint):
    """Where controls are served, with the faults that are injected before the first client."""

    def __init__(self, address: HostPort, access: ControlsAccess = OPEN, faults: Sequence[Fault] = ()) -> None:
        super().__init__(address, access.scheme)
        self._access = access
        self._faults = faults

    async def serve_controls(
        self, controls: Controls | ProxyControls, routes: Routes, task_status: trio.TaskStatus[None]
    ) -> None:
        """Inject the faults, log each that fires, and serve until cancelled."""
        controls.faults.listen(lambda fired: log.info("%s", fired))
        for fault in self._faults:
            controls.faults.inject_now(fault)
        await self.serve_by(Server(controls, routes, self.host, self._access), task_status)
