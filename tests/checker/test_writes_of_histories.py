"""The checker's search for lost, doubled and moved records, in histories made by hand."""

import pytest

from tests.support.made_history import FAIL, UNKNOWN, MadeHistory


def test_a_good_history_has_no_anomaly() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", 1)
    made.final((0, "one"), (1, "two"))
    assert made.search().anomalies == ()


def test_an_empty_history_has_no_anomaly() -> None:
    assert MadeHistory().search().anomalies == ()


def test_an_acknowledged_record_that_is_gone() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", 1)
    made.final((1, "two"))
    (anomaly,) = made.search().anomalies
    assert anomaly.kind == "lost-write"
    assert "one was acknowledged at a-0@0" in anomaly.summary
    assert "writer sent one to a-0: ok at 0 (events 0 to 1)" in anomaly.evidence[0]


def test_a_record_of_unknown_outcome_may_be_there_or_not() -> None:
    made = MadeHistory()
    made.send("one", outcome=UNKNOWN)
    made.send("two", outcome=UNKNOWN)
    made.start_send("three")
    made.start_send("four")
    made.final((0, "one"), (1, "four"))
    assert made.kinds() == set()


def test_no_record_is_lost_that_an_unfinished_read_did_not_reach() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", 1)
    made.final((0, "one"), complete=False)
    assert made.kinds() == {"unfinished-read"}


def test_a_record_that_an_unfinished_read_passed_is_lost() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", 1)
    made.final((1, "two"), complete=False)
    assert "lost-write" in made.kinds()


def test_a_value_at_two_offsets() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.final((0, "one"), (1, "one"))
    assert made.kinds() == {"duplicate"}


@pytest.mark.parametrize(
    ("first", "second", "kinds"), [("5.0", "5.0", {"duplicate"}), ("5.0", "5.1", set()), ("", "", {"duplicate"})]
)
def test_a_producer_may_repeat_itself_with_another_epoch(first: str, second: str, kinds: set[str]) -> None:
    """But a broker that has lost the producer ids of batches is at fault."""
    made = MadeHistory()
    made.send("one", 1)
    made.final((0, "one"), (1, "one"), producers={0: first, 1: second})
    assert made.kinds() == kinds


def test_a_value_in_two_partitions() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.final((0, "one"))
    made.final((0, "one"), partition="a-1")
    assert made.kinds() == {"duplicate"}


def test_an_offset_with_two_values() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", outcome=UNKNOWN)
    made.assign({"a-0": 0})
    made.poll((0, "two"))
    made.final((0, "one"))
    assert "inconsistent-offset" in made.kinds()


def test_an_acknowledged_offset_where_another_record_is() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.send("two", 1)
    made.final((0, "two"), (1, "one"))
    assert "inconsistent-offset" in made.kinds()


def test_a_value_that_no_process_sent() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.final((0, "one"), (1, "stranger"))
    assert made.kinds() == {"unknown-value"}


def test_a_send_that_never_reached_the_queue_must_not_be_there() -> None:
    made = MadeHistory()
    made.send("one", outcome=FAIL)
    made.final((0, "one"))
    assert made.kinds() == {"aborted-read"}


def test_sends_of_one_producer_in_another_order() -> None:
    made = MadeHistory()
    first = made.start_send("one")
    second = made.start_send("two")
    made.end_send(first, 1)
    made.end_send(second, 0)
    made.final((0, "two"), (1, "one"))
    assert made.kinds() == {"nonmonotonic-send"}


def test_concurrent_sends_of_two_producers_have_any_order() -> None:
    made = MadeHistory()
    first = made.start_send("one")
    second = made.start_send("two", process="other")
    made.end_send(first, 1)
    made.end_send(second, 0, process="other")
    made.final((0, "two"), (1, "one"))
    assert made.kinds() == set()


def test_a_new_session_is_another_producer() -> None:
    made = MadeHistory()
    first = made.start_send("one", session=0)
    second = made.start_send("two", session=1)
    made.end_send(first, 1)
    made.end_send(second, 0)
    made.final((0, "two"), (1, "one"))
    assert made.kinds() == set()
