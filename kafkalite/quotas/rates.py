"""The meters of quotas: a rate over the last seconds, and a bucket of tokens (KIP-13, KIP-599).

Times are whole milliseconds, as in Kafka, so that throttle times are equal to Kafka's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Window:
    """What a meter remembers: ``quota.window.num`` samples of ``quota.window.size.seconds`` each."""

    samples: int = 11
    sample_ms: int = 1000

    @property
    def length_ms(self) -> int:
        """The time after which nothing of a value is left."""
        return self.samples * self.sample_ms


class Meter(Protocol):
    """Measures what one client, user or address uses."""

    def record(self, value: float, bound: float, now_ms: int) -> None:
        """Add what was used; a negative value takes back what was recorded."""
        ...

    def throttle_ms(self, bound: float, now_ms: int) -> int:
        """Return how long to wait until the use is within the bound, if nothing else is used; 0 if it is."""
        ...

    def is_idle(self, now_ms: int) -> bool:
        """Return whether a new meter would measure the same."""
        ...


class Rate:
    """What was used per second, over the samples of the last seconds and the fraction of the present one."""

    __slots__ = ("_present", "_samples", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._samples: list[_Sample] = []  # a ring
        self._present = -1

    def record(self, value: float, bound: float, now_ms: int) -> None:
        """Add a value to the present sample. The bound does not matter."""
        del bound
        if not self._samples or now_ms - self._samples[self._present].start_ms >= self._window.sample_ms:
            self._next_sample(now_ms)
        sample = self._samples[self._present]
        sample.value += value
        sample.last_ms = now_ms

    def _next_sample(self, now_ms: int) -> None:
        # There is one more than the window has, because the oldest may have begun before the window.
        self._present = (self._present + 1) % (self._window.samples + 1)
        if self._present >= len(self._samples):
            self._samples.append(_Sample())
        self._samples[self._present].empty(now_ms)

    def measure(self, now_ms: int) -> float:
        """Return the rate per second."""
        elapsed_ms = self._elapsed_ms(now_ms)
        return sum(sample.value for sample in self._samples) / (elapsed_ms / 1000)

    def throttle_ms(self, bound: float, now_ms: int) -> int:
        """Return the time by which the window must grow for its rate to come down to the bound."""
        return _rounded((self.measure(now_ms) - bound) / bound * self._elapsed_ms(now_ms))

    def is_idle(self, now_ms: int) -> bool:
        """Return whether nothing was recorded within the window."""
        return all(now_ms - sample.last_ms >= self._window.length_ms for sample in self._samples)

    def _elapsed_ms(self, now_ms: int) -> int:
        """Return the length of the window; a new meter counts as if it had measured nothing for the rest of one."""
        window = self._window
        oldest_ms = now_ms
        for sample in self._samples:
            if now_ms - sample.last_ms >= window.length_ms:
                sample.empty(now_ms)  # and, as in Kafka, it is one that begins now
            oldest_ms = min(oldest_ms, sample.start_ms)
        elapsed = now_ms - oldest_ms
        missing = window.samples - 1 - elapsed // window.sample_ms
        return max(1, elapsed + max(0, missing) * window.sample_ms)


class _Sample:
    __slots__ = ("last_ms", "start_ms", "value")

    def empty(self, now_ms: int) -> None:
        self.start_ms = self.last_ms = now_ms
        self.value = 0.0


class TokenBucket:
    """Tokens that come back at the rate of the bound, up to those of a whole window; it is full at first."""

    __slots__ = ("_bound", "_filled_ms", "_tokens", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._tokens: float | None = None
        self._filled_ms = 0
        self._bound = 0.0

    def record(self, value: float, bound: float, now_ms: int) -> None:
        """Take tokens; the bucket may owe some afterwards."""
        self._tokens = min(self._most(bound), self.measure(bound, now_ms) - value)

    def measure(self, bound: float, now_ms: int) -> float:
        """Return the number of tokens; negative if some are owed."""
        most = self._most(bound)
        if self._tokens is not None:
            most = min(most, self._tokens + bound * (now_ms - self._filled_ms) / 1000)
        self._tokens, self._filled_ms, self._bound = most, now_ms, bound
        return most

    def throttle_ms(self, bound: float, now_ms: int) -> int:
        """Return the time until no token is owed."""
        return max(0, _rounded(-self.measure(bound, now_ms) / bound * 1000))

    def is_idle(self, now_ms: int) -> bool:
        """Return whether the bucket is full."""
        return self._tokens is None or self.measure(self._bound, now_ms) >= self._most(self._bound)

    def _most(self, bound: float) -> float:
        return self._window.length_ms / 1000 * bound


def _rounded(value: float) -> int:
    # Kafka rounds halves up, Python to the even neighbour.
    return int(value + 0.5) if value >= 0 else 0
