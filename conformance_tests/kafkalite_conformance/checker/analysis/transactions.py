"""Checks of transactions: all or nothing, and each record copied once, together with its offset."""

from collections import defaultdict
from collections.abc import Iterator

from kafkalite_conformance.checker.analysis.facts import Anomaly, Facts, describe_transaction
from kafkalite_conformance.checker.history import Group, Outcome, Partition, Send


def partial_transactions(facts: Facts) -> Iterator[Anomaly]:
    """Yield transactions of which only some acknowledged records are visible.

    A missing record of a certainly committed transaction is a lost write as well.
    """
    for number, sends in facts.sends_of.items():
        transaction = facts.history.transactions[number]
        if transaction.outcome is Outcome.FAIL:
            continue
        seen = [send for send in sends if send.value in facts.visible]
        missing = [send for send in sends if send.value not in facts.visible and facts.would_be_seen(send)]
        if seen and missing:
            yield Anomaly(
                kind="partial-transaction",
                summary=f"{len(seen)} records of transaction {number} are visible and {len(missing)} are not",
                evidence=(
                    describe_transaction(transaction),
                    f"visible: {facts.describe(seen[0])}",
                    f"missing: {facts.describe(missing[0])}",
                ),
            )


def copies(facts: Facts) -> Iterator[Anomaly]:
    """Yield records that a group of copy processes copied twice, not at all, or apart from their offset."""
    for group in facts.history.groups.values():
        if group.is_copying and group.name in facts.history.final_offsets:
            yield from _copies_of(facts, group)


def _copies_of(facts: Facts, group: Group) -> Iterator[Anomaly]:
    made: dict[str, list[Send]] = defaultdict(list)
    for send in facts.history.sends:
        if send.copied_from is not None and send.process in group.members and send.value in facts.visible:
            made[send.copied_from].append(send)
    all_read = all(log.is_complete for log in facts.committed.values())
    offsets = facts.history.final_offsets[group.name]
    for partition, log in facts.committed.items():
        if partition.topic not in group.topics:
            continue
        committed = offsets.get(partition) or 0
        for offset, value in log.records:
            if len(facts.places[value]) > 1:
                continue  # its producer, or the broker, wrote it twice, so each of its copies is right
            copied = made.get(value, [])
            if len(copied) > 1:
                yield _anomaly(facts, "copied-twice", group, partition, offset, value, committed, copied)
            elif copied and offset >= committed:
                yield _anomaly(facts, "copied-without-offset", group, partition, offset, value, committed, copied)
            elif not copied and offset < committed and all_read:
                yield _anomaly(facts, "not-copied", group, partition, offset, value, committed, _attempts(facts, value))


def _attempts(facts: Facts, value: str) -> list[Send]:
    return [send for send in facts.history.sends if send.copied_from == value]


def _anomaly(
    facts: Facts,
    kind: str,
    group: Group,
    partition: Partition,
    offset: int,
    value: str,
    committed: int,
    sends: list[Send],
) -> Anomaly:
    counts = {"copied-twice": f"{len(sends)} times", "not-copied": "not at all"}
    return Anomaly(
        kind=kind,
        summary=f"{group.name} copied {value} of {partition}@{offset} {counts.get(kind, 'once')},"
        f" and its committed offset is {committed}",
        evidence=(facts.describe_value(value), *(facts.describe(send) for send in sends)),
    )
