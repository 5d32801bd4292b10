"""pytest's side of the suite: options, the broker of the session, the clients as parameters, the table at the end."""

import os
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from kafkalite_conformance.broker import Broker, BrokerStarter
from kafkalite_conformance.clusters import CLUSTER_SETTINGS, running_cluster
from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.proxied_broker import ProxiedBroker, ProxiedStarter, proxied_cluster
from kafkalite_conformance.raw import RawConnection
from kafkalite_conformance.raw_group import RawMember
from kafkalite_conformance.scenario import DriverPool, Scenario, is_available
from kafkalite_conformance.starters import starter_named
from kafkalite_conformance.support_table import SupportTable

_BOOTSTRAP: Final = pytest.StashKey[str]()
_ADVERTISED: Final = pytest.StashKey[str]()
_CLOSING: Final = pytest.StashKey[ExitStack]()
_TABLE: Final = pytest.StashKey[SupportTable]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare which broker and which clients play."""
    options = parser.getgroup("kafkalite conformance")
    options.addoption("--bootstrap", metavar="HOST:PORT", help="judge the broker that runs at this address")
    options.addoption("--broker", choices=("kafkalite", "kafka"), help="start a broker of this kind and judge it")
    options.addoption("--proxy", action="store_true", help="have clients reach that broker through `kafkalite proxy`")
    options.addoption(
        "--brokers",
        type=int,
        metavar="NUMBER",
        help="start a cluster of so many brokers; with --proxy and --clients only",
    )
    options.addoption("--proxy-config", metavar="FILE", help="with --proxy: its configuration, such as interceptors")
    options.addoption("--clients", metavar="NAMES", help=f"only these clients, with commas: {','.join(CLIENTS)}")
    options.addoption("--write-support-table", metavar="FILE", help="write the client and scenario table as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    """Start the broker once for the session; pytest-xdist's workers use the one of their controller."""
    worker: dict[str, str | None] | None = getattr(config, "workerinput", None)
    closing = config.stash[_CLOSING] = ExitStack()
    bootstrap: str | None = worker["bootstrap"] if worker is not None else config.getoption("--bootstrap")
    advertised = worker["advertised"] if worker is not None else bootstrap
    kind: str | None = config.getoption("--broker")
    config.stash[_TABLE] = SupportTable(_starter(config, kind).name if kind else str(bootstrap))
    if config.getoption("--collect-only") or config.getoption("--help"):
        return
    if bootstrap is None and kind is not None:
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True))
        bootstrap, advertised = _start(config, kind, Path(folder), closing)
    if bootstrap is not None and advertised is not None:
        config.stash[_BOOTSTRAP], config.stash[_ADVERTISED] = bootstrap, advertised


