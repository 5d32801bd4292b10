"""What waits to be sent on a connection: buffers and pieces of files, written without copying."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterable
from typing import Final, cast

from kafkalite_storage.segment.segment import FetchSlice
from kafkalite_wire.schema import Buffer, Payload

_MOST_BUFFERS: Final = 64
_SMALL_PIECE: Final = 32 * 1024
_MSG_MORE: Final = getattr(socket, "MSG_MORE", 0)


class Outbox:
    """Bytes in the order in which they leave; a socket that takes no more leaves the rest here.

    A large piece of the log goes from its file to the socket inside the kernel. A small one is read first, so that it
    leaves in one system call with what surrounds it.
    """

    __slots__ = ("_pieces", "_sent", "_socket")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._pieces: deque[Buffer | FetchSlice] = deque()
        self._sent = 0  # bytes of the first piece that have left

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def put(self, parts: Iterable[Payload]) -> None:
        """Add the parts of one reply."""
        for part in parts:
            if isinstance(part, FetchSlice):
                self._pieces.append(part if len(part) > _SMALL_PIECE and _has_descriptor(part) else part.read())
            else:
                self._pieces.append(cast("Buffer", part))

    def clear(self) -> None:
        """Drop what has not been sent."""
        self._pieces.clear()
        self._sent = 0

    def flush(self) -> bool:
        """Send what the socket takes now; True when nothing is left.

        Raises OSError when the connection is broken.
        """
        try:
            while self._pieces:
                first = self._pieces[0]
                if isinstance(first, FetchSlice):
                    self._send_slice(first)
                else:
                    self._send_buffers(first)
        except (BlockingIOError, InterruptedError):
            return False
        return True

    def _send_buffers(self, first: Buffer) -> None:
        if len(self._pieces) == 1 and not self._sent:
            self._forget(self._socket.send(first))
            return
        buffers: list[Buffer] = []
        more = False
        for piece in self._pieces:
            if isinstance(piece, FetchSlice):
                more = True
                break
            buffers.append(piece)
            if len(buffers) == _MOST_BUFFERS:
                break
        if self._sent:
            buffers[0] = memoryview(first)[self._sent :]
        self._forget(self._socket.sendmsg(buffers, (), _MSG_MORE if more else 0))

    def _send_slice(self, piece: FetchSlice) -> None:
        assert piece.file is not None
        sent = os.sendfile(
            self._socket.fileno(), piece.file.fileno(), piece.position + self._sent, len(piece) - self._sent
        )
        if sent == 0:
            # The file is shorter than it was: the reply can no longer be what its length said.
            raise ConnectionAbortedError("a piece of the log disappeared while it was being sent")
        self._forget(sent)

    def _forget(self, sent: int) -> None:
        sent += self._sent
        while self._pieces and sent >= len(self._pieces[0]):
            sent -= len(self._pieces.popleft())
        self._sent = sent


def _has_descriptor(piece: FetchSlice) -> bool:
    try:
        return piece.file is not None and piece.file.fileno() >= 0
    except OSError:
        return False  # a log in memory
