"""One run of the demo: a broker, the story, and the verdicts."""

import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import trio
from rich.console import Console

from kafkalite.tools.demo.actors import ActorFailedError, own_broker
from kafkalite.tools.demo.promises import judge
from kafkalite.tools.demo.screen import Screen, as_json
from kafkalite.tools.demo.story import Pace, Story, StoryStalledError


def run(pace: Pace, *, bootstrap: str | None, as_program: bool) -> bool | None:
    """Run the story and return whether every promise held; None if SIGINT or SIGTERM ended it.

    Without `bootstrap` it starts a broker of its own. With `as_program`, standard output gets one JSON document
    and the events go to standard error.
    """
    return trio.run(_run, pace, bootstrap, as_program)


async def _run(pace: Pace, bootstrap: str | None, as_program: bool) -> bool | None:
    held: bool | None = None
    # Cancel instead of raising KeyboardInterrupt anywhere, so that all processes are ended.
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
            held = await _told(pace, bootstrap, as_program)
            nursery.cancel_scope.cancel()
    return held


async def _cancel_on_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


async def _told(pace: Pace, bootstrap: str | None, as_program: bool) -> bool:
    screen = Screen(Console(stderr=as_program, force_terminal=False if as_program else None))
    failure: str | None = None
    with tempfile.TemporaryDirectory(prefix="kafkalite-demo-") as temporary:
        folder = Path(temporary)
        # On another broker, a suffix avoids its topics and groups.
        suffix = "" if bootstrap is None else f"-{os.urandom(4).hex()}"
        story = Story(pace, folder, suffix, screen.tell)
        try:
            async with AsyncExitStack() as stack:
                if bootstrap is None:
                    address = await stack.enter_async_context(own_broker(folder))
                    screen.tell(f"a broker of the demo's own listens on {address}")
                else:
                    address = bootstrap
                await _tell(story, address, screen)
        except* (ActorFailedError, StoryStalledError) as failures:
            failure = _first_message(failures)
    await trio.lowlevel.checkpoint_if_cancelled()
    verdicts = judge(story.evidence)
    if as_program:
        sys.stdout.write(as_json(verdicts, story, failure) + "\n")
    else:
        screen.verdicts(verdicts, story, failure)
    return failure is None and all(verdict.held for verdict in verdicts)


async def _tell(story: Story, address: str, screen: Screen) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.show, story)
        await story.run(address)
        nursery.cancel_scope.cancel()


def _first_message(failures: BaseExceptionGroup[Exception]) -> str:
    first = failures.exceptions[0]
    return _first_message(first) if isinstance(first, BaseExceptionGroup) else str(first)
