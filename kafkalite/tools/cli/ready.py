"""`kafkalite ready`: wait until a broker answers."""

import click

from kafkalite.config.address import HostPort
from kafkalite.tools.cli.broker_address import BOOTSTRAP_VARIABLE, DEFAULT_BOOTSTRAP, as_address


@click.command()
@click.argument(
    "broker",
    metavar="[HOST:PORT]",
    required=False,
    envvar=BOOTSTRAP_VARIABLE,
    default=DEFAULT_BOOTSTRAP,
    callback=as_address,
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
