"""All checks of a history, in one call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from kafkalite_conformance.checker.analysis.facts import Anomaly, Facts
from kafkalite_conformance.checker.analysis.order import interleaved_transactions, order_cycles
from kafkalite_conformance.checker.analysis.reads import (
    aborted_reads,
    group_skips,
    poll_order,
    uncommitted_reads,
    unfinished_reads,
    vanished_reads,
)
from kafkalite_conformance.checker.analysis.transactions import copies, partial_transactions
from kafkalite_conformance.checker.analysis.writes import (
    are_of_different_producers,
    duplicates,
    inconsistent_offsets,
    lost_writes,
    nonmonotonic_sends,
    unknown_values,
)
from kafkalite_conformance.checker.history import Assigned, History, Outcome

Check = Callable[[Facts], Iterator[Anomaly]]

CHECKS: Final[tuple[Check, ...]] = (
    lost_writes,
    duplicates,
    inconsistent_offsets,
    unknown_values,
    nonmonotonic_sends,
    aborted_reads,
    uncommitted_reads,
    poll_order,
    group_skips,
    vanished_reads,
    unfinished_reads,
    partial_transactions,
    copies,
    order_cycles,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the search found."""

    anomalies: tuple[Anomaly, ...]
    counts: tuple[tuple[str, str], ...]
    """What was observed, as pairs of a name and a text, in the order of the report."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the anomalies."""
        return frozenset(anomaly.kind for anomaly in self.anomalies)


def search(history: History) -> Findings:
    """Return all anomalies of a history, and the counts of what it holds."""
    facts = Facts(history)
    return Findings(
        anomalies=tuple(anomaly for check in CHECKS for anomaly in check(facts)), counts=tuple(_counts(facts))
    )


def _counts(facts: Facts) -> Iterator[tuple[str, str]]:
    history = facts.history
    yield from history.settings.items()
    kinds = sorted({kind for kind, _ in history.operations} - {"run", "fault", "error"})
    for kind in kinds:
        outcomes = (("ok", "ok"), ("fail", "failed"), ("info", "unknown"))
        parts = [
            f"{history.operations[kind, outcome]} {name}"
            for outcome, name in outcomes
            if (kind, outcome) in history.operations
        ]
        yield kind, ", ".join(parts)
    ended = [transaction.outcome for transaction in history.transactions.values()]
    if ended:
        committed, aborted, unknown = (ended.count(outcome) for outcome in Outcome)
        yield "transactions", f"{committed} committed, {aborted} aborted, {unknown} unknown"
        yield "transactions interleaved", str(interleaved_transactions(facts))
        copied = sum(send.copied_from is not None and send.value in facts.visible for send in history.sends)
        yield "records copied", str(copied)
    yield "records polled", str(sum(len(poll.reads) for poll in facts.polls))
    yield "records in the logs", str(sum(len(log.records) for log in facts.uncommitted.values()))
    assignments = [event for events in history.readers.values() for event in events if isinstance(event, Assigned)]
    doubled = sum(len(places) > 1 and are_of_different_producers(facts, places) for places in facts.places.values())
    yield "records doubled by producers", str(doubled)
    yield "assignments", str(len(assignments))
    yield "faults", ", ".join(f"{count} {name}" for name, count in sorted(history.faults.items())) or "none"
    yield "client errors", ", ".join(f"{count} {name}" for name, count in sorted(history.errors.items())) or "none"
