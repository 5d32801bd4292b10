"""Histories of the checker, made by hand: a few lines that read as a story."""

import io
from collections.abc import Mapping, Sequence

from kafkalite_conformance.checker.analysis.search import Findings, search
from kafkalite_conformance.checker.history import History, Outcome
from kafkalite_conformance.checker.reading import read_history
from kafkalite_conformance.checker.recorder import Recorder
from kafkalite_conformance.drivers.events import Sendable

OK, FAIL, UNKNOWN = Outcome.OK, Outcome.FAIL, Outcome.UNKNOWN


class MadeHistory:
    """Writes events through the real recorder; partitions are texts such as `a-0`."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.recorder = Recorder(self.file)

    def groups(self, *, copying: Sequence[str] = (), reading: Sequence[str] = ()) -> None:
        rows: list[Sendable] = [
            {"name": "copiers", "topics": ["a"], "members": list(copying), "copying": True},
            {"name": "readers", "topics": ["a"], "members": list(reading), "copying": False},
        ]
        self.recorder.note("run", "run", settings={"seed": "0"}, groups=rows)

    def start_send(
        self,
        value: str,
        partition: str = "a-0",
        *,
        process: str = "writer",
        session: int = 0,
        txn: int | None = None,
        source: str | None = None,
    ) -> int:
        fields = {"txn": txn, "from": source}
        return self.recorder.invoke(process, "send", session=session, partition=partition, value=value, **fields)

    def end_send(self, operation: int, offset: int | None, *, process: str = "writer", outcome: Outcome = OK) -> None:
        self.recorder.complete(process, "send", operation, outcome, offset=offset)

    def send(
        self,
        value: str,
        offset: int | None = None,
        partition: str = "a-0",
        *,
        process: str = "writer",
        session: int = 0,
        outcome: Outcome = OK,
        txn: int | None = None,
        source: str | None = None,
    ) -> None:
        operation = self.start_send(value, partition, process=process, session=session, txn=txn, source=source)
        self.end_send(operation, offset, process=process, outcome=outcome)

    def begin(self, txn: int, *, process: str = "writer") -> None:
        self.recorder.note(process, "begin", txn=txn, id=f"id of {process}")

    def end(self, kind: str, txn: int, outcome: Outcome = OK, *, process: str = "writer") -> None:
        self.recorder.complete(process, kind, self.recorder.invoke(process, kind, txn=txn), outcome)

    def offsets(self, txn: int, offsets: Mapping[str, int], *, process: str = "copier") -> None:
        operation = self.recorder.invoke(process, "offsets", txn=txn, offsets=offsets)
        self.recorder.complete(process, "offsets", operation, OK)

    def assign(self, positions: Mapping[str, int | None], *, process: str = "reader") -> None:
        self.recorder.note(process, "assign", positions=positions)

    def revoke(self, *partitions: str, process: str = "reader") -> None:
        self.recorder.note(process, "revoke", partitions=partitions)

    def poll(
        self, *reads: tuple[int, str], partition: str = "a-0", process: str = "reader", txn: int | None = None
    ) -> None:
        rows: list[Sendable] = [[partition, offset, value] for offset, value in reads]
        self.recorder.note(process, "poll", txn=txn, reads=rows)

    def group_commit(self, offsets: Mapping[str, int], outcome: Outcome = OK, *, process: str = "reader") -> None:
        operation = self.recorder.invoke(process, "group-commit", group="readers", offsets=offsets)
        self.recorder.complete(process, "group-commit", operation, outcome)

    def final_offsets(self, group: str, offsets: Mapping[str, int | None]) -> None:
        self.recorder.note("final", "final-offsets", group=group, offsets=offsets)

    def final(
        self,
        *records: tuple[int, str],
        partition: str = "a-0",
        aborted: Sequence[tuple[int, str]] = (),
        producers: Mapping[int, str] | None = None,
        complete: bool = True,
    ) -> None:
        """The log as a committed reader finds it, and with `aborted` records and `producers` as any other does."""
        for committed in (True, False):
            found = sorted(records if committed else [*records, *aborted])
            known = {} if committed or producers is None else producers
            rows: list[Sendable] = [
                [partition, offset, value, *([known[offset]] if known else [])] for offset, value in found
            ]
            self.recorder.note(
                "final", "final-read", partition=partition, committed=committed, complete=complete, records=rows
            )

    def read(self) -> History:
        return read_history(self.file.getvalue().splitlines())

    def search(self) -> Findings:
        return search(self.read())

    def kinds(self) -> set[str]:
        """The kinds of anomalies that the search finds."""
        return set(self.search().kinds)
