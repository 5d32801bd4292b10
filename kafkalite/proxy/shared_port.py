"""One port for all brokers: the name that a client asks for in its TLS handshake (SNI) says which one it wants."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from kafkalite.errors import RequestError

if TYPE_CHECKING:
    from kafkalite.proxy.cluster_connections import ClusterConnections
    from kafkalite.proxy.relay import Connect
    from kafkalite.server.connection import Connection

_ID: Final = "{id}"
_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNames:
    """The host names of brokers, such as ``broker-{id}.proxy.local``, and that of the first connection."""

    pattern: str
    bootstrap: str
    port: int | None = None
    """The port that clients are sent to; None for the one that is listened on."""

    @classmethod
    def parse(cls, text: str) -> ServerNames:
        """Read ``broker-{id}.DOMAIN`` or ``broker-{id}.DOMAIN:PORT``; clients begin at ``bootstrap.DOMAIN`` then.

        Raises ValueError.
        """
        pattern, _, port = text.strip().lower().partition(":")
        label, _, domain = pattern.partition(".")
        if label.count(_ID) != 1 or not _NAME.fullmatch(pattern.replace(_ID, "0", 1)):
            raise ValueError(f"{text!r} is not of the form broker-{_ID}.DOMAIN")
        if port and not (port.isdecimal() and 0 < int(port) < 1 << 16):
            raise ValueError(f"{text!r}: {port!r} is not a port")
        return cls(pattern=pattern, bootstrap=f"bootstrap.{domain}", port=int(port) if port else None)

    @property
    def certified(self) -> tuple[str, ...]:
        """The names that a certificate has to cover."""
        return self.bootstrap, f"*.{self.bootstrap.partition('.')[2]}"

    def host_of(self, node_id: int) -> str:
        """Return the name of a broker."""
        return self.pattern.replace(_ID, str(node_id))

    def node_of(self, name: str) -> int | None:
        """Return the id of the broker that has a name, or None for any broker. Raises LookupError for another name."""
        if name == self.bootstrap:
            return None
        before, _, after = self.pattern.partition(_ID)
        id_ = name.removeprefix(before).removesuffix(after)
        if not id_.isdecimal() or self.host_of(int(id_)) != name:
            raise LookupError(name)
        return int(id_)


def hosts_of(names: ServerNames | None, advertise: str | None) -> tuple[str, ...]:
    """Return the host names, besides that of the listener, by which clients reach a proxy."""
    if names is not None:
        return names.certified
    return () if advertise is None else (advertise,)


class SharedPort:
    """Leads the clients of one port to their brokers."""

    def __init__(
        self,
        names: ServerNames,
        cluster: ClusterConnections,
        is_known: Callable[[int], bool],
        finish: Callable[[Connection], None],
    ) -> None:
        """``is_known`` says whether the cluster has named a broker; ``finish`` closes a connection in good order."""
        self.names = names
        self._cluster = cluster
        self._is_known = is_known
        self._finish = finish
        self._elsewhere: defaultdict[int, WeakSet[Connection]] = defaultdict(WeakSet)

    def connect_for(self, client: Connection) -> Connect:
        """Return how to connect to the broker that a client wants. Raises RequestError where it names none.

        A broker that is not known yet, after a restart of the proxy, is stood in for by any other: the client's next
        Metadata request is answered there, and then the connection is closed.
        """
        name = client.info.server_name
        try:
            node_id = self.names.node_of(name)
        except LookupError:
            raise RequestError(f"no broker has the server name {name!r}") from None
        if node_id is None:
            return self._cluster.to_any
        if not self._is_known(node_id):
            self._elsewhere[node_id].add(client)
            return self._cluster.to_any
        client.info.broker = node_id
        return partial(self._cluster.to_node, node_id)

    def learned(self, node_id: int) -> None:
        """Close the connections that another broker stood in for."""
        for client in tuple(self._elsewhere.pop(node_id, ())):
            self._finish(client)
