"""DescribeCluster, versions 0-2: the one broker of this cluster (KIP-700, KIP-919)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.authorized_operations import CLUSTER_OPERATIONS, NOT_ASKED
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.requests.context import RequestContext

_BROKERS: Final = 1
_CONTROLLERS: Final = 2


def handle(node: Node, request: DescribeClusterRequest, context: RequestContext) -> DescribeClusterResponse:
    """Describe brokers; there is no controller endpoint to describe."""
    if request.endpoint_type == _CONTROLLERS:
        return _refused(
            ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )
    if request.endpoint_type != _BROKERS:
        return _refused(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, f"Unsupported endpoint type {request.endpoint_type}")
    host, port = node.advertised(context.client_host, context.info.local)
    return DescribeClusterResponse(
        cluster_id=node.storage.cluster_id,
        controller_id=node.node_id,
        brokers=(DescribeClusterBroker(broker_id=node.node_id, host=host, port=port, is_fenced=False),),
        cluster_authorized_operations=(
            CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else NOT_ASKED
        ),
    )


def _refused(code: ErrorCode, reason: str) -> DescribeClusterResponse:
    return DescribeClusterResponse(error_code=code, error_message=reason, cluster_id="", brokers=())
