"""The frames that arrive from a broker, each with its length, in one buffer of its own."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RequestError

if TYPE_CHECKING:
    from kafkalite.server.transport import Transport

_LENGTH: Final = struct.Struct(">i")
_BUFFER: Final = 64 * 1024


class IncomingFrames:
    """Cuts what a broker sends into frames; a large one is received into its own buffer, without being copied."""

    def __init__(self, transport: Transport, *, largest: int) -> None:
        self._transport = transport
        self._largest = largest
        self._buffer = bytearray(_BUFFER)
        self._start = self._end = 0

    async def next(self) -> bytearray | None:
        """Return the next frame, its length first, or None at the end of the stream.

        Raises OSError, and RequestError for a length that is negative or too large.
        """
        while True:
            available = self._end - self._start
            if available >= _LENGTH.size:
                size = self._size()
                if available >= size:
                    start, self._start = self._start, self._start + size
                    return self._buffer[start : self._start]
                if size > _BUFFER:
                    return await self._large(size)
            if not await self._receive():
                return None

    def _size(self) -> int:
        (length,) = _LENGTH.unpack_from(self._buffer, self._start)
        if not 0 <= length <= self._largest:
            raise RequestError(f"the cluster announces a response of {length} bytes")
        return _LENGTH.size + int(length)

    async def _receive(self) -> bool:
        if self._start:
            left = self._end - self._start
            self._buffer[:left] = self._buffer[self._start : self._end]
            self._start, self._end = 0, left
        received = await self._receive_into(memoryview(self._buffer)[self._end :])
        self._end += received
        return received > 0

    async def _large(self, size: int) -> bytearray | None:
        frame = bytearray(size)
        filled = self._end - self._start
        frame[:filled] = self._buffer[self._start : self._end]
        self._start = self._end = 0
        rest = memoryview(frame)[filled:]
        while rest:
            received = await self._receive_into(rest)
            if not received:
                return None
            rest = rest[received:]
        return frame

    async def _receive_into(self, buffer: memoryview) -> int:
        while True:
            await self._transport.wait_readable()
            try:
                return self._transport.receive_into(buffer)
            except (BlockingIOError, InterruptedError):
                continue
