"""`kafkalite proxy --controls`: the controls of a proxy over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from kafkalite.controls.http.endpoint import ControlsEndpoint
from kafkalite.controls.http.server import OPEN
from kafkalite.controls.proxy import ROUTES, LocalProxy, ProxyControls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafkalite.addresses import HostPort
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.http.access import ControlsAccess
    from kafkalite.proxy.proxy import Proxy


class ControlsOfProxy(ControlsEndpoint):
    """Where the controls of a proxy are served."""

    def __init__(
        self,
        address: HostPort,
        access: ControlsAccess = OPEN,
        faults: Sequence[Fault] = (),
        reload: Callable[[], None] | None = None,
    ) -> None:
        """Listen at an address; ``reload`` reads the proxy's file again. Raises StartError."""
        super().__init__(address, access, faults)
        self._reload = reload

    async def serve(self, proxy: Proxy, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the controls of an open proxy until cancelled."""
        await self.serve_controls(ProxyControls(None, LocalProxy(proxy, self._reload)), ROUTES, task_status)
