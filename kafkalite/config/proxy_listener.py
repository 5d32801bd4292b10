"""What protects the proxy's listeners, from the broker properties of Kafka that act at a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kafkalite.addresses import HostPort
from kafkalite.config.connection_limits import MOST, ConnectionLimits, is_connection_limit, present_limits
from kafkalite.config.listener_properties import LISTENER_PREFIX
from kafkalite.config.loading import broker_config
from kafkalite.config.property import ConfigError
from kafkalite.config.providers import resolved
from kafkalite.config.security import SECURITY, USERS, ListenerSecurity, listener_property
from kafkalite.config.setting import Setting
from kafkalite.config.table import FAILED_LOGINS, PROPERTIES
from kafkalite_wire.frames import LARGEST_FRAME
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.security.client_access import ClientAccess
    from kafkalite.security.token_issuer import TokenIssuer

_MOST_CONNECTIONS: Final = 10_000
_MAX_REQUEST: Final = "socket.request.max.bytes"
_PREFIXES: Final = ("ssl.", "sasl.")
_OTHERS: Final = frozenset((
    SECURITY,
    USERS,
    _MAX_REQUEST,
    FAILED_LOGINS,
    "connection.failed.authentication.delay.ms",
    "connections.max.idle.ms",
    "connections.max.reauth.ms",
))  # fmt: skip


@value_class(kw_only=True)
class ProxyListener:
    """What all listeners of a proxy have in common; times are seconds, sizes bytes."""

    security: ListenerSecurity = field(default_factory=ListenerSecurity)
    client_access: ClientAccess | None = None
    """What a client needs besides the address, as far as it is known; None without security."""
    token_issuer: TokenIssuer | None = None
    """What makes the tokens of OAUTHBEARER that are accepted; None where another issuer does."""
    connection_limits: ConnectionLimits = field(default_factory=lambda: ConnectionLimits(most=_MOST_CONNECTIONS))
    connections_max_idle: float = 600.0
    connection_failed_authentication_delay: float = 0.1
    failed_logins_per_minute: int = 600
    sasl_server_max_receive_size: int = 512 * 1024
    socket_request_max_bytes: int = LARGEST_FRAME


def is_listener_property(name: str) -> bool:
    """Return whether a broker property acts at a proxy; the name of its listeners is that of their protocol."""
    if is_connection_limit(name) or listener_property(name) is not None:
        return True
    return name in PROPERTIES and (name.startswith(_PREFIXES) or name in _OTHERS)


def proxy_listener(
    given: Mapping[str, Setting],
    listen: HostPort,
    *,
    hosts: tuple[str, ...] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> ProxyListener:
    """Return what settings of Kafka's broker properties mean for a proxy that listens at an address.

    ``kafkalite.security`` is the protocol: what it needs and is not set is made for this run, as by a broker; a
    certificate that is made is for ``hosts``, too. Values may refer to ``environment`` and to files.

    Raises ConfigError.
    """
    for setting in given.values():
        if not is_listener_property(setting.name):
            raise ConfigError(f"{setting.origin}: {setting.name} has no effect at a proxy")
    settings = {name: resolved(setting, environment) for name, setting in given.items()}
    settings["listeners"] = Setting("listeners", str(listen), "--listen")
    config = broker_config(settings, certified=hosts)
    (security,) = config.security
    own = f"{LISTENER_PREFIX}{security.name.lower()}."
    for setting in given.values():
        if setting.name.startswith(LISTENER_PREFIX) and not setting.name.startswith(own):
            raise ConfigError(f"{setting.origin}: {setting.name}: the name of the proxy's listeners is {security.name}")
    limits = {MOST: str(_MOST_CONNECTIONS), **config.connection_limits}
    return ProxyListener(
        security=security,
        client_access=config.client_access,
        token_issuer=config.token_issuer,
        connection_limits=present_limits((security.name,), limits),
        connections_max_idle=config.connections_max_idle,
        connection_failed_authentication_delay=config.connection_failed_authentication_delay,
        failed_logins_per_minute=config.failed_logins_per_minute,
        sasl_server_max_receive_size=config.sasl_server_max_receive_size,
        socket_request_max_bytes=config.socket_request_max_bytes if _MAX_REQUEST in given else LARGEST_FRAME,
    )
