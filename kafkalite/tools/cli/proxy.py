"""`kafkalite proxy`: run a proxy in front of a Kafka cluster until it is stopped."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkalite import __version__
from kafkalite.addresses import HostPort
from kafkalite.config.setting import CONTROLS_VARIABLE
from kafkalite.errors import StartError
from kafkalite.tools.cli.controls_options import (
    controls_access,
    controls_protection_options,
    require_h11,
    warn_of_readable_token,
)
from kafkalite.tools.cli.proxy_security import cluster_of, listener_of, names_of, security_options
from kafkalite.tools.cli.serving import (
    announce,
    announce_access,
    log_to_stderr,
    logging_requests,
    observing_options,
    reachable,
    recording,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from trio import TaskStatus

    from kafkalite.config.setting import Setting
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.http.access import ControlsAccess
    from kafkalite.controls.http.metrics import MetricsEndpoint, ProxyMetrics
    from kafkalite.controls.http.proxy import ControlsOfProxy
    from kafkalite.controls.http.toxiproxy import ToxiproxyEndpoint
    from kafkalite.program import Beside
    from kafkalite.proxy.proxy import Proxy, ProxyConfig
    from kafkalite.proxy_file.in_force import FileInForce
    from kafkalite.server.proxy_protocol import Origins

log = logging.getLogger("kafkalite.proxy")


@click.command()
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file with the options below, interceptors and faults; read again on SIGHUP. Options come before it.",
)
@click.option(
    "--check",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Check such a file, say what is in it, and exit.",
)
@click.option(
    "--upstream",
    metavar="HOST:PORT,...",
    help="Brokers of the cluster to begin with, as in clients' bootstrap.servers.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Address where clients begin. Each broker of the cluster gets one of the next ports; with port 0 a free one.  "
    "[default: 127.0.0.1:19092]",
)
@click.option(
    "--advertise",
    metavar="HOST",
    help="Host to send clients to.  [default: the one that they connected to]",
)
@click.option(
    "--broker-port",
    "pinned",
    multiple=True,
    metavar="ID=PORT",
    help="Port that stands for a broker, by its id, so that it is the same after each start. May be repeated.",
)
@security_options
@click.option(
    "--controls",
    metavar="HOST:PORT",
    envvar=CONTROLS_VARIABLE,
    help="Serve the controls over HTTP at this address: faults, requests, health. An address that other machines can "
    "reach needs a token.",
)
@controls_protection_options
@click.option(
    "--toxiproxy",
    metavar="HOST:PORT",
    help="Serve Toxiproxy's HTTP API at this address: latency, bandwidth, resets and more on the connections of "
    "clients. It has no tokens: every client that reaches the address can use it.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve metrics for Prometheus at this address: GET /metrics, and GET /health. Read-only, without a token.",
)
@observing_options
def proxy(
    *,
    config_file: Path | None,
    check: Path | None,
    upstream: str | None,
    listen: str | None,
    advertise: str | None,
    pinned: tuple[str, ...],
    upstream_tls: bool,
    upstream_ca: Path | None,
    upstream_config: Path | None,
    security: str | None,
    listener_settings: tuple[str, ...],
    broker_host: str | None,
    origins: Origins,
    authentication_limit: float,
    drain: float,
    controls: str | None,
    controls_token_file: Path | None,
    controls_tls: bool,
    toxiproxy: str | None,
    metrics: str | None,
    faults: Path | None,
    request_log: Path | None,
    record: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run a proxy in front of a Kafka cluster; Ctrl-C or SIGTERM stops it cleanly.

    Clients use the proxy's address in place of the cluster's. Requests that nothing here looks at are passed on as
    they are, SASL logins included.

    The exit code is 0 after a clean stop, 1 if the proxy cannot start, 2 for a mistake in the options.
    """
    from kafkalite.program import run_server
    from kafkalite.proxy.proxy import DEFAULT_LISTEN, Proxy, ProxyConfig
    from kafkalite.proxy.shared_port import hosts_of
    from kafkalite.proxy_file.proxy_table import ProxyTable

    if check is not None:
        click.echo(f"{check}: {_checked(check)}")
        return
    in_force = None if config_file is None else _read(config_file)
    table = ProxyTable() if in_force is None else in_force.file.proxy
    of_listener: Mapping[str, Setting] = {} if in_force is None else in_force.file.listener
    of_upstream: Mapping[str, Setting] = {} if in_force is None else in_force.file.upstream
    if upstream is None and not table.upstream:
        raise click.UsageError("Missing option '--upstream'.")
    listen = listen or table.listen
    at = DEFAULT_LISTEN if listen is None else _address(listen, "--listen")
    advertise = advertise or table.advertise
    names = names_of(broker_host)
    cluster = cluster_of(upstream_config, upstream_ca, tls=upstream_tls, of_file=of_upstream)
    config = ProxyConfig(
        upstream=table.upstream_addresses
        if upstream is None
        else tuple(_address(each, "--upstream") for each in upstream.split(",")),
        listen=at,
        advertise=advertise,
        ports={**table.ports, **dict(_pinned(each) for each in pinned)},
        tls=cluster.tls,
        login=cluster.login,
        names=names,
        origins=origins,
        authentication_limit=authentication_limit,
        drain=drain,
        listener=listener_of(security, listener_settings, at, hosts_of(names, advertise), of_listener),
    )
    attachments: list[Callable[[Proxy], AbstractContextManager[object]]] = []
    if request_log is not None:
        attachments.append(lambda server: logging_requests(request_log, lambda: server, server.pipeline))
    if record is not None:
        attachments.append(lambda server: recording(record, lambda: server, server.pipeline))
    injected: tuple[Fault, ...] = ()
    if faults is not None:
        from kafkalite.tools.cli.faults import injected as injecting
        from kafkalite.tools.cli.faults import read

        injected = read(faults)
        if controls is None:
            attachments.append(partial(injecting, injected))
    if in_force is not None:
        attachments.append(in_force.attached)
    controls_at = None if controls is None else _address(controls, "--controls")
    if controls_at is not None:
        require_h11()
    access = controls_access(controls_at, controls_token_file, tls=controls_tls, listeners=(config.listener.security,))
    toxiproxy_at = None if toxiproxy is None else _address(toxiproxy, "--toxiproxy")
    metrics_at = None if metrics is None else _address(metrics, "--metrics")
    log_to_stderr(quiet=quiet, verbose=verbose)
    if faults is not None:
        log.warning("requests will fail on purpose: faults from %s", faults)
    warn_of_readable_token(controls_at, tls=controls_tls)
    if toxiproxy_at is not None and not toxiproxy_at.is_loopback:
        log.warning("other machines can use Toxiproxy's API on %s: it has no token", toxiproxy_at)
    try:
        with (
            _controls(controls_at, access, injected, in_force) as controls_endpoint,
            _toxiproxy(toxiproxy_at) as toxics_endpoint,
            _measured(metrics_at) as (measurements, metrics_endpoint),
        ):
            served = {
                "Controls are": controls_endpoint,
                "Toxiproxy's API is": toxics_endpoint,
                "Metrics are": metrics_endpoint,
            }
            endpoints = {what: endpoint for what, endpoint in served.items() if endpoint is not None}
            lines = [f"{what} at {endpoint.url}" for what, endpoint in endpoints.items()]
            tasks: list[Beside[Proxy]] = [endpoint.serve for endpoint in endpoints.values()]
            if in_force is not None:
                tasks.append(in_force.reload_on_hangup)
            beside = partial(_beside, tasks) if tasks else None
            run_server(Proxy(config, measurements=measurements), partial(_announce, config, lines), attachments, beside)
    except StartError as error:
        raise click.ClickException(str(error)) from None


