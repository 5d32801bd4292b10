"""A history that was recorded from Apache Kafka has no anomaly; each way to spoil it is found."""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kafkalite_conformance.checker.analysis.search import search
from kafkalite_conformance.checker.reading import read_history

RECORDED = Path(__file__).parent / "recorded-from-kafka-4.4.0.jsonl.gz"

Events = list[dict[str, Any]]
Mutation = Callable[[Events, random.Random], None]
MUTATIONS: dict[str, Mutation] = {}


def found_as(kind: str) -> Callable[[Mutation], Mutation]:
    """Enter a mutation that the search must find as a kind of anomaly."""

    def enter(mutation: Mutation) -> Mutation:
        MUTATIONS[f"{kind}: {mutation.__name__}"] = mutation
        return mutation

    return enter


@cache
def recorded() -> str:
    return gzip.decompress(RECORDED.read_bytes()).decode()


def events() -> Events:
    return [json.loads(line) for line in recorded().splitlines()]


def kinds_of(found: Events) -> set[str]:
    return set(search(read_history(map(json.dumps, found))).kinds)


# What the mutations choose from.


def finals(history: Events, *, committed: bool | None = None) -> Events:
    found = [event for event in history if event["f"] == "final-read" and event["type"] == "ok"]
    return [event for event in found if committed is None or event["committed"] is committed]


def final_offsets(history: Events, group: str) -> dict[str, Any]:
    (found,) = [
        event
        for event in history
        if event["f"] == "final-offsets" and event["type"] == "ok" and group in event["group"]
    ]
    return found


def invocations(history: Events) -> dict[int, dict[str, Any]]:
    return {event["op"]: event for event in history if event["type"] == "invoke"}


def outcomes(history: Events) -> dict[int, dict[str, Any]]:
    return {event["op"]: event for event in history if event["type"] != "invoke" and "op" in event}


def acknowledged(history: Events) -> Events:
    """The invocations of sends that were acknowledged and are visible."""
    ended = outcomes(history)
    visible = {row[2] for log in finals(history, committed=True) for row in log["records"]}
    return [
        event
        for operation, event in invocations(history).items()
        if event["f"] == "send" and ended[operation]["type"] == "ok" and event["value"] in visible
    ]


def fates(history: Events) -> dict[int, str]:
    """`committed`, `aborted` or `unknown` for each transaction."""
    found = {event["txn"]: "aborted" for event in history if event["f"] == "begin"}
    ended = outcomes(history)
    for operation, event in invocations(history).items():
        if event["f"] == "commit":
            found[event["txn"]] = "committed" if ended.get(operation, {}).get("type") == "ok" else "unknown"
    return found


def polls(history: Events, rows: int) -> Events:
    """Polls with at least so many records of one partition at the start."""
    return [
        event
        for event in history
        if event["f"] == "poll" and len(event["reads"]) >= rows and len({row[0] for row in event["reads"][:rows]}) == 1
    ]


def remove_value(history: Events, value: str) -> None:
    for log in finals(history):
        log["records"] = [row for row in log["records"] if row[2] != value]


# The mutations.


@found_as("lost-write")
def an_acknowledged_record_is_gone(history: Events, chance: random.Random) -> None:
    fate = fates(history)
    certain = [send for send in acknowledged(history) if send["txn"] is None or fate[send["txn"]] == "committed"]
    remove_value(history, chance.choice(certain)["value"])


@found_as("duplicate")
def a_record_is_there_twice(history: Events, chance: random.Random) -> None:
    log = chance.choice([log for log in finals(history) if log["records"]])
    name, offset, *rest = chance.choice(log["records"])
    log["records"].append([name, offset + 1_000_000, *rest])


@found_as("inconsistent-offset")
def a_reader_was_given_another_value(history: Events, chance: random.Random) -> None:
    row = chance.choice(polls(history, 1))["reads"][0]
    row[2] = chance.choice([send["value"] for send in acknowledged(history) if send["value"] != row[2]])


@found_as("unknown-value")
def a_value_from_nowhere(history: Events, chance: random.Random) -> None:
    chance.choice(chance.choice(finals(history))["records"])[2] = "stranger"


@found_as("nonmonotonic-send")
def two_acknowledgements_are_swapped(history: Events, chance: random.Random) -> None:
    ended, of_producer = outcomes(history), defaultdict[tuple[str, ...], list[int]](list)
    for send in acknowledged(history):
        of_producer[send["process"], str(send["session"]), send["partition"]].append(send["op"])
    sends = chance.choice([operations for operations in of_producer.values() if len(operations) > 1])
    at = chance.randrange(len(sends) - 1)
    first, second = ended[sends[at]], ended[sends[at + 1]]
    first["offset"], second["offset"] = second["offset"], first["offset"]


@found_as("aborted-read")
def a_committed_reader_finds_an_aborted_record(history: Events, chance: random.Random) -> None:
    aborted = {number for number, fate in fates(history).items() if fate == "aborted"}
    values = {each["value"] for each in invocations(history).values() if each["f"] == "send" and each["txn"] in aborted}
    rows = [row for log in finals(history, committed=False) for row in log["records"] if row[2] in values]
    row = chance.choice(rows)
    (log,) = [log for log in finals(history, committed=True) if log["partition"] == row[0]]
    log["records"].append(row)


