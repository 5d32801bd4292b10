"""DescribeGroups (key 15): describe classic groups and their members.

Versions: 3 authorized operations (KIP-430), 4 static members (KIP-345), 6 error messages (KIP-1043).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, BYTES, INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.DESCRIBE_GROUPS)
class DescribeGroupsRequest:
    """The groups to describe."""

    groups: tuple[str, ...] = field(array_of(STRING))
    include_authorized_operations: bool = field(BOOL, "3+", default=False)


@struct
class DescribedGroupMember:
    """One member of a described group."""

    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "4+", nullable="4+", default=None)
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    member_metadata: bytes = field(BYTES)
    member_assignment: bytes = field(BYTES)


@struct
class DescribedGroup:
    """One group: its state, protocol and members."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "6+", nullable="6+", default=None)
    group_id: str = field(STRING)
    group_state: str = field(STRING, default="")
    protocol_type: str = field(STRING, default="")
    protocol_data: str = field(STRING, default="")
    members: tuple[DescribedGroupMember, ...] = field(array_of(DescribedGroupMember), default=())
    authorized_operations: int = field(INT32, "3+", default=-2147483648)


@message(api_key=ApiKey.DESCRIBE_GROUPS)
class DescribeGroupsResponse:
    """One description for each requested group."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    groups: tuple[DescribedGroup, ...] = field(array_of(DescribedGroup))
