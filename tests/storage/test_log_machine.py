"""Hypothesis drives a log through whatever may happen to it, against a list of batches and what was promised.

A rule for something new changes `self.promise` the way the log should change, and nothing else:
`check_everything` and the crashes compare the two.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker
from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation
from tests.support.storage.promises import NOW, History, Promise, Written, check_log, replayed

PATH = "/data/t-0"

values = st.lists(st.binary(max_size=40), min_size=1, max_size=4)
times = st.integers(-1, 50)
producers = st.sampled_from((-1, 1, 2))
transactional_producers = st.sampled_from((5, 6))
fractions = st.floats(0, 1)
seeds = st.integers(0, 1 << 30)


class PulledPlugError(BaseException):
    """Ends an operation in its middle."""


class LogMachine(RuleBasedStateMachine):
    """One partition."""

    def __init__(self) -> None:
        super().__init__()
        self.fs = CrashingFileSystem()
        self.fs.make_directory("/data")
        self.fs.sync_directory("/")
        self.configs = {"internal.segment.bytes": "600", "index.interval.bytes": "150"}
        self.now_ms = NOW
        self.epoch = 0
        self.point = 0
        self.promise = Promise()

    @initialize()
    def begin(self) -> None:
        self.log = self.opened(clean=False)

    def opened(self, *, clean: bool) -> PartitionLog:
        log = PartitionLog.open(
            self.fs, PATH, config=LogConfig.of(self.configs), recovery_point=self.point, clean=clean
        )
        log.start_epoch(self.epoch)
        return log

    # Appends

    def took(self, base_offset: int, records: list[Record], *, producer: int, sequence: int) -> list[Written]:
        """Check what lies in the log now; return it after all that lay there before."""
        end = self.promise.end
        assert base_offset == end
        data = self.log.read(end, max_bytes=1, max_offset=self.log.log_end_offset).read()
        written = Written(end, end + len(records) - 1, data)
        header = written.header
        assert (header.base_offset, header.last_offset) == (written.base, written.last)
        assert header.partition_leader_epoch == self.log.leader_epoch
        assert (header.producer_id, header.base_sequence) == (producer, sequence)
        stamped = self.log.config.uses_log_append_time and not header.is_control
        assert [(r.value, r.timestamp) for r in written.records] == [
            (record.value, self.now_ms if stamped else record.timestamp) for record in records
        ]
        return [*self.promise.now, written]

    def sequence(self, producer: int) -> int:
        last = replayed(self.promise.now).last.get(producer)
        known = self.log.producers.producers.get(producer)
        # Kafka expects the first sequence number of a producer of which only a marker is left.
        return 0 if last is None or (known is not None and not known.batches) else last[1] + 1

    def put(self, records: list[Record], producer: int, *, transactional: bool = False) -> None:
        sequence = self.sequence(producer) if producer >= 0 else -1
        batch = build_batch(
            records,
            producer_id=producer,
            producer_epoch=0 if producer >= 0 else -1,
            base_sequence=sequence,
            is_transactional=transactional,
        )
        info = self.log.append(batch, now_ms=self.now_ms)
        assert info.log_append_time == (self.now_ms if self.log.config.uses_log_append_time else -1)
        self.promise.became(self.took(info.base_offset, records, producer=producer, sequence=sequence))
        if self.log.config.flush_messages == 1:
            self.promise.flushed()

    def records(self, contents: list[bytes], time: int) -> list[Record]:
        return [Record(None, content, NOW + time if time >= 0 else -1) for content in contents]

    @rule(contents=values, time=times, producer=producers)
    def append(self, contents: list[bytes], time: int, producer: int) -> None:
        self.put(self.records(contents, time), producer)

    @rule(contents=values, time=times, producer=transactional_producers)
    def append_in_a_transaction(self, contents: list[bytes], time: int, producer: int) -> None:
        self.put(self.records(contents, time), producer, transactional=True)

    @rule(producer=transactional_producers, commit=st.booleans())
    def end_a_transaction(self, producer: int, commit: bool) -> None:
        marker = build_end_txn_marker(
            producer_id=producer, producer_epoch=0, commit=commit, coordinator_epoch=0, timestamp=self.now_ms
        )
        info = self.log.append(marker, now_ms=self.now_ms, origin=AppendOrigin.BROKER)
        data = self.log.read(info.base_offset, max_bytes=1).read()
        self.promise.became([*self.promise.now, Written(self.promise.end, self.promise.end, data)])
        if self.log.config.flush_messages == 1:
            self.promise.flushed()

    @rule(contents=values, time=times)
    def append_two_of_the_broker(self, contents: list[bytes], time: int) -> None:
        records = self.records(contents, time)
        end = self.promise.end
        info = self.log.append(build_batch(records) * 2, now_ms=self.now_ms, origin=AppendOrigin.BROKER)
        assert (info.base_offset, info.last_offset) == (end, end + 2 * len(records) - 1)
        for _ in range(2):
            data = self.log.read(self.promise.end, max_bytes=1).read()
            written = Written(self.promise.end, self.promise.end + len(records) - 1, data)
            assert [record.value for record in written.records] == contents
            self.promise.became([*self.promise.now, written])
        if self.log.config.flush_messages == 1:
            self.promise.flushed()

    @rule(producer=st.sampled_from((1, 2)))
    def append_once_more(self, producer: int) -> None:
        last = replayed(self.promise.now).last.get(producer)
        known = self.log.producers.producers.get(producer)
        if last is None or known is None:  # unknown, or forgotten because its records were deleted
            return
        original = next(written for written in self.promise.now if written.last == last[2])
        repeated = build_batch(
            original.records,
            producer_id=producer,
            producer_epoch=0,
            base_sequence=original.header.base_sequence,
        )
        info = self.log.append(repeated, now_ms=self.now_ms)
        assert (info.is_duplicate, info.base_offset, info.last_offset) == (True, original.base, original.last)

    # Reads

    def at(self, fraction: float) -> int:
        start, end = self.log.log_start_offset, self.log.log_end_offset
        return start + round(fraction * (end - start))

    @rule(fraction=fractions, size=st.integers(1, 900), limit=fractions)
    def read(self, fraction: float, size: int, limit: float) -> None:
        offset, limit_offset = self.at(fraction), self.at(limit)
        expected = [w.data for w in self.promise.now if w.last >= offset and w.base < limit_offset]
        data = self.log.read(offset, max_bytes=size, max_offset=limit_offset).read()
        # A batch of which only the beginning lies before the limit is left out.
        assert b"".join(expected).startswith(data)
        whole = [w for w in self.promise.now if w.last >= offset and w.last < limit_offset]
        if whole and offset < limit_offset:
            assert len(data) >= len(whole[0].data)
            assert len(data) <= max(size, len(whole[0].data))

    @rule(time=st.integers(-1, 55))
    def look_up_a_time(self, time: int) -> None:
        start = self.log.log_start_offset
        records = [record for written in self.promise.now for record in written.records if record.offset >= start]
        first = next((record for record in records if record.timestamp >= NOW + time), None)
        found = self.log.offset_for_timestamp(NOW + time)
        assert (found and (found.offset, found.timestamp)) == (first and (first.offset, first.timestamp))

    # What else happens

    @rule(milliseconds=st.integers(1, 100))
    def time_passes(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    @rule(
        name_and_value=st.sampled_from(
            (
                ("internal.segment.bytes", "400"),
                ("internal.segment.bytes", "2000"),
                ("index.interval.bytes", "0"),
                ("index.interval.bytes", "150"),
                ("flush.messages", "1"),
                ("flush.messages", "5"),
                ("flush.messages", str((1 << 63) - 1)),
                ("message.timestamp.type", "LogAppendTime"),
                ("message.timestamp.type", "CreateTime"),
                ("segment.ms", "20"),
                ("segment.ms", "604800000"),
            )
        )
    )
    def change_a_configuration(self, name_and_value: tuple[str, str]) -> None:
        name, value = name_and_value
        self.configs[name] = value
        self.log.config = LogConfig.of(self.configs)

    @rule()
    def new_leader(self) -> None:
        self.epoch += 1
        self.log.start_epoch(self.epoch)

    @rule()
    def roll(self) -> None:
        self.log.roll()

    @rule(fraction=fractions)
    def delete_records(self, fraction: float) -> None:
        offset = self.at(fraction)
        assert self.log.delete_records(offset) == offset
        self.promise.start = max(self.promise.start, offset)

    @rule(kept_bytes=st.integers(0, 2000))
    def delete_expired(self, kept_bytes: int) -> None:
        before, old_start = self.log.size, self.log.log_start_offset
        self.log.config = LogConfig.of({**self.configs, "retention.bytes": str(kept_bytes)})
        deleted = self.log.delete_expired(self.now_ms)
        self.log.config = LogConfig.of(self.configs)
        assert self.log.size >= min(kept_bytes, before)
        assert self.log.log_start_offset >= old_start
        assert deleted or self.log.log_start_offset == old_start
        self.promise.start = max(self.promise.start, self.log.log_start_offset)

    @rule()
    def remove_what_was_taken_out(self) -> None:
        self.log.remove_retired(self.now_ms + 60_000)

    @rule(caches=st.booleans())
    def flush(self, caches: bool) -> None:
        self.log.flush(caches=caches)
        self.promise.flushed()
        if caches:
            self.point = self.log.caches_point

    @rule()
    def close_and_open(self) -> None:
        self.log.close()
        self.promise.flushed()
        self.point = self.log.log_end_offset
        start = self.log.log_start_offset
        self.log = self.opened(clean=True)
        self.log.delete_records(start)  # as the checkpoint would have it
        self.check_everything()

    # Crashes

    @rule()
    def kill(self) -> None:
        self.fs = self.fs.after_kill()
        self.comes_back(self.promise.after_kill(busy=False), self.promise.end, self.promise.kept)

    @rule(seed=seeds)
    def cut_the_power(self, seed: int) -> None:
        self.fs = self.fs.after_power_cut(Random(seed))
        self.comes_back(self.promise.after_power_cut(), self.promise.kept, None)

    @precondition(lambda self: self.log.log_end_offset > 0)
    @rule(number=st.integers(1, 12), seed=seeds, cut=st.booleans(), what=st.sampled_from(("append", "flush", "roll")))
    def crash_inside(self, number: int, seed: int, cut: bool, what: str) -> None:
        actions: dict[str, Callable[[], object]] = {
            "append": lambda: self.put([Record(None, b"in flight" * 9, NOW)], -1),
            "flush": self.log.flush,
            "roll": self.log.roll,
        }
        countdown = number

        def pull(operation: Operation) -> None:
            nonlocal countdown
            countdown -= 1
            if not countdown:
                raise PulledPlugError

        self.fs.on_operation = pull
        with suppress(PulledPlugError):
            actions[what]()
        self.fs.on_operation = None
        batch = build_batch([Record(None, b"in flight" * 9, NOW)])
        history = self.promise.now
        if cut:
            self.fs = self.fs.after_power_cut(Random(seed))
            allowed = self.promise.after_power_cut()
        else:
            self.fs = self.fs.after_kill()
            allowed = self.promise.after_kill(busy=False)
        log = self.opened(clean=False)
        if what == "append" and log.log_end_offset > self.promise.end:
            data = log.read(self.promise.end, max_bytes=1).read()
            written = Written(self.promise.end, self.promise.end, data)
            assert written.records[0].value == b"in flight" * 9
            assert len(data) == len(batch)
            allowed = [[*history, written]]
        log.close(clean=False)
        at_least = self.promise.kept if cut else self.promise.end
        self.comes_back(allowed, at_least, None if cut else self.promise.kept)

    def comes_back(self, allowed: Sequence[History], at_least: int, kept: int | None) -> None:
        """Open the log again; what is there is what the model goes on with."""
        self.log = self.opened(clean=False)
        history = list(check_log(self.log, allowed, at_least=at_least, start=self.promise.start))
        others = self.promise.others
        self.promise = Promise(now=history, start=self.promise.start)
        if kept is None:
            self.promise.kept = self.promise.end
        else:
            self.promise.kept, self.promise.others = kept, others

    def check_everything(self) -> None:
        check_log(self.log, [self.promise.now], at_least=self.promise.end, start=self.promise.start)

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.check_everything()


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
