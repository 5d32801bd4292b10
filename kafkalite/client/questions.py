"""Questions that take one request."""

from __future__ import annotations

from kafkalite.client.connection import open_connection
from kafkalite_wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse


def topic_names(address: tuple[str, int], *, timeout: float) -> list[str]:
    """Ask a broker for the names of all topics."""
    with open_connection(address, timeout=timeout) as connection:
        # Version 1 is the oldest that tells internal topics from others, and every broker since 0.10 speaks it.
        response = connection.call(MetadataRequest(topics=None), 1, MetadataResponse)
    return sorted(topic.name for topic in response.topics if topic.name and not topic.is_internal)


def group_ids(address: tuple[str, int], *, timeout: float) -> list[str]:
    """Ask a broker for the groups that it coordinates; in a cluster, those are not all."""
    with open_connection(address, timeout=timeout) as connection:
        response = connection.call(ListGroupsRequest(), 0, ListGroupsResponse)
    return sorted(group.group_id for group in response.groups)
