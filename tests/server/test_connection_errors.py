"""Log lines about connections that break the protocol: few, however many such connections there are."""

from __future__ import annotations

import struct

import pytest
import trio

import kafkalite
from kafkalite.background.timers import TimerQueue
from kafkalite.clock import SteerableClock
from kafkalite.server.connection_errors import LINES, WINDOW, ConnectionErrors


@pytest.fixture
async def clock() -> SteerableClock:
    made = SteerableClock()
    made.freeze()
    return made


@pytest.fixture
async def timers(clock: SteerableClock) -> TimerQueue:
    return TimerQueue(clock)


async def test_the_first_errors_of_an_address_are_logged_and_the_others_are_summed_up_once_a_minute(
    clock: SteerableClock, timers: TimerQueue, caplog: pytest.LogCaptureFixture
) -> None:
    errors = ConnectionErrors(timers)
    for number in range(1000):
        errors.warn("10.0.0.1", f"error {number}")
    errors.warn("10.0.0.2", "of another address")
    assert caplog.messages == [*(f"error {number}" for number in range(LINES)), "of another address"]
    caplog.clear()
    clock.advance(WINDOW)
    timers.call_due(clock.now())
    assert caplog.messages == ["995 more connection errors of 10.0.0.1 within 60 seconds; the last: error 999"]
    caplog.clear()
    errors.warn("10.0.0.1", "a minute later")
    assert caplog.messages == ["a minute later"]


async def test_errors_of_very_many_addresses_are_summed_up_together(
    clock: SteerableClock, timers: TimerQueue, caplog: pytest.LogCaptureFixture
) -> None:
    errors = ConnectionErrors(timers)
    for number in range(5000):
        errors.warn(f"address {number}", "error")
    assert len(caplog.messages) == 1000 + LINES
    caplog.clear()
    clock.advance(WINDOW)
    timers.call_due(clock.now())
    assert caplog.messages == ["3995 more connection errors of other addresses within 60 seconds; the last: error"]


async def test_what_was_counted_is_logged_when_the_broker_ends(caplog: pytest.LogCaptureFixture) -> None:
    async with kafkalite.Broker() as broker:
        for _ in range(20):
            async with await trio.open_tcp_stream(*broker.addresses[0]) as stream:
                await stream.send_all(struct.pack(">i", -5))
                with trio.fail_after(30):
                    assert await stream.receive_some() == b""
    lines = [message for message in caplog.messages if "negative length" in message]
    assert len(lines) == LINES + 1
    assert lines[-1].startswith("15 more connection errors of 127.0.0.1")
