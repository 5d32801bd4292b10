"""A broker of a test's own that is seen and steered over HTTP only, as if it were in another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import trio

from kafkalite import Broker
from kafkalite.addresses import HostPort
from kafkalite.clock import SteerableClock
from kafkalite.config import load
from kafkalite.controls.defaults import DEFAULTS, text_of
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.broker import ControlsOfBroker
from kafkalite.controls.http.server import OPEN
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem


@contextmanager
def broker_elsewhere(brokers: int = 1, access: ControlsAccess = OPEN) -> Iterator[tuple[str, str]]:
    """Run a broker and its controls on a thread; gives its address and their URL."""
    ready: Future[tuple[str, str]] = Future()
    stopped = trio.Event()
    token: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        clock = SteerableClock()
        properties = {name: text_of(value) for name, value in DEFAULTS.items()}
        config = load(listen=["127.0.0.1:0"], data="/kafkalite", properties=properties, brokers=brokers)
        broker = Broker(config, clock=clock, file_system=MemoryFileSystem())
        with ControlsOfBroker(HostPort("127.0.0.1", 0), clock, access) as endpoint:
            async with broker, trio.open_nursery() as nursery:
                await nursery.start(endpoint.serve, broker)
                token.append(trio.lowlevel.current_trio_token())
                ready.set_result((broker.bootstrap, endpoint.url))
                await stopped.wait()
                nursery.cancel_scope.cancel()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, name="broker elsewhere")
    thread.start()
    try:
        yield ready.result(60)
    finally:
        if token:
            token[0].run_sync_soon(stopped.set)
        thread.join(60)
        assert not thread.is_alive(), "the broker does not end"
