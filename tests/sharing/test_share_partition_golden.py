"""Share partitions do what Apache Kafka's own class does, step by step (``golden/SharePartitionOracle.java``)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kafkalite.sharing.share_partition import (
    Acknowledgement,
    AcknowledgeRefusedError,
    AcquireMode,
    Change,
    SharePartition,
)
from kafkalite_wire.messages.share_state_records import StateBatch

GOLDEN = Path(__file__).parent / "golden" / "share_partition.jsonl.gz"


@dataclass(frozen=True, slots=True)
class LimitsOfScenario:
    delivery_count_limit: int
    partition_max_record_locks: int
    record_lock_duration: float


class Scenario:
    """One scenario, with times in milliseconds; ``written`` collects what was to be recorded in a step, by offset."""

    def __init__(self, limits: Sequence[int]) -> None:
        deliveries, locks, lock_ms = limits
        self.limits = LimitsOfScenario(deliveries, locks, lock_ms)
        self.share = SharePartition(0)
        self.now = 0.0
        self.recorded_start = -1
        self.written: dict[int, tuple[int, int]] = {}
        self.count: int | None = None

    def step(self, name: str, arguments: Sequence[Any]) -> object:
        self.written, self.count = {}, None
        result: object = getattr(self, name)(*arguments)
        return result

    def acquire(
        self, member: str, keeps_limit: bool, batch_size: int, most: int, offset: int, batches: Sequence[Sequence[int]]
    ) -> object:
        assert offset == self.share.next_offset
        acquired = self.share.acquire(
            member,
            [(first, last) for first, last in batches],
            from_offset=offset,
            max_records=most,
            batch_size=batch_size,
            mode=AcquireMode.RECORD_LIMIT if keeps_limit else AcquireMode.BATCH_OPTIMIZED,
            config=self.limits,
            now=self.now,
        )
        return [[each.first, each.last, each.delivery_count] for each in acquired]

    def acknowledge(self, member: str, batches: Sequence[tuple[int, int, list[int]]]) -> object:
        wanted = [Acknowledgement(first, last, tuple(types)) for first, last, types in batches]
        try:
            self.record(self.share.acknowledge(member, wanted, config=self.limits, now=self.now))
        except AcknowledgeRefusedError as refused:
            return int(refused.error)
        return 0

    def release(self, member: str) -> object:
        self.record(self.share.release(member, config=self.limits))
        return 0

    def advance(self, ms: int) -> object:
        self.now += ms
        self.record(self.share.expire(self.now, config=self.limits))
        return 0

    def trim(self, offset: int) -> object:
        assert self.share.archive_before(offset)
        return 0

    def restart(self, start: int, batches: Sequence[Sequence[int]]) -> object:
        self.share = SharePartition(max(start, 0), [_batch(*each) for each in batches])
        return 0

    def record(self, change: Change) -> None:
        if change.batches:
            self.count = change.delivery_complete_count
            self.recorded_start = change.start_offset
            self.written = _by_offset(
                (b.first_offset, b.last_offset, b.delivery_state, b.delivery_count) for b in change.batches
            )
        self.share.commit(change)


def _batch(first: int, last: int, state: int, count: int) -> StateBatch:
    return StateBatch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)


def _by_offset(batches: Iterator[Sequence[int]] | Any) -> dict[int, tuple[int, int]]:
    return {offset: (state, count) for first, last, state, count in batches for offset in range(first, last + 1)}


def scenarios() -> Iterator[tuple[int, list[list[Any]]]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        steps: list[list[Any]] = []
        for line in lines:
            step = json.loads(line)
            if step[0] == "scenario":
                steps = []
                yield step[1], steps
            steps.append(step)


ALL = list(scenarios())


@pytest.mark.parametrize(("seed", "steps"), ALL, ids=[str(seed) for seed, _ in ALL])
def test_a_share_partition_does_what_kafkas_does(seed: int, steps: list[list[Any]]) -> None:
    scenario = Scenario(steps[0][2])
    for number, (name, arguments, result, state) in enumerate(steps[1:], 1):
        where = f"scenario {seed}, step {number}: {name} {arguments}"
        assert scenario.step(name, arguments) == result, where
        start, following, can_acquire, count, written = state
        share = scenario.share
        assert (share.start_offset, share.next_offset) == (start, following), where
        assert (share.can_acquire(scenario.limits.partition_max_record_locks), share.delivery_complete_count) == (
            can_acquire,
            count,
        ), where
        assert scenario.written == _by_offset(batch for _, _, batches in written for batch in batches), where
        if len(written) == 1:
            assert [scenario.recorded_start, scenario.count] == written[0][:2], where
