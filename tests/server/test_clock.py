"""The clock that can be frozen and advanced, under trio's own mock clock."""

from math import inf

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kafkalite.background.timers import TimerQueue
from kafkalite.clock import MACHINE_CLOCK, SteerableClock


class StillClock:
    """A machine whose time is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def wall_ms(self) -> int:
        return round(self.seconds * 1000) + 1_000_000

    def loop_time(self, when: float) -> float:
        return when

    def on_changed(self, call: object) -> None:
        pass


def times(clock: SteerableClock) -> tuple[float, int]:
    return clock.now(), clock.wall_ms()


def test_until_it_is_steered_the_clock_is_the_machines() -> None:
    machine = StillClock()
    clock = SteerableClock(machine)
    machine.seconds = 103.0
    assert times(clock) == (103.0, 1_103_000)


def test_a_frozen_clock_stands_still() -> None:
    machine = StillClock()
    clock = SteerableClock(machine)
    clock.freeze()
    machine.seconds = 500.0
    clock.freeze()
    assert times(clock) == (100.0, 1_100_000)
    assert clock.is_frozen


@pytest.mark.parametrize("frozen", [True, False])
def test_both_times_are_advanced_together(frozen: bool) -> None:
    clock = SteerableClock(StillClock())
    if frozen:
        clock.freeze()
    clock.advance(1.5)
    clock.advance(0.25)
    assert times(clock) == (101.75, 1_101_750)


@pytest.mark.parametrize("frozen", [True, False])
def test_many_small_steps_do_not_drive_the_two_times_apart(frozen: bool) -> None:
    clock = SteerableClock(StillClock())
    if frozen:
        clock.freeze()
    for _ in range(10_000):
        clock.advance(0.0004)
    assert times(clock) == (pytest.approx(104), 1_104_000)


def test_a_resumed_clock_runs_on_from_where_it_stood() -> None:
    machine = StillClock()
    clock = SteerableClock(machine)
    clock.freeze()
    clock.advance(7)
    machine.seconds = 400.0
    clock.resume()
    assert times(clock) == (107.0, 1_107_000)
    machine.seconds = 401.0
    clock.resume()
    assert times(clock) == (108.0, 1_108_000)
    assert not clock.is_frozen


@pytest.mark.parametrize("seconds", [-1, float("nan"), inf])
def test_time_has_no_way_back(seconds: float) -> None:
    clock = SteerableClock(StillClock())
    with pytest.raises(ValueError, match="cannot be advanced"):
        clock.advance(seconds)
    assert times(clock) == (100.0, 1_100_000)


async def test_deadlines_come_when_the_clock_is_advanced(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    clock = SteerableClock()
    deadlines = TimerQueue(clock)
    nursery.start_soon(deadlines.run)
    clock.freeze()
    seen: list[str] = []
    deadlines.call_at(clock.now() + 30, lambda: seen.append("due"))
    await trio.sleep(3600)
    assert not seen, "the broker's time stands still"
    clock.advance(29)
    await wait_all_tasks_blocked()
    assert not seen
    clock.advance(1)
    await wait_all_tasks_blocked()
    assert seen == ["due"]


async def test_a_clock_that_runs_ahead_runs_at_the_same_pace(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    clock = SteerableClock()
    deadlines = TimerQueue(clock)
    nursery.start_soon(deadlines.run)
    started = trio.current_time()
    seen: list[float] = []
    deadlines.call_at(clock.now() + 30, lambda: seen.append(trio.current_time() - started))
    clock.advance(20)
    await trio.sleep(60)
    assert seen == [pytest.approx(10)]


async def test_a_resumed_clock_keeps_its_deadlines(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    clock = SteerableClock()
    deadlines = TimerQueue(clock)
    nursery.start_soon(deadlines.run)
    started = trio.current_time()
    seen: list[float] = []
    deadlines.call_at(clock.now() + 30, lambda: seen.append(trio.current_time() - started))
    clock.freeze()
    await trio.sleep(100)
    clock.resume()
    await trio.sleep(60)
    assert seen == [pytest.approx(130)]


async def test_a_sleep_on_the_brokers_clock_ends_when_that_is_advanced(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    clock = SteerableClock()
    deadlines = TimerQueue(clock)
    nursery.start_soon(deadlines.run)
    started = trio.current_time()
    async with trio.open_nursery() as sleeping:
        sleeping.start_soon(deadlines.sleep, 600)
        await wait_all_tasks_blocked()
        clock.advance(600)
    assert trio.current_time() == started


async def test_what_is_due_next_is_no_sleep_and_nothing_that_was_cancelled(autojump_clock: MockClock) -> None:
    deadlines = TimerQueue(SteerableClock())
    async with trio.open_nursery() as sleeping:
        sleeping.start_soon(deadlines.sleep, 600)
        await wait_all_tasks_blocked()
        assert deadlines.next_due() == inf
        due = deadlines.now() + 900
        deadlines.call_at(due - 1, lambda: None).cancel()
        deadlines.call_at(due, lambda: None)
        assert deadlines.next_due() == due
        sleeping.cancel_scope.cancel()


async def test_the_machines_clock_is_trios(autojump_clock: MockClock) -> None:
    started = MACHINE_CLOCK.now()
    await trio.sleep(5)
    assert MACHINE_CLOCK.now() == started + 5
