"""`kafkalite serve`: run a broker until it is told to stop."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkalite import __version__
from kafkalite.cli.logs import log_to_stderr
from kafkalite.config import BrokerConfig, ConfigError, HostPort, load
from kafkalite.errors import StartError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.broker import Attachment, Broker

log = logging.getLogger("kafkalite.serve")


@click.command()
@click.option(
    "--listen",
    multiple=True,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 picks a free one. May be repeated.  [default: 127.0.0.1:9092]",
)
@click.option(
    "--advertise",
    metavar="HOST:PORT",
    help="Address that clients are told to connect to.  [default: the one through which they came]",
)
@click.option("--data", metavar="DIR", help="Data directory, made if it does not exist.  [default: ./kafkalite-data]")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    envvar="KAFKALITE_CONFIG",
    type=click.Path(path_type=Path),
    help="TOML file of broker properties.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a broker property under Kafka's name. May be repeated.",
)
@click.option(
    "--faults",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file of faults to be injected; each that fires is logged.",
)
@click.option(
    "--request-log",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append each request and its answer to a file, as JSON lines. It grows without bound.  [default: off]",
)
@click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Log debugging details as well.")
def serve(
    *,
    listen: tuple[str, ...],
    advertise: str | None,
    data: str | None,
    file: Path | None,
    settings: tuple[str, ...],
    faults: Path | None,
    request_log: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run a broker; Ctrl-C or SIGTERM stops it cleanly.

    Properties are Kafka's own. The later source wins: defaults, --config FILE, environment variables
    (KAFKALITE_SET_NUM_PARTITIONS=3 sets num.partitions), --set, and the other options.

    The exit code is 0 after a clean stop, 1 if the broker cannot start or fails, 2 for a mistake in the
    options or properties.
    """
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.")
    try:
        config = load(
            file=file,
            environment=os.environ,
            settings=settings,
            listen=listen,
            advertise=advertise,
            data=data,
        )
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    attachments: list[Attachment] = []
    if faults is not None:
        from kafkalite.cli.faults import injecting

        attachments.append(injecting(faults))
    if request_log is not None:
        attachments.append(partial(_logging_requests, request_log))
    log_to_stderr(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    for warning in config.warnings:
        log.warning("%s", warning)

    from kafkalite import broker

    try:
        broker.run(config, on_ready=lambda addresses: _announce(config, addresses), attachments=attachments)
    except StartError as error:
        raise click.ClickException(str(error)) from None


def _logging_requests(path: Path, broker: Broker) -> AbstractContextManager[object]:
    from kafkalite.server.request_logging import RequestLogFile

    return closing(RequestLogFile(path, lambda: broker.node, broker.dispatch))


def _announce(config: BrokerConfig, addresses: tuple[tuple[str, int], ...]) -> None:
    listening = tuple(HostPort(host, port) for host, port in addresses)
    reachable = config.advertise or _reachable(listening[0])
    data = config.data_dir if config.data_dir.is_absolute() else f"./{config.data_dir}"
    try:
        click.echo(f"kafkalite {__version__} is listening on {', '.join(map(str, listening))}, data in {data}")
        click.echo(f"Connect clients with bootstrap.servers={reachable}; stop with Ctrl-C.")
    except OSError:
        # Whoever started the broker has stopped reading, which is no reason for clients to lose it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reachable(address: HostPort) -> HostPort:
    return HostPort("127.0.0.1", address.port) if address.is_wildcard else address
