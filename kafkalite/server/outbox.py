"""What waits to be sent on a connection: buffers and pieces of files, written without copying."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from kafkalite_wire.payloads import StoredPayload, is_stored

if TYPE_CHECKING:
    from kafkalite.server.transport import Transport
    from kafkalite_wire.schema import Buffer, Payload

_MOST_BUFFERS: Final = 64
_MOST_SENDS: Final = 4
_SMALL_PIECE: Final = 32 * 1024


class Outbox:
    """Bytes in the order in which they leave; what the transport does not take stays here.

    A large piece of the log goes from its file to the socket inside the kernel. A small one is read first, so that it
    leaves in one system call with what surrounds it.
    """

    __slots__ = ("_pieces", "_sent", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pieces: deque[Buffer | StoredPayload] = deque()
        self._sent = 0  # bytes of the first piece that have left

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def put(self, parts: Iterable[Payload]) -> None:
        """Add the parts of one response."""
        self._pieces.extend(cast("Iterable[Buffer | StoredPayload]", parts))

    def clear(self) -> None:
        """Drop what has not been sent."""
        self._pieces.clear()
        self._sent = 0

    def flush(self) -> bool:
        """Send what the transport takes now, with a few system calls. Return True when nothing is left.

        Raises OSError when the connection is broken.
        """
        try:
            for _ in range(_MOST_SENDS):
                if not self._pieces:
                    break
                first = self._pieces[0]
                if _is_sent_from_file(first):
                    self._send_stored(cast("StoredPayload", first))
                else:
                    self._send_buffers()
        except (BlockingIOError, InterruptedError):
            return False
        return not self._pieces

    def _send_buffers(self) -> None:
        buffers: list[Buffer] = []
        more = False
        for number in range(min(len(self._pieces), _MOST_BUFFERS)):
            piece = self._pieces[number]
            if _is_sent_from_file(piece):
                more = True
                break
            if is_stored(piece):
                piece = self._pieces[number] = _read(cast("StoredPayload", piece))
            buffers.append(cast("Buffer", piece))
        if self._sent:
            buffers[0] = memoryview(buffers[0])[self._sent :]
        self._forget(self._transport.send(buffers, more=more))

    def _send_stored(self, piece: StoredPayload) -> None:
        sent = piece.send_to(self._transport, self._sent)
        if sent == 0:
            raise _disappeared()
        self._forget(sent)

    def _forget(self, sent: int) -> None:
        sent += self._sent
        while self._pieces and sent >= len(self._pieces[0]):
            sent -= len(self._pieces.popleft())
        self._sent = sent


def _is_sent_from_file(piece: Buffer | StoredPayload) -> bool:
    return is_stored(piece) and len(piece) > _SMALL_PIECE and cast("StoredPayload", piece).has_descriptor


def _read(piece: StoredPayload) -> bytes:
    data = piece.read()
    if len(data) < len(piece):
        raise _disappeared()
    return data


def _disappeared() -> ConnectionAbortedError:
    # The file is shorter than it was: the length that the response states can no longer be kept.
    return ConnectionAbortedError("a piece of the log disappeared while it was being sent")
