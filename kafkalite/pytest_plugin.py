"""The pytest plugin: a Kafka for each test, by asking for a fixture.

It is loaded by every pytest where kafkalite is installed, so it imports nothing of kafkalite before a fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kafkalite.testing import Handle


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names a broker which runs already."""
    parser.getgroup("kafkalite", "Kafka for tests").addoption(
        "--kafka-bootstrap",
        metavar="HOST:PORT",
        default=os.environ.get("KAFKALITE_TEST_BOOTSTRAP"),
        help="Run the tests on this Kafka broker in place of one in the test's process. "
        "Also the environment variable KAFKALITE_TEST_BOOTSTRAP.",
    )


@pytest.fixture(scope="session")
def kafkalite_config() -> Mapping[str, str | int | float | bool]:
    """Broker properties under Kafka's names; override the fixture to set some."""
    return {}


@pytest.fixture(scope="session")
def kafkalite_server(
    request: pytest.FixtureRequest, kafkalite_config: Mapping[str, str | int | float | bool]
) -> Generator[Handle]:
    """Give one broker for all tests of the session, with whatever they leave in it; under pytest-xdist, of a worker."""
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite(
    request: pytest.FixtureRequest, kafkalite_config: Mapping[str, str | int | float | bool]
) -> Generator[Handle]:
    """Give a broker of the test's own, with nothing in it, on a port of its own.

    It starts in milliseconds, and clients that other tests have left behind cannot find it. With --kafka-bootstrap it
    is the broker that runs already, and only the topics that were created through the handle go with the test.
    """
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite_scratch(kafkalite_server: Handle) -> Generator[Handle]:
    """Give the session's broker, which forgets in milliseconds what the test has done when the test is over.

    Clients that are still connected then are cut off. With --kafka-bootstrap it raises NotOnThisBroker.
    """
    with kafkalite_server.snapshots.scratch():
        yield kafkalite_server


@pytest.fixture
def kafka_bootstrap(kafkalite: Handle) -> str:
    """Give the test's broker as clients want it in ``bootstrap.servers``."""
    return kafkalite.bootstrap


def _broker(request: pytest.FixtureRequest, properties: Mapping[str, str | int | float | bool]) -> Generator[Handle]:
    from kafkalite.testing import connect, run

    bootstrap = request.config.getoption("kafka_bootstrap")
    with run(properties) if bootstrap is None else connect(bootstrap) as handle:
        yield handle
