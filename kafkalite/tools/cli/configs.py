"""`kafkalite configs`: configurations of topics, brokers and groups."""

from __future__ import annotations

import click

from kafkalite.tools.admin import configs as admin_configs
from kafkalite.tools.admin.access import Access, connect
from kafkalite.tools.cli.broker_options import AdminCommand, as_json_option, check_disjoint, pairs, with_access
from kafkalite.tools.cli.printing import print_json, print_table


@click.group()
def configs() -> None:
    """Show and change configurations of topics, brokers and groups of any broker."""


@configs.command("list", cls=AdminCommand)
@with_access
@as_json_option
def list_(*, access: Access, as_json: bool) -> None:
    """Show what has been set anywhere, of all topics and brokers."""
    with connect(access) as admin:
        found = admin_configs.list_configs(admin)
    if as_json:
        print_json([configured for configured in found if configured.settings])
        return
    rows = [(one.kind, one.name, row.key, _value(row), row.source) for one in found for row in one.settings]
    print_table(("kind", "name", "key", "value", "source"), rows, empty="Nothing has been set.")


@configs.command(cls=AdminCommand)
@click.argument("kind", type=click.Choice(admin_configs.KINDS))
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Show defaults too.")
@with_access
@as_json_option
def describe(*, access: Access, kind: str, name: str, everything: bool, as_json: bool) -> None:
    """Show the configuration of a topic, a broker (by its number) or a group."""
    with connect(access) as admin:
        found = admin_configs.describe_configs(admin, kind, name)
    shown = [row for row in found.settings if everything or not row.is_default]
    if as_json:
        print_json(shown)
        return
    rows = [(row.key, _value(row), row.source, "read-only" if row.read_only else "") for row in shown]
    empty = f"Nothing has been set for the {kind} {name}; --all shows the defaults."
    print_table(("key", "value", "source", ""), rows, empty=empty)


@configs.command(cls=AdminCommand)
@click.argument("kind", type=click.Choice(admin_configs.KINDS))
@click.argument("name")
@click.option("-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a key; repeatable.")
@click.option("--reset", "resets", multiple=True, metavar="KEY", help="Set a key back to its default; repeatable.")
@click.option("--dry-run", is_flag=True, help="Let the broker check it, and change nothing.")
@with_access
def alter(
    *, access: Access, kind: str, name: str, settings: tuple[str, ...], resets: tuple[str, ...], dry_run: bool
) -> None:
    """Change some keys of a configuration; the others stay."""
    if not settings and not resets:
        raise click.UsageError("Nothing to change: give --set or --reset.")
    changes = pairs(settings, "--set")
    check_disjoint(changes, "--set", resets)
    with connect(access) as admin:
        admin_configs.alter_configs(admin, kind, name, changes=changes, resets=resets, dry_run=dry_run)
    click.echo(f"The {kind} {name} could be changed." if dry_run else f"The {kind} {name} is changed.")


def _value(setting: admin_configs.Setting) -> str | None:
    return "(secret)" if setting.sensitive else setting.value
