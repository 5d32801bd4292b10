"""What a row of the table is: what is measured, in which unit, and what kafkalite must reach."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.brokers import PLAIN, Setup
from benchmarks.ground import Ground, Load

SMALL: Final = 100
LARGE: Final = 1024

Sample: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a row. `must` is kafkalite's target, or None where there is none, and `of_kafka` one as a ratio.

    A difference, which may be zero or less, has no ratio to Kafka's.
    """

    key: str
    label: str
    unit: str
    digits: int
    must: float | None = None
    more_is_better: bool = False
    has_ratio: bool = True
    of_kafka: float | None = None

    def shown(self, value: float) -> str:
        """Return a value as the table prints it."""
        return f"{value:,.{self.digits}f}"

    def target(self, of_kafka: float | None) -> float | None:
        """Return what kafkalite must reach, beside Kafka's value where that is known."""
        if self.of_kafka is not None and of_kafka is not None:
            return round(self.of_kafka * of_kafka, self.digits)
        return self.must

    def meets(self, value: float, target: float) -> bool:
        """Return whether a value, as printed, meets the target."""
        printed = round(value, self.digits)
        return printed >= target if self.more_is_better else printed <= target


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: `measure` makes one run. Each broker first makes `warm_ups` runs that are not counted."""

    name: str
    title: str
    measures: tuple[Measure, ...]
    measure: Callable[[Ground], Sample]
    runs: int = 5
    warm_ups: int = 1
    section: str = "broker"
    """A part of the table; it is measured and written by itself."""
    brokers: frozenset[str] | None = None
    """The kinds of brokers that it is for, None for all."""
    setup: Callable[[], Setup] = lambda: PLAIN
    """Returns what it needs of a broker."""


def rate(must: float | None = None, *, of_kafka: float | None = None) -> Measure:
    """Return the measure of a rate."""
    return Measure(key="rate", label="rate", unit="k/s", digits=0, must=must, more_is_better=True, of_kafka=of_kafka)


def cpu(must: float | None = None, *, of_kafka: float | None = None) -> Measure:
    """Return the measure of the broker's processor time."""
    return Measure(key="cpu", label="broker CPU", unit="s per million", digits=2, must=must, of_kafka=of_kafka)


def quantiles(p50: float, p99: float | None) -> tuple[Measure, ...]:
    """Return the measures of a latency."""
    return (
        Measure(key="p50_ms", label="p50", unit="ms", digits=2, must=p50),
        Measure(key="p99_ms", label="p99", unit="ms", digits=2, must=p99),
    )


def throughput(load: Load) -> Sample:
    """Return rate and processor time of a load."""
    return {"rate": load.thousands_per_second, "cpu": load.cpu_per_million}
