"""The options of `kafkalite proxy` that protect its two sides, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import click

from kafkalite.config.property import ConfigError
from kafkalite.config.security import SECURITY
from kafkalite.config.setting import Setting

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort
    from kafkalite.config.proxy_listener import ProxyListener

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.option(
        "--security",
        metavar="PROTOCOL",
        type=click.Choice(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
        help="Protect the listeners: ssl, sasl_plaintext or sasl_ssl. Certificates and a user are made for this run "
        "unless --listener-set sets them.",
    ),
    click.option(
        "--listener-set",
        "listener_settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a broker property of Kafka for the listeners, such as ssl.keystore.location or "
        "max.connections.per.ip. May be repeated.",
    ),
)


def security_options(command: Command) -> Command:
    """Add the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def listener_of(
    security: str | None, settings: Iterable[str], listen: HostPort, advertise: str | None
) -> ProxyListener:
    """Return what protects the listeners. Raises UsageError."""
    from kafkalite.config.proxy_listener import ProxyListener, proxy_listener

    given = {setting.name: setting for setting in _read(settings, "--listener-set")}
    if security is not None:
        given[SECURITY] = Setting(SECURITY, security, "--security")
    if not given:
        return ProxyListener()
    try:
        return proxy_listener(given, listen, hosts=() if advertise is None else (advertise,), environment=os.environ)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _read(settings: Iterable[str], option: str) -> Iterable[Setting]:
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{option}: {name!r} is not of the form NAME=VALUE")
        yield Setting(name.strip(), value, option)
