"""The checker's search of transactions and copies, in histories made by hand."""

import pytest

from kafkalite_conformance.checker.history import Outcome
from tests.support.made_history import FAIL, OK, UNKNOWN, MadeHistory


def transaction(end: str | None, outcome: Outcome = OK) -> MadeHistory:
    """A transaction of two records, `one` in a-0 and `two` in a-1."""
    made = MadeHistory()
    made.begin(1)
    made.send("one", 0, txn=1)
    made.send("two", 0, "a-1", txn=1)
    if end is not None:
        made.end(end, 1, outcome)
    return made


def final(made: MadeHistory, *, one: bool, two: bool) -> set[str]:
    made.final(*([(0, "one")] if one else []))
    made.final(*([(0, "two")] if two else []), partition="a-1")
    return made.kinds()


@pytest.mark.parametrize(
    ("end", "outcome", "all_found", "none_found"),
    [
        ("commit", OK, set(), {"lost-write"}),
        ("commit", UNKNOWN, set(), set()),
        ("abort", OK, {"aborted-read"}, set()),
        ("abort", UNKNOWN, {"aborted-read"}, set()),
        (None, OK, {"aborted-read"}, set()),
    ],
)
def test_all_or_nothing(end: str | None, outcome: Outcome, all_found: set[str], none_found: set[str]) -> None:
    """Without a commit a transaction is aborted, whatever became of its abort."""
    assert final(transaction(end, outcome), one=True, two=True) == all_found
    assert final(transaction(end, outcome), one=False, two=False) == none_found


def test_a_part_of_a_transaction_of_unknown_outcome() -> None:
    assert final(transaction("commit", UNKNOWN), one=True, two=False) == {"partial-transaction"}


def test_a_part_of_a_committed_transaction() -> None:
    assert final(transaction("commit"), one=False, two=True) == {"partial-transaction", "lost-write"}


def test_an_unknown_send_of_a_transaction_may_be_missing() -> None:
    made = MadeHistory()
    made.begin(1)
    made.send("one", 0, txn=1)
    made.send("two", outcome=UNKNOWN, txn=1)
    made.end("commit", 1, UNKNOWN)
    made.final((0, "one"))
    assert made.kinds() == set()


def test_an_abort_after_a_commit_of_unknown_outcome_decides_nothing() -> None:
    made = transaction("commit", UNKNOWN)
    made.end("abort", 1)
    assert final(made, one=True, two=True) == set()


def test_a_commit_that_never_ended() -> None:
    made = transaction(None)
    made.recorder.invoke("writer", "commit", txn=1)
    assert final(made, one=True, two=True) == set()


@pytest.mark.parametrize(("process", "whose"), [("writer", "its own"), ("reader", "another's")])
def test_a_read_before_the_commit(process: str, whose: str) -> None:
    made = MadeHistory()
    made.begin(1)
    made.send("one", 0, txn=1)
    made.poll((0, "one"), process=process)
    made.end("commit", 1)
    made.final((0, "one"))
    anomalies = {anomaly.kind: anomaly for anomaly in made.search().anomalies}
    assert anomalies.keys() == {"uncommitted-read", "cycle"}
    assert whose in anomalies["uncommitted-read"].summary


def test_a_read_while_the_commit_is_under_way() -> None:
    made = transaction(None)
    commit = made.recorder.invoke("writer", "commit", txn=1)
    made.poll((0, "one"))
    made.recorder.complete("writer", "commit", commit, OK)
    assert final(made, one=True, two=True) == set()


def test_an_aborted_record_that_a_poll_returned() -> None:
    made = transaction("abort")
    made.poll((0, "one"))
    made.final(aborted=[(0, "one")])
    made.final(partition="a-1", aborted=[(0, "two")])
    assert made.kinds() == {"aborted-read", "vanished-read"}


def copied(*, first: Outcome = OK, second: Outcome | None = None, source: int = 1) -> MadeHistory:
    """A record `one` that is copied by transaction 1, and with `second` by transaction 2 as well."""
    made = MadeHistory()
    made.groups(copying=["copier"])
    made.send("one", 0)
    for number, outcome in enumerate([first, second], 1):
        if outcome is None:
            continue
        made.begin(number, process="copier")
        made.send(f"one>{number}", number, "b-0", process="copier", txn=number, source="one")
        made.offsets(number, {"a-0": 1})
        made.end("abort" if outcome is FAIL else "commit", number, outcome, process="copier")
    made.final_offsets("copiers", {"a-0": source or None})
    made.final((0, "one"))
    return made


def test_a_copy_and_its_offset() -> None:
    made = copied()
    made.final((1, "one>1"), partition="b-0")
    assert made.kinds() == set()
    assert dict(made.search().counts)["records copied"] == "1"


def test_a_copy_after_an_aborted_one() -> None:
    made = copied(first=FAIL, second=OK)
    made.final((2, "one>2"), partition="b-0", aborted=[(1, "one>1")])
    assert made.kinds() == set()


@pytest.mark.parametrize("first", [OK, UNKNOWN])
def test_a_record_copied_twice(first: Outcome) -> None:
    made = copied(first=first, second=OK)
    made.final((1, "one>1"), (2, "one>2"), partition="b-0")
    assert made.kinds() == {"copied-twice"}


def test_a_record_that_was_not_copied() -> None:
    made = copied(first=UNKNOWN)
    made.final(partition="b-0")
    assert made.kinds() == {"not-copied"}


def test_a_record_that_was_not_reached_yet() -> None:
    made = copied(first=UNKNOWN, source=0)
    made.final(partition="b-0")
    assert made.kinds() == set()


def test_a_copy_without_its_offset() -> None:
    made = copied(source=0)
    made.final((1, "one>1"), partition="b-0")
    assert made.kinds() == {"copied-without-offset"}


def test_a_record_that_its_producer_doubled_is_copied_twice() -> None:
    made = MadeHistory()
    made.groups(copying=["copier"])
    made.send("one", 1)
    made.begin(1, process="copier")
    for position in range(2):
        made.send(f"one>1.{position}", position, "b-0", process="copier", txn=1, source="one")
    made.offsets(1, {"a-0": 2})
    made.end("commit", 1, process="copier")
    made.final_offsets("copiers", {"a-0": 2})
    made.final((0, "one"), (1, "one"), producers={0: "5.0", 1: "5.1"})
    made.final((0, "one>1.0"), (1, "one>1.1"), partition="b-0")
    assert made.kinds() == set()
