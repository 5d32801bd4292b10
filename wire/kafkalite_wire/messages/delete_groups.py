"""DeleteGroups (key 42): delete empty groups and their offsets (KIP-229)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.DELETE_GROUPS)
class DeleteGroupsRequest:
    """The groups to delete."""

    groups_names: tuple[str, ...] = field(array_of(STRING))


@struct
class DeletableGroupResult:
    """The result for one group."""

    group_id: str = field(STRING)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "3+", nullable="3+", default=None)


@message(api_key=ApiKey.DELETE_GROUPS)
class DeleteGroupsResponse:
    """One result for each group."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[DeletableGroupResult, ...] = field(array_of(DeletableGroupResult))
