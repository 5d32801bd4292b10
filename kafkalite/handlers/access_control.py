"""DescribeAcls, CreateAcls and DeleteAcls: there is no authorizer, and so there are no access control entries.

Not done: authorization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.errors import RequestError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_acls import AclCreationResult, CreateAclsRequest, CreateAclsResponse
from kafkalite_wire.messages.delete_acls import DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_UNKNOWN: Final = 0
_NO_AUTHORIZER: Final = "No Authorizer is configured."


def _check_kinds(kinds: Iterable[int]) -> None:
    """Close the connection, as Kafka does, for what its clients cannot name."""
    if _UNKNOWN in kinds:
        raise RequestError("an access control entry of unknown kind")


def describe_acls(
    broker: BrokerEndpoint, request: DescribeAclsRequest, context: RequestContext
) -> DescribeAclsResponse:
    """Refuse, as Kafka without an authorizer. Raises RequestError for a filter of unknown kind."""
    del broker, context
    kinds = (request.resource_type_filter, request.pattern_type_filter, request.operation, request.permission_type)
    _check_kinds(kinds)
    reason = "No Authorizer is configured on the broker"
    return DescribeAclsResponse(error_code=ErrorCode.SECURITY_DISABLED, error_message=reason, resources=())


def create_acls(broker: BrokerEndpoint, request: CreateAclsRequest, context: RequestContext) -> CreateAclsResponse:
    """Refuse each entry, as Kafka without an authorizer. Raises RequestError for an entry of unknown kind."""
    del broker, context
    for entry in request.creations:
        _check_kinds((entry.resource_type, entry.resource_pattern_type, entry.operation, entry.permission_type))
    refused = AclCreationResult(error_code=ErrorCode.SECURITY_DISABLED, error_message=_NO_AUTHORIZER)
    return CreateAclsResponse(results=(refused,) * len(request.creations))


def delete_acls(broker: BrokerEndpoint, request: DeleteAclsRequest, context: RequestContext) -> DeleteAclsResponse:
    """Refuse each filter, as Kafka without an authorizer. Raises RequestError for a filter of unknown kind."""
    del broker, context
    for each in request.filters:
        _check_kinds((each.resource_type_filter, each.pattern_type_filter, each.operation, each.permission_type))
    refused = DeleteAclsFilterResult(
        error_code=ErrorCode.SECURITY_DISABLED, error_message=_NO_AUTHORIZER, matching_acls=()
    )
    return DeleteAclsResponse(filter_results=(refused,) * len(request.filters))
