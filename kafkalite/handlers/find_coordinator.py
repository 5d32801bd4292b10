"""FindCoordinator: the broker that leads the partition of a group or a transactional id.

The topics ``__consumer_offsets``, ``__transaction_state`` and ``__share_group_state`` are created when the first key of
their kind is looked up, as in Apache Kafka. Unknown key types are answered with INVALID_REQUEST.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.cluster.internal_topics import OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTION_TOPIC
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.group_service import GroupCoordinatorService
    from kafkalite.coordinators.share_state_service import ShareStateService
    from kafkalite.coordinators.transaction_service import TransactionCoordinatorService
    from kafkalite.requests.context import RequestContext

_BATCHED: Final = 4
_UUID_TEXT: Final = 22
_INVALID_REQUEST: Final = (
    "This most likely occurs because of a request being malformed by the client library or the message was sent to an "
    "incompatible broker. See the broker logs for more details."
)
"""Kafka's text for INVALID_REQUEST, which clients show."""
_NOT_AVAILABLE: Final = "The coordinator is not available."


def handle(
    broker: BrokerEndpoint, request: FindCoordinatorRequest, context: RequestContext
) -> Steps[FindCoordinatorResponse]:
    """Return the coordinator of each key, or an error."""
    keys = request.coordinator_keys if context.api_version >= _BATCHED else (request.key,)
    meter = WorkMeter()
    coordinators: list[Coordinator] = []
    for key in keys:
        if meter.add():
            yield
        coordinators.append(_coordinator(broker, key, request.key_type, context))
    if context.api_version >= _BATCHED:
        return FindCoordinatorResponse(coordinators=tuple(coordinators))
    found = coordinators[0]
    return FindCoordinatorResponse(
        error_code=found.error_code,
        error_message=found.error_message or "NONE",  # as Kafka words it in these versions
        node_id=found.node_id,
        host=found.host,
        port=found.port,
    )


def _coordinator(broker: BrokerEndpoint, key: str, key_type: int, context: RequestContext) -> Coordinator:
    cluster = broker.cluster
    coordinator: GroupCoordinatorService | TransactionCoordinatorService | ShareStateService
    match key_type:
        case 0:
            topic, coordinator = OFFSETS_TOPIC, cluster.groups
        case 1:
            topic, coordinator = TRANSACTION_TOPIC, cluster.transactions
        case 2 if _is_share_key(key):
            topic, coordinator = SHARE_STATE_TOPIC, cluster.share_states
        case _:
            return _none(key, ErrorCode.INVALID_REQUEST, _INVALID_REQUEST)
    try:
        partition = coordinator.partition_of(key)
    except StorageError as error:
        return _none(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, str(error))
    found = cluster.endpoints.get(cluster.coordinator_of(topic, partition))
    if found is None:
        return _none(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, _NOT_AVAILABLE)
    host, port = found.advertised(context.client_host, context.info.local)
    return Coordinator(key=key, node_id=found.id, host=host, port=port, error_code=ErrorCode.NONE, error_message="")


def _is_share_key(key: str) -> bool:
    """Return whether a key is a group, a topic's id and a partition."""
    group_id, _, rest = key.partition(":")
    topic_id, _, partition = rest.partition(":")
    return bool(group_id) and len(topic_id) == _UUID_TEXT and partition.isdecimal()


def _none(key: str, error_code: int, reason: str) -> Coordinator:
    return Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error_code, error_message=reason)
