"""The options of `kafkalite proxy` that protect its two sides, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from kafkalite.config.property import ConfigError
from kafkalite.config.security import SECURITY
from kafkalite.config.setting import Setting

if TYPE_CHECKING:
    from kafkalite.addresses import HostPort
    from kafkalite.config.proxy_listener import ProxyListener
    from kafkalite.config.upstream import Upstream
    from kafkalite.proxy.shared_port import ServerNames

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
    click.option(
        "--upstream-tls",
        is_flag=True,
        help="Connect to the cluster with TLS; its certificates and host names are verified.",
    ),
    click.option(
        "--upstream-ca",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="PEM file of the authorities that may certify the cluster; implies --upstream-tls.  "
        "[default: the system's]",
    ),
    click.option(
        "--upstream-config",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Properties file of Kafka's client settings for connections to the cluster: security.protocol, ssl.*, "
        "sasl.*. With sasl.mechanism the proxy logs in to the cluster itself.",
    ),
)


_OPERATING = (
    click.option(
        "--broker-host",
        metavar="PATTERN",
        help="Share one port among all brokers, by server name (SNI), as broker-{id}.DOMAIN[:PORT]; clients begin at "
        "bootstrap.DOMAIN. The listener needs TLS, with a certificate for *.DOMAIN.",
    ),
    click.option(
        "--proxy-protocol",
        "origins",
        type=click.Choice(["off", "allowed", "required"]),
        default="off",
        show_default=True,
        help="Whether connections begin with a header of the PROXY protocol (1 or 2), with the client's address.",
    ),
    click.option(
        "--authentication-seconds",
        "authentication_limit",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="S",
        help="Close a connection whose client has not logged in within so many seconds, where the listeners have SASL.",
    ),
    click.option(
        "--drain-seconds",
        "drain",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        metavar="S",
        help="At a stop, wait so many seconds for the responses to requests in flight.",
    ),
)


def security_options(command: Command) -> Command:
    """Add the options."""
    for option in reversed((*_OPTIONS, *_OPERATING)):
        command = option(command)
    return command


def listener_of(
    security: str | None,
    settings: Iterable[str],
    listen: HostPort,
    hosts: tuple[str, ...],
    of_file: Mapping[str, Setting],
) -> ProxyListener:
    """Return what protects the listeners; a certificate that is made covers ``hosts``. Raises UsageError."""
    from kafkalite.config.proxy_listener import ProxyListener, proxy_listener

    given = dict(of_file) | {setting.name: setting for setting in _read(settings, "--listener-set")}
    if security is not None:
        given[SECURITY] = Setting(SECURITY, security, "--security")
    if not given:
        return ProxyListener()
    try:
        return proxy_listener(given, listen, hosts=hosts, environment=os.environ)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def names_of(pattern: str | None) -> ServerNames | None:
    """Return the names of brokers that share a port. Raises BadParameter."""
    if pattern is None:
        return None
    from kafkalite.proxy.shared_port import ServerNames

    try:
        return ServerNames.parse(pattern)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--broker-host") from None


def cluster_of(file: Path | None, authorities: Path | None, *, tls: bool, of_file: Mapping[str, Setting]) -> Upstream:
    """Return what protects the connections to the cluster. Raises UsageError."""
    from kafkalite.config.setting import properties_of
    from kafkalite.config.upstream import upstream_of

    given = dict(of_file)
    try:
        if file is not None:
            given.update((setting.name, setting) for setting in properties_of(file))
        if tls or authorities is not None:
            given.setdefault("security.protocol", Setting("security.protocol", "SSL", "--upstream-tls"))
        if authorities is not None:
            for name, text in (("type", "PEM"), ("location", str(authorities))):
                given[f"ssl.truststore.{name}"] = Setting(f"ssl.truststore.{name}", text, "--upstream-ca")
        return upstream_of(given, environment=os.environ)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _read(settings: Iterable[str], option: str) -> Iterable[Setting]:
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{option}: {name!r} is not of the form NAME=VALUE")
        yield Setting(name.strip(), value, option)
