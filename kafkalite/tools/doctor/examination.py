"""Examine a cluster as clients do: the given address, then every broker of the cluster, then what they serve."""

from __future__ import annotations

from functools import partial

from kafkalite.addresses import HostPort
from kafkalite.tools.doctor.observations import Advertised, Answer, Cluster, Examination, Greeting, Reach
from kafkalite.tools.doctor.probes import Resolve, ask_metadata, connect, greet, reach, system_resolve
from kafkalite.tools.doctor.service import check_service
from kafkalite_wire.messages.metadata import MetadataResponseBroker


def examine(
    address: HostPort, *, timeout: float, probe: bool = False, resolve: Resolve = system_resolve
) -> Examination:
    """Examine an address and the cluster behind it; `timeout` in seconds bounds each connection and each answer.

    With `probe`, also produce, consume and commit in a topic and group that are deleted afterwards.
    """
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
    cluster = Cluster(cluster_id=told.cluster_id, brokers=brokers)
    served = [
        broker
        for broker in brokers
        if broker.greeting is not None
        and broker.greeting.answer is Answer.KAFKA
        and broker.greeting.sasl_mechanisms is None
        and broker.cluster_id == told.cluster_id
    ]
    faults = check_service(served, partial(connect, timeout=timeout), timeout=timeout, probe=probe) if served else ()
    return Examination(reach=there, greeting=greeting, cluster=cluster, faults=faults)


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
