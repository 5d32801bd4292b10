"""`kafkalite trace`: who asks a broker or a proxy for what, and how long it takes; live, or from a recording."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kafkalite.config.setting import CONTROLS_TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator

    from kafkalite.controls.request_log.controls import RequestLogControl
    from kafkalite.controls.request_log.criteria import Criteria
    from kafkalite.controls.request_log.exchange import Exchange

Command = TypeVar("Command", bound=Callable[..., object])

_LOOK_EVERY: Final = 0.2
_HEAD: Final = f"{'time':<12} {'ms':>9} {'client':<20} {'request':<26} {'bytes':>15}  what"
_FILTERS: Final = (
    click.option("--api", metavar="NAME", help="Only requests of an API, such as Produce."),
    click.option("--topic", metavar="NAME", help="Only requests about a topic."),
    click.option("--group", metavar="NAME", help="Only requests about a group."),
    click.option("--client-id", metavar="NAME", help="Only requests of a client, by its client id."),
    click.option("--error", metavar="NAME", help="Only responses with an error; NONE for those without any."),
    click.option("--outcome", metavar="OUTCOME", help="Only requests that ended so: answered, disconnected, ..."),
)


def filter_options(command: Command) -> Command:
    """Add the options that choose requests."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def chosen(**filters: Any) -> Criteria:
    """Return the requests that the options choose. Raises UsageError."""
    from kafkalite.controls.request_log.criteria import Criteria

    try:
        return Criteria(**filters)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def recorded(path: Path) -> Iterator[Exchange]:
    """Yield the exchanges of a recording; a torn tail is reported. Raises ClickException."""
    from kafkalite.controls.request_log.recording import RecordingError, read_recording

    def torn(size: int) -> None:
        click.echo(f"{path} ends within a line: its last {size} bytes are left out", err=True)

    try:
        yield from read_recording(path, on_torn=torn)
    except (RecordingError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("source", metavar="URL|FILE")
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON lines, with the whole messages.")
@click.option("--records", is_flag=True, help="Decode records in the JSON lines.")
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"File with the token that the controls ask for; also the environment variable {CONTROLS_TOKEN_VARIABLE}.",
)
@click.option(
    "--ca", metavar="FILE", type=click.Path(path_type=Path), help="PEM file with the authority of controls with TLS."
)
def trace(
    *, source: str, as_json: bool, records: bool, token_file: Path | None, ca: Path | None, **filters: str | None
) -> None:
    """Show the requests that a broker or a proxy gets, who sends them, how they end and how long that takes.

    URL is where `kafkalite proxy --controls` or `kafkalite serve --controls` serves its controls: requests are shown as
    they end, until Ctrl-C. FILE is a recording (`--record`). Times are the server's; the two numbers of bytes are those
    of the request and of the response.

    The exit code is 0, 1 if the source cannot be read, 2 for a mistake in the options.
    """
    wanted = chosen(**filters)
    if source.startswith(("http://", "https://")):
        with suppress(KeyboardInterrupt), _live(source, token_file, ca) as exchanges:
            _show((each for each in exchanges if wanted.admits(each)), as_json=as_json, records=records)
    else:
        _show((each for each in recorded(Path(source)) if wanted.admits(each)), as_json=as_json, records=records)


def _show(exchanges: Iterable[Exchange], *, as_json: bool, records: bool) -> None:
    from kafkalite.controls.request_log.json_lines import line_of

    try:
        if not as_json:
            click.echo(_HEAD)
        for exchange in exchanges:
            click.echo(line_of(exchange, records=records).rstrip() if as_json else row_of(exchange))
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def row_of(exchange: Exchange) -> str:
    """Return the line of an exchange in the table."""
    at = datetime.fromtimestamp(exchange.asked_ms / 1000).strftime("%H:%M:%S.%f")[:-3]  # noqa: DTZ006  # local time
    latency = "" if exchange.latency is None else f"{exchange.latency * 1000:.1f}"
    request = f"{exchange.api} v{exchange.api_version}"
    sizes = f"{exchange.request_bytes} {exchange.response_bytes}"
    return f"{at:<12} {latency:>9} {exchange.client_id:<20} {request:<26} {sizes:>15}  {', '.join(_about(exchange))}"


def _about(exchange: Exchange) -> Iterator[str]:
    for what, names in (("group", exchange.groups), ("topic", exchange.topics)):
        if names:
            yield f"{what} {' '.join(sorted(names))}"
    if exchange.batches:
        yield f"{exchange.records_count} record(s)"
    if exchange.outcome.value != "answered":
        yield exchange.outcome.value
    yield from map(str, exchange.errors)
    if exchange.reason:
        yield exchange.reason


@contextmanager
def _live(url: str, token_file: Path | None, ca: Path | None) -> Generator[Iterator[Exchange]]:
    """Yield the requests as they end, with the request log switched on. Raises ClickException."""
    from kafkalite.controls.errors import BrokerFailed
    from kafkalite.controls.http.client import HttpTransport
    from kafkalite.controls.request_log.controls import RequestLogControl

    try:
        token = os.environ.get(CONTROLS_TOKEN_VARIABLE) if token_file is None else token_file.read_text().strip()
        requests = RequestLogControl(HttpTransport("", url, token=token or None, ca=ca))
        starts = not requests.is_on
        if starts:
            requests.start()
        try:
            yield _ended(requests)
        finally:
            if starts:
                requests.stop()
    except (OSError, ValueError, LookupError, BrokerFailed) as error:
        raise click.ClickException(f"{url}: {error}") from None


def _ended(requests: RequestLogControl) -> Iterator[Exchange]:
    """Yield each request when it has ended, until interrupted."""
    since, shown = requests.mark, set[int]()
    while True:
        exchanges = requests.find(since=since)
        all_ended = True
        for exchange in exchanges:
            if exchange.latency is None:
                all_ended = False
            elif exchange.number not in shown:
                shown.add(exchange.number)
                yield exchange
            if all_ended:
                since = exchange.number
                shown.discard(since)
        time.sleep(_LOOK_EVERY)
