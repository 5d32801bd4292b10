"""`kafkalite serve`: run a broker until it is told to stop."""

import logging
import os
import sys
from pathlib import Path

import click

from kafkalite import __version__
from kafkalite.cli.logs import log_to_stderr
from kafkalite.config import BrokerConfig, ConfigError, HostPort, load
from kafkalite.errors import StartError

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
@click.option(
    "--advertise-outside",
    metavar="HOST:PORT",
    help="In a container: address for clients that do not come from a network of the container.  [default: as others]",
)
@click.option("--data", metavar="DIR", help="Data directory, made if it does not exist.  [default: ./kafkalite-data]")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    envvar="KAFKALITE_CONFIG",
    type=click.Path(path_type=Path),
    help="TOML file of broker properties and topics, or a folder of such files.",
)
@click.option(
    "--topics",
    multiple=True,
    metavar="NAME:PARTITIONS",
    help="Topics to create unless they exist, with commas; may be repeated. Also the environment variable "
    "KAFKALITE_TOPICS.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a broker property under Kafka's name. May be repeated.",
)
@click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Log debugging details as well.")
def serve(
    *,
    listen: tuple[str, ...],
    advertise: str | None,
    advertise_outside: str | None,
    data: str | None,
    file: Path | None,
    topics: tuple[str, ...],
    settings: tuple[str, ...],
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
            topics=topics,
            listen=listen,
            advertise=advertise,
            advertise_outside=advertise_outside,
            data=data,
        )
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    log_to_stderr(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    for warning in config.warnings:
        log.warning("%s", warning)

    from kafkalite import broker

    try:
        broker.run(config, on_ready=lambda addresses: _announce(config, addresses))
    except StartError as error:
        raise click.ClickException(str(error)) from None


def _announce(config: BrokerConfig, addresses: tuple[tuple[str, int], ...]) -> None:
    listening = tuple(HostPort(host, port) for host, port in addresses)
    reachable = config.advertise or config.advertise_outside or _reachable(listening[0])
    data = config.data_dir if config.data_dir.is_absolute() else f"./{config.data_dir}"
    try:
        click.echo(f"kafkalite {__version__} is listening on {', '.join(map(str, listening))}, data in {data}")
        click.echo(f"Connect clients with bootstrap.servers={reachable}; stop with Ctrl-C.")
    except OSError:
        # Whoever started the broker has stopped reading, which is no reason for clients to lose it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reachable(address: HostPort) -> HostPort:
    return HostPort("127.0.0.1", address.port) if address.is_wildcard else address
