"""Waits for what a broker elsewhere tells only to those who ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from kafkalite.testing.model.wait import Wait

T = TypeVar("T")

_POLL_EVERY: Final = 0.05


def polled(look: Callable[[], T | None], missing: Callable[[], str]) -> Wait[T]:
    """Look again and again, in a thread, until there is something; ``missing`` says in words what is awaited."""
    future: Future[T] = Future()
    given_up = threading.Event()

    def poll() -> None:
        try:
            while not given_up.is_set():
                seen = look()
                if seen is not None:
                    future.set_result(seen)
                    return
                given_up.wait(_POLL_EVERY)
        except Exception as error:  # noqa: BLE001  # the future raises it
            future.set_exception(error)

    def give_up() -> str:
        given_up.set()
        return missing()

    threading.Thread(target=poll, name="kafkalite-poll", daemon=True).start()
    return Wait(future, give_up, given_up.set)
