"""Counts the crashes that were tried, in whichever process, and tells their number at the end of the run."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings

_crashes: Final = pytest.StashKey[int]()
_OUTPUT: Final = "crashes"

# What a busy machine is slow at is no failure; on CI that is so by itself.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def count_crashes(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Add to the number of crashes that this run tried."""
    return lambda crashes: _add(request.config, crashes)


def _add(config: pytest.Config, crashes: int) -> None:
    config.stash[_crashes] = config.stash.get(_crashes, 0) + crashes


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker of xdist tell its count to the process that started it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = session.config.stash.get(_crashes, 0)


def pytest_configure(config: pytest.Config) -> None:
    """Listen to workers where there may be some."""
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Workers(config))


class _Workers:
    """Hears what the workers of xdist have counted."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_testnodedown(self, node: Any) -> None:
        """Add a worker's count."""
        _add(self._config, getattr(node, "workeroutput", {}).get(_OUTPUT, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much the crash tests covered."""
    if crashes := config.stash.get(_crashes, 0):
        terminalreporter.write_line(f"storage: crashed {crashes:,} times, and no promise was broken")
