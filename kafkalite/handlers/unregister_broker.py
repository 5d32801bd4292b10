"""UnregisterBroker: remove the registration of a broker that is not here (KIP-500).

A directory that Kafka has led may know other brokers. This broker is not unregistered while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.metadata_records import UnregisterBrokerRecord
from kafkalite_wire.messages.unregister_broker import UnregisterBrokerRequest, UnregisterBrokerResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext


def handle(
    broker: BrokerEndpoint, request: UnregisterBrokerRequest, context: RequestContext
) -> UnregisterBrokerResponse:
    """Unregister a broker that is known and not up."""
    del context
    cluster, broker_id = broker.cluster, request.broker_id
    if broker_id in cluster.endpoints:
        return UnregisterBrokerResponse(
            error_code=ErrorCode.INVALID_REQUEST, error_message=f"Broker {broker_id} is running."
        )
    epoch = cluster.storage.cluster_image.registered_brokers.get(broker_id)
    if epoch is None:
        return UnregisterBrokerResponse(
            error_code=ErrorCode.BROKER_ID_NOT_REGISTERED,
            error_message=f"Broker ID {broker_id} is not currently registered",
        )
    try:
        cluster.change_metadata([UnregisterBrokerRecord(broker_id=broker_id, broker_epoch=epoch)])
    except StorageError as error:
        return UnregisterBrokerResponse(error_code=error.code, error_message=str(error))
    return UnregisterBrokerResponse(error_message=None)
