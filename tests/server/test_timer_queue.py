"""TimerQueue on a virtual clock."""

import socket
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from kafkalite.background.timers import Timer, TimerQueue


async def test_calls_are_made_in_the_order_in_which_they_are_due(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    deadlines = TimerQueue()
    nursery.start_soon(deadlines.run)
    seen: list[tuple[str, float]] = []
    start = trio.current_time()

    def note(name: str) -> None:
        seen.append((name, trio.current_time() - start))

    for name, delay in (("late", 30.0), ("early", 10.0), ("middle", 20.0)):
        deadlines.call_at(start + delay, partial(note, name))
    await trio.sleep(100)
    assert seen == [("early", 10.0), ("middle", 20.0), ("late", 30.0)]


async def test_an_earlier_deadline_wakes_the_sleeping_task(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    deadlines = TimerQueue()
    start = trio.current_time()
    seen: list[float] = []
    deadlines.call_at(start + 60, lambda: seen.append(trio.current_time() - start))
    nursery.start_soon(deadlines.run)
    await trio.sleep(5)
    deadlines.call_at(start + 6, lambda: seen.append(trio.current_time() - start))
    await trio.sleep(100)
    assert seen == [6.0, 60.0]


async def test_a_cancelled_call_is_not_made(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    deadlines = TimerQueue()
    nursery.start_soon(deadlines.run)
    seen: list[str] = []
    kept = deadlines.call_at(trio.current_time() + 1, lambda: seen.append("kept"))
    dropped = deadlines.call_at(trio.current_time() + 1, lambda: seen.append("dropped"))
    dropped.cancel()
    await trio.sleep(2)
    kept.cancel()  # too late, and harmless
    assert seen == ["kept"]


async def test_what_came_while_the_loop_stood_still_is_heard_before_anything_is_due(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    deadlines = TimerQueue()
    nursery.start_soon(deadlines.run)
    ended: list[int] = []
    for number in range(20):  # trio wakes tasks in an order of its own
        here, there = socket.socketpair()
        with here, there:
            session = deadlines.call_at(trio.current_time() + 10, partial(ended.append, number))

            async def hear(here: socket.socket = here, session: Timer = session) -> None:
                await trio.lowlevel.wait_readable(here)
                session.cancel()

            nursery.start_soon(hear)
            await wait_all_tasks_blocked()
            there.send(b"a heartbeat")
            mock_clock.jump(11)
            await wait_all_tasks_blocked()
    assert ended == []


async def test_cancelled_calls_do_not_pile_up(autojump_clock: MockClock) -> None:
    deadlines = TimerQueue()
    for _ in range(10_000):
        deadlines.call_at(1e9, lambda: None).cancel()
    assert len(deadlines._heap) < 2_500


async def test_a_call_that_fails_ends_what_it_belongs_to_and_others_are_made(
    autojump_clock: MockClock, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    deadlines = TimerQueue()
    nursery.start_soon(deadlines.run)
    seen: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    deadlines.call_at(trio.current_time() + 1, fail, seen.append)
    deadlines.call_at(trio.current_time() + 1, lambda: seen.append("next"))
    await trio.sleep(2)
    assert "failed" in seen[0]
    assert seen[1:] == ["next"]
    assert "ZeroDivisionError" in caplog.text
