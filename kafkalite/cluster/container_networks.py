"""How a client of a broker in a container came in: over the container's own network, or through a published port.

A published port hands a connection on with the address of the network's gateway or of a machine elsewhere, or in a
rootless container (slirp4netns) its own. Containers of a network come with their own addresses in it. IPv4 only.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from kafkalite_wire.values import value_class

_ROUTES: Final = Path("/proc/net/route")
_LOOPBACK: Final = "127."


@value_class(kw_only=True)
class Routes:
    """The networks that this machine is in, each as (network, mask), and the gateways out of them."""

    networks: tuple[tuple[int, int], ...]
    gateways: frozenset[int]

    @classmethod
    def parse(cls, table: str) -> Routes:
        """Read what Linux shows in ``/proc/net/route``: numbers in hexadecimal, in the byte order of a PC."""
        rows = [line.split() for line in table.splitlines()[1:]]
        numbers = [(int(row[1], 16), int(row[2], 16), int(row[7], 16)) for row in rows if len(row) > 7]
        return cls(
            networks=tuple((network, mask) for network, gateway, mask in numbers if not gateway),
            gateways=frozenset(gateway for _, gateway, _ in numbers if gateway),
        )

    @classmethod
    def of_this_machine(cls) -> Routes:
        """Read them as they are now: a container may be connected to further networks while it runs."""
        try:
            return cls.parse(_ROUTES.read_text())
        except OSError:  # not Linux
            return cls(networks=(), gateways=frozenset())

    def are_neighbours(self, peer: str, local: str) -> bool:
        """Return whether ``peer`` reached the address ``local`` without passing a gateway or a published port."""
        if peer.startswith(_LOOPBACK):
            return True
        try:
            client, own = _number(peer), _number(local)
        except OSError:  # IPv6
            return True
        if client == own or client in self.gateways:
            return False
        return any(client & mask == network == own & mask for network, mask in self.networks)


def _number(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), "little")
