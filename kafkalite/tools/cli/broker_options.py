"""Options and failures that the commands for a broker have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from kafkalite.tools.admin.access import CLIENT_SETTINGS, Access, parse_bootstrap, read_settings
from kafkalite.tools.admin.failures import AdminError
from kafkalite.tools.admin.positions import Position, parse_position, parse_scope
from kafkalite.tools.cli.one_broker import BOOTSTRAP_VARIABLE, DEFAULT_BOOTSTRAP

Scope = tuple[str, tuple[int, ...] | None]
"""A topic, and some of its partitions or None for all."""


class Failure(click.ClickException):
    """A failure with its own exit code and a second line that says what to try."""

    def __init__(self, error: AdminError) -> None:
        super().__init__(f"{error}.\n{error.hint}" if error.hint else f"{error}")
        # click declares it for the class, and reads it from the instance.
        self.__dict__["exit_code"] = int(error.why)


class AdminCommand(click.Command):
    """A command whose failures are lines and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except AdminError as error:
            raise Failure(error) from None


def require_extra() -> None:
    """Stop with a sentence if the libraries of the `cli` extra are missing."""
    missing = [package for package, module in (("kafka-python", "kafka"), ("rich", "rich")) if not find_spec(module)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise click.ClickException(f"{' and '.join(missing)} {verb} missing: run pip install 'kafkalite[cli]'")


def as_json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def with_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to reach a broker, and hand their meaning over as `access`."""

    @wraps(command)
    def reading(
        *, bootstrap: str, timeout: float, client_config: Path | None, client_settings: tuple[str, ...], **others: Any
    ) -> Any:
        require_extra()
        try:
            access = Access(
                bootstrap=parse_bootstrap(bootstrap),
                timeout=timeout,
                settings=read_settings(client_config, client_settings),
            )
        except ValueError as problem:
            raise click.UsageError(str(problem)) from None
        return command(access=access, **others)

    options = (
        bootstrap_option,
        click.option(
            "--timeout",
            type=click.FloatRange(0.1, 3600),
            default=10.0,
            show_default=True,
            metavar="S",
            help="Seconds to wait for an answer.",
        ),
        click.option(
            "--client-config",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Properties file of client settings, for TLS and SASL.",
        ),
        click.option(
            "-X",
            "client_settings",
            multiple=True,
            metavar="KEY=VALUE",
            help=f"One client setting: {', '.join(CLIENT_SETTINGS)}. May be repeated.",
        ),
    )
    decorated: Callable[..., Any] = reading
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def bootstrap_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--bootstrap`."""
    return click.option(
        "-b",
        "--bootstrap",
        metavar="HOST:PORT",
        envvar=BOOTSTRAP_VARIABLE,
        default=DEFAULT_BOOTSTRAP,
        show_default=True,
        show_envvar=True,
        help="Any broker of the cluster, or several with commas.",
    )(command)


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """Read `KEY=VALUE` options."""
    read: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{option}: {text!r} is not of the form KEY=VALUE.")
        read[key] = value
    return read


def check_disjoint(changes: Collection[str], option: str, resets: Collection[str]) -> None:
    """Check that no key is both set and set back; raises UsageError."""
    if both := sorted(set(changes) & set(resets)):
        raise click.UsageError(f"{option} and --reset exclude each other, and both name {both[0]}.")


def read_position(_ctx: click.Context, _param: click.Parameter, value: str) -> Position:
    """Parse an option that names a position; times ago count from now."""
    try:
        return parse_position(value, now_ms=round(time.time() * 1000))
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None


def read_scopes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[Scope, ...]:
    """Parse options that name topics, or some partitions of them."""
    try:
        return tuple(parse_scope(value) for value in values)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None
