"""Counts the simulated crashes of all processes and reports them; closes sockets that clients forget."""

import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings

_crashes: Final = pytest.StashKey[int]()
_OUTPUT: Final = "crashes"

# What a busy machine is slow at is no failure; on CI that is so by itself. Each run tries other examples.
settings.register_profile(
    "unhurried", settings(), max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


class _ClosedAtLast(socket.socket):
    """A socket that closes without a warning when it is garbage collected."""

    def __del__(self) -> None:
        self.close()


@pytest.fixture(scope="session", autouse=True)
def _sockets_that_kafka_python_forgets() -> Iterator[None]:
    """Close them: kafka-python 3.0 forgets the socket of a client that is closed while it connects.

    The warning of it would fail whichever test runs when the garbage is collected.
    """
    from kafka.net.inet import KafkaNetSocket

    def closed_at_last(_: object, family: int, kind: int, protocol: int) -> socket.socket:
        return _ClosedAtLast(family, kind, protocol)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KafkaNetSocket, "socket", closed_at_last)
        yield


@pytest.fixture
def count_crashes(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Add to the number of crashes that this run tried."""
    return lambda crashes: _add(request.config, crashes)


def _add(config: pytest.Config, crashes: int) -> None:
    config.stash[_crashes] = config.stash.get(_crashes, 0) + crashes


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the count of an xdist worker to the process that started it."""
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
