"""What the commands share that serve clients until they are stopped: `serve` and `proxy`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from kafkalite.addresses import HostPort

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.controls.local_broker import Surroundings
    from kafkalite.requests.pipeline import Pipeline
    from kafkalite.security.client_access import ClientAccess

Command = TypeVar("Command", bound=Callable[..., object])

_OBSERVING = (
    click.option(
        "--faults",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="TOML file of faults to inject; each fault that fires is logged.",
    ),
    click.option(
        "--request-log",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Append each request and its response to a file, as JSON lines. The file grows without bound.  "
        "[default: off]",
    ),
    click.option(
        "--record",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Append each request and its response to a recording, as the bytes that travelled, for trace and replay. "
        "Passwords and tokens are left out, records are not.  [default: off]",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Log debugging details as well."),
)


def observing_options(command: Command) -> Command:
    """Add the options of faults, of the request log and of the program's own log."""
    for option in reversed(_OBSERVING):
        command = option(command)
    return command


def logging_requests(
    path: Path, surroundings: Callable[[], Surroundings], pipeline: Pipeline
) -> AbstractContextManager[object]:
    """Log the requests of a pipeline to a file until the block ends. Raises StartError."""
    from kafkalite.controls.request_log.file import RequestLogFile

    return closing(RequestLogFile(path, surroundings, pipeline.interceptors))


def recording(
    path: Path, surroundings: Callable[[], Surroundings], pipeline: Pipeline
) -> AbstractContextManager[object]:
    """Record the requests of a pipeline in a file until the block ends. Raises StartError."""
    from kafkalite.controls.request_log.recording import RecordingFile

    return closing(RecordingFile(path, surroundings, pipeline.interceptors))


def reachable(address: HostPort) -> HostPort:
    """Return where clients on this machine reach a listener."""
    return HostPort("127.0.0.1", address.port) if address.is_wildcard else address


def announce(*lines: str, bootstrap: str) -> None:
    """Print what runs, and how clients connect."""
    try:
        for line in lines:
            click.echo(line)
        click.echo(f"Connect clients with bootstrap.servers={bootstrap}; stop with Ctrl-C.")
    except OSError:
        # The reader of the output has closed it; the server keeps running for its clients.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def announce_access(access: ClientAccess, addresses: tuple[tuple[str, int], ...]) -> None:
    """Print how clients connect: they could not know what was made for this run."""
    bootstrap = ",".join(str(reachable(HostPort(host, port))) for host, port in addresses)
    access = replace(access, bootstrap=bootstrap)
    lines = [f"Clients need security.protocol={access.security_protocol}"]
    if access.sasl_mechanisms:
        lines.append(f"with sasl.mechanism={' or '.join(access.sasl_mechanisms)}")
    shown = access.is_ready_made and not access.uses_tokens()  # which a setting does not hold
    with suppress(OSError):
        click.echo(" ".join(lines) + ("; their settings:" if shown else "."))
        if shown:
            click.echo(access.java_properties().rstrip())


class OneLine(logging.Formatter):
    """Write each event on one line, even if a client put line breaks into it; only tracebacks take more."""

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """Format the event itself, without its traceback."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def log_to_stderr(*, quiet: bool, verbose: bool) -> None:
    """Log what the options of a command ask for."""
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.")
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO, handlers=[handler]
    )
