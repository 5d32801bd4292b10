"""DescribeCluster: the brokers of this cluster (KIP-700, KIP-919)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.authorized_operations import NOT_ASKED, cluster_operations
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_BROKERS: Final = 1
_CONTROLLERS: Final = 2


def handle(broker: BrokerEndpoint, request: DescribeClusterRequest, context: RequestContext) -> DescribeClusterResponse:
    """Return the brokers that are up, and on request the others; there are no controller endpoints."""
    if request.endpoint_type == _CONTROLLERS:
        return _refused(
            ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )
    if request.endpoint_type != _BROKERS:
        return _refused(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, f"Unsupported endpoint type {request.endpoint_type}")
    cluster = broker.cluster
    shown = cluster.brokers if request.include_fenced_brokers else cluster.endpoints
    addresses = {node_id: each.advertised(context.client_host, context.info.local) for node_id, each in shown.items()}
    return DescribeClusterResponse(
        cluster_id=cluster.storage.cluster_id,
        controller_id=cluster.controller_id,
        brokers=tuple(
            DescribeClusterBroker(
                broker_id=node_id,
                host=host,
                port=port,
                rack=shown[node_id].rack,
                is_fenced=node_id not in cluster.endpoints,
            )
            for node_id, (host, port) in addresses.items()
        ),
        cluster_authorized_operations=(
            cluster_operations(context) if request.include_cluster_authorized_operations else NOT_ASKED
        ),
    )


def _refused(code: ErrorCode, reason: str) -> DescribeClusterResponse:
    return DescribeClusterResponse(error_code=code, error_message=reason, cluster_id="", brokers=())
