"""InitProducerId: an id for an idempotent producer (KIP-98, KIP-360).

Every call gets a new id with epoch 0, also one that names the id it had. Transactional
producers are not served yet and are refused with UNSUPPORTED_VERSION.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_NO_ID: Final = -1
_NO_EPOCH: Final = -1


def handle(broker: BrokerEndpoint, request: InitProducerIdRequest, context: RequestContext) -> InitProducerIdResponse:
    """Return an id that no producer of this data directory has had."""
    del context
    if request.transactional_id is not None:
        code = ErrorCode.UNSUPPORTED_VERSION if request.transactional_id else ErrorCode.INVALID_REQUEST
        return InitProducerIdResponse(error_code=code, producer_epoch=_NO_EPOCH)
    if (request.producer_id == _NO_ID) != (request.producer_epoch == _NO_EPOCH):
        return InitProducerIdResponse(error_code=ErrorCode.INVALID_REQUEST, producer_epoch=_NO_EPOCH)
    try:
        producer_id = broker.cluster.new_producer_id()
    except StorageError:
        return InitProducerIdResponse(error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE, producer_epoch=_NO_EPOCH)
    return InitProducerIdResponse(producer_id=producer_id, producer_epoch=0)
