"""What a client may do with a resource (KIP-430), and what it may see of a list: everything without an authorizer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kafkalite.security.access_control import SUPPORTED_OPERATIONS, Operation, ResourceType

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext

Described = TypeVar("Described", bound=Any)

NOT_ASKED: Final = -(1 << 31)
"""The value of a field whose answer was not asked for."""

_EVERY_OPERATION: Final = {
    kind: sum(1 << operation for operation in operations) for kind, operations in SUPPORTED_OPERATIONS.items()
}


def operations(context: RequestContext, kind: ResourceType, name: str) -> int:
    """Return what the client may do with a topic or group, one bit for each operation."""
    return _EVERY_OPERATION[kind] if context.access is None else context.access.operations(kind, name)


def with_group_operations(response: Described, context: RequestContext) -> Described:
    """Add what the client may do with them to the groups that are described without an error, of any kind."""
    groups = tuple(
        group
        if group.error_code
        else replace(group, authorized_operations=operations(context, ResourceType.GROUP, group.group_id))
        for group in response.groups
    )
    return replace(response, groups=groups)


def cluster_operations(context: RequestContext) -> int:
    """Return what the client may do with the cluster, one bit for each operation."""
    return _EVERY_OPERATION[ResourceType.CLUSTER] if context.access is None else context.access.cluster_operations()


def may_describe(context: RequestContext, kind: ResourceType, name: str) -> bool:
    """Return whether a resource that the request does not name may be listed."""
    access = context.access
    return access is None or access.allows(Operation.DESCRIBE, kind, name, logged=False)
