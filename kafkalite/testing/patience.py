"""How long a test waits for something, and what it is told when it has waited in vain."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.testing.errors import NotInTime

if TYPE_CHECKING:
    from kafkalite.testing.backend import Wait

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds, on the test's clock, that are waited for anything by default."""


def awaited(wait: Wait[T], timeout: float) -> T:
    """Block until something has come. Raises NotInTime, which tells what is there instead."""
    try:
        return wait.future.result(timeout)
    except (TimeoutError, CancelledError):
        pass
    raise NotInTime(f"after {timeout:g} s: {wait.give_up()}")
