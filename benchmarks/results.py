"""What a run of the benchmark found, and its JSON."""

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.row import Row, Sample
from benchmarks.rows import ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The runs of one row on one broker; `failure` says why there are none."""

    row: str
    broker: str
    samples: tuple[Sample, ...] = ()
    failure: str | None = None

    def median(self, key: str) -> float | None:
        """Return the median over the runs, or None if the row failed."""
        return statistics.median(sample[key] for sample in self.samples) if self.samples else None


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything that one run of the benchmark found. Versions and absences are by the broker's name."""

    machine: Machine
    quick: bool
    versions: dict[str, str] = field(default_factory=dict[str, str])
    absent: dict[str, str] = field(default_factory=dict[str, str])
    found: list[Found] = field(default_factory=list[Found])

    def of(self, row: str, broker: str) -> Found | None:
        """Return what was found, or None if it was not measured."""
        return next((found for found in self.found if (found.row, found.broker) == (row, broker)), None)

    def median(self, row: str, broker: str, key: str) -> float | None:
        """Return the median of one number, or None if there is none."""
        found = self.of(row, broker)
        return found.median(key) if found else None

    @property
    def rows(self) -> list[Row]:
        """The rows that were measured, in the table's order."""
        measured = {found.row for found in self.found}
        return [row for row in ROWS.values() if row.name in measured]

    @property
    def failures(self) -> list[Found]:
        """The rows that gave no number."""
        return [found for found in self.found if found.failure is not None]

    def write(self, file: Path) -> None:
        """Write every sample as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")
