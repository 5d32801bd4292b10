"""What the checks need to know of a history, computed once."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from kafkalite_conformance.checker.history import FinalLog, History, Outcome, Partition, Send, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A promise that was broken, with the events that show it."""

    kind: str
    summary: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n    ".join((f"{self.kind}: {self.summary}", *self.evidence))


class Log:
    """One partition as it was read after the run."""

    def __init__(self, read: FinalLog) -> None:
        self.partition = read.partition
        self.records = read.records
        self.is_complete = read.complete
        self.invoked = read.invoked
        self._by_offset = sorted(read.records)
        self._offsets = [offset for offset, _ in self._by_offset]
        self.values = dict(read.records)
        self.producers = read.producers

    def reaches(self, offset: int) -> bool:
        """Return whether a record at an offset would have been read."""
        return self.is_complete or bool(self._offsets and offset <= self._offsets[-1])

    def between(self, start: int, end: int) -> list[tuple[int, str]]:
        """Return the records from one offset on, and before another."""
        return self._by_offset[bisect_left(self._offsets, start) : bisect_left(self._offsets, end)]


class Facts:
    """A history with its indexes."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.polls = history.polls
        self.committed = {read.partition: Log(read) for read in history.final_logs if read.committed}
        """What a committed reader finds in each partition."""
        self.uncommitted = {read.partition: Log(read) for read in history.final_logs if not read.committed}
        """All records of each partition, those of aborted transactions too."""
        self.sends = {send.value: send for send in history.sends}
        self.sends_of: dict[int, list[Send]] = defaultdict(list)
        for send in history.sends:
            if send.transaction is not None:
                self.sends_of[send.transaction].append(send)
        self.places: dict[str, set[tuple[Partition, int]]] = defaultdict(set)
        """Where each value is, in either read."""
        for log in (*self.committed.values(), *self.uncommitted.values()):
            for offset, value in log.records:
                self.places[value].add((log.partition, offset))
        self.visible: dict[str, list[tuple[Partition, int]]] = defaultdict(list)
        """Where a committed reader finds each value."""
        for log in self.committed.values():
            for offset, value in log.records:
                self.visible[value].append((log.partition, offset))

    def transaction_of(self, send: Send) -> Transaction | None:
        """Return the transaction of a send, if it has one."""
        return None if send.transaction is None else self.history.transactions[send.transaction]

    def fate(self, send: Send) -> Outcome:
        """Return whether committed readers must see a record (OK), must never see it (FAIL), or may see it."""
        transaction = self.transaction_of(send)
        if transaction is None or send.outcome is Outcome.FAIL:
            return send.outcome
        if transaction.outcome is Outcome.OK:
            return send.outcome
        return transaction.outcome

    def would_be_seen(self, send: Send) -> bool:
        """Return whether an acknowledged record would have been found by the final read, if it were there."""
        log = self.committed.get(send.partition)
        if log is None or send.outcome is not Outcome.OK:
            return False
        # An acknowledgement may have no offset, for a repetition that the broker recognized.
        return log.is_complete if send.offset is None else log.reaches(send.offset)

    def describe(self, send: Send) -> str:
        """Return a line about a send and its transaction."""
        offset = f" at {send.offset}" if send.offset is not None else ""
        line = (
            f"{send.process} sent {send.value} to {send.partition}: {send.outcome.value}{offset}"
            f" (events {send.invoked} to {_index(send.completed)})"
        )
        transaction = self.transaction_of(send)
        return line if transaction is None else f"{line}, in {describe_transaction(transaction)}"

    def describe_value(self, value: str) -> str:
        """Return a line about the send of a value."""
        send = self.sends.get(value)
        return f"{value} was never sent" if send is None else self.describe(send)


_FATES = {Outcome.OK: "committed", Outcome.FAIL: "aborted", Outcome.UNKNOWN: "of unknown outcome"}


def describe_transaction(transaction: Transaction) -> str:
    """Return a phrase about a transaction."""
    return (
        f"transaction {transaction.number} of {transaction.transactional_id}, {_FATES[transaction.outcome]}"
        f" (begun {transaction.begun}, commit {_index(transaction.committing)}, ended {_index(transaction.ended)})"
    )


def _index(index: int | None) -> str:
    return "never" if index is None else str(index)