@found_as("aborted-read")
def a_poll_returns_an_aborted_record(history: Events, chance: random.Random) -> None:
    aborted = {number for number, fate in fates(history).items() if fate == "aborted"}
    values = [each["value"] for each in invocations(history).values() if each["f"] == "send" and each["txn"] in aborted]
    poll = chance.choice(polls(history, 1))
    poll["reads"].append([poll["reads"][0][0], 1_000_000, chance.choice(values)])


@found_as("uncommitted-read")
def a_read_comes_before_its_commit(history: Events, chance: random.Random) -> None:
    send_of = {event["value"]: event for event in invocations(history).values() if event["f"] == "send"}
    candidates = [poll for poll in polls(history, 1) if send_of[poll["reads"][0][2]]["txn"] is not None]
    poll = chance.choice(candidates)
    number = send_of[poll["reads"][0][2]]["txn"]
    (commit,) = [
        each for each in history if each["type"] == "invoke" and each["f"] == "commit" and each["txn"] == number
    ]
    history.remove(poll)
    history.insert(history.index(commit), poll)


@found_as("nonmonotonic-poll")
def a_poll_returns_records_in_another_order(history: Events, chance: random.Random) -> None:
    reads = chance.choice(polls(history, 2))["reads"]
    reads[0], reads[1] = reads[1], reads[0]


@found_as("poll-skip")
def a_poll_leaves_a_record_out(history: Events, chance: random.Random) -> None:
    del chance.choice(polls(history, 3))["reads"][1]


@found_as("group-skip")
def a_group_goes_past_a_record(history: Events, chance: random.Random) -> None:
    offsets = final_offsets(history, "subscribers")
    below = [
        row
        for log in finals(history, committed=True)
        for row in log["records"]
        if row[1] < (offsets["offsets"].get(log["partition"]) or 0)
    ]
    victim = chance.choice(below)
    for event in history:
        if event["f"] == "poll":
            event["reads"] = [row for row in event["reads"] if row != victim]


@found_as("vanished-read")
def a_record_is_gone_that_was_read(history: Events, chance: random.Random) -> None:
    remove_value(history, chance.choice(polls(history, 1))["reads"][0][2])


@found_as("unfinished-read")
def a_partition_cannot_be_read(history: Events, chance: random.Random) -> None:
    chance.choice(finals(history))["complete"] = False


@found_as("partial-transaction")
def a_transaction_is_there_in_part(history: Events, chance: random.Random) -> None:
    of_transaction = defaultdict[int, list[str]](list)
    for send in acknowledged(history):
        if send["txn"] is not None:
            of_transaction[send["txn"]].append(send["value"])
    remove_value(history, chance.choice([values for values in of_transaction.values() if len(values) > 1])[0])


def copy_sends(history: Events) -> Events:
    return [send for send in acknowledged(history) if send["from"] is not None]


@found_as("copied-twice")
def a_record_is_copied_twice(history: Events, chance: random.Random) -> None:
    first, second = chance.sample(copy_sends(history), 2)
    first["from"] = second["from"]


@found_as("not-copied")
def a_record_is_not_copied(history: Events, chance: random.Random) -> None:
    first, second = chance.sample(copy_sends(history), 2)
    first["from"] = second["from"]


@found_as("copied-without-offset")
def a_group_has_an_older_offset(history: Events, chance: random.Random) -> None:
    offsets = final_offsets(history, "copiers")
    partition = chance.choice([name for name, offset in offsets["offsets"].items() if offset])
    offsets["offsets"][partition] = 0


@found_as("cycle")
def two_records_are_swapped_for_all(history: Events, chance: random.Random) -> None:
    """All agree on the places of an early and a late record, but one was acknowledged before the other was sent."""
    sends = [send for send in acknowledged(history) if send["process"] == "writer0"]
    early = chance.choice(sends[: len(sends) // 4])
    late = chance.choice([send for send in sends[-len(sends) // 4 :] if send["partition"] == early["partition"]])
    other = {early["value"]: late["value"], late["value"]: early["value"]}
    ended = outcomes(history)
    first, second = ended[early["op"]], ended[late["op"]]
    first["offset"], second["offset"] = second["offset"], first["offset"]
    for event in history:
        for row in (*event.get("reads", ()), *event.get("records", ())):
            row[2] = other.get(row[2], row[2])


# The tests, which need all mutations.


def test_the_recorded_history_has_no_anomaly_and_holds_every_kind_of_operation() -> None:
    findings = search(read_history(recorded().splitlines()))
    assert findings.anomalies == ()
    counts = dict(findings.counts)
    assert int(counts["records copied"]) > 50
    assert int(counts["records polled"]) > 500
    assert {"send", "commit", "abort", "offsets", "group-commit"} <= counts.keys()
    committed, aborted, _ = counts["transactions"].split(", ")
    assert int(committed.split()[0]) > 10
    assert int(aborted.split()[0]) > 5


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("name", MUTATIONS)
def test_each_mutation_is_found(name: str, seed: int) -> None:
    spoiled = events()
    MUTATIONS[name](spoiled, random.Random(seed))
    assert name.partition(":")[0] in kinds_of(spoiled)
