"""DeleteAcls (key 31): delete access control entries (KIP-140).

Versions: 1 pattern types (KIP-290), 3 users as a resource (KIP-48).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class DeleteAclsFilter:
    """A filter; a null matches anything."""

    resource_type_filter: int = field(INT8)
    resource_name_filter: str | None = field(STRING, nullable="0+")
    pattern_type_filter: int = field(INT8, default=3)
    principal_filter: str | None = field(STRING, nullable="0+")
    host_filter: str | None = field(STRING, nullable="0+")
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@message(api_key=ApiKey.DELETE_ACLS)
class DeleteAclsRequest:
    """The filters whose entries are deleted."""

    filters: tuple[DeleteAclsFilter, ...] = field(array_of(DeleteAclsFilter))


@struct
class DeleteAclsMatchingAcl:
    """One entry that was deleted, or why it was not."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    pattern_type: int = field(INT8, default=3)
    principal: str = field(STRING)
    host: str = field(STRING)
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@struct
class DeleteAclsFilterResult:
    """The entries that one filter matched."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    matching_acls: tuple[DeleteAclsMatchingAcl, ...] = field(array_of(DeleteAclsMatchingAcl))


@message(api_key=ApiKey.DELETE_ACLS)
class DeleteAclsResponse:
    """One result for each filter."""

    throttle_time_ms: int = field(INT32, default=0)
    filter_results: tuple[DeleteAclsFilterResult, ...] = field(array_of(DeleteAclsFilterResult))
