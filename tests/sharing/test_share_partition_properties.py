"""What holds for a share partition whatever its members do."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kafkalite.sharing.share_partition import (
    Acknowledgement,
    AcknowledgeRefusedError,
    AcknowledgeType,
    AcquireMode,
    Change,
    SharePartition,
)
from kafkalite_wire.messages.share_state_records import StateBatch

LOCK = 10.0
DELIVERIES = 3
LOG = [(0, 0), (1, 5), (6, 7), (8, 15), (16, 16), (17, 24), (25, 39)]
MEMBERS = st.sampled_from(("a", "b"))


@dataclass(frozen=True, slots=True)
class Config:
    record_lock_duration: float = LOCK
    delivery_count_limit: int = DELIVERIES
    partition_max_record_locks: int = 25


class ShareGroup(RuleBasedStateMachine):
    """Two members, who acknowledge what they like, and a model that knows each record by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.config = Config()
        self.share = SharePartition(0)
        self.now = 0.0
        self.held: dict[int, tuple[str, float]] = {}
        self.deliveries = dict.fromkeys(range(40), 0)
        self.finished: set[int] = set()
        self.stored: dict[int, StateBatch] = {}
        self.start = 0

    @rule(member=MEMBERS, mode=st.sampled_from(AcquireMode), most=st.integers(1, 12), size=st.integers(1, 9))
    def acquire(self, member: str, mode: AcquireMode, most: int, size: int) -> None:
        offset = self.share.next_offset
        read = [batch for batch in LOG if batch[1] >= offset][:3]
        acquired = self.share.acquire(
            member,
            read,
            from_offset=offset,
            max_records=most,
            batch_size=size,
            mode=mode,
            config=self.config,
            now=self.now,
        )
        if mode is AcquireMode.RECORD_LIMIT:
            assert sum(map(len, acquired)) <= most
        for each in acquired:
            for record in range(each.first, each.last + 1):
                assert record not in self.held, "no record is with two members"
                assert record not in self.finished, "what is finished is not delivered again"
                self.deliveries[record] += 1
                assert each.delivery_count == self.deliveries[record] <= DELIVERIES
                self.held[record] = (member, self.now + LOCK)

    @rule(member=MEMBERS, data=st.data())
    def acknowledge(self, member: str, data: st.DataObject) -> None:
        mine = sorted(record for record, (owner, _) in self.held.items() if owner == member)
        if not mine:
            return
        first = data.draw(st.sampled_from(mine))
        last = first
        while last + 1 in mine and data.draw(st.booleans()):
            last += 1
        size = last - first + 1
        kinds = data.draw(st.lists(st.sampled_from(AcknowledgeType), min_size=size, max_size=size))
        change = self.share.acknowledge(
            member, [Acknowledgement(first, last, tuple(kinds))], config=self.config, now=self.now
        )
        if not data.draw(st.integers(0, 3)) and AcknowledgeType.RENEW not in kinds:
            self.share.take_back(change)
            return
        self.store(change)
        for record, kind in zip(range(first, last + 1), kinds, strict=True):
            if kind is AcknowledgeType.RENEW:
                self.held[record] = (member, self.now + LOCK)
            else:
                self.leave(record, is_finished=kind is not AcknowledgeType.RELEASE)

    @rule(member=MEMBERS, record=st.integers(0, 39))
    def acknowledge_what_is_not_held(self, member: str, record: int) -> None:
        if self.held.get(record, ("", 0.0))[0] == member or record < self.share.start_offset:
            return
        try:
            self.share.acknowledge(member, [Acknowledgement(record, record, (1,))], config=self.config, now=self.now)
        except AcknowledgeRefusedError:
            return
        raise AssertionError("only the member that holds a record may acknowledge it")

    @rule(member=MEMBERS)
    def end_session(self, member: str) -> None:
        self.store(self.share.release(member, config=self.config))
        for record in [record for record, (owner, _) in self.held.items() if owner == member]:
            self.leave(record, is_finished=False)

    @rule(seconds=st.floats(0.5, 2 * LOCK))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.store(self.share.expire(self.now, config=self.config))
        for record in [record for record, (_, until) in self.held.items() if until <= self.now]:
            self.leave(record, is_finished=False)

    @rule()
    def restart(self) -> None:
        """Locks are lost, and so is the count of a delivery that nothing was stored about."""
        batches = [self.stored[offset] for offset in sorted(self.stored) if offset >= self.start]
        self.share = SharePartition(self.start, batches)
        self.held.clear()
        self.deliveries = {
            record: self.stored[record].delivery_count if record in self.stored else 0 for record in range(40)
        }

    def teardown(self) -> None:
        """Members that only come and go see each record so often, and no more."""
        for _ in range(DELIVERIES * len(self.deliveries)):
            self.acquire("a", AcquireMode.BATCH_OPTIMIZED, most=40, size=40)
            self.end_session("a")
            self.end_session("b")
        assert self.finished == set(range(40))

    def store(self, change: Change) -> None:
        self.share.commit(change)
        for batch in change.batches:
            for offset in range(batch.first_offset, batch.last_offset + 1):
                self.stored[offset] = StateBatch(
                    first_offset=offset,
                    last_offset=offset,
                    delivery_state=batch.delivery_state,
                    delivery_count=batch.delivery_count,
                )

    def leave(self, record: int, *, is_finished: bool) -> None:
        del self.held[record]
        if is_finished or self.deliveries[record] >= DELIVERIES:
            self.finished.add(record)

    @invariant()
    def everything_before_the_start_is_finished(self) -> None:
        assert set(range(self.share.start_offset)) <= self.finished

    @invariant()
    def the_count_is_right(self) -> None:
        assert self.share.delivery_complete_count == sum(each >= self.share.start_offset for each in self.finished)

    @invariant()
    def the_first_lock_to_end_is_known(self) -> None:
        assert self.share.next_deadline() == min((until for _, until in self.held.values()), default=None)


ShareGroup.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestShareGroup = ShareGroup.TestCase
