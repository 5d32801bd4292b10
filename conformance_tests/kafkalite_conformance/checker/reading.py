"""Reads a history: JSON lines become operations with their outcomes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, cast

from kafkalite_conformance.checker.history import (
    Assigned,
    FinalLog,
    Group,
    GroupCommit,
    GroupRead,
    History,
    Outcome,
    Partition,
    Poll,
    Read,
    Revoked,
    Send,
    Transaction,
)
from kafkalite_conformance.drivers.events import Fields, Json

_PLAIN_ROW: Final = 3
"""Partition, offset and value; the producer follows them where it is known."""


def read_history(lines: Iterable[str]) -> History:
    """Return the operations of a history. Operations that never ended have unknown outcomes.

    ValueError, KeyError or TypeError for lines that are not events.
    """
    reader = _Reader()
    for line in lines:
        reader.read(Fields(cast("dict[str, Json]", json.loads(line))))
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._history = History()
        self._pending: dict[int, tuple[int, Fields]] = {}
        """Invocations without an outcome, by number of the operation."""

    def read(self, event: Fields) -> None:
        index = self._history.length
        self._history.length += 1
        kind, of_event = event.text("f"), event.text("type")
        if of_event == "invoke":
            self._pending[event.number("op")] = (index, event)
            self._begin(index, kind, event)
            return
        number = event.optional_number("op")
        invoked, invocation = (index, event) if number is None else self._pending.pop(number)
        self._count(kind, of_event)
        self._end(kind, invoked, invocation, index, event, Outcome(of_event))

    def finish(self) -> History:
        for invoked, invocation in self._pending.values():
            kind = invocation.text("f")
            self._count(kind, "info")
            self._end(kind, invoked, invocation, None, invocation, Outcome.UNKNOWN)
        self._history.sends.sort(key=lambda send: send.invoked)
        for number, transaction in self._history.transactions.items():
            if transaction.committing is None:
                self._history.transactions[number] = replace(transaction, outcome=Outcome.FAIL)
        return self._history

    def _count(self, kind: str, outcome: str) -> None:
        key = (kind, outcome)
        self._history.operations[key] = self._history.operations.get(key, 0) + 1

    def _begin(self, index: int, kind: str, event: Fields) -> None:
        transactions = self._history.transactions
        match kind:
            case "commit":
                number = event.number("txn")
                transactions[number] = replace(transactions[number], committing=index)
            case "offsets":
                # Whatever its outcome: a commit that follows commits them, and without them there is none.
                number = event.number("txn")
                offsets = {**transactions[number].offsets, **_offsets(event, "offsets")}
                transactions[number] = replace(transactions[number], offsets=offsets)
            case _:
                pass

    def _end(
        self, kind: str, invoked: int, invocation: Fields, index: int | None, event: Fields, outcome: Outcome
    ) -> None:
        match kind:
            case "send":
                self._history.sends.append(_send(invoked, invocation, index, event, outcome))
            case "commit" | "abort":
                self._end_transaction(kind, invocation.number("txn"), index, outcome)
            case "group-commit":
                self._history.group_commits.append(
                    GroupCommit(
                        process=invocation.text("process"),
                        group=invocation.text("group"),
                        offsets=_offsets(invocation, "offsets"),
                        invoked=invoked,
                        completed=index,
                        outcome=outcome,
                    )
                )
            case _:
                if index is not None and outcome is Outcome.OK:
                    self._end_well(kind, invoked, invocation, index, event)
                elif kind == "error":
                    name = event.text("name")
                    self._history.errors[name] = self._history.errors.get(name, 0) + 1

    def _end_well(self, kind: str, invoked: int, invocation: Fields, index: int, event: Fields) -> None:
        history, process = self._history, event.text("process")
        match kind:
            case "run":
                history.settings = {name: str(value) for name, value in event.mapping("settings").items()}
                for row in event.rows("groups"):
                    history.groups[row.text("name")] = Group(
                        name=row.text("name"),
                        topics=tuple(row.texts("topics")),
                        members=tuple(row.texts("members")),
                        is_copying=row.flag("copying"),
                    )
            case "begin":
                number = event.number("txn")
                history.transactions[number] = Transaction(
                    number=number,
                    process=process,
                    transactional_id=event.text("id"),
                    begun=index,
                    committing=None,
                    ended=None,
                    outcome=Outcome.UNKNOWN,
                    offsets={},
                )
            case "poll":
                poll = Poll(
                    process=process,
                    transaction=event.optional_number("txn"),
                    completed=index,
                    reads=tuple(_reads(event.values["reads"])),
                )
                history.readers.setdefault(process, []).append(poll)
            case "assign":
                assigned = Assigned(process=process, index=index, positions=_positions(event, "positions"))
                history.readers.setdefault(process, []).append(assigned)
            case "revoke":
                partitions = frozenset(map(Partition.parse, event.texts("partitions")))
                history.readers.setdefault(process, []).append(
                    Revoked(process=process, index=index, partitions=partitions)
                )
            case "committed":
                history.group_reads.append(
                    GroupRead(
                        process=process,
                        group=invocation.text("group"),
                        offsets=_positions(event, "offsets"),
                        invoked=invoked,
                        completed=index,
                    )
                )
            case "final-offsets":
                history.final_offsets[event.text("group")] = _positions(event, "offsets")
            case "final-read":
                history.final_logs.append(
                    FinalLog(
                        partition=Partition.parse(event.text("partition")),
                        committed=event.flag("committed"),
                        records=tuple((offset, value) for _, offset, value in _reads(event.values["records"])),
                        producers=_producers(event),
                        complete=event.flag("complete"),
                        invoked=invoked,
                    )
                )
            case "fault":
                name = event.text("name")
                history.faults[name] = history.faults.get(name, 0) + 1
            case _:
                pass

    def _end_transaction(self, kind: str, number: int, index: int | None, outcome: Outcome) -> None:
        transaction = self._history.transactions[number]
        if kind == "commit":
            self._history.transactions[number] = replace(transaction, ended=index, outcome=outcome)
        elif transaction.committing is None:
            self._history.transactions[number] = replace(transaction, ended=index, outcome=Outcome.FAIL)


def _send(invoked: int, invocation: Fields, index: int | None, event: Fields, outcome: Outcome) -> Send:
    return Send(
        process=invocation.text("process"),
        session=invocation.number("session"),
        transaction=invocation.optional_number("txn"),
        partition=Partition.parse(invocation.text("partition")),
        value=invocation.text("value"),
        copied_from=invocation.optional_text("from"),
        invoked=invoked,
        completed=index,
        outcome=outcome,
        offset=event.optional_number("offset"),
    )


def _offsets(event: Fields, name: str) -> dict[Partition, int]:
    return {partition: offset for partition, offset in _positions(event, name).items() if offset is not None}


def _positions(event: Fields, name: str) -> dict[Partition, int | None]:
    values = event.values[name]
    if not isinstance(values, Mapping):
        raise TypeError(f"{name} is not an object: {values!r}")
    return {
        Partition.parse(partition): offset if isinstance(offset, int) else None for partition, offset in values.items()
    }


def _reads(rows: Json) -> Iterable[Read]:
    for partition, offset, value, *_ in cast("list[tuple[str, int, str]]", rows):
        yield Read(Partition.parse(partition), offset, value)


def _producers(event: Fields) -> dict[int, str]:
    rows = cast("list[list[Json]]", event.values["records"])
    return {cast("int", row[1]): str(row[3]) for row in rows if len(row) > _PLAIN_ROW}
