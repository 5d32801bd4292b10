"""IncrementalAlterConfigs: change single configurations (KIP-339).

A topic's logs act on a change at once. Of a broker the defaults of topics and the limits of connections can be
changed, for this broker or, with an empty name, for all of them, and the levels of its loggers until it stops; what
Kafka lets tools change and has no effect here is kept and described, as are the configurations of groups and client
metrics subscriptions.

Not done: listeners and `producer.id.expiration.ms` need a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.config_changes import Alteration, Step, alter
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps


def handle(
    broker: BrokerEndpoint, request: IncrementalAlterConfigsRequest, context: RequestContext
) -> Steps[IncrementalAlterConfigsResponse]:
    """Change each resource that may be changed so."""
    context.outlives_client = True
    alterations = [
        Alteration(
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            steps=tuple(
                Step(name=config.name, operation=config.config_operation, value=config.value)
                for config in resource.configs
            ),
        )
        for resource in request.resources
    ]
    responses = yield from alter(broker, alterations, AlterConfigsResourceResponse, validate_only=request.validate_only)
    return IncrementalAlterConfigsResponse(responses=responses)
