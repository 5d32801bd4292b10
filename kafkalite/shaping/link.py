"""Moves bytes between two sockets, both ways, as toxics allow.

Where no toxic acts, bytes go from one socket to the other as they come. Each direction holds a bounded number of bytes;
then its sender is not read, so a receiver that is slow, or made slow, holds back its sender as without a link.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.shaping.stream import ShapedStream
from kafkalite.shaping.toxics import Ending

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.shaping.stream import NamedToxic
    from kafkalite.shaping.toxics import Chance

_CHUNK: Final = 32 * 1024
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Shaping:
    """The toxics of one listener, and the connections on which they act: those that exist, too."""

    def __init__(self, timers: TimerQueue, *, chance: Chance = random.random) -> None:
        """``timers`` have the clock that delays go by."""
        self.timers = timers
        self.chance = chance
        self._toxics: dict[str, NamedToxic] = {}
        self.links: set[Link] = set()

    @property
    def toxics(self) -> tuple[NamedToxic, ...]:
        """The toxics: those of upstream first, each in the order in which they were added."""
        return tuple(sorted(self._toxics.values(), key=lambda each: each.direction, reverse=True))

    def toxic(self, name: str) -> NamedToxic | None:
        """Return a toxic by its name."""
        return self._toxics.get(name)

    def add(self, toxic: NamedToxic) -> None:
        """Add a toxic: it acts on all connections from now on."""
        self._toxics[toxic.name] = toxic
        self._change(toxic, lambda stream, now: stream.add(toxic, now))

    def replace(self, toxic: NamedToxic) -> None:
        """Replace the toxic of the same name and direction."""
        self._toxics[toxic.name] = toxic
        self._change(toxic, lambda stream, now: stream.replace(toxic, now))

    def remove(self, name: str) -> None:
        """End a toxic. Raises KeyError."""
        toxic = self._toxics.pop(name)
        self._change(toxic, lambda stream, now: stream.remove(toxic, now))

    def clear(self) -> None:
        """End all toxics."""
        for name in tuple(self._toxics):
            self.remove(name)

    def cut_off(self) -> None:
        """Close all connections at once."""
        for link in tuple(self.links):
            link.close()

    def _change(self, toxic: NamedToxic, change: Callable[[ShapedStream, float], None]) -> None:
        now = self.timers.now()
        for link in self.links:
            half = link.half_of(toxic)
            change(half.stream, now)
            half.changed()


class Link:
    """A client's connection and the one that was made for it, joined."""

    def __init__(self, client: socket.socket, server: socket.socket, shaping: Shaping) -> None:
        """Own two connected sockets from now on."""
        self._sockets = (client, server)
        for each in self._sockets:
            each.setblocking(False)
        self._shaping = shaping
        self._scope = trio.CancelScope()
        self.upstream = _Half(client, server, shaping)
        self.downstream = _Half(server, client, shaping)
        now = shaping.timers.now()
        for toxic in shaping.toxics:
            self.half_of(toxic).stream.add(toxic, now)
        shaping.links.add(self)

    def half_of(self, toxic: NamedToxic) -> _Half:
        """Return the direction that a toxic is for."""
        return self.upstream if toxic.direction == "upstream" else self.downstream

    async def run(self) -> None:
        """Move bytes until both directions have ended, or the connection is closed; then close both sockets."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    for half in (self.upstream, self.downstream):
                        nursery.start_soon(half.receive)
                        nursery.start_soon(self._send, half)
        finally:
            self._shaping.links.discard(self)
            for each in self._sockets:
                trio.lowlevel.notify_closing(each)
                each.close()

    def close(self) -> None:
        """Close both sockets; what has not been sent is lost."""
        self._scope.cancel()

    async def _send(self, half: _Half) -> None:
        ending = await half.send()
        if ending is Ending.RESET:
            for each in self._sockets:
                with suppress(OSError):  # not a TCP socket
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        if ending is not Ending.END_OF_STREAM:
            self.close()


class _Half:
    """One direction: two tasks, and the stream between them."""

    def __init__(self, source: socket.socket, target: socket.socket, shaping: Shaping) -> None:
        self._source = source
        self._target = target
        self._timers = shaping.timers
        self.stream = ShapedStream(shaping.chance)
        self._is_sending = False
        self._wake_sender = trio.Event()
        self._wake_receiver = trio.Event()

    def changed(self) -> None:
        """Look at the stream again: it has got something, or other toxics."""
        self._wake_sender.set()
        self._wake_receiver.set()

    async def receive(self) -> None:
        """Receive until the stream ends or the connection breaks."""
        while True:
            while not self.stream.has_room:
                self._wake_receiver = trio.Event()
                await self._wake_receiver.wait()
            data = await self._received()
            if self.stream.is_plain and not self._is_sending and data:
                if not await self._sent(data):
                    self.stream.ending = Ending.CLOSE
                    self.changed()
                    return
                continue
            now = self._timers.now()
            if data:
                self.stream.put(data, now)
            elif data is None:
                self.stream.ending = Ending.CLOSE
            else:
                self.stream.put_end(now)
            self.changed()
            if not data:
                return

    async def _received(self) -> bytes | None:
        """Return what has arrived, nothing at the end of the stream, and None where the connection is broken."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self._source)
                return self._source.recv(_CHUNK)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                return None

    async def send(self) -> Ending:
        """Send what is due when it is due. Return how the direction has ended."""
        while True:
            self._wake_sender = trio.Event()
            self._is_sending = True
            for data in self.stream.take(self._timers.now()):
                if not await self._sent(data):
                    return Ending.CLOSE
            self._is_sending = False
            self._wake_receiver.set()
            if self.stream.ending is not None:
                break
            await self._next()
        if self.stream.ending is Ending.END_OF_STREAM:
            with suppress(OSError):  # it is broken already
                self._target.shutdown(socket.SHUT_WR)
        return self.stream.ending

    async def _next(self) -> None:
        """Wait until something is due, or has changed."""
        due = self.stream.next_due()
        timer = None if due == inf else self._timers.call_at(due, self._wake_sender.set)
        try:
            await self._wake_sender.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _sent(self, data: bytes) -> bool:
        """Send all of it. Return False where the connection is broken."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._target.send(rest) :]
            except (BlockingIOError, InterruptedError):
                await trio.lowlevel.wait_writable(self._target)
            except OSError:
                return False
        return True
