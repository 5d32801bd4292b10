"""Queries that need one or two requests."""

from __future__ import annotations

from kafkalite.client.connection import NotKafkaError, open_connection
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse


def topic_names(address: tuple[str, int], *, timeout: float) -> list[str]:
    """Return the names of all topics except internal ones, sorted."""
    with open_connection(address, timeout=timeout) as connection:
        # Version 1 is the oldest that marks internal topics; every broker since 0.10 supports it.
        response = connection.call(MetadataRequest(topics=None), 1, MetadataResponse)
    return sorted(topic.name for topic in response.topics if topic.name and not topic.is_internal)


def group_ids(address: tuple[str, int], *, timeout: float) -> list[str]:
    """Return the ids of the groups that a broker coordinates, sorted; in a cluster, these are not all groups."""
    with open_connection(address, timeout=timeout) as connection:
        response = connection.call(ListGroupsRequest(), 0, ListGroupsResponse)
    return sorted(group.group_id for group in response.groups)


def fetch_error(address: tuple[str, int], topic: str, partition: int, offset: int, *, timeout: float) -> int:
    """Fetch from the leader of a partition as a consumer does, and return the error code of the response.

    Return 0 if a broker does not respond, or is older than 2.4.
    """
    from contextlib import suppress

    from kafkalite_wire.errors import WireError
    from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
    from kafkalite_wire.messages.metadata import MetadataRequestTopic

    with suppress(OSError, NotKafkaError, WireError):
        with open_connection(address, timeout=timeout) as connection:
            asked = MetadataRequest(topics=(MetadataRequestTopic(name=topic),), allow_auto_topic_creation=False)
            known = connection.call(asked, 9, MetadataResponse)
        (described,) = known.topics
        found = next((each for each in described.partitions if each.partition_index == partition), None)
        if found is None or found.error_code:
            return described.error_code if found is None else found.error_code
        leader = next((broker for broker in known.brokers if broker.node_id == found.leader_id), None)
        if leader is None:
            return 0
        wanted = FetchPartition(
            partition=partition,
            fetch_offset=offset,
            current_leader_epoch=found.leader_epoch,
            partition_max_bytes=1,
        )
        request = FetchRequest(max_wait_ms=0, min_bytes=0, topics=(FetchTopic(topic=topic, partitions=(wanted,)),))
        with open_connection((leader.host, leader.port), timeout=timeout) as connection:
            response = connection.call(request, 11, FetchResponse)
        return response.error_code or response.responses[0].partitions[0].error_code
    return 0
