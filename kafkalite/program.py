"""Run a broker or a proxy as a program: until a signal stops it, with what is attached to it and runs beside it."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import trio

from kafkalite.clock import MACHINE_CLOCK
from kafkalite.server.block import ServerBlock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.broker import Broker
    from kafkalite.clock import Clock
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.files.filesystem import FileSystem

Attachment = Callable[["Broker"], "AbstractContextManager[object]"]
"""Adds something to a broker that is open, for as long as its block lasts."""

_FULL_COLLECTION_AFTER: Final = 1000
"""Collections of the middle generation between two full ones."""

ServerType = TypeVar("ServerType", bound=ServerBlock)
BesideType = TypeVar("BesideType", bound=ServerBlock, contravariant=True)


class Beside(Protocol[BesideType]):
    """A task beside the server of a program, from before the first client is served until the server has ended."""

    async def __call__(self, server: BesideType, /, *, task_status: trio.TaskStatus[None]) -> None:
        """Run until cancelled; the server is open, and serves its first client after ``task_status.started()``."""
        ...


def run(
    config: BrokerConfig,
    *,
    on_ready: Callable[[tuple[tuple[str, int], ...]], None],
    clock: Clock = MACHINE_CLOCK,
    file_system: FileSystem | None = None,
    attachments: Sequence[Attachment] = (),
    beside: Beside[Broker] | None = None,
) -> None:
    """Run a broker as a program until SIGINT or SIGTERM. Raises StartError when it cannot start.

    ``attachments`` are entered when the broker is open, before the first client, and left when it has ended.
    """
    from kafkalite.broker import Broker

    run_server(Broker(config, clock=clock, file_system=file_system), on_ready, attachments, beside)


def run_server(
    server: ServerType,
    on_ready: Callable[[tuple[tuple[str, int], ...]], None],
    attachments: Sequence[Callable[[ServerType], AbstractContextManager[object]]] = (),
    beside: Beside[ServerType] | None = None,
) -> None:
    """Run a broker or a proxy as a program, as :func:`run` does. Raises StartError when it cannot start."""
    _allow_many_files()
    trio.run(_run, server, on_ready, attachments, beside)


def tune_garbage_collection() -> None:
    """Keep Python's search for reference cycles from holding the event loop.

    What a start makes stays until the end, and is not looked at again. Messages form no cycles, so nearly all garbage
    is freed without a search, and what is not is usually found young. A search of everything takes 100 ms in a process
    that knows 10,000 partitions; it becomes a hundred times rarer than by default, where a single large request starts
    several.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_COLLECTION_AFTER)


def _allow_many_files() -> None:
    # Connections and segments need more than the usual 1,024.
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has a limit of its own below an unlimited hard one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(
    server: ServerType,
    on_ready: Callable[[tuple[tuple[str, int], ...]], None],
    attachments: Sequence[Callable[[ServerType], AbstractContextManager[object]]],
    beside: Beside[ServerType] | None,
) -> None:
    server.open()
    tune_garbage_collection()
    with ExitStack() as stack:
        for attach in attachments:
            stack.enter_context(attach(server))
        async with trio.open_nursery() as nursery:
            await nursery.start(_stop_on_signal, server, nursery.cancel_scope)
            if beside is not None:
                await nursery.start(beside, server)
            async with trio.open_nursery() as running:
                on_ready(await running.start(server.run))
            nursery.cancel_scope.cancel()


async def _stop_on_signal(
    server: ServerBlock, scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            server.stop()
            break
        async for _ in signals:  # a second signal does not wait for clients
            scope.cancel()
