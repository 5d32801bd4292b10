"""Timers that move often and pass seldom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kafkalite.coordinators.timers import Timer, Timers


def nothing(turn: object) -> None:
    del turn


def due(timers: Timers, now: float) -> list[Timer]:
    found: list[Timer] = []
    while (timer := timers.pop_due(now)) is not None:
        found.append(timer)
    return found


def test_timers_come_in_the_order_of_their_times() -> None:
    timers = Timers()
    late, early = timers.timer(nothing), timers.timer(nothing)
    late.move(2.0)
    early.move(1.0)
    assert timers.next_deadline() == 1.0
    assert due(timers, 2.0) == [early, late]
    assert timers.next_deadline() is None


def test_a_timer_that_was_moved_comes_once_at_its_last_time() -> None:
    timers = Timers()
    timer = timers.timer(nothing)
    for when in (5.0, 9.0, 3.0, 7.0):
        timer.move(when)
    assert due(timers, 6.9) == []
    assert timers.next_deadline() == 7.0
    assert due(timers, 7.0) == [timer]
    assert due(timers, 100.0) == []


def test_a_cancelled_timer_may_be_set_again() -> None:
    timers = Timers()
    timer = timers.timer(nothing)
    timer.move(1.0)
    timer.cancel()
    assert timers.next_deadline() is None
    timer.move(2.0)
    assert due(timers, 2.0) == [timer]


def test_heartbeats_do_not_make_the_heap_grow() -> None:
    timers = Timers()
    members = [timers.timer(nothing) for _ in range(10)]
    for now in range(1000):
        for member in members:
            member.move(now + 10.0)
    assert len(timers._heap) == 10


def test_cancelled_timers_are_swept_out() -> None:
    timers = Timers()
    for _ in range(10_000):
        timer = timers.timer(nothing)
        timer.move(1800.0)
        timer.cancel()
    assert len(timers._heap) < 1000


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 9), st.integers(0, 2)), max_size=60))
def test_timers_behave_as_a_simple_table_of_times_would(steps: list[tuple[int, int | None, int]]) -> None:
    timers = Timers()
    all_timers = [timers.timer(nothing) for _ in range(5)]
    table: dict[Timer, float] = {}
    now = 0.0
    for index, delay, passed in steps:
        timer = all_timers[index]
        if delay is None:
            timer.cancel()
            table.pop(timer, None)
        else:
            timer.move(now + delay)
            table[timer] = now + delay
        now += passed
        assert timers.next_deadline() == min(table.values(), default=None)
        expected = {timer for timer, when in table.items() if when <= now}
        assert set(due(timers, now)) == expected
        for timer in expected:
            del table[timer]
