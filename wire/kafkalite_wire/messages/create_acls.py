"""CreateAcls (key 30): create access control entries (KIP-140).

Versions: 1 pattern types (KIP-290), 3 users as a resource (KIP-48).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class AclCreation:
    """One entry."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    resource_pattern_type: int = field(INT8, default=3)
    principal: str = field(STRING)
    host: str = field(STRING)
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@message(api_key=ApiKey.CREATE_ACLS)
class CreateAclsRequest:
    """The entries to create."""

    creations: tuple[AclCreation, ...] = field(array_of(AclCreation))


@struct
class AclCreationResult:
    """The result for one entry."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")


@message(api_key=ApiKey.CREATE_ACLS)
class CreateAclsResponse:
    """One result for each entry, in the order of the request."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[AclCreationResult, ...] = field(array_of(AclCreationResult))
