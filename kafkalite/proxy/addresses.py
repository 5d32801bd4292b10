"""Which port of the proxy stands for which broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger

from kafkalite.addresses import HostPort

log = getLogger("kafkalite.proxy")


@dataclass(slots=True)
class ProxiedBroker:
    """A broker of the cluster, and the port at which the proxy serves it."""

    id: int
    upstream: HostPort
    """Where the cluster says that the broker is; follows a broker that moves."""
    port: int


class AddressMap:
    """The brokers that the cluster has named so far; each has a port of the proxy from then on.

    ``open_port`` listens for a broker that was named for the first time and returns the port; it raises StartError.
    """

    def __init__(self, open_port: Callable[[int], int], *, advertise: Callable[[int], str] | str | None = None) -> None:
        """``advertise`` is the host that clients are sent to, or returns it for each broker."""
        self._open_port = open_port
        self._advertise = advertise
        self._nodes: dict[int, ProxiedBroker] = {}

    @property
    def nodes(self) -> tuple[ProxiedBroker, ...]:
        """All brokers, by id."""
        return tuple(self._nodes[id_] for id_ in sorted(self._nodes))

    def upstream_of(self, node_id: int) -> HostPort:
        """Return where a broker is that has been named."""
        return self._nodes[node_id].upstream

    def local(self, node_id: int, host: str, port: int, dialled: str) -> tuple[str, int]:
        """Return the address of the proxy for a broker that a response names; one without a host stays as it is.

        ``dialled`` is the host at which the client reached the proxy: it gets that one again, unless another is
        advertised. Raises StartError if the proxy cannot listen for the broker.
        """
        if node_id < 0 or not host:
            return host, port
        upstream = HostPort(host, port)
        node = self._nodes.get(node_id)
        if node is None:
            node = self._nodes[node_id] = ProxiedBroker(node_id, upstream, self._open_port(node_id))
            log.info("broker %d at %s is served at port %d", node_id, upstream, node.port)
        elif node.upstream != upstream:
            log.info("broker %d has moved from %s to %s", node_id, node.upstream, upstream)
            node.upstream = upstream
        advertise = self._advertise
        return (advertise(node_id) if callable(advertise) else advertise or dialled), node.port

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes
