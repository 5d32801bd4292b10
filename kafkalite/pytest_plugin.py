"""The pytest plugin: a Kafka for each test, by asking for a fixture.

It is loaded by every pytest where kafkalite is installed, so it imports nothing of kafkalite before a fixture is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from kafkalite.testing import Handle
    from kafkalite.testing.defaults import Value

_PACKAGES: Final = frozenset({"kafkalite", "kafkalite_wire", "kafkalite_storage"})


class _AsTheyAre(MetaPathFinder):
    """Finds kafkalite's modules before pytest does, which would rewrite the assertions of every plugin's package.

    A broker has none that a test's report could explain. Rewriting makes the first start slower, and is not safe where
    two threads import at once, as the broker's and the test's do: CPython 3.11 can raise SystemError then ("AST
    constructor recursion depth mismatch").
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Leave all other modules to the finders behind this one."""
        if fullname.partition(".")[0] not in _PACKAGES:
            return None
        return PathFinder.find_spec(fullname, path, target)


_as_they_are: Final = _AsTheyAre()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name a broker which runs already, or have it run in a container."""
    group = parser.getgroup("kafkalite", "Kafka for tests")
    group.addoption(
        "--kafka-bootstrap",
        metavar="HOST:PORT",
        default=os.environ.get("KAFKALITE_TEST_BOOTSTRAP"),
        help="Run the tests on this Kafka broker in place of one in the test's process. "
        "Also the environment variable KAFKALITE_TEST_BOOTSTRAP.",
    )
    group.addoption(
        "--kafka-controls",
        metavar="URL",
        default=os.environ.get("KAFKALITE_TEST_CONTROLS"),
        help="Where the controls of that broker are, if it is a kafkalite that serves them: http://127.0.0.1:9093. "
        "Also the environment variable KAFKALITE_TEST_CONTROLS.",
    )
    group.addoption(
        "--kafka-container",
        action="store_true",
        help="Run the tests on kafkalite in a container, with testcontainers. The environment variable KAFKALITE_IMAGE "
        "names its image.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to serve two masters, and have kafkalite's modules imported as they are."""
    sys.meta_path.insert(0, _as_they_are)
    if config.getoption("kafka_container") and config.getoption("kafka_bootstrap") is not None:
        raise pytest.UsageError("--kafka-container and --kafka-bootstrap exclude each other")
    if config.getoption("kafka_controls") is not None and config.getoption("kafka_bootstrap") is None:
        raise pytest.UsageError("--kafka-controls are those of a broker that --kafka-bootstrap names")


def pytest_unconfigure() -> None:
    """Leave the imports of the process as they were."""
    with suppress(ValueError):
        sys.meta_path.remove(_as_they_are)


@pytest.fixture(scope="session")
def kafkalite_config() -> Mapping[str, Value]:
    """Broker properties under Kafka's names; override the fixture to set some."""
    return {}


@pytest.fixture(scope="session")
def kafkalite_server(request: pytest.FixtureRequest, kafkalite_config: Mapping[str, Value]) -> Generator[Handle]:
    """Give one broker for all tests of the session, with whatever they leave in it; under pytest-xdist, of a worker."""
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite(request: pytest.FixtureRequest, kafkalite_config: Mapping[str, Value]) -> Generator[Handle]:
    """Give a broker of the test's own, with nothing in it, on a port of its own.

    It starts in milliseconds, and clients that other tests have left behind cannot find it. With --kafka-bootstrap it
    is the broker that runs already, and only the topics that were created through the handle go with the test. With
    --kafka-container tests share one, which forgets after each what it did.
    """
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite_scratch(kafkalite_server: Handle) -> Generator[Handle]:
    """Give the session's broker, which forgets in milliseconds what the test has done when the test is over.

    Controls end with the test, too: faults go, and time runs on. Clients that are still connected then are cut off.
    With --kafka-bootstrap and without --kafka-controls it raises NotOnThisBroker.
    """
    yield from _scratch(kafkalite_server)


@pytest.fixture
def kafka_bootstrap(kafkalite: Handle) -> str:
    """Give the test's broker as clients want it in ``bootstrap.servers``."""
    return kafkalite.bootstrap


@pytest.fixture(scope="session")
def kafkalite_containers() -> Generator[Callable[[str, Mapping[str, Value]], tuple[str, str]]]:
    """Give what starts a container for a use and for properties, once a session; tells its address and controls."""
    try:
        from kafkalite.testing.container import KafkaliteContainer
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"--kafka-container: {error}; run pip install 'kafkalite[testcontainers]'") from None

    running: dict[tuple[str, str], tuple[str, str]] = {}
    with ExitStack() as stack:

        def start(use: str, properties: Mapping[str, Value]) -> tuple[str, str]:
            key = (use, repr(sorted(properties.items())))
            if key not in running:
                container = stack.enter_context(KafkaliteContainer().with_controls().with_properties(properties))
                running[key] = (container.get_bootstrap_server(), container.get_controls_url())
            return running[key]

        yield start


def _broker(request: pytest.FixtureRequest, properties: Mapping[str, Value]) -> Generator[Handle]:
    from kafkalite.testing import connect, run

    if request.config.getoption("kafka_container"):
        bootstrap, controls = request.getfixturevalue("kafkalite_containers")(request.scope, properties)
        with connect(bootstrap, controls=controls) as handle:
            if request.scope == "function":
                yield from _scratch(handle)
            else:
                yield handle
        return
    bootstrap = request.config.getoption("kafka_bootstrap")
    controls = request.config.getoption("kafka_controls")
    with run(properties) if bootstrap is None else connect(bootstrap, controls=controls) as handle:
        yield handle


def _scratch(handle: Handle) -> Generator[Handle]:
    """Have a broker that others share forget what a test does with it."""
    with handle.snapshots.scratch():
        try:
            yield handle
        finally:
            handle.let_go()
