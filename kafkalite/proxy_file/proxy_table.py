"""The table ``[proxy]`` of a file: what options of the command say as well. Every start imports it, so it is light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kafkalite.addresses import HostPort
from kafkalite.config.options import OptionError

_LARGEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class ProxyTable:
    """The table ``[proxy]``: what options of the command say as well."""

    upstream: tuple[str, ...] = ()
    """Brokers of the cluster to begin with, as HOST:PORT."""
    listen: str | None = None
    """Where clients begin, as HOST:PORT."""
    advertise: str | None = None
    """The host that clients are sent to."""
    broker_ports: Mapping[str, int] = field(default_factory=dict[str, int])
    """Ports that stand for brokers, by their ids."""

    def __post_init__(self) -> None:
        for key, addresses in (("upstream", self.upstream), ("listen", () if self.listen is None else (self.listen,))):
            for address in addresses:
                try:
                    HostPort.parse(address)
                except ValueError as error:
                    raise OptionError(key, str(error)) from None
        for id_, port in self.broker_ports.items():
            if not (id_.isascii() and id_.isdecimal() and 0 < port <= _LARGEST_PORT):
                raise OptionError("broker_ports", f"must map ids of brokers to ports, and has {id_} = {port}")

    @property
    def upstream_addresses(self) -> tuple[HostPort, ...]:
        """The brokers to begin with."""
        return tuple(map(HostPort.parse, self.upstream))

    @property
    def ports(self) -> dict[int, int]:
        """Ports by the ids of brokers."""
        return {int(id_): port for id_, port in self.broker_ports.items()}
