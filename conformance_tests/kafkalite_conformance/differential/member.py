"""A member of a group, whose requests follow from what it was told; each can be made wrong on purpose."""

from collections.abc import Mapping, Sequence
from typing import Final

from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

Protocols = Sequence[tuple[str, bytes]]

ERAS: Final = range(10)
"""The versions of JoinGroup; the other requests of a member follow in the versions of their time."""

LATEST: Final = ERAS[-1]
MEMBER_ID_REQUIRED: Final = 79

_MEMBER_ID_REQUIRED_SINCE: Final = 4
_BATCH_LEAVE_SINCE: Final = 3


def join_request(
    group: str,
    member_id: str = "",
    *,
    instance_id: str | None = None,
    protocols: Protocols = (("range", b"mine"),),
    protocol_type: str = "consumer",
    session_timeout_ms: int = 20_000,
    rebalance_timeout_ms: int = 20_000,
) -> JoinGroupRequest:
    """Return a JoinGroup request."""
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=rebalance_timeout_ms,
        member_id=member_id,
        group_instance_id=instance_id,
        protocol_type=protocol_type,
        protocols=tuple(JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in protocols),
    )


class Member:
    """One member with a connection of its own."""

    def __init__(
        self,
        voice: Voice,
        group: str,
        era: int,
        *,
        instance_id: str | None = None,
        protocols: Protocols = (("range", b"mine"),),
        session_timeout_ms: int = 20_000,
        rebalance_timeout_ms: int = 20_000,
    ) -> None:
        self.voice = voice
        self.group = group
        self.era = era
        self.member_id = ""
        self.generation = -1
        self.instance_id = instance_id
        self.protocols = protocols
        self.session_timeout_ms = session_timeout_ms
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.protocol_type: str | None = "consumer"
        self.protocol_name: str | None = None

    @property
    def heartbeat_version(self) -> int:
        """The version of Heartbeat of this member's time."""
        return min(self.era, 4)

    @property
    def sync_version(self) -> int:
        """The version of SyncGroup of this member's time."""
        return min(self.era, 5)

    @property
    def commit_version(self) -> int:
        """The version of OffsetCommit of this member's time; topics have names in all of them."""
        return max(2, self.era)

    def join_request(self, protocols: Protocols | None = None) -> JoinGroupRequest:
        """Return the request to join, as this member would send it now."""
        return join_request(
            self.group,
            self.member_id,
            instance_id=self.instance_id,
            protocols=self.protocols if protocols is None else protocols,
            session_timeout_ms=self.session_timeout_ms,
            rebalance_timeout_ms=self.rebalance_timeout_ms,
        )

    async def join(self, note: str = "", *, protocols: Protocols | None = None) -> JoinGroupResponse:
        """Join, twice if a member id is required first."""
        await self._come_by_an_id(note)
        answer = await self.voice.answer(self.join_request(protocols), self.era, JoinGroupResponse, note)
        return self._take(answer)

    async def start_join(self, note: str = "", *, protocols: Protocols | None = None) -> None:
        """Join without waiting for the answer, other than for a member id."""
        await self._come_by_an_id(note)
        await self.voice.start(self.join_request(protocols), self.era, note)

    async def joined(self) -> JoinGroupResponse:
        """Wait for the answer to `start_join`."""
        return self._take(await self.voice.hear(JoinGroupResponse))

    async def sync(self, shares: Mapping[str, bytes] | None = None, note: str = "", **changes: object) -> None:
        """Ask for the assignment, as the leader with everybody's; `changes` replace fields of the request."""
        await self.voice.ask(self.sync_request(shares, **changes), self.sync_version, note)

    async def start_sync(self, shares: Mapping[str, bytes] | None = None, note: str = "") -> None:
        """Ask for the assignment without waiting for it."""
        await self.voice.start(self.sync_request(shares), self.sync_version, note)

    async def synced(self) -> None:
        """Wait for the answer to `start_sync`."""
        await self.voice.hear(object)

    def sync_request(self, shares: Mapping[str, bytes] | None = None, **changes: object) -> SyncGroupRequest:
        """Return the request to sync, as this member would send it now."""
        fields: dict[str, object] = {
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.member_id,
            "group_instance_id": self.instance_id if self.sync_version >= 3 else None,
            "protocol_type": self.protocol_type if self.sync_version >= 5 else None,
            "protocol_name": self.protocol_name if self.sync_version >= 5 else None,
            "assignments": tuple(
                SyncGroupRequestAssignment(member_id=member_id, assignment=share)
                for member_id, share in (shares or {}).items()
            ),
        }
        return SyncGroupRequest(**{**fields, **changes})  # type: ignore[arg-type]  # the fields are those above

    async def heartbeat(self, note: str = "", *, generation: int | None = None, member_id: str | None = None) -> None:
        """Say that this member is there."""
        request = HeartbeatRequest(
            group_id=self.group,
            generation_id=self.generation if generation is None else generation,
            member_id=self.member_id if member_id is None else member_id,
            group_instance_id=self.instance_id if self.heartbeat_version >= 3 else None,
        )
        await self.voice.ask(request, self.heartbeat_version, note)

    async def leave(self, note: str = "") -> None:
        """Leave the group."""
        version = min(self.era, 5)
        if version < _BATCH_LEAVE_SINCE:
            request = LeaveGroupRequest(group_id=self.group, member_id=self.member_id)
        else:
            identity = MemberIdentity(member_id=self.member_id, group_instance_id=self.instance_id)
            request = LeaveGroupRequest(group_id=self.group, members=(identity,))
        await self.voice.ask(request, version, note)

    async def commit(self, topic: str, offset: int, note: str = "", **changes: object) -> None:
        """Commit an offset of partition 0; `changes` replace fields of the request."""
        row = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata="")
        fields: dict[str, object] = {
            "group_id": self.group,
            "generation_id_or_member_epoch": self.generation,
            "member_id": self.member_id,
            "group_instance_id": self.instance_id if self.commit_version >= 7 else None,
            "topics": (OffsetCommitRequestTopic(name=topic, partitions=(row,)),),
        }
        request = OffsetCommitRequest(**{**fields, **changes})  # type: ignore[arg-type]  # the fields are those above
        await self.voice.ask(request, self.commit_version, note)

    async def _come_by_an_id(self, note: str) -> None:
        if self.era < _MEMBER_ID_REQUIRED_SINCE or self.member_id or self.instance_id is not None:
            return
        self._take(await self.voice.answer(self.join_request(), self.era, JoinGroupResponse, note))

    def _take(self, answer: JoinGroupResponse) -> JoinGroupResponse:
        if answer.error_code in (0, MEMBER_ID_REQUIRED):
            self.member_id = answer.member_id
        if answer.error_code == 0:
            self.generation = answer.generation_id
            self.protocol_name = answer.protocol_name
        return answer


async def member(
    talk: Talk, name: str, group: str, era: int, *, instance_id: str | None = None, **options: int
) -> Member:
    """Return a member that has not joined yet; its subscription is its name."""
    voice = await talk.voice(name)
    protocols = (("range", name.encode()), ("sticky", b"s-" + name.encode()))
    return Member(voice, group, era, instance_id=instance_id, protocols=protocols, **options)


async def stable_pair(talk: Talk, era: int, *, static: bool = False, **options: int) -> tuple[Member, Member]:
    """Return the leader and the follower of a stable group of generation 2."""
    group = await talk.group()
    names = ("leader", "follower")
    seats = ("seat-1", "seat-2") if static else (None, None)
    leader, follower = [
        await member(talk, name, group, era, instance_id=seat, **options)
        for name, seat in zip(names, seats, strict=True)
    ]
    await leader.join()
    await leader.sync({leader.member_id: b"all"})
    await follower.start_join()
    await leader.join()
    await follower.joined()
    await follower.start_sync()
    await leader.sync({leader.member_id: b"left", follower.member_id: b"right"})
    await follower.synced()
    return leader, follower
