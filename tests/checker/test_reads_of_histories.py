"""The checker's search of what committed readers were given, in histories made by hand."""

import pytest

from tests.support.made_history import UNKNOWN, MadeHistory


def committed(count: int = 4) -> MadeHistory:
    """A log of records `v0`, `v1`, ... without transactions."""
    made = MadeHistory()
    made.groups(reading=["reader", "second"])
    for number in range(count):
        made.send(f"v{number}", number)
    return made


def finish(made: MadeHistory, count: int = 4) -> set[str]:
    made.final(*((number, f"v{number}") for number in range(count)))
    return made.kinds()


def test_records_in_order() -> None:
    made = committed()
    made.assign({"a-0": 0})
    made.poll((0, "v0"), (1, "v1"))
    made.poll((2, "v2"), (3, "v3"))
    assert finish(made) == set()


@pytest.mark.parametrize("start", [0, None])
def test_a_skipped_record_within_a_poll(start: int | None) -> None:
    made = committed()
    made.assign({"a-0": start})
    made.poll((0, "v0"), (2, "v2"))
    assert finish(made) == {"poll-skip"}


def test_a_skipped_record_between_polls() -> None:
    made = committed()
    made.assign({"a-0": 0})
    made.poll((0, "v0"))
    made.poll((2, "v2"))
    assert finish(made) == {"poll-skip"}
    (anomaly,) = made.search().anomalies
    assert anomaly.evidence[1].startswith("1: writer sent v1")


def test_a_skipped_record_at_the_start_of_an_assignment() -> None:
    made = committed()
    made.assign({"a-0": 1})
    made.poll((2, "v2"))
    assert finish(made) == {"poll-skip"}


def test_a_start_that_the_consumer_chose_skips_nothing() -> None:
    made = committed()
    made.assign({"a-0": None})
    made.poll((2, "v2"))
    assert finish(made) == set()


def test_offsets_of_markers_and_aborted_records_are_no_skips() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.begin(1)
    made.send("gone", 1, txn=1)
    made.end("abort", 1)
    made.send("two", 3)
    made.assign({"a-0": 0})
    made.poll((0, "one"), (3, "two"))
    made.final((0, "one"), (3, "two"), aborted=[(1, "gone")])
    assert made.kinds() == set()


def test_a_poll_that_goes_back() -> None:
    made = committed()
    made.assign({"a-0": 0})
    made.poll((0, "v0"), (1, "v1"))
    made.poll((1, "v1"))
    assert finish(made) == {"nonmonotonic-poll"}


def test_a_poll_below_the_position_of_the_assignment() -> None:
    made = committed()
    made.assign({"a-0": 2})
    made.poll((1, "v1"))
    assert finish(made) == {"nonmonotonic-poll"}


def test_a_new_assignment_may_go_back_and_may_skip() -> None:
    made = committed()
    made.assign({"a-0": 0})
    made.poll((0, "v0"), (1, "v1"))
    made.assign({"a-0": 0})
    made.poll((0, "v0"))
    made.revoke("a-0")
    made.assign({"a-0": 3})
    made.poll((3, "v3"))
    assert finish(made) == set()


def test_a_revoked_partition_has_no_position() -> None:
    made = committed()
    made.assign({"a-0": 0, "a-1": 0})
    made.poll((0, "v0"))
    made.revoke("a-0", "a-1")
    made.assign({"a-0": None})
    made.poll((3, "v3"))
    assert finish(made) == set()


def test_a_record_that_vanished_after_it_was_read() -> None:
    made = MadeHistory()
    made.send("one", outcome=UNKNOWN)
    made.send("two", 1)
    made.assign({"a-0": 0})
    made.poll((0, "one"))
    made.final((1, "two"))
    assert made.kinds() == {"vanished-read"}


def test_a_group_that_committed_past_what_it_was_given() -> None:
    made = committed()
    made.assign({"a-0": None})
    made.poll((0, "v0"), (1, "v1"))
    made.group_commit({"a-0": 2})
    made.revoke("a-0")
    made.assign({"a-0": None}, process="second")
    made.poll((3, "v3"), process="second")
    made.group_commit({"a-0": 4}, process="second")
    assert finish(made) == {"group-skip"}


def test_what_either_member_was_given_counts_for_the_group() -> None:
    made = committed()
    made.assign({"a-0": 0})
    made.poll((0, "v0"), (1, "v1"))
    made.group_commit({"a-0": 2}, UNKNOWN)
    made.revoke("a-0")
    made.assign({"a-0": 2}, process="second")
    made.poll((2, "v2"), (3, "v3"), process="second")
    made.final_offsets("readers", {"a-0": 4})
    assert finish(made) == set()


def test_an_unknown_commit_of_the_group_accuses_nobody() -> None:
    made = committed()
    made.group_commit({"a-0": 4}, UNKNOWN)
    made.final_offsets("readers", {"a-0": None})
    assert finish(made) == set()


def test_a_partition_that_cannot_be_read_to_its_end() -> None:
    made = MadeHistory()
    made.send("one", 0)
    made.final((0, "one"), complete=False)
    assert made.kinds() == {"unfinished-read"}
