"""`kafkalite topics`: list, describe, create, alter and delete topics."""

from __future__ import annotations

import sys

import click

from kafkalite.tools.admin import configs as admin_configs
from kafkalite.tools.admin import topics as admin_topics
from kafkalite.tools.admin.access import Access, connect
from kafkalite.tools.cli.broker_options import AdminCommand, as_json_option, check_disjoint, pairs, with_access
from kafkalite.tools.cli.completion import complete_topics
from kafkalite.tools.cli.printing import note, print_json, print_table


@click.group()
def topics() -> None:
    """List, describe, create, alter and delete topics of any broker."""


@topics.command("list", cls=AdminCommand)
@click.option("--internal", is_flag=True, help="List internal topics too.")
@with_access
@as_json_option
def list_(*, access: Access, internal: bool, as_json: bool) -> None:
    """List topics."""
    with connect(access) as admin:
        found = admin_topics.list_topics(admin, internal=internal)
    if as_json:
        print_json(found)
        return
    rows = [(topic.topic, len(topic.partitions), topic.replication_factor) for topic in found]
    print_table(("topic", ">partitions", ">replicas"), rows, empty="There are no topics.")


@topics.command(cls=AdminCommand)
@click.argument("names", metavar="TOPIC...", nargs=-1, required=True, shell_complete=complete_topics)
@with_access
@as_json_option
def describe(*, access: Access, names: tuple[str, ...], as_json: bool) -> None:
    """Show the partitions of topics: leader, replicas, first and end offset."""
    with connect(access) as admin:
        found = admin_topics.describe_topics(admin, names)
    if as_json:
        print_json(found)
        return
    _show(found)


def _show(found: list[admin_topics.Topic]) -> None:
    rows = [
        (
            topic.topic,
            row.partition,
            row.leader if row.leader >= 0 else None,
            ",".join(map(str, row.replicas)),
            ",".join(map(str, row.in_sync)),
            row.earliest,
            row.end,
            None if row.earliest is None or row.end is None else row.end - row.earliest,
        )
        for topic in found
        for row in topic.partitions
    ]
    columns = ("topic", ">partition", ">leader", "replicas", "in sync", ">earliest", ">end", ">offsets")
    print_table(columns, rows, empty="There are no partitions.")


@topics.command(cls=AdminCommand)
@click.argument("name", metavar="TOPIC")
@click.option("-p", "--partitions", type=click.IntRange(1), metavar="N", help="Partitions.  [default: the broker's]")
@click.option(
    "-r", "--replication-factor", type=click.IntRange(1), metavar="N", help="Replicas.  [default: the broker's]"
)
@click.option("-c", "--config", "settings", multiple=True, metavar="KEY=VALUE", help="Topic configuration; repeatable.")
@click.option("--if-not-exists", is_flag=True, help="Succeed without a change if the topic exists.")
@click.option("--dry-run", is_flag=True, help="Let the broker check it, and create nothing.")
@with_access
@as_json_option
def create(
    *,
    access: Access,
    name: str,
    partitions: int | None,
    replication_factor: int | None,
    settings: tuple[str, ...],
    if_not_exists: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Create a topic, and wait until it can be used."""
    wanted = pairs(settings, "--config")
    with connect(access) as admin:
        known = (
            {topic.topic for topic in admin_topics.list_topics(admin, internal=True)} if if_not_exists else set[str]()
        )
        exists = name in known
        if exists:
            made = admin_topics.describe_topics(admin, [name])[0]
        else:
            made = admin_topics.create_topic(
                admin,
                name,
                partitions=partitions,
                replication_factor=replication_factor,
                configs=wanted,
                dry_run=dry_run,
            )
    if as_json:
        print_json(made)
    elif dry_run:
        click.echo(f"{name} could be created.")
    else:
        count = len(made.partitions)
        done = "exists already" if exists else "is created"
        click.echo(f"{name} {done}, with {count} partition{'' if count == 1 else 's'}.")


@topics.command(cls=AdminCommand)
@click.argument("name", metavar="TOPIC", shell_complete=complete_topics)
@click.option("-p", "--partitions", type=click.IntRange(1), metavar="N", help="Raise the number of partitions to this.")
@click.option("-c", "--config", "settings", multiple=True, metavar="KEY=VALUE", help="Set a configuration; repeatable.")
@click.option("--reset", "resets", multiple=True, metavar="KEY", help="Set a configuration back; repeatable.")
@click.option("--dry-run", is_flag=True, help="Let the broker check it, and change nothing.")
@with_access
def alter(
    *,
    access: Access,
    name: str,
    partitions: int | None,
    settings: tuple[str, ...],
    resets: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Add partitions to a topic, or change its configuration.

    A key's partition is its hash modulo the number of partitions: with more partitions, most keys go elsewhere, and
    the order of a key's records across the change is lost. There is no way back.
    """
    if partitions is None and not settings and not resets:
        raise click.UsageError("Nothing to change: give --partitions, --config or --reset.")
    changes = pairs(settings, "--config")
    check_disjoint(changes, "--config", resets)
    with connect(access) as admin:
        if settings or resets:
            admin_configs.alter_configs(admin, "topic", name, changes=changes, resets=resets, dry_run=dry_run)
        if partitions is not None:
            admin_topics.add_partitions(admin, name, partitions, dry_run=dry_run)
    if partitions is not None:
        note("Keys move: records of one key are now in two partitions. `kafkalite groups assign` shows what moves.")
    click.echo(f"{name} could be changed." if dry_run else f"{name} is changed.")


@topics.command(cls=AdminCommand)
@click.argument("names", metavar="TOPIC...", nargs=-1, required=True, shell_complete=complete_topics)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_access
@as_json_option
def delete(*, access: Access, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete topics and their records."""
    if not yes:
        click.confirm(f"Delete {', '.join(names)} with all records?", abort=True, err=True)
    with connect(access) as admin:
        outcome = admin_topics.delete_topics(admin, names)
    if as_json:
        print_json([{"topic": name, "error": error} for name, error in outcome.items()])
    else:
        for name, error in outcome.items():
            click.echo(f"{name} is not deleted: {error}" if error else f"{name} is deleted.")
    sys.exit(1 if any(outcome.values()) else 0)
