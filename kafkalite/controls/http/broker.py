"""`kafkalite serve --controls`: a broker on a clock that can be steered, and its controls over HTTP beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio

from kafkalite import program
from kafkalite.clock import SteerableClock
from kafkalite.controls.controls import ROUTES, Controls
from kafkalite.controls.http.endpoint import ControlsEndpoint
from kafkalite.controls.http.server import OPEN
from kafkalite.controls.local_broker import LocalBroker

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort
    from kafkalite.broker import Broker
    from kafkalite.config import BrokerConfig
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.http.access import ControlsAccess
    from kafkalite_storage.files.filesystem import FileSystem


class ControlsOfBroker(ControlsEndpoint):
    """Where the controls of a broker are served."""

    def __init__(
        self,
        address: HostPort,
        clock: SteerableClock,
        access: ControlsAccess = OPEN,
        faults: Sequence[Fault] = (),
    ) -> None:
        """Listen at an address; ``clock`` is the broker's. Raises StartError."""
        super().__init__(address, access, faults)
        self._clock = clock

    async def serve(self, broker: Broker, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the controls of an open broker until cancelled."""
        await self.serve_controls(Controls(None, LocalBroker(broker, self._clock)), ROUTES, task_status)


def run(
    config: BrokerConfig,
    controls: HostPort,
    *,
    on_ready: Callable[[tuple[tuple[str, int], ...], HostPort], None],
    file_system: FileSystem | None = None,
    faults: Sequence[Fault] = (),
    attachments: Sequence[program.Attachment] = (),
    access: ControlsAccess = OPEN,
) -> None:
    """Run a broker and its controls as a program. Raises StartError when one of them cannot listen."""
    clock = SteerableClock()
    with ControlsOfBroker(controls, clock, access, faults) as endpoint:
        program.run(
            config,
            on_ready=lambda addresses: on_ready(addresses, endpoint.address),
            clock=clock,
            file_system=file_system,
            attachments=attachments,
            beside=endpoint.serve,
        )
