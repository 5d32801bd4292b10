"""One broker of the cluster as clients see it: its id, its address and its fetch sessions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kafkalite.addresses import HostPort
from kafkalite.cluster.container_networks import Routes
from kafkalite.config.table import ADVERTISED_OUTSIDE
from kafkalite.fetch.sessions import FetchSessions
from kafkalite.partitions import UNKNOWN_EPOCH, check_leader
from kafkalite.sharing.share_sessions import ShareSessions
from kafkalite_storage.errors import UnknownTopicOrPartition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kafkalite.cluster.cluster import Cluster
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.log.log import PartitionLog


class BrokerEndpoint:
    """A broker that clients connect to; it belongs to the cluster's :attr:`Cluster.endpoints` while it is up."""

    def __init__(self, cluster: Cluster, config: BrokerConfig) -> None:
        self.cluster = cluster
        self.config = config
        self.id: int = config.node_id
        self.rack = config.racks[0]
        self.ports: tuple[int, ...] = ()
        """The port of each listener, once they are open."""
        self.outside = config.advertise_outside
        """The address for clients from outside of a container's network; tools may change it at run time."""
        self.forget_sessions()
        cluster.add(self)

    def forget_sessions(self) -> None:
        """Begin without fetch sessions and share sessions, as a broker that starts."""
        slots = self.config.max_incremental_fetch_session_cache_slots
        self.fetch_sessions = FetchSessions(slots, _random_positive_int32)
        self.share_sessions = ShareSessions(self.config.group_share_max_share_sessions)

    def led_log(self, topic: str, index: int, current_leader_epoch: int = UNKNOWN_EPOCH) -> PartitionLog:
        """Return the log of a partition that this broker leads, in the epoch that the client knows.

        Raises RefusedError and StorageError.
        """
        log = self.cluster.storage.log(topic, index)
        self.check_leader(topic, index, current_leader_epoch)
        return log

    def check_leader(self, topic: str, index: int, current_leader_epoch: int = UNKNOWN_EPOCH) -> None:
        """Raise what :meth:`led_log` raises for the partition, without opening its log."""
        found = self.cluster.storage.topic(topic)
        if not 0 <= index < found.partitions:
            raise UnknownTopicOrPartition(f"topic {topic!r} has no partition {index}")
        check_leader(found, index, broker_id=self.id, current_leader_epoch=current_leader_epoch)

    def advertised(self, client_host: str, local: tuple[str, int]) -> tuple[str, int]:
        """Return the address that a client is sent to: ``--advertise``, or the one that it dialled.

        A client of another broker is sent to the same listener of this one. In a container that has an address for
        outside, clients that are not in one of its networks are sent there. ``client_host`` is the client's address
        with Kafka's slash in front, ``local`` the address that it dialled.
        """
        if local[1] not in self.ports:
            local = (local[0], self.cluster.same_listener(local[1], self.ports))
        advertise = self.config.advertise_by_port.get(local[1], self.config.advertise)
        if advertise is None and self.outside is not None and self._is_outside(client_host, local[0]):
            advertise = self.outside
        return local if advertise is None else (advertise.host, advertise.port)

    def _is_outside(self, client_host: str, local_host: str) -> bool:
        return not Routes.of_this_machine().are_neighbours(client_host.removeprefix("/"), local_host)

    def dynamic_configs(self, broker: str) -> dict[str, str]:
        """Return the configurations that were set at run time for this broker, or with "" for all brokers."""
        configs = dict(self.cluster.storage.broker_configs(broker))
        if broker and self.outside != self.config.advertise_outside:
            configs[ADVERTISED_OUTSIDE] = str(self.outside)
        return configs

    def alter_configs(self, broker: str, changes: Mapping[str, str | None]) -> Iterator[None]:
        """Set configurations of this broker, or with "" of all brokers, in steps; None removes one.

        The address for outside is not stored, because the next start may have other ports published. Raises
        StorageError.
        """
        stored = {name: value for name, value in changes.items() if name != ADVERTISED_OUTSIDE}
        if stored:
            yield from self.cluster.storage.alter_broker_configs_steps(broker, stored, now_ms=self.cluster.wall_ms())
            for call in self.cluster.on_broker_configs_changed:
                call()
        if ADVERTISED_OUTSIDE in changes:
            outside = changes[ADVERTISED_OUTSIDE]
            self.outside = HostPort.parse(outside) if outside else self.config.advertise_outside

    def carry_over(self, before: BrokerEndpoint) -> None:
        """Carry over the runtime settings of the endpoint before that a snapshot does not hold."""
        self.outside = before.outside


def _random_positive_int32() -> int:
    return int.from_bytes(os.urandom(4)) & 0x7FFFFFFF or 1
