"""A broker on a thread of its own, with its own event loop."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast

import trio

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import BrokerConfig, load
from kafkalite.testing.errors import BrokerFailed
from kafkalite.testing.handle import Handle
from kafkalite.testing.local import LocalBackend
from kafkalite.testing.portal import Portal
from kafkalite_storage.memory_filesystem import MemoryFileSystem

Value = str | int | float | bool

DEFAULTS: Final[Mapping[str, Value]] = {
    "offsets.topic.num.partitions": 1,
    # Members learn of a rebalance at once and not with their next heartbeat, so that tests need not wait for it.
    "kafkalite.group.heartbeat.hold.ms": 3000,
    "group.min.session.timeout.ms": 100,
}
"""Where brokers for tests differ from those of ``kafkalite serve``."""

_STOPPING: Final = 30.0


@contextmanager
def run(
    properties: Mapping[str, Value] | None = None,
    *,
    topics: Mapping[str, int] | None = None,
    data: str | Path | None = None,
    listen: str = "127.0.0.1:0",
) -> Generator[Handle]:
    """Run a broker beside this thread, and give a handle to look at it and to steer it.

    ``properties`` are broker properties under Kafka's names; ``topics`` are created with so many partitions each;
    ``data`` is the data directory, without which everything is kept in memory. Raises StartError and ConfigError where
    the broker cannot start, and at the end BrokerFailed if it did not live so long or failed in a request.
    """
    config = configuration(properties, data=data, listen=listen)
    clock = SteerableClock()
    broker = Broker(config, clock=clock, file_system=MemoryFileSystem() if data is None else None)
    with running(broker, clock) as handle:
        for name, partitions in (topics or {}).items():
            handle.topics.create(name, partitions)
        yield handle


@contextmanager
def running(broker: Broker, clock: SteerableClock) -> Generator[Handle]:
    """Run a broker that goes by a clock until the block ends. Raises as :func:`run` does."""
    thread = BrokerThread(broker, clock)
    try:
        yield thread.handle
    except BaseException as error:
        try:
            thread.stop()
        except BrokerFailed as failure:
            # The test has failed already, and mostly because of this.
            error.add_note(f"{failure}, because of {failure.__cause__!r}")
        raise
    thread.stop()


def configuration(
    properties: Mapping[str, Value] | None = None, *, data: str | Path | None = None, listen: str = "127.0.0.1:0"
) -> BrokerConfig:
    """Make the configuration of a broker for tests. Raises ConfigError."""
    settings = [f"{name}={text_of(value)}" for name, value in {**DEFAULTS, **(properties or {})}.items()]
    return load(listen=[listen], data="/kafkalite" if data is None else data, settings=settings)


def text_of(value: Value) -> str:
    """Write a value as in a properties file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class BrokerThread:
    """A thread that runs a broker, from the moment that clients can connect. Raises StartError."""

    def __init__(self, broker: Broker, clock: SteerableClock) -> None:
        self._clock = clock
        self._broker = broker
        self._broker.open()
        self._failures: list[BaseException] = []
        started: Future[tuple[LocalBackend, Portal]] = Future()
        # A daemon, because a test that hangs shall not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, args=(started,), name="kafkalite", daemon=True)
        self._thread.start()
        backend, self._portal = started.result()
        self.handle = Handle(backend)

    def stop(self) -> None:
        """Stop the broker and wait for it. Raises BrokerFailed if it, or a request in it, had failed before."""
        if self._thread.is_alive():
            with suppress(BrokerFailed):  # it ended by itself, and below it is told why
                self._portal.call(self._broker.stop)
        self._thread.join(_STOPPING)
        if self._thread.is_alive():
            raise BrokerFailed(f"the broker did not stop within {_STOPPING:.0f} s")
        if self._failures:
            raise BrokerFailed(f"the broker failed: {self._failures[0]!r}") from self._failures[0]

    def _run(self, started: Future[tuple[LocalBackend, Portal]]) -> None:
        try:
            trio.run(self._serve, started)
        except BaseException as error:
            self._failures.insert(0, _single(error))
        if not started.done():
            started.set_exception(self._failures[0])

    async def _serve(self, started: Future[tuple[LocalBackend, Portal]]) -> None:
        portal: Portal | None = None
        try:
            async with trio.open_nursery() as calls:
                async with trio.open_nursery() as serving:
                    await serving.start(self._broker.run)
                    portal = Portal(calls)
                    backend = LocalBackend(self._broker, self._clock, portal)
                    self._broker.unforeseen.tell = self._failures.append
                    started.set_result((backend, portal))
                calls.cancel_scope.cancel()
        except BaseException as error:
            if portal is not None:
                portal.close(_single(error))
            raise
        else:
            portal.close()


def _single(error: BaseException) -> BaseException:
    """Take what failed out of the groups of one that nurseries put around it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return _single(group.exceptions[0]) if len(group.exceptions) == 1 else group
