"""Whatever happens to a data directory, its snapshots stay what they were, and it comes back to any of them."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kafkalite_storage.compaction.cleaner import Cleaner, dirtiest
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.snapshots import log_snapshot
from kafkalite_storage.snapshots.directory_snapshot import DirectorySnapshot
from kafkalite_storage.snapshots.taking import fork_directory
from tests.support.storage.snapshots import NOW, SMALL, Kept, records_of

PLAIN, COMPACTED = "plain", "compacted"
CONFIGS = {PLAIN: SMALL, COMPACTED: {**SMALL, "cleanup.policy": "compact"}}


@dataclass
class Model:
    """What the directory should hold."""

    incarnations: dict[str, int] = field(default_factory=dict[str, int])
    """How often each topic that is there had been created before."""
    start: int = 0
    records: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    end: int = 0
    latest: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    sequence: int = 0


class SnapshotMachine(RuleBasedStateMachine):
    @initialize(slow=st.booleans())
    def begin(self, slow: bool) -> None:
        self.kept = Kept(SlowToCopy() if slow else MemoryFileSystem())
        self.model = Model()
        self.snapshots: list[tuple[DirectorySnapshot, Model]] = []
        self.created = 0
        self.values = 0
        for topic in CONFIGS:
            self.create(topic)

    def value(self, size: int) -> bytes:
        self.values += 1
        return b"%d" % self.values * size

    # What happens to the directory

    @rule(topic=st.sampled_from(list(CONFIGS)))
    def create(self, topic: str) -> None:
        if topic in self.model.incarnations:
            return
        self.created += 1
        self.kept.create(topic, 1, CONFIGS[topic])
        self.model.incarnations[topic] = self.created
        if topic == PLAIN:
            self.model.start = self.model.end = self.model.sequence = 0
            self.model.records = []
        else:
            self.model.latest = {}

    @rule(topic=st.sampled_from(list(CONFIGS)))
    def delete(self, topic: str) -> None:
        if self.model.incarnations.pop(topic, None) is not None:
            self.kept.storage.delete_topic(topic, now_ms=NOW)

    @rule(count=st.integers(1, 3), size=st.integers(1, 30))
    def append(self, count: int, size: int) -> None:
        if PLAIN not in self.model.incarnations:
            return
        values = [self.value(size) for _ in range(count)]
        sequence: dict[str, Any] = {"producer_id": 7, "producer_epoch": 0, "base_sequence": self.model.sequence}
        appended = self.kept.put(*values, topic=PLAIN, **sequence)
        assert appended.base_offset == self.model.end
        assert self.kept.put(*values, topic=PLAIN, **sequence).is_duplicate
        self.model.records += enumerate(values, self.model.end)
        self.model.end += count
        self.model.sequence += count

    @rule(key=st.sampled_from([b"a", b"b", b"c"]), size=st.integers(1, 20))
    def append_keyed(self, key: bytes, size: int) -> None:
        if COMPACTED in self.model.incarnations:
            self.model.latest[key] = self.value(size)
            self.kept.put(self.model.latest[key], topic=COMPACTED, key=key)

    @rule(topic=st.sampled_from(list(CONFIGS)))
    def roll(self, topic: str) -> None:
        if topic in self.model.incarnations:
            self.kept.storage.log(topic, 0).roll()

    @rule(share=st.floats(0, 1))
    def delete_records(self, share: float) -> None:
        if PLAIN in self.model.incarnations:
            start = self.model.start + round((self.model.end - self.model.start) * share)
            self.kept.storage.log(PLAIN, 0).delete_records(start)
            self.model.start = start
            self.model.records = [record for record in self.model.records if record[0] >= start]

    @rule()
    def compact(self) -> None:
        cleaner = Cleaner(self.kept.storage)
        cleaning = dirtiest(cleaner.survey(NOW + 10**9))
        if cleaning is not None:
            for work in cleaner.clean(cleaning, NOW + 10**9):
                if work is not None:
                    work()

    @rule()
    def remove_what_was_taken_out(self) -> None:
        self.kept.storage.remove_retired(NOW + 10**10)
        self.kept.storage.remove_retired(NOW + 10**11)

    @rule()
    def checkpoint(self) -> None:
        self.kept.storage.checkpoint()

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        if not crash:
            self.kept.restart()
        else:
            self.kept.storage.checkpoint()  # which is where the beginnings of logs are written down
            self.kept.restart(crash=True)
        self.snapshots.clear()

    # Snapshots

    @precondition(lambda self: len(self.snapshots) < 4)
    @rule()
    def take(self) -> None:
        self.snapshots.append((self.kept.take(), deepcopy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        snapshot, model = data.draw(st.sampled_from(self.snapshots))
        self.kept.restore(snapshot)
        self.model = deepcopy(model)

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.snapshots) - 1))
        self.snapshots.pop(number)[0].remove()

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def look_into(self, data: st.DataObject) -> None:
        snapshot, model = data.draw(st.sampled_from(self.snapshots))
        storage = self.kept.open(handover=fork_directory(snapshot, "/looked-into"))
        assert storage.was_clean
        check(storage, model)
        storage.close()
        self.kept.fs.remove_directory("/looked-into")

    @invariant()
    def all_is_as_in_the_model(self) -> None:
        if hasattr(self, "kept"):
            check(self.kept.storage, self.model)


def check(storage: Any, model: Model) -> None:
    assert set(storage.topics) == set(model.incarnations)
    if PLAIN in model.incarnations:
        log = storage.log(PLAIN, 0)
        assert (log.log_start_offset, log.log_end_offset) == (model.start, model.end)
        assert [(offset, value) for offset, _, value in records_of(log)] == model.records
    if COMPACTED in model.incarnations:
        assert {key: value for _, key, value in records_of(storage.log(COMPACTED, 0))} == model.latest


class SlowToCopy(MemoryFileSystem):
    """One that cannot clone."""

    def clone(self, old: str, new: str) -> bool:
        return False

    def copy(self, old: str, new: str) -> None:
        super().clone(old, new)


class TestSnapshotMachine(SnapshotMachine.TestCase):  # type: ignore[valid-type, misc]  # hypothesis makes it
    settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

    @pytest.fixture(autouse=True)
    def take_small_segments_for_large_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log_snapshot, "MOST_COPIED", 200)
        monkeypatch.setattr(log_snapshot, "MOST_HELD", 100)
