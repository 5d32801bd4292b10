"""`kafkalite serve --controls`: a broker on a clock that can be steered, and its handle over HTTP beside it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite import broker as programs
from kafkalite.clock import SteerableClock
from kafkalite.config.address import HostPort
from kafkalite.server.listener import open_socket
from kafkalite.testing import Handle
from kafkalite.testing.in_process.backend import LocalBackend
from kafkalite.testing.in_process.portal import Portal
from kafkalite.testing.model.errors import BrokerFailed, NotInTime, NotPossible, NotThere
from kafkalite.testing.model.wait import ASKER
from kafkalite.web.answers import Answer, Refused, failure
from kafkalite.web.connection import Asked, Connection
from kafkalite.web.guard import check_content_type, check_host
from kafkalite.web.routes.table import ROUTES
from kafkalite.web.routing import ask
from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.config import BrokerConfig
    from kafkalite.controls.faults.fault import Fault
    from kafkalite_storage.files.filesystem import FileSystem

log = getLogger("kafkalite.controls")

MOST_CONNECTIONS: Final = 64
"""Each has a thread while it is answered, because the handle is made for other threads than the broker's."""


def run(
    config: BrokerConfig,
    controls: HostPort,
    *,
    on_ready: Callable[[tuple[tuple[str, int], ...], HostPort], None],
    file_system: FileSystem | None = None,
    faults: Sequence[Fault] = (),
    attachments: Sequence[programs.Attachment] = (),
) -> None:
    """Run a broker and its controls as a program. Raises StartError when one of them cannot listen."""
    clock = SteerableClock()
    listening = open_socket(controls.host, controls.port)
    try:
        address = HostPort(*listening.getsockname()[:2])
        programs.run(
            config,
            on_ready=lambda addresses: on_ready(addresses, address),
            clock=clock,
            file_system=file_system,
            attachments=attachments,
            beside=partial(serve, clock=clock, listening=listening, own=controls.host, faults=faults),
        )
    finally:
        listening.close()


async def serve(
    broker: Broker,
    *,
    clock: SteerableClock,
    listening: socket.socket,
    own: str,
    faults: Sequence[Fault] = (),
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the controls of an open broker, which goes by ``clock``, at a socket that listens, until cancelled.

    ``own`` is the host that the socket was told to listen at; ``faults`` are injected before anybody is served.
    """
    async with trio.open_nursery() as nursery:
        portal = Portal(nursery)
        handle = Handle(LocalBackend(broker, clock, portal))
        controls = Controls(handle, own)
        try:
            await trio.to_thread.run_sync(_inject, handle, faults)
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
            await nursery.start(trio.serve_listeners, controls.serve, [listener])
            task_status.started()
            await trio.sleep_forever()
        finally:
            portal.close()


def _inject(handle: Handle, faults: Sequence[Fault]) -> None:
    handle.faults.on_fired(lambda fired: log.info("%s", fired))
    for fault in faults:
        handle.faults.inject(fault)


class Controls:
    """Answers requests of HTTP with calls of a handle; ``own`` is the host under which it is asked."""

    def __init__(self, handle: Handle, own: str) -> None:
        self._handle = handle
        self._own = own
        self._threads = trio.CapacityLimiter(MOST_CONNECTIONS)
        self._connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if self._connections >= MOST_CONNECTIONS:
            log.warning("refusing a client of the controls: %d are connected", self._connections)
            await stream.aclose()
            return
        self._connections += 1
        try:
            await Connection(stream, self.answer).serve()
        finally:
            self._connections -= 1

    async def answer(self, asked: Asked) -> Answer:
        """Answer a request. Raises Refused."""
        check_host(asked.host, self._own)
        check_content_type(asked.method, asked.content_type)
        ASKER.set(asked.asker)  # the thread's, too
        try:
            return await trio.to_thread.run_sync(self._call, asked, limiter=self._threads, abandon_on_cancel=True)
        except trio.Cancelled:
            asked.asker.go()
            raise

    def _call(self, asked: Asked) -> Answer:
        try:
            return Answer(body=ask(ROUTES, self._handle, asked.method, asked.target, asked.body))
        except Refused as refused:
            return refused.answer
        except (NotInTime, BrokerFailed, NotThere, NotPossible, StorageError) as error:
            return failure(error)
        except Exception:
            log.exception("%s %s failed", asked.method, asked.target)
            return Answer(
                status=HTTPStatus.INTERNAL_SERVER_ERROR, body={"error": "a bug in kafkalite: its log tells more"}
            )
