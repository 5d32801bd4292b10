"""DescribeAcls (key 29): list access control entries (KIP-140).

Versions: 1 pattern types (KIP-290), 3 users as a resource (KIP-48).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.DESCRIBE_ACLS)
class DescribeAclsRequest:
    """A filter; a null matches anything."""

    resource_type_filter: int = field(INT8)
    resource_name_filter: str | None = field(STRING, nullable="0+")
    pattern_type_filter: int = field(INT8, default=3)
    principal_filter: str | None = field(STRING, nullable="0+")
    host_filter: str | None = field(STRING, nullable="0+")
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@struct
class AclDescription:
    """One entry of a resource."""

    principal: str = field(STRING)
    host: str = field(STRING)
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@struct
class DescribeAclsResource:
    """The entries of one resource."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    pattern_type: int = field(INT8, default=3)
    acls: tuple[AclDescription, ...] = field(array_of(AclDescription))


@message(api_key=ApiKey.DESCRIBE_ACLS)
class DescribeAclsResponse:
    """The entries that match."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resources: tuple[DescribeAclsResource, ...] = field(array_of(DescribeAclsResource))
