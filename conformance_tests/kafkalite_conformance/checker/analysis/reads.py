"""Checks of what committed readers saw: only committed records, all of them, in the order of their offsets."""

from collections import defaultdict
from collections.abc import Iterator

from kafkalite_conformance.checker.analysis.facts import Anomaly, Facts, describe_transaction
from kafkalite_conformance.checker.history import Assigned, Outcome, Partition, Poll, Read, Revoked

_SHOWN = 5
"""How many of many records the evidence names."""


def aborted_reads(facts: Facts) -> Iterator[Anomaly]:
    """Yield records that were certainly aborted, or certainly not written, and were read all the same."""
    seen: set[str] = set()
    for read, observer in _committed_reads(facts):
        send = facts.sends.get(read.value)
        if send is None or read.value in seen or facts.fate(send) is not Outcome.FAIL:
            continue
        seen.add(read.value)
        yield Anomaly(
            kind="aborted-read",
            summary=f"{read.value} was read at {read.partition}@{read.offset} although it was aborted",
            evidence=(facts.describe(send), observer),
        )


def _committed_reads(facts: Facts) -> Iterator[tuple[Read, str]]:
    for poll in facts.polls:
        for read in poll.reads:
            yield read, f"read by {poll.process} (event {poll.completed})"
    for log in facts.committed.values():
        for offset, value in log.records:
            yield Read(log.partition, offset, value), "read by a committed reader after the run"


def uncommitted_reads(facts: Facts) -> Iterator[Anomaly]:
    """Yield records that were read before the commit of their transaction was invoked."""
    for poll in facts.polls:
        for read in poll.reads:
            send = facts.sends.get(read.value)
            transaction = None if send is None else facts.transaction_of(send)
            if transaction is None or transaction.committing is None or poll.completed > transaction.committing:
                continue
            whose = "its own" if poll.process == transaction.process else "another's"
            yield Anomaly(
                kind="uncommitted-read",
                summary=f"{poll.process} read {whose} {read.value} at {read.partition}@{read.offset} before its commit",
                evidence=(f"read at event {poll.completed}", describe_transaction(transaction)),
            )


def poll_order(facts: Facts) -> Iterator[Anomaly]:
    """Yield polls that went back, or left records out, while the consumer kept its assignment."""
    for events in facts.history.readers.values():
        expected: dict[Partition, int] = {}
        for event in events:
            match event:
                case Assigned():
                    for partition, position in event.positions.items():
                        expected.pop(partition, None)
                        if position is not None:
                            expected[partition] = position
                case Revoked():
                    for partition in event.partitions:
                        expected.pop(partition, None)
                case Poll():
                    yield from _polled(facts, event, expected)


def _polled(facts: Facts, poll: Poll, expected: dict[Partition, int]) -> Iterator[Anomaly]:
    for partition, offset, value in poll.reads:
        position = expected.get(partition)
        if position is not None and offset < position:
            yield Anomaly(
                kind="nonmonotonic-poll",
                summary=f"{poll.process} was given {value} at {partition}@{offset} where {position} or more is next",
                evidence=(f"event {poll.completed}", facts.describe_value(value)),
            )
        log = facts.committed.get(partition)
        if position is not None and log is not None:
            skipped = log.between(position, offset)
            if skipped:
                yield Anomaly(
                    kind="poll-skip",
                    summary=f"{poll.process} was given {partition}@{offset} after the position {position},"
                    f" without {len(skipped)} records in between",
                    evidence=(
                        f"event {poll.completed}",
                        *(f"{at}: {facts.describe_value(each)}" for at, each in skipped[:_SHOWN]),
                    ),
                )
        expected[partition] = offset + 1


def group_skips(facts: Facts) -> Iterator[Anomaly]:
    """Yield records below a group's committed offset that no member was given.

    Members commit only what they were given, and start where the group has committed.
    """
    for group in facts.history.groups.values():
        if group.is_copying:
            continue
        polled: set[tuple[Partition, int]] = set()
        for member in group.members:
            for event in facts.history.readers.get(member, ()):
                if isinstance(event, Poll):
                    polled.update((read.partition, read.offset) for read in event.reads)
        for partition, committed in _committed_offsets(facts, group.name).items():
            log = facts.committed.get(partition)
            missing = (
                [] if log is None else [row for row in log.between(0, committed) if (partition, row[0]) not in polled]
            )
            if missing:
                yield Anomaly(
                    kind="group-skip",
                    summary=f"group {group.name} has committed {partition}@{committed},"
                    f" and no member was given {len(missing)} records below it",
                    evidence=tuple(f"{offset}: {facts.describe_value(value)}" for offset, value in missing[:_SHOWN]),
                )


def _committed_offsets(facts: Facts, group: str) -> dict[Partition, int]:
    committed: dict[Partition, int] = defaultdict(int)
    for commit in facts.history.group_commits:
        if commit.group == group and commit.outcome is Outcome.OK:
            for partition, offset in commit.offsets.items():
                committed[partition] = max(committed[partition], offset)
    for partition, final in facts.history.final_offsets.get(group, {}).items():
        committed[partition] = max(committed[partition], final or 0)
    return committed


def vanished_reads(facts: Facts) -> Iterator[Anomaly]:
    """Yield records that a committed reader was given and that the log no longer has."""
    seen: set[tuple[Partition, int]] = set()
    for poll in facts.polls:
        for partition, offset, value in poll.reads:
            log = facts.committed.get(partition)
            if log is None or offset in log.values or not log.reaches(offset) or (partition, offset) in seen:
                continue
            seen.add((partition, offset))
            yield Anomaly(
                kind="vanished-read",
                summary=f"{value} was read at {partition}@{offset} and is not in the log",
                evidence=(f"read by {poll.process} (event {poll.completed})", facts.describe_value(value)),
            )


def unfinished_reads(facts: Facts) -> Iterator[Anomaly]:
    """Yield partitions that could not be read to their end although all producers had ended."""
    for log in (*facts.committed.values(), *facts.uncommitted.values()):
        if not log.is_complete:
            yield Anomaly(
                kind="unfinished-read",
                summary=f"{log.partition} could not be read to its end after the run",
                evidence=(f"{len(log.records)} records were read",),
            )
