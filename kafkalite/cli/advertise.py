"""`kafkalite advertise`: tell a running broker where its published port is."""

import click

from kafkalite.cli.broker_address import BOOTSTRAP_VARIABLE, DEFAULT_BOOTSTRAP, as_address
from kafkalite.config.address import HostPort


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
    help="The broker to tell.",
)
def advertise(*, outside: HostPort, broker: HostPort) -> None:
    """Tell a broker in a container where clients from outside find it, until it stops.

    For a published port that is known only after the start: docker exec NAME kafkalite advertise 127.0.0.1:PORT
    """
    from kafkalite.client.advertising import advertise_outside
    from kafkalite.client.connection import NotKafkaError
    from kafkalite_wire.errors import WireError

    try:
        advertise_outside((broker.host, broker.port), str(outside), timeout=10)
    except ValueError as error:
        raise click.ClickException(f"{broker} refuses: {error}") from None
    except (OSError, NotKafkaError, WireError) as error:
        raise click.ClickException(f"no broker answers at {broker}: {error}") from None
    click.echo(f"Clients from outside are told {outside}.")
