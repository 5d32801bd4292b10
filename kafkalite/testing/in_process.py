"""A broker or a proxy on a thread of its own, with its own event loop, and the transport of controls into that loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import trio

from kafkalite.clock import MACHINE_CLOCK, SteerableClock
from kafkalite.controls.controls import Controls
from kafkalite.controls.definition import Call
from kafkalite.controls.errors import BrokerFailed, NotOnThisBroker
from kafkalite.controls.local_broker import LocalBroker
from kafkalite.server.block import ServerBlock
from kafkalite.testing.portal import BlockingPortal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.broker import Broker
    from kafkalite.controls.definition import Arguments, Control, Subject
    from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot

T = TypeVar("T")

_STOPPING: Final = 30.0


@contextmanager
def running(broker: Broker, clock: SteerableClock) -> Generator[Controls]:
    """Run a broker that goes by a clock on a thread, until the block ends; its forks end with it.

    Raises StartError, and at the end BrokerFailed if it stopped before or an exception in it was not handled.
    """

    def made(portal: BlockingPortal) -> tuple[LocalTransport, Controls]:
        local = LocalBroker(broker, clock)
        transport = LocalTransport(local, portal)
        return transport, Controls(transport, local)

    with running_server(broker, made) as (transport, controls):
        try:
            yield controls
        finally:
            transport.end_forks()


@contextmanager
def running_server(server: ServerBlock, make: Callable[[BlockingPortal], T]) -> Generator[T]:
    """Run a broker or a proxy on a thread until the block ends; ``make`` is called in its loop, and its result yielded.

    Raises StartError, and at the end BrokerFailed if it stopped before or an exception in it was not handled.
    """
    thread = _ServerThread(server, make)
    try:
        yield thread.made
    except BaseException as error:
        try:
            thread.stop()
        except BrokerFailed as failure:
            # The test has failed already, and mostly because of this.
            error.add_note(f"{failure}, because of {failure.__cause__!r}")
        raise
    thread.stop()


class PortalTransport:
    """Runs controls in the event loop of a server in this process. Safe to call from any other thread."""

    def __init__(self, bootstrap: str, portal: BlockingPortal) -> None:
        self.bootstrap = bootstrap
        self.portal = portal

    def call(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> T:
        """Run a control between two turns of the loop, or as a task of it if it is a coroutine."""
        if control.is_coroutine:
            return self.start(subject, control, arguments).result()
        try:
            result: T = self.portal.call(lambda: control.run_now(subject, arguments))
        except BrokerFailed:
            if not control.outlives_broker:
                raise
            result = control.run_now(subject, arguments)
        return result

    def start(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> Call[T]:
        """Start a control as a task of the loop."""
        return self.portal.start(lambda: control.run(subject, arguments))

    def fork(self, snapshot_of: Callable[[], DirectorySnapshot]) -> AbstractContextManager[Controls]:
        """Raise NotOnThisBroker."""
        del snapshot_of
        raise NotOnThisBroker(f"{self.bootstrap} has no snapshots")


class LocalTransport(PortalTransport):
    """Runs the controls of a broker, whose snapshots can be forked."""

    def __init__(self, local: LocalBroker, portal: BlockingPortal) -> None:
        super().__init__(local.broker.bootstrap, portal)
        self.local = local
        self._forks: set[ExitStack] = set()

    @contextmanager
    def fork(self, snapshot_of: Callable[[], DirectorySnapshot]) -> Generator[Controls]:
        """Run a broker that begins with a snapshot, until the block ends, or this broker does."""
        portal, local = self.portal, self.local
        ahead = portal.call(local.clock.wall_ms) - MACHINE_CLOCK.wall_ms()
        clock = SteerableClock()
        clock.advance(max(0, ahead) / 1000)
        with ExitStack() as stack:
            snapshot = portal.call(snapshot_of)
            fork = portal.call(lambda: local.broker.fork(snapshot, clock=clock))
            stack.callback(snapshot.filesystem.remove_directory, str(fork.config.data_dir))
            controls = stack.enter_context(running(fork, clock))
            self._forks.add(stack)
            try:
                yield controls
            finally:
                self._forks.discard(stack)

    def end_forks(self) -> None:
        """End the forks that still run: their files are in this broker's data directory."""
        while self._forks:
            self._forks.pop().close()


class _ServerThread(Generic[T]):
    """A thread that runs a broker or a proxy, from the moment that clients can connect. Raises StartError."""

    def __init__(self, server: ServerBlock, make: Callable[[BlockingPortal], T]) -> None:
        self._server = server
        self._make = make
        self._server.open()
        self._failures: list[BaseException] = []
        started: Future[tuple[BlockingPortal, T]] = Future()
        # A daemon, so that a test that hangs does not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, args=(started,), name="kafkalite", daemon=True)
        self._thread.start()
        self._portal, self.made = started.result()

    def stop(self) -> None:
        """Stop the server and wait for it. Raises BrokerFailed if it, or a request in it, had failed before."""
        if self._thread.is_alive():
            with suppress(BrokerFailed):  # it ended by itself; the reason is raised below
                self._portal.call(self._server.stop)
        self._thread.join(_STOPPING)
        if self._thread.is_alive():
            raise BrokerFailed(f"the broker did not stop within {_STOPPING:.0f} s")
        if self._failures:
            raise BrokerFailed(f"the broker failed: {self._failures[0]!r}") from self._failures[0]

    def _run(self, started: Future[tuple[BlockingPortal, T]]) -> None:
        try:
            trio.run(self._serve, started)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
            self._failures.insert(0, _single(error))
        if not started.done():
            started.set_exception(self._failures[0])

    async def _serve(self, started: Future[tuple[BlockingPortal, T]]) -> None:
        portal: BlockingPortal | None = None
        try:
            async with trio.open_nursery() as calls:
                async with trio.open_nursery() as serving:
                    await serving.start(self._server.run)
                    portal = BlockingPortal(calls)
                    self._server.crash_guard.on_crash = self._failures.append
                    started.set_result((portal, self._make(portal)))
                calls.cancel_scope.cancel()
        except BaseException as error:
            if portal is not None:
                portal.close(_single(error))
            raise
        else:
            portal.close()


def _single(error: BaseException) -> BaseException:
    """Unwrap an exception group of one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return _single(group.exceptions[0]) if len(group.exceptions) == 1 else group
