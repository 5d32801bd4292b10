"""Addresses to listen on and to advertise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a health check imports this module, and must not load the codec
    from collections.abc import Mapping

    from kafkalite_storage.configs.values import ConfigValue

_LARGEST_PORT: Final = 65535
_LOOPBACK: Final = ("localhost", "::1")


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host and a TCP port; an empty host is every interface, port 0 is one that the system picks."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return self.host in _LOOPBACK or self.host.startswith("127.")

    @property
    def is_wildcard(self) -> bool:
        """Whether the address means every interface, so that no client can be sent to it."""
        return self.host in ("", "0.0.0.0", "::")  # noqa: S104  (recognised here, not bound)

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """Read `HOST:PORT`, `[IPV6]:PORT`, also behind `PLAINTEXT://`; raises ValueError with a reason."""
        protocol, separator, address = text.strip().rpartition("://")
        if separator and protocol != "PLAINTEXT":
            raise ValueError(f"{text!r}: only the protocol PLAINTEXT is supported")
        host, colon, port = address.rpartition(":")
        if not colon:
            raise ValueError(f"{text!r} is not of the form HOST:PORT")
        if not (port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT):
            raise ValueError(f"{text!r}: {port!r} is not a port from 0 to {_LARGEST_PORT}")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: an IPv6 address needs brackets, [{host}]:{port}")
        return cls(host, int(port))


def address_for_clients(value: ConfigValue) -> str | None:
    """Allow an address that clients can connect to, and the empty text, which is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        address = HostPort.parse(value)
    except ValueError as error:
        return f"must be the address of a broker: {error}"
    if address.is_wildcard or address.port == 0:
        return "must be an address that clients can connect to"
    return None


def numbers_of_addresses(text: str) -> Mapping[str, int]:
    """Read ``ADDRESS:NUMBER,ADDRESS:NUMBER``, of IP addresses and localhost. Raises ValueError."""
    from ipaddress import ip_address

    numbers: dict[str, int] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        address, _, number = item.rpartition(":")
        try:
            ip = "127.0.0.1" if address.strip() == "localhost" else str(ip_address(address.strip().strip("[]")))
            numbers[ip] = int(number)
        except ValueError:
            raise ValueError(f"{item!r} is not of the form ADDRESS:NUMBER, with an IP address or localhost") from None
    return numbers
