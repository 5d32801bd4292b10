"""Commands that need one broker and no extra: `kafkalite ready` and `kafkalite advertise`."""

from __future__ import annotations

from typing import Final

import click

from kafkalite.addresses import HostPort

BOOTSTRAP_VARIABLE: Final = "KAFKALITE_BOOTSTRAP"
DEFAULT_BOOTSTRAP: Final = "127.0.0.1:9092"


def _as_address(ctx: click.Context, param: click.Parameter, value: str) -> HostPort:
    try:
        return HostPort.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from None


@click.command()
@click.argument(
    "broker",
    metavar="[HOST:PORT]",
    required=False,
    envvar=BOOTSTRAP_VARIABLE,
    default=DEFAULT_BOOTSTRAP,
    callback=_as_address,
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 3600),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait.",
)
def ready(*, broker: HostPort, timeout: float) -> None:
    """Wait until a broker answers; without HOST:PORT the one at 127.0.0.1:9092.

    For scripts and health checks. Any Kafka will do. The exit code is 0 when the broker has answered ApiVersions, and
    1 when the time is over.
    """
    from kafkalite.client.readiness import wait_until_ready

    if not wait_until_ready((broker.host, broker.port), timeout=timeout):
        raise click.ClickException(f"no broker answers at {broker}, after {timeout:g} s")


@click.command()
@click.argument("outside", metavar="HOST:PORT", callback=_as_address)
@click.option(
    "-b",
    "--bootstrap",
    "broker",
    metavar="HOST:PORT",
    callback=_as_address,
    envvar=BOOTSTRAP_VARIABLE,
    default=DEFAULT_BOOTSTRAP,
    show_default=True,
    help="The broker.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for the broker.",
)
def advertise(*, outside: HostPort, broker: HostPort, timeout: float) -> None:
    """Set the address that a broker in a container advertises to clients from outside, until it stops.

    For a published port that is known only after the start: docker exec NAME kafkalite advertise 127.0.0.1:PORT.
    Waits until the broker answers.
    """
    from kafkalite.client.advertising import advertise_outside
    from kafkalite.client.connection import NotKafkaError
    from kafkalite.client.readiness import wait_until_ready
    from kafkalite_wire.errors import WireError

    address = broker.host, broker.port
    if not wait_until_ready(address, timeout=timeout):
        raise click.ClickException(f"no broker answers at {broker}, after {timeout:g} s")
    try:
        advertise_outside(address, str(outside), timeout=timeout)
    except ValueError as error:
        raise click.ClickException(f"{broker} refuses: {error}") from None
    except (OSError, NotKafkaError, WireError) as error:
        raise click.ClickException(f"no broker answers at {broker}: {error}") from None
    click.echo(f"Clients from outside are sent to {outside}.")
