"""What groups promise, against clients that join, fall silent, come back and cheat, and a broker that restarts.

One partition has one owner in a group; generations only grow; every request is answered once, within the rebalance
timeout; a commit of a stale generation is refused; what was committed and assigned survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kafkalite.coordinators.assignors import Subscription, TopicPartition, assign
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.registry import GroupConfig
from kafkalite.coordinators.groups.views import GroupView
from kafkalite_wire.error_codes import ErrorCode
from tests.support.group_harness import GROUP, REBALANCE, Bench, Call

PARTITIONS = 4
CLIENTS = 5
DELAY = 3.0

clients = st.integers(0, CLIENTS - 1)


def encoded(partitions: Iterable[TopicPartition]) -> bytes:
    return bytes(partition for _, partition in partitions)


@dataclass
class Consumer:
    """A client that follows the protocol; a static one has an instance id."""

    instance_id: str | None = None
    member_id: str = ""
    generation: int = -1
    join: Call | None = None
    sync: Call | None = None
    owned: frozenset[int] = frozenset()
    synced: bool = False
    rebalance_due: bool = False
    asked_at: float = 0.0
    fellows: list[str] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return any(call is not None and call.waits for call in (self.join, self.sync))

    def forget(self) -> None:
        self.member_id, self.generation, self.owned, self.join, self.sync = "", -1, frozenset(), None, None
        self.synced = self.rebalance_due = False

    def hear(self) -> None:
        """Take in the answers that have come."""
        if self.join is not None and not self.join.waits:
            joined, self.join = self.join.joined, None
            self.owned, self.synced, self.rebalance_due = frozenset(), False, False
            if joined.error_code == ErrorCode.NONE:
                self.member_id, self.generation = joined.member_id, joined.generation_id
                leads = joined.leader == joined.member_id
                self.fellows = [member.member_id for member in joined.members] if leads else []
            elif joined.error_code == ErrorCode.MEMBER_ID_REQUIRED:
                self.member_id = joined.member_id
            elif joined.error_code != ErrorCode.REBALANCE_IN_PROGRESS:
                self.forget()
        if self.sync is not None and not self.sync.waits:
            synced, self.sync = self.sync.synced, None
            if synced.error_code == ErrorCode.NONE:
                self.owned, self.synced = frozenset(synced.assignment), True
            elif synced.error_code == ErrorCode.REBALANCE_IN_PROGRESS:
                self.rebalance_due = True
            else:
                self.forget()


class Promises(RuleBasedStateMachine):
    @initialize(delayed=st.booleans(), statics=st.integers(0, 2), founders=st.sets(clients))
    def begin(self, delayed: bool, statics: int, founders: set[int]) -> None:
        # A group that is deleted, because it was empty at a check, begins again at generation 0.
        self.bench = Bench(
            GroupConfig(group_initial_rebalance_delay=DELAY if delayed else 0.0, offsets_retention_check_interval=1e9)
        )
        self.consumers = [Consumer(f"till-{i}" if i < statics else None) for i in range(CLIENTS)]
        self.generation = 0
        self.committed: dict[int, int] = {}
        self.some_do_what_they_should(founders, rounds=5)

    def hear(self) -> None:
        for consumer in self.consumers:
            consumer.hear()

    @rule(index=clients)
    def joins(self, index: int) -> None:
        consumer = self.consumers[index]
        if not consumer.waits:
            consumer.join = self.bench.join(consumer.member_id, instance_id=consumer.instance_id)
            consumer.asked_at = self.bench.now
            self.hear()

    @rule(index=clients)
    def asks_for_its_assignment(self, index: int) -> None:
        consumer = self.consumers[index]
        if not consumer.waits and consumer.generation >= 0:
            members = {member: Subscription(topics=("orders",)) for member in consumer.fellows}
            assignment = assign("range", members, {"orders": PARTITIONS})
            consumer.sync = self.bench.sync(
                consumer.member_id,
                consumer.generation,
                {member: encoded(partitions) for member, partitions in assignment.items()},
                instance_id=consumer.instance_id,
            )
            consumer.asked_at = self.bench.now
            self.hear()

    @rule(index=clients)
    def sends_a_heartbeat(self, index: int) -> None:
        consumer = self.consumers[index]
        if not consumer.waits and consumer.generation >= 0:
            error = self.bench.heartbeat(consumer.member_id, consumer.generation, instance_id=consumer.instance_id)
            if error is ErrorCode.REBALANCE_IN_PROGRESS:
                consumer.rebalance_due = True
            elif error is not ErrorCode.NONE:
                consumer.forget()

    @rule(living=st.sets(clients, min_size=1), rounds=st.integers(1, 5))
    def some_do_what_they_should(self, living: set[int], rounds: int) -> None:
        """Join, take the assignment or send a heartbeat, whatever comes next for each of them."""
        for _ in range(rounds):
            for index in sorted(living):
                consumer = self.consumers[index]
                if consumer.rebalance_due or consumer.generation < 0:
                    self.joins(index)
                elif not consumer.synced:
                    self.asks_for_its_assignment(index)
                else:
                    self.sends_a_heartbeat(index)
            self.time_passes(DELAY)

    @rule(index=clients, offset=st.integers(0, 99), stale=st.booleans())
    def commits(self, index: int, offset: int, stale: bool) -> None:
        consumer = self.consumers[index]
        if consumer.generation >= 0:
            generation = consumer.generation - stale
            error = self.bench.commit(
                offset, consumer.member_id, generation, partition=index, instance_id=consumer.instance_id
            )
            if error is ErrorCode.NONE:
                assert generation == self.bench.group.generation
                assert not stale
                self.committed[index] = offset

    @rule(index=clients)
    def leaves(self, index: int) -> None:
        consumer = self.consumers[index]
        if consumer.member_id:
            self.bench.leave((consumer.member_id, consumer.instance_id))
            consumer.hear()
            consumer.forget()
            self.hear()

    @rule(index=clients)
    def crashes(self, index: int) -> None:
        consumer = self.consumers[index]
        for call in (consumer.join, consumer.sync):
            if call is not None:
                self.bench.cancel(call)
        consumer.forget()

    @rule(seconds=st.sampled_from([0.0, 0.5, DELAY, 6.0, 9.9, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.bench.pass_time(seconds)
        self.hear()

    @precondition(lambda self: self.bench.coordinator.group(GROUP) is not None)
    @rule()
    def the_broker_restarts(self) -> None:
        before = self.bench.group
        self.bench.restart()
        after = self.bench.group
        assert after.offsets == before.offsets
        if before.state in (GroupState.STABLE, GroupState.EMPTY):
            assert quiet(after) == quiet(before)
        assert after.generation <= before.generation
        self.generation = after.generation
        for consumer in self.consumers:
            if consumer.waits:
                consumer.join = consumer.sync = None
            if consumer.generation > after.generation:
                consumer.generation = -1

    @invariant()
    def one_partition_has_one_owner(self) -> None:
        found = self.bench.coordinator.group(GROUP)
        if found is None or found.state is not GroupState.STABLE:
            return
        assigned = [partition for member in found.members for partition in member.assignment]
        assert sorted(assigned) == list(range(PARTITIONS))
        members = {member.member_id for member in found.members}
        current = [
            consumer
            for consumer in self.consumers
            if consumer.generation == found.generation and consumer.member_id in members
        ]
        owned = [partition for consumer in current for partition in consumer.owned]
        assert len(owned) == len(set(owned))

    @invariant()
    def generations_only_grow(self) -> None:
        found = self.bench.coordinator.group(GROUP)
        if found is not None:
            assert found.generation >= self.generation
            self.generation = found.generation

    @invariant()
    def nobody_waits_beyond_the_rebalance_timeout(self) -> None:
        for consumer in self.consumers:
            if consumer.waits:
                assert self.bench.now <= consumer.asked_at + REBALANCE

    @invariant()
    def what_was_committed_is_fetched(self) -> None:
        for partition, offset in self.committed.items():
            assert self.bench.committed(partition=partition) == offset

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.pass_time(1000.0)
            self.hear()
            assert not any(consumer.waits for consumer in self.consumers)
            assert self.bench.coordinator.waiting_handles() == ()
            found = self.bench.coordinator.group(GROUP)
            assert found is None or found.members == ()


def quiet(group: GroupView) -> GroupView:
    """A group but for its requests that wait, which end with the broker."""
    members = sorted(group.members, key=lambda member: member.member_id)
    still = tuple(replace(member, awaits_join=False, awaits_sync=False) for member in members)
    return replace(group, members=still)


Promises.TestCase.settings = settings(deadline=None, stateful_step_count=40)
TestPromises = Promises.TestCase
