"""DescribeCluster (key 60): the brokers, or the controllers, of a cluster (KIP-700).

Versions: 1 controllers (KIP-919), 2 fenced brokers (KIP-1073).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.DESCRIBE_CLUSTER)
class DescribeClusterRequest:
    """Which endpoints to describe; type 1 are brokers, 2 controllers."""

    include_cluster_authorized_operations: bool = field(BOOL)
    endpoint_type: int = field(INT8, "1+", default=1)
    include_fenced_brokers: bool = field(BOOL, "2+", default=False)


@struct
class DescribeClusterBroker:
    """One broker or controller."""

    broker_id: int = field(INT32)
    host: str = field(STRING)
    port: int = field(INT32)
    rack: str | None = field(STRING, nullable="0+", default=None)
    is_fenced: bool = field(BOOL, "2+", default=False)


@message(api_key=ApiKey.DESCRIBE_CLUSTER)
class DescribeClusterResponse:
    """The cluster as one broker knows it."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    endpoint_type: int = field(INT8, "1+", default=1)
    cluster_id: str = field(STRING, default="")
    controller_id: int = field(INT32, default=-1)
    brokers: tuple[DescribeClusterBroker, ...] = field(array_of(DescribeClusterBroker), default=())
    cluster_authorized_operations: int = field(INT32, default=-2147483648)
