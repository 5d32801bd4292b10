"""`kafkalite mirror`: copy topics and the offsets of groups from one cluster to another."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

import click


@click.command()
@click.option("--from", "source", required=True, metavar="HOST:PORT,...", help="The cluster to copy from.")
@click.option("--to", "target", required=True, metavar="HOST:PORT,...", help="The cluster to copy to.")
@click.option(
    "--topics", default="*", show_default=True, metavar="NAME,...", help="Topics to copy, also as patterns: orders*."
)
@click.option(
    "--groups",
    default="*",
    show_default=True,
    metavar="NAME,...",
    help="Groups whose offsets are translated, also as patterns; empty for none.",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Replicas of topics that are created.  [default: as the target cluster is configured]",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Go on with new records until Ctrl-C or SIGTERM; a second one ends the comparison, too.",
)
@click.option("--no-verify", is_flag=True, help="Do not read both clusters again to compare them.")
@click.option(
    "--from-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Properties of librdkafka for the first cluster, such as security.protocol, as NAME=VALUE lines.",
)
@click.option(
    "--to-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Likewise for the second one.",
)
def mirror(
    *,
    source: str,
    target: str,
    topics: str,
    groups: str,
    replication_factor: int | None,
    follow: bool,
    no_verify: bool,
    from_config: Path | None,
    to_config: Path | None,
) -> None:
    """Copy topics and the offsets of groups from one Kafka cluster to another.

    Copied are the topics with their partitions and configurations, committed records with keys, headers and timestamps,
    and the offsets of groups. The records are written in transactions, together with the position in the source, so a
    run that was stopped or killed is resumed by the next one, and each record is there once.

    The exit code is 0 if the comparison at the end finds no difference and every group was moved, 1 if not or if the
    mirror cannot go on, 2 for a mistake in the options. Needs pip install 'kafkalite[mirror]'.
    """
    try:
        from kafkalite.tools.mirror.clusters import Cluster
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; run pip install 'kafkalite[mirror]'") from None
    from kafkalite.tools.mirror.errors import MirrorError
    from kafkalite.tools.mirror.mirror import Plan
    from kafkalite.tools.mirror.mirror import mirror as run

    plan = Plan(
        source=Cluster(source, _properties(from_config)),
        target=Cluster(target, _properties(to_config)),
        topics=_names(topics),
        groups=_names(groups),
        replication_factor=-1 if replication_factor is None else replication_factor,
        follow=follow,
        verifies=not no_verify,
    )
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    began = time.monotonic()
    try:
        result = run(plan, note=lambda line: click.echo(line, err=True), is_over=stopping.is_set)
    except MirrorError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Copied {result.records:,} records in {time.monotonic() - began:.1f} s.")
    for group in result.groups:
        kept = f", of which {group.kept} are further on in the target cluster" if group.kept else ""
        click.echo(f"Group {group.group}: {group.problem or f'{group.partitions} offsets{kept}'}")
    if result.verified is not None:
        for line in result.verified.differences:
            click.echo(f"Different: {line}")
        if not result.verified.differences:
            click.echo(f"Compared {result.verified.records:,} records: no difference.")
    sys.exit(0 if result.is_good else 1)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _properties(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise click.UsageError(f"{file}, line {number}: {name.strip()!r} is not of the form NAME=VALUE")
        found[name.strip()] = value.strip()
    return found
