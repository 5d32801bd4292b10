"""What can happen to the bytes of a stream, under the names and units of Toxiproxy.

A toxic is the description; a stage is what it does to one direction of one connection. Stages are pure: the time is a
parameter, monotonic seconds, and so is chance, numbers from 0 to 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import Enum
from math import inf
from typing import ClassVar, Final

Chance = Callable[[], float]

_MILLISECOND: Final = 1e-3
_MICROSECOND: Final = 1e-6
_BANDWIDTH_STEP: Final = 0.1
_LARGEST: Final = 1 << 53


class ToxicError(ValueError):
    """A toxic that is not possible."""


class Ending(Enum):
    """How one direction of a connection ends."""

    END_OF_STREAM = 1
    """The sender has closed its side."""
    CLOSE = 2
    """The connection is closed."""
    RESET = 3
    """The connection is reset: what has not been read is lost."""


class Stage:
    """What a toxic does to one direction of one connection; this one does nothing.

    Pieces leave at the times at which they are due, in the order in which they came.
    """

    def __init__(self) -> None:
        self.size = 0
        """Bytes that are held."""
        self._queue: deque[tuple[float, bytes]] = deque()
        self._last_due = -inf
        self._end: tuple[float, Ending] | None = None
        self._has_ended = False

    def put(self, data: bytes, now: float) -> None:
        """Take in bytes."""
        self._hold(data, now)

    def put_end(self, ending: Ending, now: float) -> None:
        """Take in the end of the stream."""
        self._end_at(now, ending)

    def take(self, now: float) -> Iterator[tuple[float, bytes]]:
        """Yield the pieces that are due, each with its time."""
        while self._queue and self._queue[0][0] <= now:
            due, data = self._queue.popleft()
            self.size -= len(data)
            yield due, data

    def flush(self) -> bytes:
        """Return all that is held, due or not, because the toxic is removed."""
        data = b"".join(data for _, data in self._queue)
        self._queue.clear()
        self.size = 0
        return data

    def take_end(self, now: float) -> tuple[float, Ending] | None:
        """Return how the stream ends here and when, once: when all pieces have left and it is due."""
        if self._has_ended or self._end is None or self._queue or self._end[0] > now:
            return None
        self._has_ended = True
        return self._end

    def pending_end(self) -> Ending | None:
        """Return how the stream ends here, due or not, unless it has ended."""
        return None if self._end is None or self._has_ended else self._end[1]

    def next_due(self) -> float:
        """Return when something is due next, infinite if nothing is."""
        if self._queue:
            return self._queue[0][0]
        return inf if self._end is None or self._has_ended else self._end[0]

    def _hold(self, data: bytes, due: float) -> None:
        if self._end is not None:
            return
        self._last_due = max(self._last_due, due)
        self._queue.append((self._last_due, data))
        self.size += len(data)

    def _end_at(self, due: float, ending: Ending) -> None:
        if self._end is None:
            self._end = (max(self._last_due, due), ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic(ABC):
    """What happens to a stream. Attributes are integers, 0 where they are left out. Raises ToxicError."""

    type: ClassVar[str]
    ends_when_removed: ClassVar[bool] = False
    """Whether the connections are closed when the toxic is removed, because bytes of theirs were lost."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
                raise ToxicError(f"{each.name} must be an integer of at least 0, and is {value!r}")

    def attributes(self) -> dict[str, int]:
        """Return the attributes by their names."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @abstractmethod
    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Toxic):
    """Bytes arrive later: ``latency`` milliseconds, more or less ``jitter``."""

    type = "latency"
    latency: int = 0
    jitter: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del now
        return _Latency(self, chance)


class _Latency(Stage):
    def __init__(self, toxic: Latency, chance: Chance) -> None:
        super().__init__()
        self._toxic = toxic
        self._chance = chance

    def put(self, data: bytes, now: float) -> None:
        delay = self._toxic.latency + (2 * self._chance() - 1) * self._toxic.jitter
        self._hold(data, now + max(0.0, delay) * _MILLISECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Toxic):
    """At most ``rate`` kilobytes (of 1,000 bytes) pass in a second; 0 for no limit."""

    type = "bandwidth"
    rate: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del chance
        return _Bandwidth(self.rate * 1000, now) if self.rate else Stage()


class _Bandwidth(Stage):
    def __init__(self, rate: int, now: float) -> None:
        super().__init__()
        self._rate = rate
        self._step = max(1, int(rate * _BANDWIDTH_STEP))
        self._free = now

    def put(self, data: bytes, now: float) -> None:
        self._free = max(self._free, now)
        for start in range(0, len(data), self._step):
            piece = data[start : start + self._step]
            self._free += len(piece) / self._rate
            self._hold(piece, self._free)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer(Toxic):
    """Bytes arrive in slices of about ``average_size``, more or less ``size_variation``, ``delay`` µs apart."""

    type = "slicer"
    average_size: int = 0
    size_variation: int = 0
    delay: int = 0

    def __post_init__(self) -> None:
        # Not super(): a dataclass with slots is another class than the one that the compiler knows here.
        Toxic.__post_init__(self)
        if not self.size_variation < max(1, self.average_size):
            raise ToxicError("size_variation must be less than average_size")

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        return _Slicer(self, chance, now)


class _Slicer(Stage):
    def __init__(self, toxic: Slicer, chance: Chance, now: float) -> None:
        super().__init__()
        self._toxic = toxic
        self._chance = chance
        self._free = now

    def put(self, data: bytes, now: float) -> None:
        self._free = max(self._free, now)
        start = 0
        while start < len(data):
            end = start + self._slice()
            self._hold(data[start:end], self._free)
            self._free += self._toxic.delay * _MICROSECOND
            start = end

    def _slice(self) -> int:
        varied = round((2 * self._chance() - 1) * self._toxic.size_variation)
        return max(1, self._toxic.average_size + varied)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData(Toxic):
    """The connection is closed when ``bytes`` bytes have passed."""

    type = "limit_data"
    bytes: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del chance, now
        return _LimitData(self.bytes)


class _LimitData(Stage):
    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    def put(self, data: bytes, now: float) -> None:
        passed = data[: self._left]
        self._left -= len(passed)
        if passed:
            self._hold(passed, now)
        if not self._left:
            self._end_at(now, Ending.CLOSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout(Toxic):
    """No byte passes, and the connection is closed after ``timeout`` milliseconds; 0 for never."""

    type = "timeout"
    ends_when_removed = True
    timeout: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del chance
        return _Timeout(now + self.timeout * _MILLISECOND if self.timeout else inf)


class _Timeout(Stage):
    def __init__(self, due: float) -> None:
        super().__init__()
        if due < inf:
            self._end_at(due, Ending.CLOSE)

    def put(self, data: bytes, now: float) -> None:
        """Lose them."""

    def put_end(self, ending: Ending, now: float) -> None:
        self._end = (now, ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer(Toxic):
    """The first bytes are lost, and the connection is reset ``timeout`` milliseconds after them."""

    type = "reset_peer"
    timeout: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del chance, now
        return _ResetPeer(self.timeout * _MILLISECOND)


class _ResetPeer(Stage):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def put(self, data: bytes, now: float) -> None:
        del data
        self._end_at(now + self._seconds, Ending.RESET)

    def put_end(self, ending: Ending, now: float) -> None:
        del ending
        self._end_at(now + self._seconds, Ending.RESET)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose(Toxic):
    """The end of the stream arrives ``delay`` milliseconds later."""

    type = "slow_close"
    delay: int = 0

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection."""
        del chance, now
        return _SlowClose(self.delay * _MILLISECOND)


class _SlowClose(Stage):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def put_end(self, ending: Ending, now: float) -> None:
        self._end_at(now + self._seconds, ending)


TOXICS: Final[dict[str, type[Toxic]]] = {
    kind.type: kind for kind in (Latency, Bandwidth, Slicer, LimitData, Timeout, ResetPeer, SlowClose)
}
"""All toxics by their types."""
