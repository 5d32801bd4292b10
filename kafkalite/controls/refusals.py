"""Refuse a request of a group with an error code, in the shape that each API wants it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.engine import Call

_SEVERAL_GROUPS_SINCE: Final = 8
_SEVERAL_COORDINATORS_SINCE: Final = 4
_NULLABLE_PROTOCOL_NAME_SINCE: Final = 7
_NO_OFFSET: Final = -1


def groups_of(call: Call) -> tuple[str, ...]:
    """Name the groups that a request is about; none for requests that only their coordinator could not answer."""
    return groups_in(call.api.key, call.api_version, call.request)


def groups_in(key: int, version: int, request: Any) -> tuple[str, ...]:
    """Name the groups that a request of some API and version is about."""
    match key:
        case ApiKey.OFFSET_FETCH if version >= _SEVERAL_GROUPS_SINCE:
            return tuple(group.group_id for group in request.groups)
        case ApiKey.FIND_COORDINATOR if request.key_type == 0:
            return tuple(request.coordinator_keys) or (request.key,)
        case ApiKey.DESCRIBE_GROUPS:
            return tuple(request.groups)
        case ApiKey.DELETE_GROUPS:
            return tuple(request.groups_names)
        case key if key in _ONE_GROUP:
            return (request.group_id,)
        case _:
            return ()


def refused(call: Call, error: int) -> object:
    """Make the response that refuses all of a request with one error. Raises KeyError for what is of no group."""
    return _REFUSALS[call.api.key](call, error)


def _find_coordinator(call: Call, error: int) -> object:
    from kafkalite_wire.messages.find_coordinator import Coordinator, FindCoordinatorResponse

    if call.api_version < _SEVERAL_COORDINATORS_SINCE:
        return FindCoordinatorResponse(error_code=error, error_message=None, node_id=-1, host="", port=-1)
    return FindCoordinatorResponse(
        coordinators=tuple(
            Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error, error_message=None)
            for key in call.request.coordinator_keys
        )
    )


def _join_group(call: Call, error: int) -> object:
    from kafkalite_wire.messages.join_group import JoinGroupResponse

    name = None if call.api_version >= _NULLABLE_PROTOCOL_NAME_SINCE else ""
    return JoinGroupResponse(error_code=error, member_id=call.request.member_id, protocol_name=name)


def _plain(call: Call, error: int) -> object:
    return call.api.response_type(error_code=error)


def _offset_commit(call: Call, error: int) -> object:
    from kafkalite_wire.messages.offset_commit import (
        OffsetCommitResponse,
        OffsetCommitResponsePartition,
        OffsetCommitResponseTopic,
    )

    return OffsetCommitResponse(
        topics=tuple(
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=tuple(
                    OffsetCommitResponsePartition(partition_index=partition.partition_index, error_code=error)
                    for partition in topic.partitions
                ),
            )
            for topic in call.request.topics
        )
    )


def _offset_fetch(call: Call, error: int) -> object:
    from kafkalite_wire.messages.offset_fetch import (
        OffsetFetchResponse,
        OffsetFetchResponseGroup,
        OffsetFetchResponsePartition,
        OffsetFetchResponseTopic,
    )

    if call.api_version >= _SEVERAL_GROUPS_SINCE:
        return OffsetFetchResponse(
            groups=tuple(
                OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=error)
                for group in call.request.groups
            )
        )
    return OffsetFetchResponse(
        error_code=error,
        # Version 1 has no error for the whole answer.
        topics=tuple(
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=tuple(
                    OffsetFetchResponsePartition(
                        partition_index=index, committed_offset=_NO_OFFSET, metadata="", error_code=error
                    )
                    for index in topic.partition_indexes
                ),
            )
            for topic in call.request.topics or ()
        ),
    )


def _describe_groups(call: Call, error: int) -> object:
    from kafkalite_wire.messages.describe_groups import DescribedGroup, DescribeGroupsResponse

    return DescribeGroupsResponse(
        groups=tuple(DescribedGroup(error_code=error, group_id=group_id) for group_id in call.request.groups)
    )


def _delete_groups(call: Call, error: int) -> object:
    from kafkalite_wire.messages.delete_groups import DeletableGroupResult, DeleteGroupsResponse

    return DeleteGroupsResponse(
        results=tuple(
            DeletableGroupResult(group_id=group_id, error_code=error) for group_id in call.request.groups_names
        )
    )


_ONE_GROUP: Final = frozenset((
    ApiKey.JOIN_GROUP,
    ApiKey.SYNC_GROUP,
    ApiKey.HEARTBEAT,
    ApiKey.LEAVE_GROUP,
    ApiKey.OFFSET_COMMIT,
    ApiKey.OFFSET_FETCH,
    ApiKey.OFFSET_DELETE,
))  # fmt: skip

_REFUSALS: Final[Mapping[int, Callable[[Call, int], Any]]] = MappingProxyType({
    ApiKey.FIND_COORDINATOR: _find_coordinator,
    ApiKey.JOIN_GROUP: _join_group,
    ApiKey.SYNC_GROUP: _plain,
    ApiKey.HEARTBEAT: _plain,
    ApiKey.LEAVE_GROUP: _plain,
    ApiKey.OFFSET_COMMIT: _offset_commit,
    ApiKey.OFFSET_FETCH: _offset_fetch,
    ApiKey.OFFSET_DELETE: _plain,
    ApiKey.DESCRIBE_GROUPS: _describe_groups,
    ApiKey.DELETE_GROUPS: _delete_groups,
})  # fmt: skip
