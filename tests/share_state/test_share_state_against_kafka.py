"""The share coordinator beside Apache Kafka 4.4.0's own: the same random requests, the same answers and records."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import CoordinatorResult
from kafkalite.coordinators.share.batches import combined
from kafkalite.coordinators.share.coordinator import ShareCoordinator
from kafkalite.coordinators.share.state import ShareKey, ShareState
from kafkalite.requests.steps import WorkMeter, finish
from kafkalite_wire.messages.share_state_records import ShareSnapshotKey, StateBatch, encode_share_key

SCENARIOS = Path(__file__).parent / "golden" / "share_state_scenarios.jsonl.gz"
EXISTING, PARTITIONS = 1, 2
COLD_MS = 20_000


class Handle:
    """Where nothing is sent: the replies are in the results."""

    def send(self, response: object, /) -> None:
        raise AssertionError(response)

    def fail(self, reason: str, /) -> None:
        raise AssertionError(reason)


class Scenario:
    """A coordinator, and the log that it has written."""

    def __init__(self, updates_per_snapshot: int) -> None:
        self._updates = updates_per_snapshot
        self._log: list[ReplayedRecord] = []
        self.start()

    def start(self) -> None:
        self.coordinator = ShareCoordinator(self._updates)
        self.skipped = load(self.coordinator, self._log)

    def states(self) -> dict[ShareKey, ShareState | None]:
        return {key: self.coordinator.read(key) for key in tuple(self.coordinator.keys())}

    def perform(self, kind: str, ms: int, topic: int, partition: int, *given: Any) -> list[Any]:
        """Return error, fields and records, as the golden file has them."""
        key = ShareKey("group", topic.to_bytes(16), partition)
        before = self.coordinator.read(key)
        self._is_known = topic == EXISTING and partition < PARTITIONS
        result = self._request(kind, ms, key, *given)
        records = self._append(result)
        error = result.replies[0].response if result.replies else self.coordinator.refusal(key, is_known=self._is_known)
        return [error, _fields(kind, before, is_refused=bool(error)), records]

    def snapshots(self, ms: int, expected: list[list[Any]]) -> list[list[Any]]:
        """Record what is cold in the order that is expected, which is that of a hash map."""
        keys = {
            encode_share_key(ShareSnapshotKey(**key._asdict())).hex(): key for key in self.coordinator.cold(ms, COLD_MS)
        }
        ordered = sorted(keys, key=[key for key, _ in expected].index)
        return [record for key in ordered for record in self._append(self.coordinator.snapshot(keys[key], ms))]

    def _append(self, result: CoordinatorResult) -> list[list[Any]]:
        for record in result.records:
            self.coordinator.appended(0, len(self._log), record.key, record.value)
            self._log.append(ReplayedRecord(record.key, record.value, offset=len(self._log)))
        return [[each.key.hex(), None if each.value is None else each.value.hex()] for each in result.records]

    def _request(self, kind: str, ms: int, key: ShareKey, *given: Any) -> CoordinatorResult:
        coordinator, handle, known = self.coordinator, Handle(), self._is_known
        if kind == "initialize":
            epoch, offset = given
            return coordinator.initialize(
                key, handle, state_epoch=epoch, start_offset=offset, wall_ms=ms, is_known=known
            )
        if kind == "write":
            state_epoch, leader_epoch, start_offset, count, batches = given
            return coordinator.write(
                key,
                handle,
                state_epoch=state_epoch,
                leader_epoch=leader_epoch,
                start_offset=start_offset,
                delivery_complete_count=count,
                batches=tuple(batch_of(*batch) for batch in batches),
                wall_ms=ms,
                is_known=known,
            )
        if kind == "read":
            return coordinator.take_over(key, handle, leader_epoch=given[0], wall_ms=ms, is_known=known)
        return coordinator.delete(key, handle, is_known=known) if kind == "delete" else CoordinatorResult((), ())


def load(coordinator: ShareCoordinator, log: list[ReplayedRecord]) -> list[str]:
    """Load a log, and return why records were skipped."""
    skipped: list[str] = []
    finish(
        coordinator.load_partition(
            log, lambda _, reason: skipped.append(reason), WorkMeter(), number=0, partitions=1, now=0.0, wall_ms=0
        )
    )
    return skipped


def batch_of(first: int, last: int, state: int, count: int) -> StateBatch:
    return StateBatch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)


def _fields(kind: str, state: ShareState | None, *, is_refused: bool) -> list[Any]:
    if kind == "read":
        if state is None or is_refused:
            return [0, 0, []]
        batches = [[b.first_offset, b.last_offset, b.delivery_state, b.delivery_count] for b in state.batches]
        return [state.state_epoch, state.start_offset, batches]
    if kind == "summary" and is_refused:
        return [0, 0, 0, -1]
    if kind == "summary":
        if state is None:
            return [0, 0, -1, -1]
        return [state.state_epoch, state.leader_epoch, state.start_offset, state.delivery_complete_count]
    return []


def _steps() -> Iterator[list[Any]]:
    with gzip.open(SCENARIOS, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def test_answers_and_records_are_those_of_kafka() -> None:
    compared: Counter[str] = Counter()
    snapshots = 0
    scenario = Scenario(0)
    for step in _steps():
        kind = step[0]
        if kind == "scenario":
            scenario = Scenario(step[2])
        elif kind == "restart":
            before = scenario.states()
            scenario.start()
            assert scenario.states() == before
            assert not scenario.skipped
        elif kind == "cold":
            assert scenario.snapshots(step[1], step[2]) == step[2], step
            snapshots += len(step[2])
        elif kind == "redundant":
            assert scenario.coordinator.redundant_offsets().get(0, -1) == step[2], step
        else:
            *given, error, _, fields, records = step
            assert scenario.perform(*given) == [error, fields, records], step
        compared[kind] += 1
    assert compared["scenario"] == 40
    assert min(compared.values()) >= 40
    assert compared.total() > 4000
    assert snapshots > 50


def _batch(first: int, length: int, state: int, count: int) -> StateBatch:
    return batch_of(first, first + length, state, count)


batches = st.lists(
    st.builds(_batch, st.integers(0, 40), st.integers(0, 12), st.sampled_from((0, 2, 4)), st.integers(1, 3)), max_size=8
)


@given(batches, batches, st.integers(-1, 50))
def test_of_overlapping_batches_the_furthest_counts(
    kept: list[StateBatch], written: list[StateBatch], start: int
) -> None:
    expected: dict[int, tuple[int, int]] = {}
    for batch in (*kept, *written):
        for offset in range(max(batch.first_offset, start), batch.last_offset + 1):
            expected[offset] = max(expected.get(offset, (0, 0)), (batch.delivery_count, batch.delivery_state))
    result = combined(kept, written, start)
    held = {
        offset: (batch.delivery_count, batch.delivery_state)
        for batch in result
        for offset in range(batch.first_offset, batch.last_offset + 1)
    }
    assert held == expected
    assert sum(batch.last_offset - batch.first_offset + 1 for batch in result) == len(expected)
    for before, after in pairwise(result):
        assert before.last_offset < after.first_offset
        same = (before.delivery_state, before.delivery_count) == (after.delivery_state, after.delivery_count)
        assert before.last_offset + 1 < after.first_offset or not same


def test_a_record_that_cannot_be_decoded_is_skipped() -> None:
    coordinator = ShareCoordinator(500)
    log = [
        ReplayedRecord(b"\x00\x07rest", None, offset=0),
        ReplayedRecord(b"\x00\x00\x00", None, offset=1),
        ReplayedRecord(b"", b"", offset=2),
    ]
    skipped = load(coordinator, log)
    assert len(skipped) == 3
    assert skipped[0] == "its type 7 is unknown"
    assert not coordinator.keys()


def test_the_key_is_what_clients_ask_find_coordinator_for() -> None:
    assert str(ShareKey("my-group", bytes(range(16)), 7)) == "my-group:AAECAwQFBgcICQoLDA0ODw:7"
