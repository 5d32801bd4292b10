"""InitProducerId: an id and an epoch for an idempotent or a transactional producer (KIP-98, KIP-360).

An idempotent producer gets a new id with epoch 0 each time, also if it names the id that it had. The transaction
coordinator answers a transactional producer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.handlers.group_membership import client_of
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps

_NO_ID: Final = -1
_NO_EPOCH: Final = -1


def handle(
    broker: BrokerEndpoint, request: InitProducerIdRequest, context: RequestContext
) -> Steps[InitProducerIdResponse | None]:
    """Return an id that no producer of this data directory has had, or that of the transactional id."""
    if (request.producer_id == _NO_ID) != (request.producer_epoch == _NO_EPOCH):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_epoch=_NO_EPOCH)
    cluster = broker.cluster
    if request.transactional_id is not None:
        transactions, client, response = cluster.transactions, client_of(context), context.defer()
        coordinator = yield from transactions.load()
        now, wall_ms = cluster.now(), cluster.wall_ms()
        transactions.perform(coordinator.init_producer_id(request, client, response, now=now, wall_ms=wall_ms))
        return None
    try:
        producer_id = cluster.new_producer_id()
    except StorageError:
        return InitProducerIdResponse(error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE, producer_epoch=_NO_EPOCH)
    return InitProducerIdResponse(producer_id=producer_id, producer_epoch=0)
