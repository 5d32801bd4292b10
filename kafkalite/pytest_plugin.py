"""The pytest plugin: a Kafka for each test, by the name of a fixture.

Every pytest run where kafkalite is installed loads it, so it imports nothing of kafkalite before a fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from kafkalite.controls.defaults import Value
    from kafkalite.testing import Handle
    from kafkalite.testing.proxy import ProxyHandle

_PACKAGES: Final = frozenset({"kafkalite", "kafkalite_wire", "kafkalite_storage"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that select a running broker, or a container."""
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
        help="URL of that broker's controls, if it is a kafkalite that serves them: http://127.0.0.1:9093. "
        "Also the environment variable KAFKALITE_TEST_CONTROLS.",
    )
    group.addoption(
        "--kafka-controls-token-file",
        metavar="FILE",
        help="File with the token that those controls ask for. Also, as text, the environment variable "
        "KAFKALITE_CONTROLS_TOKEN.",
    )
    group.addoption(
        "--kafka-controls-ca",
        metavar="FILE",
        help="PEM file with the authority of their certificate, if the URL begins with https.",
    )
    group.addoption(
        "--kafka-container",
        action="store_true",
        help="Run the tests on kafkalite in a container, with testcontainers. The environment variable KAFKALITE_IMAGE "
        "names its image.",
    )
    parser.addini(
        "kafkalite_proxy_upstream", "Brokers that the fixture kafkalite_proxy stands in front of.", default=""
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and exclude the broker's modules from assertion rewriting."""
    # pytest rewrites every module of a plugin's distribution. In a broker's modules that helps no report, makes the
    # first start slower, and is not safe where two threads import at once, as the broker's and the test's do: CPython
    # 3.11 may raise SystemError ("AST constructor recursion depth mismatch"). There is no public way out.
    marked: set[str] = getattr(config.pluginmanager.rewrite_hook, "_must_rewrite", set())
    marked -= _PACKAGES
    if config.getoption("kafka_container") and config.getoption("kafka_bootstrap") is not None:
        raise pytest.UsageError("--kafka-container and --kafka-bootstrap exclude each other")
    if config.getoption("kafka_controls") is not None and config.getoption("kafka_bootstrap") is None:
        raise pytest.UsageError("--kafka-controls needs --kafka-bootstrap, the address of the same broker")


@pytest.fixture(scope="session")
def kafkalite_config() -> Mapping[str, Value]:
    """Return broker properties under Kafka's names; override the fixture to set some."""
    return {}


@pytest.fixture(scope="session")
def kafkalite_server(request: pytest.FixtureRequest, kafkalite_config: Mapping[str, Value]) -> Generator[Handle]:
    """Yield one broker for all tests of the session, with what they leave in it; under pytest-xdist, one a worker."""
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite(request: pytest.FixtureRequest, kafkalite_config: Mapping[str, Value]) -> Generator[Handle]:
    """Yield an empty broker of the test's own, on a port of its own.

    It starts in milliseconds, and clients that other tests have left behind cannot find it. With --kafka-bootstrap it
    is the running one, and only the topics that were created through the handle are deleted. With --kafka-container
    tests share one, which is reset after each.
    """
    yield from _broker(request, kafkalite_config)


@pytest.fixture
def kafkalite_scratch(kafkalite_server: Handle) -> Generator[Handle]:
    """Yield the session's broker, which after the test goes back, in milliseconds, to what it was before.

    Controls are reset, too: faults are removed, and the clock runs. Clients that are still connected are disconnected.
    With --kafka-bootstrap and without --kafka-controls it raises NotOnThisBroker.
    """
    yield from _scratch(kafkalite_server)


@pytest.fixture(scope="session")
def kafkalite_proxy_upstream(request: pytest.FixtureRequest) -> str | None:
    """Return the brokers behind the test's proxy, ``HOST:PORT`` with commas; None for the broker of ``kafkalite``.

    They are those of the setting ``kafkalite_proxy_upstream``. Override the fixture where they are known only later, as
    those of a container.
    """
    upstream: str = request.config.getini("kafkalite_proxy_upstream")
    return upstream or None


@pytest.fixture
def kafkalite_proxy(request: pytest.FixtureRequest, kafkalite_proxy_upstream: str | None) -> Generator[ProxyHandle]:
    """Yield a proxy of the test's own in front of a Kafka cluster, with faults and a request log.

    Without ``kafkalite_proxy_upstream`` the cluster is the broker of the fixture ``kafkalite``.
    """
    from kafkalite.testing import run_proxy

    upstream = kafkalite_proxy_upstream
    with run_proxy(request.getfixturevalue("kafkalite").bootstrap if upstream is None else upstream) as proxy:
        yield proxy


@pytest.fixture
def kafka_bootstrap(kafkalite: Handle) -> str:
    """Return the address of the test's broker, as ``bootstrap.servers`` wants it."""
    return kafkalite.bootstrap


@pytest.fixture(scope="session")
def kafkalite_containers() -> Generator[Callable[[str, Mapping[str, Value]], tuple[str, str, str]]]:
    """Yield a function that starts a container a scope and properties.

    It returns its address, and the URL and the token of its controls.
    """
    try:
        from kafkalite.testing.container import KafkaliteContainer
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"--kafka-container: {error}; run pip install 'kafkalite[testcontainers]'") from None

    running: dict[tuple[str, str], tuple[str, str, str]] = {}
    with ExitStack() as stack:

        def start(scope: str, properties: Mapping[str, Value]) -> tuple[str, str, str]:
            key = (scope, repr(sorted(properties.items())))
            if key not in running:
                container = stack.enter_context(KafkaliteContainer().with_controls().with_properties(properties))
                running[key] = (
                    container.get_bootstrap_server(),
                    container.get_controls_url(),
                    container.get_controls_token(),
                )
            return running[key]

        yield start


def _broker(request: pytest.FixtureRequest, properties: Mapping[str, Value]) -> Generator[Handle]:
    from kafkalite.testing import connect, run

    if request.config.getoption("kafka_container"):
        bootstrap, controls, token = request.getfixturevalue("kafkalite_containers")(request.scope, properties)
        with connect(bootstrap, controls=controls, token=token) as handle:
            if request.scope == "function":
                yield from _scratch(handle)
            else:
                yield handle
        return
    bootstrap = request.config.getoption("kafka_bootstrap")
    controls = request.config.getoption("kafka_controls")
    if bootstrap is None:
        with run(properties) as handle:
            yield handle
        return
    token, ca = _controls_token(request.config), request.config.getoption("kafka_controls_ca")
    with connect(bootstrap, controls=controls, token=token, ca=ca) as handle:
        yield handle


def _controls_token(config: pytest.Config) -> str | None:
    file = config.getoption("kafka_controls_token_file")
    if file is None:
        return os.environ.get("KAFKALITE_CONTROLS_TOKEN")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise pytest.UsageError(f"--kafka-controls-token-file: cannot read {file}: {error.strerror}") from None


def _scratch(handle: Handle) -> Generator[Handle]:
    with handle.snapshots.scratch():
        try:
            yield handle
        finally:
            handle.reset()
