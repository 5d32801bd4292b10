"""AlterConfigs: replace all configurations of topics, this broker, groups and client metrics subscriptions.

Whatever a request does not name goes back to its default, which is why clients prefer IncrementalAlterConfigs; what
may be changed is the same there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.handlers.config_changes import Alteration, Operation, Step, alter
from kafkalite_wire.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.steps import Steps


def handle(
    broker: BrokerEndpoint, request: AlterConfigsRequest, context: RequestContext
) -> Steps[AlterConfigsResponse]:
    """Replace the configurations of each resource that may have the new ones."""
    context.outlives_client = True
    alterations = [
        Alteration(
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            steps=tuple(
                Step(name=config.name, operation=Operation.SET, value=config.value) for config in resource.configs
            ),
            replaces=True,
        )
        for resource in request.resources
    ]
    responses = yield from alter(broker, alterations, AlterConfigsResourceResponse, validate_only=request.validate_only)
    return AlterConfigsResponse(responses=responses)
