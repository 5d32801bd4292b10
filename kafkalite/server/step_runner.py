"""Runs stepwise requests: one step in each turn of the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from kafkalite.requests.steps import StepQueue


async def run_steps(queue: StepQueue) -> None:
    """Run the steps of all requests until cancelled; those that are not finished then are abandoned."""
    work = trio.Event()

    def on_work() -> None:
        work.set()

    queue.on_work = on_work
    try:
        while True:
            if queue.run_step():
                await trio.lowlevel.checkpoint()
            else:
                work = trio.Event()
                await work.wait()
    finally:
        queue.on_work = None
        queue.close()
