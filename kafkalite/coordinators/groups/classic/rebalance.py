"""Rebalances: waiting for the members, beginning the next generation, removing members that are silent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.groups.classic.group import Group
from kafkalite.coordinators.groups.classic.records import write_group
from kafkalite.coordinators.groups.classic.responses import join_refused, joined, sync_refused, synced
from kafkalite.coordinators.groups.classic.states import GroupState, Trigger
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.classic.group import Member
    from kafkalite.coordinators.groups.classic.waiting import Waiting
    from kafkalite.coordinators.groups.registry import GroupConfig
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.coordinators.timers import Timer, Timers
    from kafkalite_wire.messages.join_group import JoinGroupResponse
    from kafkalite_wire.messages.sync_group import SyncGroupResponse

AssignmentHook = Callable[[Group, dict[str, bytes]], dict[str, bytes]]
"""Changes what the leader of a group has assigned, by member id."""

NEW_MEMBER_JOIN_TIMEOUT: Final = 300.0
"""How long a new member may wait for its first generation, in seconds; longer than clients wait (KAFKA-7610)."""

_RETRY_DELAY: Final = 0.1
"""How long to wait at least for any of the static members to come back, in seconds; they may have asked for no time."""

_BETWEEN_JOIN_AND_STABLE: Final = (GroupState.COMPLETING_REBALANCE, GroupState.STABLE)


class Rebalances:
    """The part of the state machine that does not belong to one request."""

    def __init__(
        self, config: GroupConfig, timers: Timers, waiting: Waiting, assignment_hook: AssignmentHook | None
    ) -> None:
        self._config = config
        self._assignment_hook = assignment_hook
        self._timers = timers
        self._waiting = waiting

    # Timers

    def new_group(self, group_id: str, wall_ms: int | None) -> Group:
        """Return a new, empty group."""
        join, sync = self._timers.timer(_nothing), self._timers.timer(_nothing)
        group = Group(group_id=group_id, join=join, sync=sync, state_timestamp=wall_ms)
        join.action = partial(self.complete_join, group)
        sync.action = partial(self._expire_sync, group)
        return group

    def session(self, group: Group, member_id: str) -> Timer:
        """Return a new timer for a member's session."""
        return self._timers.timer(partial(self._expire_session, group, member_id))

    def keep_alive(self, member: Member, result: ResultBuilder) -> None:
        """Restart a member's session."""
        member.keep_alive(result.now)

    # Waiting replies

    def answer_join(self, group: Group, member: Member, response: JoinGroupResponse, result: ResultBuilder) -> None:
        """Answer a member's join, if it waits for one."""
        waiter = member.awaiting_join
        if waiter is not None:
            group.await_join(member, None)
            self._waiting.answer(waiter, response, result)

    def answer_sync(self, member: Member, response: SyncGroupResponse, result: ResultBuilder) -> None:
        """Answer a member's sync, if it waits for one."""
        waiter = member.awaiting_sync
        if waiter is not None:
            member.awaiting_sync = None
            self._waiting.answer(waiter, response, result)

    def refuse_waiting(
        self, group: Group, member: Member, error: ErrorCode, result: ResultBuilder, member_id: str
    ) -> None:
        """Answer the join and sync that a member waits for with an error."""
        if member.awaiting_join is not None:
            refusal = join_refused(member.awaiting_join.api_version, member_id, error)
            self.answer_join(group, member, refusal, result)
        self.answer_sync(member, sync_refused(error), result)

    # Rebalancing

    def prepare_or_complete(self, group: Group, result: ResultBuilder) -> None:
        """Begin a rebalance; if one is under way, complete it if all members have joined."""
        if group.can_rebalance:
            self.prepare(group, result)
        else:
            self.complete_if_joined(group, result)

    def prepare(self, group: Group, result: ResultBuilder) -> None:
        """Begin a rebalance: all members must join again.

        The first one of a group waits for further members, as long as they keep coming (KIP-134).
        """
        if group.state is GroupState.COMPLETING_REBALANCE:
            self._revoke_assignments(group, result)
        self._stop_waiting_for_syncs(group)
        initial = group.state is GroupState.EMPTY
        group.transition(Trigger.REBALANCE, result.wall_ms)
        result.announce_rebalance(group.group_id)
        if initial:
            delay = self._config.group_initial_rebalance_delay
            self._schedule_initial(group, delay, max(group.rebalance_timeout - delay, 0.0), result)
        elif group.has_all_members_joined:
            self.complete_join(group, result)
        else:
            self._schedule_join(group, result)

    def complete_if_joined(self, group: Group, result: ResultBuilder) -> None:
        """Begin the next generation if all members have joined; the very first one waits for its time."""
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.previous_state is not GroupState.EMPTY
            and group.has_all_members_joined
        ):
            self.complete_join(group, result)

    def complete_join(self, group: Group, result: ResultBuilder) -> None:
        """Begin the next generation with those who joined.

        Dynamic members that did not are removed; static ones stay, for their session has not ended (KIP-345).
        """
        group.join.cancel()
        for member in list(group.members.values()):
            if member.awaiting_join is None and member.group_instance_id is None:
                group.remove(member.member_id)
        if group.members and not group.elect_joined_leader():
            self._schedule_join(group, result, at_least=_RETRY_DELAY)
            return
        group.next_generation(result.wall_ms)
        if not group.members:
            write_group(group, result)
            return
        for member in group.members.values():
            waiter = member.awaiting_join
            if waiter is not None:
                self.answer_join(group, member, joined(waiter.api_version, group, member), result)
            self.keep_alive(member, result)
            member.is_new = False
            group.pending_sync.add(member.member_id)
        group.sync.move(result.now + group.rebalance_timeout)

    def _schedule_join(self, group: Group, result: ResultBuilder, *, at_least: float = 0.0) -> None:
        group.join.action = partial(self.complete_join, group)
        group.join.move(result.now + max(group.rebalance_timeout, at_least))

    def _schedule_initial(self, group: Group, delay: float, remaining: float, result: ResultBuilder) -> None:
        def delay_is_over(result: ResultBuilder) -> None:
            if not group.new_member_added or remaining == 0:
                self.complete_join(group, result)
                return
            group.new_member_added = False
            longer = min(self._config.group_initial_rebalance_delay, remaining)
            self._schedule_initial(group, longer, max(remaining - delay, 0.0), result)

        group.join.action = delay_is_over
        group.join.move(result.now + delay)

    # Assignments

    def assign(self, group: Group, assignments: dict[str, bytes], result: ResultBuilder) -> None:
        """Take over the leader's assignments, keep them, and hand them out; the group is stable then."""
        if self._assignment_hook is not None:
            assignments = self._assignment_hook(group, assignments)
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
        write_group(group, result)
        for member in group.members.values():
            if member.awaiting_sync is not None:
                self.answer_sync(member, synced(group, member), result)
                self.keep_alive(member, result)
        group.transition(Trigger.ASSIGNED, result.wall_ms)

    def synced(self, group: Group, member_id: str) -> None:
        """Note that a member has asked for its assignment."""
        group.pending_sync.discard(member_id)
        if not group.pending_sync:
            group.sync.cancel()

    def _revoke_assignments(self, group: Group, result: ResultBuilder) -> None:
        refusal = sync_refused(ErrorCode.REBALANCE_IN_PROGRESS)
        for member in group.members.values():
            member.assignment = b""
            if member.awaiting_sync is not None:
                self.answer_sync(member, refusal, result)
                self.keep_alive(member, result)

    def _stop_waiting_for_syncs(self, group: Group) -> None:
        group.pending_sync.clear()
        group.sync.cancel()

    def _expire_sync(self, group: Group, result: ResultBuilder) -> None:
        """Remove the members that joined the generation and never asked for their assignment (KAFKA-12890)."""
        if group.state in _BETWEEN_JOIN_AND_STABLE and group.pending_sync:
            for member_id in tuple(group.pending_sync):
                group.remove(member_id)
            self.prepare(group, result)

    # Members that leave or fall silent

    def _expire_session(self, group: Group, member_id: str, result: ResultBuilder) -> None:
        if member_id in group.pending_join:
            group.remove(member_id)
            self._complete_without(group, result)
            return
        member = group.members.get(member_id)
        if member is not None and not member.has_satisfied_heartbeat:
            self.remove(group, member, result)
            if group.state in _BETWEEN_JOIN_AND_STABLE:
                self.prepare_or_complete(group, result)
            else:
                self._complete_without(group, result)

    def remove(self, group: Group, member: Member, result: ResultBuilder) -> None:
        """Remove a member, and answer the requests it waits for."""
        self.refuse_waiting(group, member, ErrorCode.UNKNOWN_MEMBER_ID, result, member_id="")
        group.remove(member.member_id)

    def _complete_without(self, group: Group, result: ResultBuilder) -> None:
        if group.state is GroupState.PREPARING_REBALANCE and group.has_all_members_joined:
            self.complete_join(group, result)


def _nothing(result: ResultBuilder) -> None:
    del result
