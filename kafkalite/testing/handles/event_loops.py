"""Whichever event loop a test runs in, asyncio's or trio's."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import trio

T = TypeVar("T")


async def completed(future: Future[T], timeout: float) -> T:
    """Await a future in whichever event loop this is, asyncio's or trio's. Raises TimeoutError."""
    if trio.lowlevel.in_trio_task():
        done, token = trio.Event(), trio.lowlevel.current_trio_token()

        def wake(_: Future[T]) -> None:
            with suppress(trio.RunFinishedError):  # whoever waited has gone
                token.run_sync_soon(done.set)

        future.add_done_callback(wake)
        with trio.move_on_after(timeout):
            await done.wait()
        return future.result(timeout=0)
    import asyncio  # which takes long, and tests that are not its own need not wait for

    has_come, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(has_come.set)

    # Not wrapped in a future of the loop's, whose cancellation would reach this one at a time that suits nobody.
    future.add_done_callback(tell)
    with suppress(TimeoutError):
        await asyncio.wait_for(has_come.wait(), timeout)
    return future.result(timeout=0)
