"""`kafkalite serve`: run a broker until it is stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkalite import __version__
from kafkalite.config import BrokerConfig, ConfigError, HostPort, load
from kafkalite.config.setting import CONTROLS_VARIABLE
from kafkalite.errors import StartError
from kafkalite.tools.cli.controls_options import (
    controls_access,
    controls_protection_options,
    require_h11,
    warn_of_readable_token,
)
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
    from contextlib import AbstractContextManager

    from kafkalite.broker import Broker
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.http.access import ControlsAccess
    from kafkalite.program import Attachment
    from kafkalite_storage.files.filesystem import FileSystem

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
    help="Address to send clients to.  [default: the one that they connected to]",
)
@click.option(
    "--advertise-outside",
    metavar="HOST:PORT",
    help="In a container: address for clients from outside of its networks.  [default: as others]",
)
@click.option(
    "--data", metavar="DIR", help="Data directory, created if it does not exist.  [default: ./kafkalite-data]"
)
@click.option("--in-memory", is_flag=True, help="Keep data in memory only; it is lost on exit.")
@click.option(
    "--controls",
    metavar="HOST:PORT",
    envvar=CONTROLS_VARIABLE,
    help="Serve the controls for tests over HTTP at this address. An address that other machines can reach needs a "
    "token. Properties then have the defaults of a broker for tests.",
)
@controls_protection_options
@click.option(
    "--config",
    "file",
    metavar="FILE",
    envvar="KAFKALITE_CONFIG",
    type=click.Path(path_type=Path),
    help="File of broker properties in Kafka's format or TOML (with topics, too), or a folder of such files.",
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
@click.option(
    "--security",
    metavar="PROTOCOL",
    type=click.Choice(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
    help="Protect the listeners: ssl, sasl_plaintext or sasl_ssl. Certificates and a user are made for this run unless "
    "properties set them.",
)
@click.option(
    "--brokers",
    metavar="NUMBER",
    type=click.IntRange(1, 100),
    help="Brokers of the cluster, all in this process and with one copy of the data; the ports follow each other.  "
    "[default: 1]",
)
@observing_options
def serve(
    *,
    listen: tuple[str, ...],
    advertise: str | None,
    advertise_outside: str | None,
    data: str | None,
    in_memory: bool,
    controls: str | None,
    controls_token_file: Path | None,
    controls_tls: bool,
    file: Path | None,
    topics: tuple[str, ...],
    settings: tuple[str, ...],
    security: str | None,
    brokers: int | None,
    faults: Path | None,
    request_log: Path | None,
    record: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run a broker; Ctrl-C or SIGTERM stops it cleanly.

    Properties are Kafka's own. The later source wins: defaults, --config FILE, environment variables
    (KAFKALITE_SET_NUM_PARTITIONS=3 sets num.partitions), --set, and the other options.

    The exit code is 0 after a clean stop, 1 if the broker cannot start or fails, 2 for a mistake in the
    options or properties.
    """
    if in_memory and data is not None:
        raise click.UsageError("--in-memory and --data exclude each other.")
    try:
        controls_at = None if controls is None else HostPort.parse(controls)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--controls") from None
    try:
        config = load(
            file=file,
            environment=os.environ,
            settings=settings,
            security=security,
            brokers=brokers,
            topics=topics,
            listen=listen,
            advertise=advertise,
            advertise_outside=advertise_outside,
            data="/kafkalite" if in_memory else data,
            defaults={} if controls_at is None else _for_tests(),
        )
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    access = controls_access(controls_at, controls_token_file, tls=controls_tls, listeners=config.security)
    injected: tuple[Fault, ...] = ()
    if faults is not None:
        from kafkalite.tools.cli.faults import read

        injected = read(faults)
    attachments: list[Attachment] = []
    if request_log is not None:
        attachments.append(lambda broker: logging_requests(request_log, lambda: broker.cluster, broker.pipeline))
    if record is not None:
        attachments.append(lambda broker: recording(record, lambda: broker.cluster, broker.pipeline))
    log_to_stderr(quiet=quiet, verbose=verbose)
    for warning in config.warnings:
        log.warning("%s", warning)
    if injected:
        log.warning("requests will fail on purpose: %d fault(s) from %s", len(injected), faults)
    warn_of_readable_token(controls_at, tls=controls_tls)

    def on_ready(addresses: tuple[tuple[str, int], ...], controls: HostPort | None = None) -> None:
        _announce(config, addresses, "memory" if in_memory else _shown(config.data_dir), controls, access)
        if config.client_access is not None:
            announce_access(config.client_access, addresses)

    file_system = _memory() if in_memory else None
    try:
        if controls_at is None or access is None:
            from kafkalite import program

            if injected:
                attachments.append(partial(_injecting, injected))
            program.run(config, on_ready=on_ready, file_system=file_system, attachments=attachments)
        else:
            from kafkalite.controls.http import broker

            broker.run(
                config,
                controls_at,
                on_ready=on_ready,
                file_system=file_system,
                faults=injected,
                attachments=attachments,
                access=access,
            )
    except StartError as error:
        raise click.ClickException(str(error)) from None


def _injecting(faults: tuple[Fault, ...], broker: Broker) -> AbstractContextManager[object]:
    from kafkalite.tools.cli.faults import injected

    return injected(faults, broker)


def _for_tests() -> Mapping[str, str]:
    require_h11()
    from kafkalite.controls.defaults import DEFAULTS, text_of

    return {name: text_of(value) for name, value in DEFAULTS.items()}


def _memory() -> FileSystem:
    from kafkalite_storage.files.memory_filesystem import MemoryFileSystem

    return MemoryFileSystem()


def _announce(
    config: BrokerConfig,
    addresses: tuple[tuple[str, int], ...],
    data: str,
    controls: HostPort | None,
    access: ControlsAccess | None,
) -> None:
    listening = tuple(HostPort(host, port) for host, port in addresses)
    lines = [f"kafkalite {__version__} is listening on {', '.join(map(str, listening))}, data in {data}"]
    if controls is not None and access is not None:
        lines.append(f"Controls are at {access.scheme}://{reachable(controls)}")
    announce(*lines, bootstrap=",".join(map(str, _bootstrap(config, listening))))


def _bootstrap(config: BrokerConfig, listening: tuple[HostPort, ...]) -> list[HostPort]:
    """Return where clients connect to: the first listener of each broker."""
    of_each = len(listening) // config.brokers
    brokers = [config.of_broker(number) for number in range(config.brokers)]
    return [
        broker.advertise or broker.advertise_outside or reachable(listening[number * of_each])
        for number, broker in enumerate(brokers)
    ]


def _shown(directory: Path) -> str:
    return str(directory) if directory.is_absolute() else f"./{directory}"
