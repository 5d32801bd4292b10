"""`kafkalite demo`: the ad-click story."""

import sys
from importlib.util import find_spec

import click

_FASTEST_RATE = 33_000


@click.command()
@click.option("--fast", is_flag=True, help="Tell it in under 20 seconds: lower rate, shorter session timeout.")
@click.option(
    "--rate",
    type=click.IntRange(30, 1_000_000),
    metavar="N",
    help="Clicks a second that the producer asks for.  [default: 33000; 3000 with --fast]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    metavar="S",
    help="How long the producer writes at least.  [default: 25; 6 with --fast]",
)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Use this broker, with names of the demo's own, instead of starting one."
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON; events go to standard error.")
def demo(*, fast: bool, rate: int | None, seconds: float | None, bootstrap: str | None, as_json: bool) -> None:
    """Watch consumer groups at work, with real clients.

    Ad clicks are written to three partitions; consumers A, B and C bill them, D stands by. A is killed, D
    takes over. Two other groups read everything for themselves. Every promise is checked from what the
    processes reported.

    The exit code is 1 if a promise did not hold.
    """
    missing = [package for package, module in (("kafka-python", "kafka"), ("rich", "rich")) if not find_spec(module)]
    if missing:
        raise click.ClickException(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: run pip install 'kafkalite[demo]'"
        )

    from kafkalite.tools.demo.story import Pace
    from kafkalite.tools.demo.telling import run

    if fast:
        # Another broker need not allow less than Kafka does by default.
        session_timeout = 4.0 if bootstrap is None else 6.0
        pace = Pace(
            rate=rate or 3_000, seconds=seconds or 6.0, throttle=10_000, session_timeout=session_timeout, heartbeat=0.3,
            commit_every=0.3, look_every=0.15, scene=0.5, patience=60.0,
        )  # fmt: skip
    else:
        pace = Pace(
            rate=rate or _FASTEST_RATE, seconds=seconds or 25.0, throttle=10_000, session_timeout=6.0, heartbeat=1.0,
            commit_every=0.5, look_every=0.5, scene=4.0, patience=60.0,
        )  # fmt: skip
    held = run(pace, bootstrap=bootstrap, as_program=as_json)
    sys.exit(130 if held is None else 0 if held else 1)
