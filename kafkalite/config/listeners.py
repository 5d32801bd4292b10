"""Listeners: `listeners`, `advertised.listeners` and the properties that give their names a meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Final

from kafkalite.addresses import HostPort
from kafkalite.security.protocol import SecurityProtocol
from kafkalite_wire.values import value_class

_PLAINTEXT: Final = "PLAINTEXT"


class ListenerError(ValueError):
    """A listener cannot be opened or advertised; `property` is the one at fault."""

    def __init__(self, property_: str, reason: str) -> None:
        super().__init__(reason)
        self.property = property_


@value_class(kw_only=True)
class Listeners:
    """The addresses to listen on and to advertise."""

    listen: tuple[HostPort, ...]
    advertise: HostPort | None
    """The address to advertise on every listener that is not in `advertise_by_port`."""
    advertise_by_port: Mapping[int, HostPort] = field(default_factory=lambda: MappingProxyType({}))
    """The addresses of listeners that have their own, by the port that they listen on."""
    protocols: tuple[tuple[str, SecurityProtocol], ...]
    """The name and the security protocol of each listener."""
    not_opened: tuple[str, ...] = ()
    """The listeners of controllers, as they were written."""


def resolve(
    listeners: Sequence[str],
    advertised: Sequence[str],
    *,
    protocol_map: str,
    controllers: Sequence[str],
    unnamed: SecurityProtocol = SecurityProtocol.PLAINTEXT,
) -> Listeners:
    """Resolve the values of the properties; ``unnamed`` protects listeners without a name. Raises ListenerError."""
    by_name = _protocols(protocol_map)
    # In Kafka, the names of controllers are PLAINTEXT unless the map says otherwise. Here they are not opened at all.
    opened = [text for text in listeners if _name(text) not in controllers]
    if not opened:
        raise ListenerError("listeners", "at least one address is needed")
    listen = [_address("listeners", text, by_name) for text in opened]
    protocols = tuple(
        (_name(text), _protocol(text, by_name)) if _name(text) else (unnamed.value, unnamed) for text in opened
    )
    addresses: dict[str, HostPort] = {}
    for text in advertised:
        name = _name(text)
        if name in controllers:
            continue
        if name in addresses:
            raise ListenerError("advertised.listeners", "only one address can be advertised")
        address = _address("advertised.listeners", text, by_name)
        if address.is_wildcard or address.port == 0:
            raise ListenerError("advertised.listeners", f"clients cannot connect to {address}")
        addresses[name] = address
    names = [_name(text) or _PLAINTEXT for text in opened]
    unknown = sorted(addresses.keys() - {*names, ""})
    if unknown:
        raise ListenerError("advertised.listeners", f"{unknown[0]} is not in listeners")
    own = [addresses.get(name, addresses.get("")) for name in names]
    not_opened = tuple(text for text in listeners if _name(text) in controllers)
    if len(set(own)) == 1:
        return Listeners(listen=tuple(listen), advertise=own[0], protocols=protocols, not_opened=not_opened)
    by_port = {address.port: at for address, at in zip(listen, own, strict=True) if at is not None}
    if 0 in by_port:
        raise ListenerError("listeners", "of several listeners with an advertised address each, none can have port 0")
    return Listeners(
        listen=tuple(listen),
        advertise=None,
        advertise_by_port=MappingProxyType(by_port),
        protocols=protocols,
        not_opened=not_opened,
    )


def with_protocols(text: str) -> str:
    """Write a list of addresses as Kafka does, `PLAINTEXT://` in front of those that have no name."""
    items = (item.strip() for item in text.split(",")) if text else ()
    return ",".join(item if "://" in item else f"{_PLAINTEXT}://{item}" for item in items)


def _name(text: str) -> str:
    name, separator, _ = text.partition("://")
    return name.strip().upper() if separator else ""


def _protocols(map_: str) -> dict[str, str]:
    by_name: dict[str, str] = {}
    for text in filter(None, map_.split(",")):
        name, colon, protocol = text.partition(":")
        if not colon:
            raise ListenerError("listener.security.protocol.map", f"{text!r} is not of the form NAME:PROTOCOL")
        by_name[name.strip().upper()] = protocol.strip().upper()
    return by_name


def _protocol(text: str, by_name: Mapping[str, str]) -> SecurityProtocol:
    name = _name(text)
    try:
        return SecurityProtocol(by_name[name])
    except ValueError:
        raise ListenerError(
            "listener.security.protocol.map", f"{by_name[name]} is not one of {', '.join(SecurityProtocol)}"
        ) from None


def _address(property_: str, text: str, by_name: Mapping[str, str]) -> HostPort:
    name = _name(text)
    if name and name not in by_name:
        raise ListenerError(property_, f"{text!r}: listener.security.protocol.map has no protocol for {name}")
    try:
        return HostPort.parse(text.rpartition("://")[2] if name else text)
    except ValueError as error:
        raise ListenerError(property_, str(error)) from None
