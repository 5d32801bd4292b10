"""The way into the broker's loop, when it is being closed, and when it is taken from the wrong side."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite.testing import BrokerFailed
from kafkalite.testing.portal import BlockingPortal


async def test_a_call_that_is_on_its_way_when_the_way_closes_is_not_made(nursery: trio.Nursery) -> None:
    portal = BlockingPortal(nursery)
    made: list[str] = []
    futures: list[Future[None]] = []
    caller = threading.Thread(target=lambda: futures.append(portal.submit(lambda: made.append("a call"))))
    caller.start()
    caller.join()
    portal.close()
    await wait_all_tasks_blocked()
    assert made == []
    with pytest.raises(BrokerFailed, match="has been stopped"):
        futures[0].result(timeout=0)


async def test_an_async_call_that_ends_after_the_way_was_closed_harms_nobody(nursery: trio.Nursery) -> None:
    portal = BlockingPortal(nursery)
    goes_on = trio.Event()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            portal.start(goes_on.wait).result()
        except BrokerFailed as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    with trio.fail_after(30):
        while not goes_on.statistics().tasks_waiting:
            await trio.lowlevel.checkpoint()
    portal.close()
    goes_on.set()
    await wait_all_tasks_blocked()
    caller.join(30)
    assert len(failures) == 1


async def test_the_loops_own_thread_is_told_that_it_cannot_wait_for_itself(nursery: trio.Nursery) -> None:
    with pytest.raises(RuntimeError, match="from another thread"):
        BlockingPortal(nursery).call(lambda: None)
