"""Checks of what was written: nothing lost, nothing twice, nothing moved, in the order of each producer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kafkalite_conformance.checker.analysis.facts import Anomaly, Facts
from kafkalite_conformance.checker.history import Outcome, Partition, Send


def lost_writes(facts: Facts) -> Iterator[Anomaly]:
    """Yield acknowledged records, of committed transactions or of none, that are not in the log."""
    for send in facts.history.sends:
        if facts.fate(send) is not Outcome.OK or send.value in facts.visible or not facts.would_be_seen(send):
            continue
        place, found = str(send.partition), None
        if send.offset is not None:
            place, found = f"{place}@{send.offset}", facts.committed[send.partition].values.get(send.offset)
        yield Anomaly(
            kind="lost-write",
            summary=f"{send.value} was acknowledged at {place} and is not in the log",
            evidence=(facts.describe(send), f"the log has {found or 'no record'} there"),
        )


def duplicates(facts: Facts) -> Iterator[Anomaly]:
    """Yield values that a broker has written more than once; each was sent once, by an idempotent producer.

    A producer that gives up a record takes another epoch and sends what is left again, although it may be in the log:
    librdkafka does so. Copies of different epochs are therefore the producer's, and no fault of a broker.
    """
    for value, places in facts.places.items():
        if len(places) > 1 and not are_of_different_producers(facts, places):
            where = ", ".join(f"{place[0]}@{place[1]}{_producer(facts, place)}" for place in sorted(places))
            yield Anomaly(
                kind="duplicate", summary=f"{value} is in the logs at {where}", evidence=(facts.describe_value(value),)
            )


def are_of_different_producers(facts: Facts, places: Iterable[tuple[Partition, int]]) -> bool:
    """Return whether all copies at these places are known to be of different producer ids or epochs."""
    producers = [_producer(facts, place) for place in places]
    return all(producers) and len(set(producers)) == len(producers)


def _producer(facts: Facts, place: tuple[Partition, int]) -> str:
    partition, offset = place
    log = facts.uncommitted.get(partition)
    found = None if log is None else log.producers.get(offset)
    return f" (producer {found})" if found else ""


def inconsistent_offsets(facts: Facts) -> Iterator[Anomaly]:
    """Yield offsets that had different values for different observers."""
    observed: dict[tuple[Partition, int], dict[str, str]] = defaultdict(dict)
    for partition, offset, value, observer in _observations(facts):
        observed[partition, offset].setdefault(value, observer)
    for (partition, offset), values in observed.items():
        if len(values) > 1:
            yield Anomaly(
                kind="inconsistent-offset",
                summary=f"{partition}@{offset} has the values {', '.join(values)}",
                evidence=tuple(f"{value}: {observer}" for value, observer in values.items()),
            )


def _observations(facts: Facts) -> Iterator[tuple[Partition, int, str, str]]:
    for send in facts.history.sends:
        if send.outcome is Outcome.OK and send.offset is not None:
            yield send.partition, send.offset, send.value, f"acknowledged to {send.process} (event {send.completed})"
    for poll in facts.polls:
        for partition, offset, value in poll.reads:
            yield partition, offset, value, f"read by {poll.process} (event {poll.completed})"
    for log in (*facts.committed.values(), *facts.uncommitted.values()):
        for offset, value in log.records:
            yield log.partition, offset, value, "read after the run"


def unknown_values(facts: Facts) -> Iterator[Anomaly]:
    """Yield values that no process sent."""
    seen: set[str] = set()
    for partition, offset, value, observer in _observations(facts):
        if value not in facts.sends and value not in seen:
            seen.add(value)
            yield Anomaly(
                kind="unknown-value", summary=f"{partition}@{offset} is {value}, never sent", evidence=(observer,)
            )


def nonmonotonic_sends(facts: Facts) -> Iterator[Anomaly]:
    """Yield records of one producer that a partition has in another order than they were sent in."""
    last: dict[tuple[str, int, Partition], Send] = {}
    for send in _acknowledged(facts.history.sends):
        producer = (send.process, send.session, send.partition)
        previous = last.get(producer)
        if previous is not None and (previous.offset or 0) >= (send.offset or 0):
            yield Anomaly(
                kind="nonmonotonic-send",
                summary=f"{send.value} is at {send.partition}@{send.offset}, not after {previous.offset}",
                evidence=(facts.describe(previous), facts.describe(send)),
            )
        last[producer] = send


def _acknowledged(sends: Iterable[Send]) -> Iterator[Send]:
    # In the order in which they were invoked.
    return (send for send in sends if send.outcome is Outcome.OK and send.offset is not None)
