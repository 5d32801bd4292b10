"""Lines of the table: a number, its peer's from the same run, their ratio, and the target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.machine import Machine

_HEADS: Final = ("", "unit", "kafkalite", "peer", "", "ratio", "target", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `met` is None where there is no target or where the peer that it needs could not run."""

    title: str
    unit: str
    ours: float | None
    peer: float | None = None
    peer_name: str = ""
    digits: int = 2
    target: str = ""
    met: bool | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        return self.ours / self.peer if self.ours is not None and self.peer else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a run found."""

    machine: Machine
    quick: bool
    versions: dict[str, str]
    lines: Sequence[Line]
    gaps: Sequence[str]

    def markdown(self) -> str:
        """Return the generated part of the page."""
        circumstances = [f"- Machine: {self.machine.described()}."]
        circumstances += [f"- {name}: {version}." for name, version in self.versions.items()]
        if self.quick:
            circumstances.append("- **A quick run: small counts. These numbers show that it works, not how fast.**")
        rows = [_row(_HEADS), _row(("---", "---", "---:", "---:", "---", "---:", "---", "---"))]
        rows += [_row(_cells(line)) for line in self.lines]
        parts = ["\n".join(circumstances), "\n".join(rows)]
        if self.gaps:
            parts.append("\n".join(["**Not measured:**", "", *(f"- {gap}." for gap in self.gaps)]))
        return "\n\n".join(parts)


def median(samples: Sequence[float]) -> float | None:
    """Return the median, or None of nothing."""
    return statistics.median(samples) if samples else None


def _cells(line: Line) -> tuple[str, ...]:
    met = {None: "", True: "yes", False: "**no**"}[line.met]
    ratio = "" if line.ratio is None else f"{line.ratio:.3f}" if line.ratio < 0.1 else f"{line.ratio:.2f}"
    unit = f"{line.unit} {'↑' if line.more_is_better else '↓'}"
    ours, peer = _number(line.ours, line.digits), _number(line.peer, line.digits)
    return (line.title, unit, ours, peer, line.peer_name, ratio, line.target, met)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
