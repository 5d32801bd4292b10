"""The address of one broker as a parameter, for commands that need no extra."""

from __future__ import annotations

from typing import Final

import click

from kafkalite.config.address import HostPort

BOOTSTRAP_VARIABLE: Final = "KAFKALITE_BOOTSTRAP"
DEFAULT_BOOTSTRAP: Final = "127.0.0.1:9092"


def as_address(ctx: click.Context, param: click.Parameter, value: str) -> HostPort:
    """Read an address; to be the callback of an argument or option."""
    try:
        return HostPort.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from None
