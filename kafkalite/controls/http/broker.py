"""`kafkalite serve --controls`: a broker on a clock that can be steered, and its controls over HTTP beside it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING

import trio

from kafkalite import program
from kafkalite.addresses import HostPort
from kafkalite.clock import SteerableClock
from kafkalite.controls.controls import ROUTES, Controls
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.server import OPEN, Server, serve_on
from kafkalite.controls.local_broker import LocalBroker
from kafkalite.server.listener import open_socket

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.config import BrokerConfig
    from kafkalite.controls.faults.fault import Fault
    from kafkalite_storage.files.filesystem import FileSystem

log = getLogger("kafkalite.controls")


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
    listening = open_socket(controls.host, controls.port)
    try:
        address = HostPort(*listening.getsockname()[:2])
        program.run(
            config,
            on_ready=lambda addresses: on_ready(addresses, address),
            clock=clock,
            file_system=file_system,
            attachments=attachments,
            beside=partial(serve, clock=clock, listening=listening, host=controls.host, faults=faults, access=access),
        )
    finally:
        listening.close()


async def serve(
    broker: Broker,
    *,
    clock: SteerableClock,
    listening: socket.socket,
    host: str,
    faults: Sequence[Fault] = (),
    access: ControlsAccess = OPEN,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the controls of an open broker, which goes by ``clock``, on a listening socket, until cancelled.

    ``host`` is the host that the socket was told to listen on; ``faults`` are injected before the first connection.
    """
    controls = Controls(None, LocalBroker(broker, clock))
    controls.faults.listen(lambda fired: log.info("%s", fired))
    for fault in faults:
        controls.faults.inject_now(fault)
    await serve_on(listening, Server(controls, ROUTES, host, access), task_status)
