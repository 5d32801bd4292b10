"""The registry of delayed fetches, driven by hand."""

from collections.abc import Callable

from kafkalite.fetch.delayed import DelayedFetches


def call(_: str, run: Callable[[], None], fail: Callable[[str], None]) -> None:
    try:
        run()
    except ZeroDivisionError:
        fail("a bug")


class Completed:
    """Notes which fetches were completed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str) -> Callable[[], None]:
        return lambda: self.names.append(name)


def test_a_fetch_is_completed_after_the_producers_own_response() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    delayed.add([("t", 0), ("t", 1)], completed("a"))
    delayed.partition_changed(("t", 1))
    assert completed.names == []
    delayed.complete_ready()
    delayed.complete_ready()
    assert completed.names == ["a"]
    assert len(delayed) == 0


def test_a_fetch_is_asked_about_each_changed_partition_and_no_other() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    asked: list[tuple[str, int]] = []

    def is_complete(partition: tuple[str, int]) -> bool:
        asked.append(partition)
        return len(asked) == 3

    delayed.add([("t", 0), ("t", 1), ("u", 0)], completed("a"), is_complete=is_complete)
    delayed.partition_changed(("t", 0))
    delayed.partition_changed(("t", 0))
    delayed.partition_changed(("u", 0))
    delayed.partition_changed(("v", 0))
    delayed.complete_ready()
    assert sorted(asked) == [("t", 0), ("u", 0)]
    assert completed.names == []
    assert len(delayed) == 1

    delayed.partition_changed(("t", 1))
    delayed.complete_ready()
    assert completed.names == ["a"]


def test_all_consumers_of_a_partition_are_woken_by_one_append() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    for name in "abc":
        delayed.add([("t", 0)], completed(name))
    delayed.partition_changed(("t", 0))
    delayed.complete_ready()
    assert sorted(completed.names) == ["a", "b", "c"]


def test_a_removed_fetch_is_not_completed_even_if_it_was_ready() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    fetch = delayed.add([("t", 0)], completed("a"))
    delayed.partition_changed(("t", 0))
    delayed.remove(fetch)
    delayed.remove(fetch)
    delayed.complete_ready()
    assert completed.names == []


def test_a_change_of_a_topic_wakes_its_fetches_only() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    delayed.add([("t", 0)], completed("t"))
    delayed.add([("u", 0)], completed("u"))
    delayed.topic_changed("t")
    delayed.complete_ready()
    assert completed.names == ["t"]


def test_an_operation_that_has_ended_is_not_watched_any_more() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    fetch = delayed.add((), completed("a"))
    assert delayed.watch(fetch, ("t", 0))
    delayed.remove(fetch)
    assert not delayed.watch(fetch, ("t", 1))
    delayed.partition_changed(("t", 1))
    delayed.complete_ready()
    assert completed.names == []


def test_everything_is_completed_when_the_broker_stops() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    delayed.add([("t", 0)], completed("a"), is_complete=lambda _: False)
    delayed.complete_all()
    assert completed.names == ["a"]


def test_a_fetch_that_is_added_while_others_complete_waits_for_its_own_change() -> None:
    delayed, completed = DelayedFetches(call), Completed()

    def again() -> None:
        completed("first")()
        delayed.add([("t", 0)], completed("second"))

    delayed.add([("t", 0)], again)
    delayed.partition_changed(("t", 0))
    delayed.complete_ready()
    assert completed.names == ["first"]
    assert len(delayed) == 1


def test_a_failure_ends_the_fetch_that_it_happened_in_and_no_other() -> None:
    delayed, completed = DelayedFetches(call), Completed()
    reasons: list[str] = []
    delayed.add([("t", 0)], completed("broken"), is_complete=lambda _: bool(1 // 0), fail=reasons.append)
    delayed.add([("t", 0)], completed("sound"))
    delayed.partition_changed(("t", 0))
    delayed.complete_ready()
    assert completed.names == ["sound"]
    assert reasons == ["a bug"]
    assert len(delayed) == 0
