"""Connect as clients do: to the given address, then to every broker that it names."""

from __future__ import annotations

from kafkalite.config.address import HostPort
from kafkalite.tools.doctor.observations import Advertised, Answer, Cluster, Examination, Greeting, Reach
from kafkalite.tools.doctor.probes import Resolve, ask_metadata, greet, reach, system_resolve
from kafkalite_wire.messages.metadata import MetadataResponseBroker


def examine(address: HostPort, *, timeout: float, resolve: Resolve = system_resolve) -> Examination:
    """Look at an address and what lies behind it; `timeout` in seconds bounds each connection and each answer."""
    there = reach(address.host, address.port, timeout=timeout, resolve=resolve)
    if there.connected is None:
        return Examination(reach=there)
    ip = there.connected.ip
    greeting = greet(there.host, ip, there.port, timeout=timeout)
    if greeting.answer is not Answer.KAFKA or greeting.sasl_mechanisms is not None:
        return Examination(reach=there, greeting=greeting)
    told = ask_metadata(there.host, ip, there.port, greeting, timeout=timeout)
    if told is None:
        return Examination(reach=there, greeting=greeting)
    brokers = tuple(
        _advertised(broker, there, greeting, told.cluster_id, timeout=timeout, resolve=resolve)
        for broker in told.brokers
    )
    return Examination(reach=there, greeting=greeting, cluster=Cluster(cluster_id=told.cluster_id, brokers=brokers))


def _advertised(
    broker: MetadataResponseBroker,
    asked: Reach,
    greeting: Greeting,
    cluster_id: str | None,
    *,
    timeout: float,
    resolve: Resolve,
) -> Advertised:
    if (broker.host, broker.port) == (asked.host, asked.port):
        return Advertised(node_id=broker.node_id, reach=asked, greeting=greeting, cluster_id=cluster_id)
    there = reach(broker.host, broker.port, timeout=timeout, resolve=resolve)
    if there.connected is None:
        return Advertised(node_id=broker.node_id, reach=there)
    ip = there.connected.ip
    found = greet(there.host, ip, there.port, timeout=timeout)
    told = ask_metadata(there.host, ip, there.port, found, timeout=timeout) if found.versions else None
    return Advertised(node_id=broker.node_id, reach=there, greeting=found, cluster_id=told.cluster_id if told else None)
