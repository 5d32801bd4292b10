"""LeaveGroup (key 13): leave a classic group, or remove members from it.

Versions: 3 several members at once, by static id (KIP-345), 5 a reason (KIP-800).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@struct
class MemberIdentity:
    """A member that leaves; a static one may be named by its instance id alone."""

    member_id: str = field(STRING, "3+")
    group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)
    reason: str | None = field(STRING, "5+", nullable="5+", default=None)


@message(api_key=ApiKey.LEAVE_GROUP)
class LeaveGroupRequest:
    """One member that leaves (versions 0 to 2), or several that leave or are removed."""

    group_id: str = field(STRING)
    member_id: str = field(STRING, "0-2", default="")
    members: tuple[MemberIdentity, ...] = field(array_of(MemberIdentity), "3+", default=())


@struct
class MemberResponse:
    """The result for one member."""

    member_id: str = field(STRING, "3+")
    group_instance_id: str | None = field(STRING, "3+", nullable="3+")
    error_code: int = field(INT16, "3+", default=0)


@message(api_key=ApiKey.LEAVE_GROUP)
class LeaveGroupResponse:
    """The result; since version 3 for each member."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, default=0)
    members: tuple[MemberResponse, ...] = field(array_of(MemberResponse), "3+", default=())
