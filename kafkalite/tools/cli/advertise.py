"""`kafkalite advertise`: set the published address of a running broker."""

import click

from kafkalite.config.address import HostPort
from kafkalite.tools.cli.broker_address import BOOTSTRAP_VARIABLE, DEFAULT_BOOTSTRAP, as_address


@click.command()
@click.argument("outside", metavar="HOST:PORT", callback=as_address)
@click.option(
    "-b",
    "--bootstrap",
    "broker",
    metavar="HOST:PORT",
    callback=as_address,
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
