"""A group member by hand: the classic group protocol's requests, sent one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kafkalite_conformance.raw import (
    API_FIND_COORDINATOR,
    API_HEARTBEAT,
    API_JOIN_GROUP,
    API_LEAVE_GROUP,
    API_OFFSET_COMMIT,
    API_OFFSET_FETCH,
    API_SYNC_GROUP,
    RawConnection,
    Reader,
    array,
    bytes32,
    int8,
    int32,
    int64,
    string,
)

NONE: Final = 0
UNKNOWN_TOPIC_OR_PARTITION: Final = 3
ILLEGAL_GENERATION: Final = 22
INCONSISTENT_GROUP_PROTOCOL: Final = 23
INVALID_GROUP_ID: Final = 24
UNKNOWN_MEMBER_ID: Final = 25
INVALID_SESSION_TIMEOUT: Final = 26
REBALANCE_IN_PROGRESS: Final = 27
OFFSET_METADATA_TOO_LARGE: Final = 12
MEMBER_ID_REQUIRED: Final = 79
FENCED_INSTANCE_ID: Final = 82

_COORDINATOR_IS_COMING: Final = (14, 15, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A JoinGroup response."""

    error: int
    generation: int
    protocol: str | None
    leader: str | None
    member_id: str
    members: Mapping[str, bytes | None]


def join_body(
    group: str,
    member_id: str,
    *,
    version: int = 2,
    session_timeout_ms: int = 10_000,
    rebalance_timeout_ms: int = 10_000,
    protocols: Sequence[tuple[str, bytes]] = (("range", b"mine"),),
    instance_id: str | None = None,
    protocol_type: str = "consumer",
) -> bytes:
    """Return a JoinGroup request of version 2 to 5."""
    instance = string(instance_id) if version >= 5 else b""
    offered = array([string(name) + bytes32(metadata) for name, metadata in protocols])
    timeouts = int32(session_timeout_ms) + int32(rebalance_timeout_ms)
    return string(group) + timeouts + string(member_id) + instance + string(protocol_type) + offered


def read_joined(response: Reader, version: int = 2) -> Joined:
    """Read a JoinGroup response of version 2 to 5."""
    response.int32()
    error, generation, protocol, leader, member_id = (
        response.int16(),
        response.int32(),
        response.string(),
        response.string(),
        response.string(),
    )
    members: dict[str, bytes | None] = {}
    for _ in range(response.int32()):
        name = response.string() or ""
        if version >= 5:
            response.string()
        members[name] = response.bytes32()
    assert response.left == 0
    return Joined(
        error=error, generation=generation, protocol=protocol, leader=leader, member_id=member_id or "", members=members
    )


class RawMember:
    """One connection that acts as a member of one group."""

    def __init__(self, connection: RawConnection, group: str) -> None:
        self.connection = connection
        self.group = group

    def join(self, member_id: str = "", *, version: int = 2, **fields: object) -> Joined:
        """Join and wait for the answer."""
        body = join_body(self.group, member_id, version=version, **fields)  # type: ignore[arg-type]  # passed on as they came
        return read_joined(self.connection.ask(API_JOIN_GROUP, version, body), version)

    def start_join(self, member_id: str = "", **fields: object) -> None:
        """Join with version 2 without waiting for the answer."""
        self.connection.start(API_JOIN_GROUP, 2, join_body(self.group, member_id, **fields))  # type: ignore[arg-type]  # passed on as they came

    def joined(self) -> Joined:
        """Wait for the answer of `start_join`."""
        return read_joined(self.connection.receive()[1])

    def sync(
        self, generation: int, member_id: str, assignments: Mapping[str, bytes] | None = None
    ) -> tuple[int, bytes | None]:
        """Send SyncGroup v1 and return the error and the assignment."""
        self.start_sync(generation, member_id, assignments)
        return self.synced()

    def start_sync(self, generation: int, member_id: str, assignments: Mapping[str, bytes] | None = None) -> None:
        """Send SyncGroup v1 without waiting for the answer."""
        rows = array([string(name) + bytes32(share) for name, share in (assignments or {}).items()])
        self.connection.start(API_SYNC_GROUP, 1, string(self.group) + int32(generation) + string(member_id) + rows)

    def synced(self) -> tuple[int, bytes | None]:
        """Wait for the answer of `start_sync`: the error and the assignment."""
        _, response = self.connection.receive()
        response.int32()
        return response.int16(), response.bytes32()

    def heartbeat(self, generation: int, member_id: str) -> int:
        """Send Heartbeat v1 and return the error."""
        response = self.connection.ask(API_HEARTBEAT, 1, string(self.group) + int32(generation) + string(member_id))
        response.int32()
        return response.int16()

    def leave(self, member_id: str) -> int:
        """Send LeaveGroup v1 and return the error."""
        response = self.connection.ask(API_LEAVE_GROUP, 1, string(self.group) + string(member_id))
        response.int32()
        return response.int16()

    def commit(self, topic: str, offset: int, *, generation: int = -1, member_id: str = "", metadata: str = "") -> int:
        """Send OffsetCommit v2 for partition 0 and return its error."""
        row = string(topic) + array([int32(0) + int64(offset) + string(metadata)])
        body = string(self.group) + int32(generation) + string(member_id) + int64(-1) + array([row])
        response = self.connection.ask(API_OFFSET_COMMIT, 2, body)
        assert response.int32() == 1
        response.string()
        assert response.int32() == 1
        response.int32()
        return response.int16()

    def committed(self, topic: str) -> tuple[int, int]:
        """Send OffsetFetch v1 for partition 0 and return the offset and the error."""
        body = string(self.group) + array([string(topic) + array([int32(0)])])
        response = self.connection.ask(API_OFFSET_FETCH, 1, body)
        assert response.int32() == 1
        response.string()
        assert response.int32() == 1
        response.int32()
        offset = response.int64()
        response.string()
        return offset, response.int16()

    def coordinator_is_there(self) -> bool:
        """Return whether the group's coordinator is available and has loaded."""
        response = self.connection.ask(API_FIND_COORDINATOR, 1, string(self.group) + int8(0))
        response.int32()
        if response.int16() in _COORDINATOR_IS_COMING:
            return False
        response.string()
        response.int32()
        with RawConnection(f"{response.string()}:{response.int32()}") as coordinator:
            member = RawMember(coordinator, self.group)
            return member.heartbeat(1, "x") not in _COORDINATOR_IS_COMING
