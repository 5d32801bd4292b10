"""JoinGroup (key 11): join a classic group and wait for the next generation.

Versions: 1 rebalance timeout (KIP-62), 4 member ids from the broker required (KIP-394), 5 static members
(KIP-345), 7 the protocol type in the response (KIP-559), 8 a reason to join (KIP-800), 9 a leader that may skip the
assignment (KIP-814).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, BYTES, INT16, INT32, STRING, array_of, field, message, struct


@struct
class JoinGroupRequestProtocol:
    """One assignor that the member supports, with its metadata for the leader; the first is preferred."""

    name: str = field(STRING)
    metadata: bytes = field(BYTES)


@message(api_key=ApiKey.JOIN_GROUP)
class JoinGroupRequest:
    """A member that joins or rejoins; a new member has an empty id."""

    group_id: str = field(STRING)
    session_timeout_ms: int = field(INT32)
    rebalance_timeout_ms: int = field(INT32, "1+", default=-1)
    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "5+", nullable="5+", default=None)
    protocol_type: str = field(STRING)
    protocols: tuple[JoinGroupRequestProtocol, ...] = field(array_of(JoinGroupRequestProtocol))
    reason: str | None = field(STRING, "8+", nullable="8+", default=None)


@struct
class JoinGroupResponseMember:
    """One member, with its metadata for the chosen protocol; sent to the leader."""

    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "5+", nullable="5+", default=None)
    metadata: bytes = field(BYTES)


@message(api_key=ApiKey.JOIN_GROUP)
class JoinGroupResponse:
    """The new generation; only the leader gets ``members``."""

    throttle_time_ms: int = field(INT32, "2+", default=0)
    error_code: int = field(INT16, default=0)
    generation_id: int = field(INT32, default=-1)
    protocol_type: str | None = field(STRING, "7+", nullable="7+", default=None)
    protocol_name: str | None = field(STRING, nullable="7+", default="")
    leader: str = field(STRING, default="")
    skip_assignment: bool = field(BOOL, "9+", default=False)
    member_id: str = field(STRING, default="")
    members: tuple[JoinGroupResponseMember, ...] = field(array_of(JoinGroupResponseMember), default=())
