"""`kafkalite groups`: list, describe, reset and delete groups, and preview an assignment."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict

import click

from kafkalite.tools.admin import groups as admin_groups
from kafkalite.tools.admin.access import Access, connect
from kafkalite.tools.admin.positions import FORMS, Position
from kafkalite.tools.admin.preview import Change, preview
from kafkalite.tools.cli.broker_options import (
    AdminCommand,
    Scope,
    as_json_option,
    read_position,
    read_scopes,
    with_access,
)
from kafkalite.tools.cli.completion import complete_groups
from kafkalite.tools.cli.printing import note, print_json, print_json_line, print_table, table

_COLUMNS = ("topic", ">partition", ">committed", ">end", ">lag", "client", "host", "member")


@click.group()
def groups() -> None:
    """List, describe, reset and delete consumer groups of any broker; preview an assignment."""


@groups.command("list", cls=AdminCommand)
@with_access
@as_json_option
def list_(*, access: Access, as_json: bool) -> None:
    """List groups and their states."""
    with connect(access) as admin:
        found = admin_groups.list_groups(admin)
    if as_json:
        print_json(found)
        return
    rows = [(row.group, row.state, row.type, row.protocol_type) for row in found]
    print_table(("group", "state", "type", "protocol"), rows, empty="There are no groups.")


@groups.command(cls=AdminCommand)
@click.argument("names", metavar="GROUP...", nargs=-1, required=True, shell_complete=complete_groups)
@click.option("--watch", is_flag=True, help="Look again and again; Ctrl-C ends it.")
@click.option(
    "--interval", type=click.FloatRange(0.05, 3600), default=2.0, show_default=True, help="Seconds between looks."
)
@click.option("--looks", type=click.IntRange(1), metavar="N", help="With --watch: end after N updates.")
@with_access
@as_json_option
def describe(
    *, access: Access, names: tuple[str, ...], watch: bool, interval: float, looks: int | None, as_json: bool
) -> None:
    """Show who owns which partition, what is committed, where it ends, and the lag.

    With --watch and --json, each look is one line of JSON.
    """
    with connect(access) as admin:
        if not watch:
            found = [admin_groups.describe_group(admin, name) for name in names]
            if as_json:
                print_json([_group_as_json(group) for group in found])
            else:
                for group in found:
                    click.echo(_headline(group))
                    print_table(_COLUMNS, _rows(group), empty="It owns nothing and has committed nothing.")
            return
        seen = _look_again(admin, names, interval, looks)
        try:
            if as_json:
                for found in seen:
                    print_json_line([_group_as_json(group) for group in found])
            else:
                _show_live(seen)
        except KeyboardInterrupt:
            sys.exit(0)


def _look_again(
    admin: object, names: tuple[str, ...], interval: float, looks: int | None
) -> Iterator[list[admin_groups.Group]]:
    looked = 0
    while True:
        yield [admin_groups.describe_group(admin, name) for name in names]
        looked += 1
        if looked == looks:
            return
        time.sleep(interval)


def _show_live(seen: Iterator[list[admin_groups.Group]]) -> None:
    from rich.console import Group as Stacked
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for found in seen:
            parts = [part for group in found for part in (Text(_headline(group)), table(_COLUMNS, _rows(group)))]
            live.update(Stacked(*parts), refresh=True)


def _headline(group: admin_groups.Group) -> str:
    count = len(group.members)
    members = f"{count} member{'' if count == 1 else 's'}"
    assignor = f", assignor {group.protocol}" if group.protocol else ""
    return f"{group.group}: {group.state}, {members}{assignor}, lag {group.lag}"


def _rows(group: admin_groups.Group) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (row.topic, row.partition, row.committed, row.end, row.lag, row.client_id, row.host, row.member_id)
        for row in group.partitions
    ]
    idle = [member for member in group.members if not member.partitions]
    rows += [(None, None, None, None, None, member.client_id, member.host, member.member_id) for member in idle]
    return rows


def _group_as_json(group: admin_groups.Group) -> dict[str, object]:
    return {**asdict(group), "lag": group.lag}


@groups.command(cls=AdminCommand)
@click.argument("name", metavar="GROUP", shell_complete=complete_groups)
@click.option(
    "--to", "position", callback=read_position, required=True, metavar="PLACE", help=f"New position: {FORMS}."
)
@click.option(
    "-t", "--topic", "scopes", callback=read_scopes, multiple=True, metavar="TOPIC[:P,…]",
    help="Topic, or some of its partitions; repeatable.  [default: all that the group has committed]",
)  # fmt: skip
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would happen.")
@with_access
@as_json_option
def reset(
    *, access: Access, name: str, position: Position, scopes: tuple[Scope, ...], execute: bool, as_json: bool
) -> None:
    """Reset the committed offsets of a group; a dry run unless --execute is given.

    +N and -N count from what the group has committed. What lies outside a partition becomes its first or its end
    offset. A group with active members cannot be reset: they go by their own positions.
    """
    with connect(access) as admin:
        plan = admin_groups.plan_reset(admin, name, scopes, position)
        if execute:
            admin_groups.apply_reset(admin, name, plan)
        active = () if execute else admin_groups.members_in_the_way(admin, name)
    if as_json:
        print_json({"group": name, "executed": execute, "partitions": [_reset_as_json(row) for row in plan]})
    else:
        rows = [(row.topic, row.partition, row.committed, row.new, row.read_again) for row in plan]
        print_table(("topic", ">partition", ">committed", ">new", ">read again"), rows, empty="Nothing to reset.")
    if active:
        note(f"Warning: {len(active)} members are active; with --execute this would be refused until they have left.")
    if not execute:
        note("Nothing is changed: this is a dry run; --execute does it.")


def _reset_as_json(row: admin_groups.Reset) -> dict[str, object]:
    return {**asdict(row), "read_again": row.read_again}


@groups.command("delete-offsets", cls=AdminCommand)
@click.argument("name", metavar="GROUP", shell_complete=complete_groups)
@click.option(
    "-t", "--topic", "scopes", callback=read_scopes, multiple=True, required=True, metavar="TOPIC[:P,…]",
    help="Topic, or some of its partitions; repeatable.",
)  # fmt: skip
@with_access
def delete_offsets(*, access: Access, name: str, scopes: tuple[Scope, ...]) -> None:
    """Forget what a group has committed for topics that it does not subscribe to."""
    with connect(access) as admin:
        keys = admin_groups.delete_offsets(admin, name, scopes)
    click.echo(f"{name} has forgotten {len(keys)} offset{'' if len(keys) == 1 else 's'}.")


@groups.command(cls=AdminCommand)
@click.argument("names", metavar="GROUP...", nargs=-1, required=True, shell_complete=complete_groups)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_access
@as_json_option
def delete(*, access: Access, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete groups without members, and all that they have committed."""
    if not yes:
        click.confirm(f"Delete {', '.join(names)} with all committed offsets?", abort=True, err=True)
    with connect(access) as admin:
        outcome = admin_groups.delete_groups(admin, names)
    if as_json:
        print_json([{"group": name, "error": error} for name, error in outcome.items()])
    else:
        for name, error in outcome.items():
            click.echo(f"{name} is not deleted: {error}" if error else f"{name} is deleted.")
    sys.exit(1 if any(outcome.values()) else 0)


