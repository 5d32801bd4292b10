"""The limits of connections: how many, and how many more a second, for the broker, a listener and an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from kafkalite.addresses import numbers_of_addresses
from kafkalite.config.listener_properties import LISTENER_PREFIX
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.values import value_class

MOST: Final = "max.connections"
RATE: Final = "max.connection.creation.rate"
PER_IP: Final = "max.connections.per.ip"
OVERRIDES: Final = "max.connections.per.ip.overrides"
UNLIMITED: Final = (1 << 31) - 1
_OF_LISTENERS: Final = (MOST, RATE)


@value_class
class ListenerLimits:
    """The limits of one listener."""

    most: int = UNLIMITED
    rate: int = UNLIMITED
    """New connections per second."""


@value_class(kw_only=True)
class ConnectionLimits:
    """The limits that are in force."""

    most: int = UNLIMITED
    rate: int = UNLIMITED
    most_per_ip: int = UNLIMITED
    most_of_ips: Mapping[str, int] = field(default_factory=dict[str, int])
    """For addresses that have a number of their own."""
    listeners: Mapping[str, ListenerLimits] = field(default_factory=dict[str, ListenerLimits])
    """By the listener's name."""


def is_connection_limit(name: str) -> bool:
    """Return whether a property is one of these, of the broker or of a listener."""
    return name in (MOST, RATE, PER_IP, OVERRIDES) or listener_limit(name) is not None


def listener_limit(name: str) -> str | None:
    """Return which limit ``listener.name.NAME.PROPERTY`` sets for a listener, or None if it is none."""
    if not name.startswith(LISTENER_PREFIX):
        return None
    property_ = name.removeprefix(LISTENER_PREFIX).partition(".")[2]
    return property_ if property_ in _OF_LISTENERS else None


def check_limits(changes: Mapping[str, str | None]) -> None:
    """Check the limits of listeners among new values of properties. Raises InvalidConfig."""
    for name, text in changes.items():
        limit = listener_limit(name)
        if limit is None or text is None:
            continue
        try:
            value = _integer(limit, text)
        except ValueError as error:
            raise InvalidConfig(f"{name}: {error}") from None
        if value <= 0:
            raise InvalidConfig(f"Invalid {limit} {text}")


def present_limits(listeners: tuple[str, ...], *sources: Mapping[str, str]) -> ConnectionLimits:
    """Return the limits that hold with these values of properties; an earlier source goes before a later one."""
    given = {name: text for source in reversed(sources) for name, text in source.items() if is_connection_limit(name)}
    if not given:
        return _NO_LIMITS

    def limit(name: str, listener: str | None = None) -> int:
        text = given.get(f"{LISTENER_PREFIX}{listener.lower()}.{name}") if listener else None
        text = given.get(name) if text is None else text
        return UNLIMITED if text is None else _integer(name, text)

    return ConnectionLimits(
        most=limit(MOST),
        rate=limit(RATE),
        most_per_ip=limit(PER_IP),
        most_of_ips=numbers_of_addresses(given.get(OVERRIDES, "")),
        listeners=MappingProxyType({name: ListenerLimits(limit(MOST, name), limit(RATE, name)) for name in listeners}),
    )


_NO_LIMITS: Final = ConnectionLimits()


def _integer(name: str, text: str) -> int:
    value = PROPERTIES[name].parse(text)
    assert isinstance(value, int)
    return value
