"""What goes into the coordinator with a request, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from kafkalite_wire.messages.delete_groups import DeleteGroupsResponse
    from kafkalite_wire.messages.describe_groups import DescribeGroupsResponse
    from kafkalite_wire.messages.heartbeat import HeartbeatResponse
    from kafkalite_wire.messages.join_group import JoinGroupResponse
    from kafkalite_wire.messages.leave_group import LeaveGroupResponse
    from kafkalite_wire.messages.list_groups import ListGroupsResponse
    from kafkalite_wire.messages.offset_commit import OffsetCommitResponse
    from kafkalite_wire.messages.offset_delete import OffsetDeleteResponse
    from kafkalite_wire.messages.offset_fetch import OffsetFetchResponse
    from kafkalite_wire.messages.sync_group import SyncGroupResponse

    Response = (
        JoinGroupResponse
        | SyncGroupResponse
        | HeartbeatResponse
        | LeaveGroupResponse
        | OffsetCommitResponse
        | OffsetFetchResponse
        | OffsetDeleteResponse
        | DescribeGroupsResponse
        | ListGroupsResponse
        | DeleteGroupsResponse
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who sends a request; ``client_host`` is printed like Java does: ``/127.0.0.1``."""

    client_id: str
    client_host: str
    api_version: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the request that came with ``token``; every token gets one, unless it was cancelled."""

    token: object
    response: Response


class GroupRecord(NamedTuple):
    """A record of ``__consumer_offsets``, and the group whose partition it belongs to; no value is a tombstone."""

    group_id: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class CoordinatorResult:
    """What the driver must do: write all ``records``, and after that send all ``replies``."""

    records: tuple[GroupRecord, ...]
    replies: tuple[Reply, ...]


NO_RESULT: Final = CoordinatorResult((), ())


class ResultBuilder:
    """One call of the coordinator: its time, and what has come of it so far.

    ``now`` is monotonic seconds; ``wall_ms`` is record time, None as long as nobody has told.
    """

    __slots__ = ("_records", "_replies", "now", "wall_ms")

    def __init__(self, now: float, wall_ms: int | None) -> None:
        self.now = now
        self.wall_ms = wall_ms
        self._records: list[GroupRecord] = []
        self._replies: list[Reply] = []

    def record(self, group_id: str, key: bytes, value: bytes | None) -> None:
        """Have a record written."""
        self._records.append(GroupRecord(group_id, key, value))

    def reply(self, token: object, response: Response) -> None:
        """Have a request answered."""
        self._replies.append(Reply(token, response))

    def build(self) -> CoordinatorResult:
        """Hand over everything."""
        return CoordinatorResult(tuple(self._records), tuple(self._replies))


class WallTime:
    """Record time at any monotonic time, from the last time that both were told.

    Groups note in milliseconds since 1970 when their state changed, from which the retention of their offsets counts
    (KIP-211); that is days, so a clock that was read some seconds ago is good enough.
    """

    __slots__ = ("_offset_ms",)

    def __init__(self) -> None:
        self._offset_ms: float | None = None

    def told(self, now: float, wall_ms: int) -> None:
        """Note that ``wall_ms`` was the record time at ``now``."""
        self._offset_ms = wall_ms - now * 1000

    def at(self, now: float) -> int | None:
        """Tell the record time, None before it was told first."""
        return None if self._offset_ms is None else round(self._offset_ms + now * 1000)