@groups.command()
@click.option("--strategy", type=click.Choice(["range", "roundrobin"]), default="range", show_default=True)
@click.option("--members", required=True, metavar="A,B,C", help="The members, with commas.")
@click.option(
    "-t", "--topic", "topics", multiple=True, required=True, metavar="TOPIC:N", help="Topic and partitions; repeatable."
)
@as_json_option
def assign(*, strategy: str, members: str, topics: tuple[str, ...], as_json: bool) -> None:
    """Preview who would own what, and what one more member or partition would move.

    Asks no broker: it computes what the leader of a group would, if all members subscribe to all topics.
    """
    names = list(dict.fromkeys(name for name in members.split(",") if name))
    if not names:
        raise click.UsageError("--members: name at least one.")
    shown = preview(strategy, names, dict(_topic_size(topic) for topic in topics))
    if as_json:
        print_json(shown)
        return
    width = max(len(name) for name in names)
    for owned in shown.owned:
        click.echo(f"{owned.member:<{width}}  {' '.join(owned.partitions) or '(hot standby: owns nothing)'}")
    for change in shown.changes:
        _show_change(change)


def _show_change(change: Change) -> None:
    moved = [move for move in change.moves if move.before is not None]
    stays = f"{change.kept} stay, {len(moved)} move"
    click.echo(f"\nWith {change.what}: {stays}")
    for move in change.moves:
        click.echo(f"  {move.partition}: {f'{move.before} -> ' if move.before is not None else 'new -> '}{move.after}")
    if change.keys_moved:
        click.echo(
            f"  Warning: {change.keys_moved:.0%} of the keys go to another partition from then on, away from their"
            " earlier records."
        )


def _topic_size(text: str) -> tuple[str, int]:
    topic, _, count = text.rpartition(":")
    if not topic or not (count.isascii() and count.isdigit()) or int(count) < 1:
        raise click.UsageError(f"--topic: {text!r} is not of the form TOPIC:PARTITIONS.")
    return topic, int(count)
