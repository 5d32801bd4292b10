"""The addresses of the leaders that a response names (KIP-951)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.requests.context import RequestContext

NodeEndpoint = TypeVar("NodeEndpoint")


def node_endpoints(
    cluster: Cluster, context: RequestContext, leaders: Collection[int], make: Callable[..., NodeEndpoint]
) -> tuple[NodeEndpoint, ...]:
    """Return where the client finds the leaders that are up; ``make`` is the response's own class for it."""
    if not leaders:
        return ()
    return tuple(
        make(node_id=node_id, host=host, port=port, rack=cluster.brokers[node_id].rack)
        for node_id, (host, port) in cluster.addresses(context.client_host, context.info.local).items()
        if node_id in leaders
    )
