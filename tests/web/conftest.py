"""`kafkalite serve --controls` as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.controls_process import Served, Start, serving


@pytest.fixture
def start() -> Iterator[Start]:
    """Start brokers with their controls, with further options; those that have not been stopped are killed."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(serving(*options))


@pytest.fixture
def served(start: Start) -> Iterator[Served]:
    """Yield a broker, and check that it ends without an error."""
    broker = start()
    yield broker
    broker.stop()
