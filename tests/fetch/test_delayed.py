"""Fetches that wait for data, driven by hand."""

from kafkalite.fetch.delayed import DelayedFetches


class Answers:
    """Notes which fetches were answered."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        self.seen.append(name)


def test_a_fetch_is_answered_once_enough_bytes_have_come() -> None:
    pending, answers = DelayedFetches(), Answers()
    pending.add([("t", 0), ("t", 1)], 100, lambda: answers("a"))

    pending.appended(("t", 0), 60)
    pending.complete_ready()
    assert answers.seen == []

    pending.appended(("t", 1), 40)
    assert answers.seen == [], "a producer's own reply leaves first"
    pending.complete_ready()
    pending.complete_ready()
    assert answers.seen == ["a"]
    assert len(pending) == 0


def test_bytes_of_other_partitions_do_not_count() -> None:
    pending, answers = DelayedFetches(), Answers()
    pending.add([("t", 0)], 1, lambda: answers("a"))
    pending.appended(("t", 1), 1000)
    pending.appended(("u", 0), 1000)
    pending.complete_ready()
    assert answers.seen == []
    assert len(pending) == 1


def test_all_consumers_of_a_partition_are_woken_by_one_append() -> None:
    pending, answers = DelayedFetches(), Answers()
    for name in "abc":
        pending.add([("t", 0)], 1, lambda name=name: answers(name))
    pending.appended(("t", 0), 1)
    pending.complete_ready()
    assert sorted(answers.seen) == ["a", "b", "c"]


def test_a_removed_fetch_is_not_answered_even_if_it_was_ready() -> None:
    pending, answers = DelayedFetches(), Answers()
    fetch = pending.add([("t", 0)], 1, lambda: answers("a"))
    pending.appended(("t", 0), 1)
    pending.remove(fetch)
    pending.complete_ready()
    assert answers.seen == []


def test_a_change_of_the_topic_wakes_its_fetches_only() -> None:
    pending, answers = DelayedFetches(), Answers()
    pending.add([("t", 0)], 1, lambda: answers("t"))
    pending.add([("u", 0)], 1, lambda: answers("u"))
    pending.changed("t")
    pending.complete_ready()
    assert answers.seen == ["t"]


def test_a_fetch_added_by_an_answer_waits_for_its_own_data() -> None:
    pending, answers = DelayedFetches(), Answers()

    def again() -> None:
        answers("first")
        pending.add([("t", 0)], 1, lambda: answers("second"))

    pending.add([("t", 0)], 1, again)
    pending.wake_all()
    pending.complete_ready()
    assert answers.seen == ["first"]
    assert len(pending) == 1
