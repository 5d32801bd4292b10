"""Whatever is written and whenever a log is compacted, readers end up with the table that was written."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.storage.compaction import NOW, Topic

KEYS = (b"a", b"b", b"c", b"d")
PRODUCERS = (1, 2)
RETENTION = 1000

pairs = st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=3))), min_size=1, max_size=4)
plain = st.tuples(st.just("put"), pairs, st.integers(0, 4))
idempotent = st.tuples(st.just("sequenced"), pairs, st.integers(0, 4))
transactional = st.tuples(st.just("begin"), st.sampled_from(PRODUCERS), pairs, st.integers(0, 4))
end = st.tuples(st.just("end"), st.sampled_from(PRODUCERS), st.booleans())
compact = st.tuples(st.just("compact"), st.sampled_from((0, 10, RETENTION)), st.sampled_from((1, 400, 1 << 20)))
others = st.sampled_from((("roll",), ("restart",), ("crash",), ("forget producers",)))
events = st.lists(st.one_of(plain, plain, idempotent, transactional, end, compact, others), max_size=40)


class Model:
    """A topic, and everything that was ever written to it."""

    def __init__(self) -> None:
        self.topic = Topic(delete_retention_ms=str(RETENTION), internal_segment_bytes="600", index_interval_bytes="100")
        self.now = NOW
        self.written: dict[int, tuple[bytes, bytes | None]] = {}
        #: Offsets of the records of each open transaction.
        self.open: dict[int, list[int]] = {}
        self.committed: set[int] = set()
        self.sequences = dict.fromkeys((*PRODUCERS, 9), 0)
        #: Producers whose state expired: what a restart finds of them may be old.
        self.forgotten: set[int] = set()

    def apply(self, event: tuple[Any, ...]) -> None:
        """Apply an event."""
        match event:
            case ("put", content, codec):
                self.committed |= set(self.put(content, compression=codec))
            case ("sequenced", content, codec):
                self.committed |= set(self.put(content, producer=9, compression=codec))
            case ("begin", producer, content, codec):
                self.open.setdefault(producer, []).extend(
                    self.put(content, producer=producer, compression=codec, is_transactional=True)
                )
            case ("end", producer, commit):
                if producer in self.open:
                    offsets = self.open.pop(producer)
                    self.committed |= set(offsets) if commit else set()
                    self.topic.end(producer, commit=commit)
            case ("compact", later, room):
                self.now += later
                self.topic.compact(now_ms=self.now, key_map_bytes=room)
            case ("roll",):
                self.topic.log.roll()
            case ("restart",):
                self.topic.log.close()
                self.topic.open(clean=True)
            case ("crash",):
                self.topic.log.close(clean=False)
                self.topic.open()
            case _:
                self.topic.log.expire_producers(self.now + RETENTION + 1)
                self.forgotten |= self.sequences.keys() - self.topic.log.producers.producers.keys()

    def put(self, content: Sequence[tuple[bytes, bytes | None]], producer: int = -1, **options: object) -> range:
        """Append a batch; return its offsets."""
        if producer >= 0:
            options |= {"producer_id": producer, "producer_epoch": 0, "base_sequence": self.sequences[producer]}
            self.sequences[producer] += len(content)
            self.forgotten.discard(producer)
        base = self.topic.put(*content, timestamp=self.now, **options)
        offsets = range(base, base + len(content))
        self.written.update(zip(offsets, content, strict=True))
        return offsets

    def check(self) -> None:
        """Compare the log with what was written."""
        log = self.topic.log
        aborted = log.aborted_transactions(0, log.log_end_offset)
        stable = log.last_stable_offset
        table: dict[bytes, bytes | None] = {}
        for header, records in self.topic.batches():
            if header.is_control:
                continue
            hidden = header.is_transactional and any(
                t.producer_id == header.producer_id and t.first_offset <= header.base_offset <= t.last_offset
                for t in aborted
            )
            for record in records:
                assert self.written[record.offset] == (record.key, record.value)
                assert NOW <= record.timestamp <= self.now
                if record.offset < stable and not hidden:
                    assert record.offset in self.committed
                    table[record.key or b""] = record.value
        expected = {
            key: value
            for offset, (key, value) in sorted(self.written.items())
            if offset in self.committed and offset < stable
        }
        assert {k: v for k, v in table.items() if v is not None} == {k: v for k, v in expected.items() if v is not None}
        known = log.producers.producers
        for producer, count in self.sequences.items():
            if count and producer not in self.forgotten:
                assert known[producer].batches[-1].last_sequence == count - 1


@given(events)
@settings(max_examples=100, deadline=None)
def test_the_table_of_the_newest_committed_values_survives(happenings: list[Any]) -> None:
    model = Model()
    for event in happenings:
        model.apply(event)
        if event[0] in ("compact", "restart", "crash"):
            model.check()
    model.now += 2 * RETENTION
    for _ in range(2):
        model.topic.compact(now_ms=model.now)
        model.check()
    if not model.open:
        # Everything was clean twice and past its horizon: nothing superfluous is left in what was cleaned.
        clean_offset = model.topic.clean_offset
        assert clean_offset is not None
        keys = [key for offset, key, _ in model.topic.left() if offset < clean_offset]
        assert len(keys) == len(set(keys))


def test_deleted_keys_leave_nothing_behind() -> None:
    model = Model()
    for key in KEYS:
        model.apply(("put", [(key, b"1")], 0))
        model.apply(("put", [(key, None)], 0))
    for later in (0, RETENTION):
        model.apply(("compact", later, 1 << 20))
        model.apply(("put", [(b"z", b"1")], 0))
    assert {key for _, key, _ in model.topic.left()} == {b"z"}
