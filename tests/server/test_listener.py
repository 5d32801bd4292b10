"""Accepting connections, with a listening socket whose errors a test chooses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest
import trio

from kafkalite.background.timers import TimerQueue
from kafkalite.requests.crash_guard import CrashGuard
from kafkalite.requests.steps import StepQueue
from kafkalite.server.admission import Admission
from kafkalite.server.connection_errors import ConnectionErrors
from kafkalite.server.listener import Listener, open_socket


class FailingSocket(socket.socket):
    """A listening socket whose accept raises errors first."""

    errors: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise OSError(self.errors.pop(0), "chosen by a test")
        return super().accept()


def listening(*errors: int) -> FailingSocket:
    opened = open_socket("127.0.0.1", 0)
    made = FailingSocket(fileno=opened.detach())
    made.setblocking(False)
    made.errors = list(errors)
    return made


async def accept(listening: socket.socket, talk: Callable[[trio.SocketStream], Any]) -> None:
    timers = TimerQueue()
    errors = ConnectionErrors(timers)
    listener = Listener(
        listening,
        lambda connection, frame: connection.respond([b"answered"]),
        timers,
        StepQueue(CrashGuard()),
        crash_guard=CrashGuard(),
        errors=errors,
        most_bytes=1000,
        admission=Admission(timers, errors),
        max_idle=60,
    )
    with listening, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept, nursery)
            async with await trio.open_tcp_stream(*listener.address) as stream:
                await talk(stream)
            nursery.cancel_scope.cancel()


async def is_answered(stream: trio.SocketStream) -> None:
    await stream.send_all(b"\0\0\0\0")
    assert await stream.receive_some() == b"answered"


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_lack_of_files_or_memory_is_logged_and_passes(
    error: int, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    autojump_clock.autojump_threshold = 0.01
    await accept(listening(error, error), is_answered)
    assert caplog.messages == ["cannot accept clients: chosen by a test; trying again"] * 2


@pytest.mark.parametrize("error", [errno.ECONNABORTED, errno.EPERM, errno.EAGAIN, errno.ENETDOWN])
async def test_an_error_of_the_accepted_connection_is_ignored(error: int) -> None:
    await accept(listening(error), is_answered)


async def test_any_other_error_of_accept_ends_the_listener() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="chosen by a test"), flatten_subgroups=True):
        await accept(listening(errno.EINVAL), is_answered)
