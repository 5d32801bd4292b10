"""Options that mean a place in a log, or some partitions of a topic: callbacks that read them."""

from __future__ import annotations

import time

import click

from kafkalite.tools.admin.positions import Position, parse_position, parse_scope

Scope = tuple[str, tuple[int, ...] | None]


def read_position(_ctx: click.Context, _param: click.Parameter, value: str) -> Position:
    """Read a position against the time that it is now."""
    try:
        return parse_position(value, now_ms=round(time.time() * 1000))
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None


def read_scopes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[Scope, ...]:
    """Read topics, or some partitions of them."""
    try:
        return tuple(parse_scope(value) for value in values)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None