def _start(config: pytest.Config, kind: str, folder: Path, closing: ExitStack) -> tuple[str, str]:
    """Start what is judged; return where clients begin, and the address that they are sent to."""
    brokers: int | None = config.getoption("--brokers")
    if brokers is None:
        broker = _starter(config, kind).start(folder / "broker")
        closing.callback(broker.close)
        return broker.bootstrap, broker.advertised if isinstance(broker, ProxiedBroker) else broker.bootstrap
    settings = {**CLUSTER_SETTINGS, "min.insync.replicas": "1"}  # scenarios expect Kafka's default
    cluster = closing.enter_context(running_cluster(kind, settings, brokers=brokers))
    if not config.getoption("--proxy"):
        return cluster.addresses[1], cluster.addresses[1]
    proxied = closing.enter_context(proxied_cluster(cluster, folder))
    return proxied.addresses[1], proxied.advertised


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the address of the session's broker to a worker of pytest-xdist."""
    node.workerinput["bootstrap"] = node.config.stash.get(_BOOTSTRAP, None)
    node.workerinput["advertised"] = node.config.stash.get(_ADVERTISED, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Enter what a worker of pytest-xdist left out."""
    for properties in getattr(node, "workeroutput", {}).get("not_offered", ()):
        SupportTable.not_offered(properties)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's broker."""
    config.stash[_CLOSING].close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play each scenario with every client that can play it."""
    if "client" not in metafunc.fixturenames:
        return
    chosen: str | None = metafunc.config.getoption("--clients")
    names = [name for name in CLIENTS if chosen is None or name in chosen.split(",")]
    for mark in metafunc.definition.iter_markers("needs"):
        names = [name for name in names if CLIENTS[name].abilities.issuperset(mark.args)]
    for mark in metafunc.definition.iter_markers("clients"):
        names = [name for name in names if name in mark.args]
    metafunc.parametrize("client", names, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out scenarios for APIs that the broker does not offer, and say so in the table; and on Kafka those of both.

    A broker names its APIs, and clients go by that: one that is not there is no defect, one that is there must work.
    """
    bootstrap = config.stash.get(_BOOTSTRAP, None)
    if bootstrap is None:
        return
    with RawConnection(bootstrap) as connection:
        offered = connection.offered_apis()
    left_out = [item for item in items if not offered.issuperset(_needed_apis(item))]
    for item in left_out:
        note_scenario(item)
        SupportTable.not_offered(item.user_properties)
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        # The table is the controller's; all workers collect, and leave out, the same.
        output["not_offered"] = [item.user_properties for item in left_out]
    if config.getoption("--broker") == "kafka" and not config.getoption("-m"):
        left_out += [item for item in items if item not in left_out and item.get_closest_marker("once")]
    if config.getoption("--brokers"):
        left_out += [item for item in items if item not in left_out and not _is_for_several(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_for_several(item: pytest.Item) -> bool:
    """Whether clients play it, which find the broker that they need, on the session's brokers."""
    names: list[str] = getattr(item, "fixturenames", [])
    return "client" in names and "own_broker" not in names


def _needed_apis(item: pytest.Item) -> set[int]:
    return {key for mark in item.iter_markers("apis") for key in mark.args}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note for the table what is about to be played."""
    note_scenario(item)


def note_scenario(item: pytest.Item) -> None:
    """Note for the table which scenario and which client this is."""
    scenario = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
    call: Any = getattr(item, "callspec", None)
    item.user_properties.append(("scenario", scenario))
    item.user_properties.append(("chapter", item.path.stem.removeprefix("test_").replace("_", " ")))
    item.user_properties.append(("line", item.location[1] or 0))
    item.user_properties.append(("client", call.params.get("client", "") if call is not None else ""))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn skips into failures in CI."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"nothing may skip in CI, but: {report.longrepr}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Enter each outcome into the table."""
    SupportTable.enter(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table of clients and scenarios, and write it where that was asked for."""
    table = config.stash[_TABLE]
    terminalreporter.write_line("")
    for line in table.as_text().splitlines():
        terminalreporter.write_line(line)
    target: str | None = config.getoption("--write-support-table")
    if target:
        table.write(Path(target))


@pytest.fixture(scope="session")
def starter(request: pytest.FixtureRequest) -> BrokerStarter:
    """Start brokers of the judged kind; a broker given by its address cannot be stopped, and such scenarios skip."""
    kind: str | None = request.config.getoption("--broker")
    if kind is None:
        pytest.skip("the suite did not start this broker, so it cannot restart it")
    return _starter(request.config, kind)


def _starter(config: pytest.Config, kind: str) -> BrokerStarter:
    starter = starter_named(kind)
    if not config.getoption("--proxy"):
        return starter
    file = config.getoption("--proxy-config")
    return ProxiedStarter(starter, None if file is None else Path(file).absolute())


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest) -> Generator[DriverPool]:
    """Hold the session's drivers."""
    bootstrap = request.config.stash.get(_BOOTSTRAP, None)
    if bootstrap is None:
        raise pytest.UsageError("say which broker to judge: --bootstrap HOST:PORT, or --broker kafkalite|kafka")
    with RawConnection(bootstrap) as connection:
        warm_up(connection)
    drivers = DriverPool(bootstrap)
    yield drivers
    drivers.close()


@pytest.fixture(scope="session")
def advertised(request: pytest.FixtureRequest) -> str:
    """Return the address that clients are sent to: a proxy has one for each broker, besides that of the start."""
    return request.config.stash[_ADVERTISED]


def warm_up(connection: RawConnection) -> None:
    """Wait for the broker's coordinators: internal topics are made on first use, and some clients do not try twice."""
    deadline = time.monotonic() + 60
    member = RawMember(connection, "warm-up")
    while not member.coordinator_is_there():
        assert time.monotonic() < deadline, "no group coordinator"
        time.sleep(0.05)


@pytest.fixture
def scenario(pool: DriverPool) -> Generator[Scenario]:
    """Run one scenario on the session's broker."""
    scene = Scenario(pool)
    yield scene
    scene.clear()


@pytest.fixture
def own_broker(starter: BrokerStarter, tmp_path: Path) -> Generator[Broker]:
    """Start a broker for this scenario alone, which may be stopped and killed."""
    broker = starter.start(tmp_path / "broker")
    yield broker
    broker.close()


@pytest.fixture
def own_scenario(own_broker: Broker) -> Generator[Scenario]:
    """Run a scenario on a broker of its own."""
    pool = DriverPool(own_broker.bootstrap, spares=False)
    scene = Scenario(pool)
    yield scene
    scene.clear()
    pool.close()


@pytest.fixture(scope="session")
def unavailable() -> dict[str, str | None]:
    """Remember why clients cannot run here."""
    return {}


@pytest.fixture
def client(request: pytest.FixtureRequest, unavailable: dict[str, str | None]) -> str:
    """Name the client that plays; skip where it cannot run."""
    name: str = request.param
    if name not in unavailable:
        unavailable[name] = is_available(name)
    reason = unavailable[name]
    if reason is not None:
        pytest.skip(reason)
    return name
