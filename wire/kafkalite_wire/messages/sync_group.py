"""SyncGroup (key 14): the leader sends the assignments, every member receives its own.

Versions: 3 static members (KIP-345), 5 protocol type and name, to detect a mismatch (KIP-559).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT16, INT32, STRING, array_of, field, message, struct


@struct
class SyncGroupRequestAssignment:
    """The assignment of one member; the broker does not read it."""

    member_id: str = field(STRING)
    assignment: bytes = field(BYTES)


@message(api_key=ApiKey.SYNC_GROUP)
class SyncGroupRequest:
    """A member that waits for its assignment; the leader sends those of all members."""

    group_id: str = field(STRING)
    generation_id: int = field(INT32)
    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)
    protocol_type: str | None = field(STRING, "5+", nullable="5+", default=None)
    protocol_name: str | None = field(STRING, "5+", nullable="5+", default=None)
    assignments: tuple[SyncGroupRequestAssignment, ...] = field(array_of(SyncGroupRequestAssignment))


@message(api_key=ApiKey.SYNC_GROUP)
class SyncGroupResponse:
    """The member's assignment, as sent by the leader."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, default=0)
    protocol_type: str | None = field(STRING, "5+", nullable="5+", default=None)
    protocol_name: str | None = field(STRING, "5+", nullable="5+", default=None)
    assignment: bytes = field(BYTES, default=b"")
