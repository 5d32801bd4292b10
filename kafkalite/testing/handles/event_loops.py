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

    # Shielded, because a wait that is over must not cancel what others may still look at.
    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), timeout)
