"""The coordinator of all groups of a broker: requests and the time go in, records and replies come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.administration import delete_groups, describe_groups, list_groups
from kafkalite.coordinators.groups.classic import steering
from kafkalite.coordinators.groups.classic.group import GroupState
from kafkalite.coordinators.groups.classic.membership import Membership
from kafkalite.coordinators.groups.classic.rebalance import Rebalances
from kafkalite.coordinators.groups.classic.registry import Groups
from kafkalite.coordinators.groups.classic.waiting import Waiting
from kafkalite.coordinators.groups.config import GroupConfig
from kafkalite.coordinators.groups.fetching import fetch_offsets
from kafkalite.coordinators.groups.loading import load
from kafkalite.coordinators.groups.offset_table import OffsetTable
from kafkalite.coordinators.groups.offsets import Offsets
from kafkalite.coordinators.groups.views import GroupView, view
from kafkalite.coordinators.java_strings import string_hash
from kafkalite.coordinators.results import NO_RESULT, Client, CoordinatorResult, ResultBuilder, WallTime
from kafkalite.coordinators.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from kafkalite.coordinators.groups.classic.group import Group
    from kafkalite.coordinators.groups.classic.pinning import Overrule
    from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
    from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
    from kafkalite_wire.messages.heartbeat import HeartbeatRequest
    from kafkalite_wire.messages.join_group import JoinGroupRequest
    from kafkalite_wire.messages.leave_group import LeaveGroupRequest
    from kafkalite_wire.messages.list_groups import ListGroupsRequest
    from kafkalite_wire.messages.offset_commit import OffsetCommitRequest
    from kafkalite_wire.messages.offset_delete import OffsetDeleteRequest
    from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest
    from kafkalite_wire.messages.sync_group import SyncGroupRequest

__all__ = ["GroupConfig", "GroupCoordinator", "partition_for"]


class GroupCoordinator:
    """All groups, with their members and committed offsets.

    ``now`` is monotonic seconds, ``wall_ms`` is record time in milliseconds since 1970. ``token`` is whatever the
    driver wants to see again in the one :class:`Reply` to the request; it must be hashable, and unequal to all others
    that wait. The driver writes the records of an answer before it sends the replies, and calls :meth:`advance` when
    :meth:`next_deadline` has come. State changes before the records are written: a driver that cannot write them makes
    a new coordinator from its log, and ends the connections of :meth:`waiting_tokens` of the old one.

    ``new_member_suffix`` makes the unique part of a member id, in Kafka a random UUID. ``overrule`` may change what the
    leaders of groups assign.
    """

    def __init__(
        self, config: GroupConfig, *, new_member_suffix: Callable[[], str], overrule: Overrule | None = None
    ) -> None:
        self._config = config
        self._timers = Timers()
        self._waiting = Waiting()
        self._rebalances = Rebalances(config, self._timers, self._waiting, overrule)
        self._groups = Groups(self._rebalances)
        self._table = OffsetTable()
        self._offsets = Offsets(config, self._groups, self._table, self._rebalances)
        self._membership = Membership(config, self._groups, self._rebalances, self._waiting, new_member_suffix)
        self._wall = WallTime()
        self._expiry = self._timers.timer(self._expire)

    # Members

    def join_group(self, request: JoinGroupRequest, client: Client, token: object, *, now: float) -> CoordinatorResult:
        """Let a member into the next generation of its group (JoinGroup 0-9)."""
        result = self._builder(now)
        self._membership.join(request, client, token, result)
        self._watch_expiry(now)
        return result.build()

    def sync_group(self, request: SyncGroupRequest, client: Client, token: object, *, now: float) -> CoordinatorResult:
        """Take the leader's assignments and hand them out (SyncGroup 0-5)."""
        result = self._builder(now)
        self._membership.sync(request, client, token, result)
        return result.build()

    def heartbeat(
        self,
        request: HeartbeatRequest,
        client: Client,  # noqa: ARG002 - all requests of members have the same shape
        token: object,
        *,
        now: float,
    ) -> CoordinatorResult:
        """Begin a member's session time anew, and tell it whether to rejoin (Heartbeat 0-4)."""
        result = self._builder(now)
        result.reply(token, self._membership.heartbeat(request, result))
        return result.build()

    def answer_heartbeat(self, request: HeartbeatRequest, token: object, *, now: float) -> CoordinatorResult:
        """Tell a member whether to rejoin, whose heartbeat was heard before: it is no new sign of life."""
        result = self._builder(now)
        result.reply(token, self._membership.heartbeat(request, result, is_new=False))
        return result.build()

    def leave_group(
        self, request: LeaveGroupRequest, client: Client, token: object, *, now: float
    ) -> CoordinatorResult:
        """Remove members (LeaveGroup 0-5)."""
        result = self._builder(now)
        result.reply(token, self._membership.leave(request, client, result))
        return result.build()

    def cancel(self, token: object) -> CoordinatorResult:
        """Forget a token, because its client has gone. As in Kafka its member stays until its session ends."""
        self._waiting.abandon(token)
        return NO_RESULT

    # Offsets

    def offset_commit(
        self, request: OffsetCommitRequest, client: Client, token: object, *, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Store offsets for partitions that exist, whose topics have been given their names (OffsetCommit 2-10)."""
        self._wall.told(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        result.reply(token, self._offsets.commit(request, client, wall_ms, result))
        self._watch_expiry(now)
        return result.build()

    def offset_fetch(
        self, request: OffsetFetchRequest, client: Client, token: object, *, now: float
    ) -> CoordinatorResult:
        """Look offsets up; topics must have been given their names (OffsetFetch 1-10).

        Member ids and epochs (version 9) are those of KIP-848; groups of the classic protocol do not look at them.
        """
        result = self._builder(now)
        result.reply(token, fetch_offsets(request, client.api_version, self._groups, self._table))
        return result.build()

    def offset_delete(
        self,
        request: OffsetDeleteRequest,
        client: Client,  # noqa: ARG002 - all requests have the same shape
        token: object,
    ) -> CoordinatorResult:
        """Forget offsets for partitions that exist, unless members may be reading their topics (OffsetDelete 0)."""
        result = self._timeless_builder()
        result.reply(token, self._offsets.delete(request, result))
        return result.build()

    def delete_topic_offsets(self, topics: Collection[str]) -> CoordinatorResult:
        """Forget the offsets of topics that have been deleted."""
        result = self._timeless_builder()
        self._offsets.delete_topics(topics, result)
        return result.build()

    # Administration

    def list_groups(
        self,
        request: ListGroupsRequest,
        client: Client,  # noqa: ARG002 - all requests have the same shape
        token: object,
    ) -> CoordinatorResult:
        """List groups by state and type (ListGroups 0-5)."""
        result = self._timeless_builder()
        result.reply(token, list_groups(request, self._groups))
        return result.build()

    def describe_groups(self, request: DescribeGroupsRequest, client: Client, token: object) -> CoordinatorResult:
        """Describe groups with their members (DescribeGroups 0-6)."""
        result = self._timeless_builder()
        result.reply(token, describe_groups(request, client.api_version, self._groups))
        return result.build()

    def delete_groups(
        self,
        request: DeleteGroupsRequest,
        client: Client,  # noqa: ARG002 - all requests have the same shape
        token: object,
    ) -> CoordinatorResult:
        """Delete groups without members, and their offsets (DeleteGroups 0-3)."""
        result = self._timeless_builder()
        result.reply(token, delete_groups(request, self._groups, self._offsets, result))
        return result.build()

    # The log and the time

    def load(self, records: Iterable[tuple[bytes, bytes | None]], *, now: float) -> None:
        """Take over what a log of ``__consumer_offsets`` says, once, before any request.

        The state of what was being negotiated is not in the log: members rejoin when their heartbeat or sync tells
        them to. Raises WireError for records that are not Kafka's; keys of unknown types are left alone.
        """
        load(records, self._config, self._groups, self._table, self._rebalances, self._builder(now))
        self._watch_expiry(now)

    def next_deadline(self) -> float | None:
        """Tell when :meth:`advance` must be called, None while nothing is due; any other call may change it."""
        return self._timers.next_deadline()

    def advance(self, now: float, wall_ms: int) -> CoordinatorResult:
        """Let happen what is due: sessions and rebalances time out, offsets expire."""
        self._wall.told(now, wall_ms)
        result = ResultBuilder(now, wall_ms)
        while (timer := self._timers.pop_due(now)) is not None:
            timer.action(result)
        return result.build()

    # Steering, for tests

    def keep_alive(self, names: Collection[str], *, now: float) -> float | None:
        """Begin sessions anew, of members that are named by member, instance or client id.

        Gives the shortest of their time-outs.
        """
        return steering.keep_alive(names, self._groups, self._rebalances, self._builder(now))

    def expects(self, names: Collection[str], *, until: float) -> bool:
        """Tell whether a rebalance would end by ``until`` without members, so named, that are yet to join or sync."""
        return steering.expected(names, self._groups, until)

    def expire_member(self, group_id: str, member_id: str, *, now: float) -> CoordinatorResult:
        """Remove a member as if its session had ended. Raises KeyError if there is none."""
        result = self._builder(now)
        steering.expire(self._group(group_id), member_id, self._rebalances, result)
        return result.build()

    def displace_member(self, group_id: str, member_id: str, *, now: float) -> tuple[str, CoordinatorResult]:
        """Let nobody take a static member's place, so that it is fenced; gives nobody's member id. Raises KeyError."""
        result = self._builder(now)
        new_id = steering.displace(self._group(group_id), member_id, self._rebalances, result)
        return new_id, result.build()

    def force_rebalance(self, group_id: str, *, now: float) -> CoordinatorResult:
        """Have all members of a group join again. Raises KeyError if there is none."""
        result = self._builder(now)
        steering.force_rebalance(self._group(group_id), self._rebalances, result)
        return result.build()

    def refuse_waiting(self, group_id: str | None, *, now: float) -> CoordinatorResult:
        """Answer every join and sync that waits, by default in all groups, with NOT_COORDINATOR."""
        result = self._builder(now)
        steering.refuse_waiting(self._chosen(group_id), self._rebalances, result)
        return result.build()

    def reload(self, group_id: str, records: Iterable[tuple[bytes, bytes | None]], *, now: float) -> None:
        """Forget a group for which nothing waits, and take it over from its log as :meth:`load` does."""
        result = self._builder(now)
        self.suspend(group_id)
        self._groups.discard(group_id, result)
        self._table.discard(group_id)
        load(records, self._config, self._groups, self._table, self._rebalances, result, only=group_id)

    def suspend(self, group_id: str | None) -> None:
        """Let no time of a group, by default of all, run out until it is loaded again."""
        steering.suspend(self._chosen(group_id))

    # Looking in

    def groups(self) -> tuple[GroupView, ...]:
        """Show all groups."""
        return tuple(view(group, self._table) for group in self._groups)

    def group(self, group_id: str) -> GroupView | None:
        """Show one group."""
        found = self._groups.get(group_id)
        return None if found is None else view(found, self._table)

    def is_rebalancing(self, group_id: str) -> bool:
        """Tell whether the group's members must join again."""
        group = self._groups.get(group_id)
        return group is not None and group.state is GroupState.PREPARING_REBALANCE

    def settled_session_timeout(self, request: HeartbeatRequest) -> float | None:
        """Give the session time-out of a member whose heartbeat would be told nothing new, None for any other."""
        group = self._groups.get(request.group_id)
        if group is None or group.state is not GroupState.STABLE or request.generation_id != group.generation:
            return None
        if group.validate(request.member_id, request.group_instance_id):
            return None
        return group.members[request.member_id].session_timeout

    def waiting_tokens(self) -> Collection[object]:
        """List the tokens of joins and syncs that have no reply yet."""
        return self._waiting.tokens()

    def _chosen(self, group_id: str | None) -> Iterable[Group]:
        return [group for group in self._groups if group_id in (None, group.group_id)]

    def _group(self, group_id: str) -> Group:
        group = self._groups.get(group_id)
        if group is None:
            raise KeyError(group_id)
        return group

    def _builder(self, now: float) -> ResultBuilder:
        return ResultBuilder(now, self._wall.at(now))

    def _timeless_builder(self) -> ResultBuilder:
        return ResultBuilder(0.0, None)

    def _watch_expiry(self, now: float) -> None:
        if self._expiry.when is None and len(self._groups):
            self._expiry.move(now + self._config.offsets_retention_check_interval)

    def _expire(self, result: ResultBuilder) -> None:
        if result.wall_ms is not None:
            self._offsets.expire(result.wall_ms, result)
        self._watch_expiry(result.now)


def partition_for(group_id: str, partitions: int) -> int:
    """Tell which partition of ``__consumer_offsets`` a group belongs to."""
    return (string_hash(group_id) & 0x7FFFFFFF) % partitions
