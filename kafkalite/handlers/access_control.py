"""DescribeAcls, CreateAcls and DeleteAcls (KIP-11, KIP-290).

Entries are stored in the metadata log, as Kafka stores them. Without an authorizer all three are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafkalite.cluster.cluster import random_uuid
from kafkalite.errors import RefusedError, RequestError
from kafkalite.security.access_control import (
    ANY,
    CLUSTER_NAME,
    UNKNOWN,
    EntryFilter,
    Operation,
    PatternType,
    Permission,
    ResourceType,
    is_known,
    is_range,
)
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.cluster_image import AccessControlEntry
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_acls import (
    AclCreation,
    AclCreationResult,
    CreateAclsRequest,
    CreateAclsResponse,
)
from kafkalite_wire.messages.delete_acls import (
    DeleteAclsFilter,
    DeleteAclsFilterResult,
    DeleteAclsMatchingAcl,
    DeleteAclsRequest,
    DeleteAclsResponse,
)
from kafkalite_wire.messages.describe_acls import (
    AclDescription,
    DescribeAclsRequest,
    DescribeAclsResource,
    DescribeAclsResponse,
)
from kafkalite_wire.messages.metadata_records import AccessControlEntryRecord, RemoveAccessControlEntryRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.metadata_records import MetadataRecord

_NO_AUTHORIZER: Final = "No Authorizer is configured."
_MOST_DELETED: Final = 10_000


def _check_kinds(kinds: Iterable[int]) -> None:
    """Close the connection, as Kafka does, for what its clients cannot name."""
    if UNKNOWN in kinds:
        raise RequestError("an access control entry of unknown kind")


def describe_acls(
    broker: BrokerEndpoint, request: DescribeAclsRequest, context: RequestContext
) -> DescribeAclsResponse:
    """Return the entries that match a filter, by resource. Raises RequestError for a filter of unknown kind."""
    wanted = _filter(request)
    if context.access is None:
        reason = "No Authorizer is configured on the broker"
        return DescribeAclsResponse(error_code=ErrorCode.SECURITY_DISABLED, error_message=reason, resources=())
    resources: dict[tuple[int, str, int], list[AclDescription]] = {}
    for entry in broker.cluster.storage.cluster_image.access_control_entries.values():
        if wanted.matches(entry):
            resource = (entry.resource_type, entry.resource_name, entry.pattern_type)
            described = AclDescription(
                principal=entry.principal,
                host=entry.host,
                operation=entry.operation,
                permission_type=entry.permission_type,
            )
            resources.setdefault(resource, []).append(described)
    return DescribeAclsResponse(
        error_message="",
        resources=tuple(
            DescribeAclsResource(resource_type=kind, resource_name=name, pattern_type=pattern, acls=tuple(entries))
            for (kind, name, pattern), entries in resources.items()
        ),
    )


def _filter(request: DescribeAclsRequest | DeleteAclsFilter) -> EntryFilter:
    made = EntryFilter(
        resource_type=request.resource_type_filter,
        resource_name=request.resource_name_filter,
        pattern_type=request.pattern_type_filter,
        principal=request.principal_filter,
        host=request.host_filter,
        operation=request.operation,
        permission_type=request.permission_type,
    )
    _check_kinds((made.resource_type, made.pattern_type, made.operation, made.permission_type))
    return made


def create_acls(broker: BrokerEndpoint, request: CreateAclsRequest, context: RequestContext) -> CreateAclsResponse:
    """Store entries; one that exists is created once. Raises RequestError for an entry of unknown kind."""
    for each in request.creations:
        _check_kinds((each.resource_type, each.resource_pattern_type, each.operation, each.permission_type))
    if context.access is None:
        refused = AclCreationResult(error_code=ErrorCode.SECURITY_DISABLED, error_message=_NO_AUTHORIZER)
        return CreateAclsResponse(results=(refused,) * len(request.creations))
    existing = set(broker.cluster.storage.cluster_image.access_control_entries.values())
    records: list[MetadataRecord] = []
    errors: list[RefusedError | StorageError | None] = []
    for each in request.creations:
        try:
            entry = _checked(each)
        except RefusedError as refusal:
            errors.append(refusal)
            continue
        errors.append(None)
        if entry not in existing:
            existing.add(entry)
            records.append(AccessControlEntryRecord(id=random_uuid(), **_fields(entry)))
    try:
        broker.cluster.change_metadata(records)
    except StorageError as error:
        errors = [error if refusal is None else refusal for refusal in errors]
    return CreateAclsResponse(
        results=tuple(
            AclCreationResult(
                error_code=ErrorCode.NONE if error is None else error.code,
                error_message="" if error is None else str(error),
            )
            for error in errors
        )
    )


def _checked(creation: AclCreation) -> AccessControlEntry:
    """Return the entry to store. Raises RefusedError."""
    kind, name = creation.resource_type, creation.resource_name
    if kind == ResourceType.CLUSTER and name != CLUSTER_NAME:
        raise _invalid(f"The only valid name for the CLUSTER resource is {CLUSTER_NAME}")
    if not name:
        raise _invalid("Invalid empty resource name")
    for what, code, codes in (
        ("resourceType", kind, ResourceType),
        ("patternType", creation.resource_pattern_type, PatternType),
        ("operation", creation.operation, Operation),
        ("permissionType", creation.permission_type, Permission),
    ):
        if not is_known(code, codes):
            raise _invalid(f"Invalid {what} UNKNOWN")
        if code == ANY or (codes is PatternType and code == PatternType.MATCH):
            raise _invalid(f"Invalid {what} {'ANY' if code == ANY else 'MATCH'}")
    if ":" not in creation.principal:
        raise _invalid(
            f"Could not parse principal from `{creation.principal}` "
            "(no colon is present separating the principal type from the principal name)"
        )
    if not creation.host:
        raise _invalid("Host pattern cannot be null or empty")
    if "/" in creation.host and not is_range(creation.host):
        raise _invalid(f"Invalid CIDR notation '{creation.host}': Could not parse [{creation.host}]")
    return AccessControlEntry(
        resource_type=kind,
        resource_name=name,
        pattern_type=creation.resource_pattern_type,
        principal=creation.principal,
        host=creation.host,
        operation=creation.operation,
        permission_type=creation.permission_type,
    )


def _fields(entry: AccessControlEntry) -> dict[str, Any]:
    return {
        "resource_type": entry.resource_type,
        "resource_name": entry.resource_name,
        "pattern_type": entry.pattern_type,
        "principal": entry.principal,
        "host": entry.host,
        "operation": entry.operation,
        "permission_type": entry.permission_type,
    }


def _invalid(reason: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, reason)


def delete_acls(broker: BrokerEndpoint, request: DeleteAclsRequest, context: RequestContext) -> DeleteAclsResponse:
    """Delete the entries that match filters, and return them. Raises RequestError for a filter of unknown kind."""
    filters = [_filter(each) for each in request.filters]
    if context.access is None:
        refused = DeleteAclsFilterResult(
            error_code=ErrorCode.SECURITY_DISABLED, error_message=_NO_AUTHORIZER, matching_acls=()
        )
        return DeleteAclsResponse(filter_results=(refused,) * len(request.filters))
    entries = broker.cluster.storage.cluster_image.access_control_entries
    deleted: dict[bytes, None] = {}
    results: list[DeleteAclsFilterResult] = []
    for wanted in filters:
        unknown = _unknown(wanted)
        if unknown is not None:
            results.append(
                DeleteAclsFilterResult(error_code=ErrorCode.INVALID_REQUEST, error_message=unknown, matching_acls=())
            )
            continue
        matching = {entry_id: entry for entry_id, entry in entries.items() if wanted.matches(entry)}
        deleted.update(dict.fromkeys(matching))
        told = (DeleteAclsMatchingAcl(error_message=None, **_fields(entry)) for entry in matching.values())
        results.append(DeleteAclsFilterResult(error_message=None, matching_acls=tuple(told)))
    try:
        if len(deleted) > _MOST_DELETED:
            raise _invalid(f"Cannot remove more than {_MOST_DELETED} acls in a single delete operation.")
        broker.cluster.change_metadata([RemoveAccessControlEntryRecord(id=entry_id) for entry_id in deleted])
    except (RefusedError, StorageError) as error:
        refused = DeleteAclsFilterResult(error_code=error.code, error_message=str(error), matching_acls=())
        results = [refused] * len(filters)
    return DeleteAclsResponse(filter_results=tuple(results))


def _unknown(wanted: EntryFilter) -> str | None:
    """Return why no entry can match a filter, if it has codes that mean nothing."""
    if not (is_known(wanted.resource_type, ResourceType) and is_known(wanted.pattern_type, PatternType)):
        return "Unknown patternFilter."
    if not (is_known(wanted.operation, Operation) and is_known(wanted.permission_type, Permission)):
        return "Unknown entryFilter."
    return None