def _read(path: Path) -> FileInForce:
    from kafkalite.config.toml_file import TomlError
    from kafkalite.proxy_file.in_force import FileInForce

    try:
        return FileInForce(path)
    except TomlError as error:
        raise click.UsageError(str(error)) from None


def _checked(path: Path) -> FileInForce:
    """Read a file, and check the security of both sides, too. Raises UsageError."""
    from kafkalite.proxy.proxy import DEFAULT_LISTEN

    read = _read(path)
    cluster_of(None, None, tls=False, of_file=read.file.upstream)
    listener_of(None, (), DEFAULT_LISTEN, (), read.file.listener)
    return read


def _address(text: str, option: str) -> HostPort:
    try:
        return HostPort.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _pinned(text: str) -> tuple[int, int]:
    id_, equals, port = text.partition("=")
    if not (equals and id_.isdecimal() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise click.BadParameter(f"{text!r} is not of the form ID=PORT", param_hint="--broker-port")
    return int(id_), int(port)


def _controls(
    address: HostPort | None, access: ControlsAccess | None, faults: tuple[Fault, ...], in_force: FileInForce | None
) -> AbstractContextManager[ControlsOfProxy | None]:
    """Listen for clients of the controls, if there is an address for them."""
    if address is None or access is None:
        return nullcontext()
    from kafkalite.controls.http.proxy import ControlsOfProxy

    return ControlsOfProxy(address, access, faults, None if in_force is None else in_force.reload)


def _toxiproxy(address: HostPort | None) -> AbstractContextManager[ToxiproxyEndpoint | None]:
    """Listen for clients of Toxiproxy's API, if there is an address for them."""
    if address is None:
        return nullcontext()
    require_h11("--toxiproxy")
    from kafkalite.controls.http.toxiproxy import ToxiproxyEndpoint

    return ToxiproxyEndpoint(address)


@contextmanager
def _measured(address: HostPort | None) -> Generator[tuple[ProxyMetrics | None, MetricsEndpoint | None]]:
    """Yield what measures, and where it is served, if there is an address for it."""
    if address is None:
        yield None, None
        return
    try:
        from kafkalite.controls.http.metrics import MetricsEndpoint, ProxyMetrics
    except ImportError as error:
        raise click.ClickException(
            f"--metrics needs {error.name}, which is missing: run pip install 'kafkalite[metrics]'"
        ) from None
    measurements = ProxyMetrics()
    with MetricsEndpoint(address, measurements) as endpoint:
        yield measurements, endpoint


async def _beside(serve: Sequence[Beside[Proxy]], proxy: Proxy, *, task_status: TaskStatus[None]) -> None:
    """Run what is served beside a proxy."""
    import trio

    async with trio.open_nursery() as nursery:
        for each in serve:
            await nursery.start(each, proxy)
        task_status.started()


def _announce(config: ProxyConfig, more: Sequence[str], addresses: tuple[tuple[str, int], ...]) -> None:
    listening = HostPort(*addresses[0])
    names = config.names
    bootstrap = reachable(listening) if names is None else HostPort(names.bootstrap, names.port or listening.port)
    upstream = ", ".join(map(str, config.upstream))
    line = f"kafkalite {__version__} proxy is listening on {listening}, for {upstream}"
    announce(line, *more, bootstrap=str(bootstrap))
    if config.listener.client_access is not None:
        announce_access(config.listener.client_access, ((bootstrap.host, bootstrap.port),))
