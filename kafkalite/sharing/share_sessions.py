"""Share sessions: which partitions a member of a share group fetches from, without naming them each time (KIP-932)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.requests.context import ConnectionInfo

OPENING: Final = 0
CLOSING: Final = -1
_LARGEST_EPOCH: Final = 0x7FFFFFFF

PartitionKey = tuple[bytes, int]
"""A topic's id and a partition."""


class Member(NamedTuple):
    """A member of a share group."""

    group_id: str
    member_id: str


@dataclass(slots=True, eq=False)
class ShareSession:
    """The partitions of a member, in the order in which they were named."""

    connection: ConnectionInfo
    epoch: int = OPENING
    partitions: dict[PartitionKey, None] = field(default_factory=dict[PartitionKey, None])


class ShareSessions:
    """The sessions of the members that fetch from one broker; each ends with its connection."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sessions: dict[Member, ShareSession] = {}
        self._connections: WeakSet[ConnectionInfo] = WeakSet()

    def __len__(self) -> int:
        return len(self._sessions)

    def use(self, member: Member, epoch: int, connection: ConnectionInfo) -> tuple[ErrorCode, ShareSession | None]:
        """Return the session of a request with this epoch, or why there is none. Epoch 0 opens one."""
        if epoch == OPENING:
            self._sessions.pop(member, None)
            if len(self._sessions) >= self._most:
                return ErrorCode.SHARE_SESSION_LIMIT_REACHED, None
            session = self._sessions[member] = ShareSession(connection)
        else:
            found = self._sessions.get(member)
            if found is None:
                return ErrorCode.SHARE_SESSION_NOT_FOUND, None
            session = found
            if epoch == CLOSING:
                return ErrorCode.NONE, session
            if epoch != session.epoch:
                return ErrorCode.INVALID_SHARE_SESSION_EPOCH, None
        session.epoch = session.epoch + 1 if session.epoch < _LARGEST_EPOCH else 1
        return ErrorCode.NONE, session

    def update(self, session: ShareSession, wanted: Iterable[PartitionKey], forgotten: Iterable[PartitionKey]) -> None:
        """Add and remove partitions."""
        session.partitions.update(dict.fromkeys(wanted))
        for key in forgotten:
            session.partitions.pop(key, None)

    def is_new(self, connection: ConnectionInfo) -> bool:
        """Return whether this is the first call for a connection."""
        if connection in self._connections:
            return False
        self._connections.add(connection)
        return True

    def members_of(self, connection: ConnectionInfo) -> list[Member]:
        """Return the members whose sessions came by a connection."""
        return [member for member, session in self._sessions.items() if session.connection is connection]

    def close(self, member: Member) -> ShareSession | None:
        """Remove and return a member's session, if it has one."""
        return self._sessions.pop(member, None)
