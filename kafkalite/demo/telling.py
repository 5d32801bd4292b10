"""One run of the demo: a broker, the story on it, and what became of the promises."""

import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import trio
from rich.console import Console

from kafkalite.demo.actors import ActorFailedError
from kafkalite.demo.own_broker import own_broker
from kafkalite.demo.promises import judge
from kafkalite.demo.screen import Screen, as_json
from kafkalite.demo.story import Pace, Story, StoryStalledError


def run(pace: Pace, *, bootstrap: str | None, as_program: bool) -> bool:
    """Tell the story, and return whether every promise held.

    Without `bootstrap` it starts a broker of its own. With `as_program`, standard output gets one JSON document
    and the events go to standard error.
    """
    return trio.run(_run, pace, bootstrap, as_program)


async def _run(pace: Pace, bootstrap: str | None, as_program: bool) -> bool:
    screen = Screen(Console(stderr=as_program, force_terminal=False if as_program else None))
    failure: str | None = None
    story: Story | None = None
    with tempfile.TemporaryDirectory(prefix="kafkalite-demo-") as temporary:
        folder = Path(temporary)
        try:
            async with AsyncExitStack() as stack:
                topic = "ad_clicks"
                if bootstrap is None:
                    broker = own_broker(folder, least_session_timeout=pace.session_timeout)
                    address = await stack.enter_async_context(broker)
                    screen.tell(f"a broker of the demo's own listens on {address}")
                else:
                    address, topic = bootstrap, f"ad_clicks-{os.urandom(4).hex()}"
                story = Story(pace, address, topic, folder, screen.tell)
                await _tell(story, screen)
                if bootstrap is not None:
                    await story.clean_up()
        except* (ActorFailedError, StoryStalledError) as failures:
            failure = _first(failures)
            screen.tell(failure)
    ...
