"""Set the advertised address of a running broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.client.connection import open_connection
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse

if TYPE_CHECKING:
    from kafkalite.security.client_access import ClientAccess

_BROKER = 4
_SET = 0


def advertise_outside(
    address: tuple[str, int], outside: str, *, timeout: float, access: ClientAccess | None = None, number: int = 0
) -> None:
    """Set the address at which clients outside of a container reach the broker inside, until it stops.

    ``access`` is what a secured broker needs. Of several brokers, ``number`` counts them from 0. Raises ValueError if
    the broker refuses, and what ``open_connection`` and ``Connection.call`` raise.
    """
    with open_connection(address, timeout=timeout, access=access) as connection:
        # Version 1 is the oldest in which an empty list means no topics.
        brokers = connection.call(MetadataRequest(topics=()), 1, MetadataResponse).brokers
        broker = sorted(brokers, key=lambda each: each.node_id)[number]
        change = AlterableConfig(name="kafkalite.advertised.outside", config_operation=_SET, value=outside)
        resource = AlterConfigsResource(resource_type=_BROKER, resource_name=str(broker.node_id), configs=(change,))
        request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
        (result,) = connection.call(request, 0, IncrementalAlterConfigsResponse).responses
    if result.error_code:
        raise ValueError(result.error_message or f"the broker returned error {result.error_code}")
