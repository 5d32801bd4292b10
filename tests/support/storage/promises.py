"""What was put into a log, what of it was promised, and whether a log that was opened again keeps the promise."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kafkalite_storage.errors import StorageError
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_wire.batch import walk_batches
from kafkalite_wire.records import (
    BatchHeader,
    Record,
    build_batch,
    iter_records,
    read_end_txn_marker,
    read_header,
)

NOW = 1_700_000_000_000

SEEDS = range(int(os.environ.get("KAFKALITE_CRASH_SEEDS", "1")))
"""Of the long suites, which crash before each operation of a life that a seed makes."""


@dataclass(frozen=True)
class Written:
    """A batch as it lies in the log."""

    base: int
    last: int
    data: bytes

    @property
    def header(self) -> BatchHeader:
        return read_header(self.data)

    @property
    def records(self) -> list[Record]:
        return list(iter_records(self.data))


History = Sequence[Written]


def placed(batch: bytes, offset: int, epoch: int) -> Written:
    """Return a batch as the log writes it: offset and leader epoch are the broker's, the rest as it came."""
    header = read_header(batch)
    data = offset.to_bytes(8, "big") + batch[8:12] + epoch.to_bytes(4, "big") + batch[16:]
    return Written(offset, offset + header.last_offset_delta, data)


@dataclass
class Promise:
    """What a log must hold after a crash."""

    now: list[Written] = field(default_factory=list)
    #: What the log was since the last flush, or is becoming: the disk may have any beginning of one of these.
    others: list[list[Written]] = field(default_factory=list)
    #: Everything below is on disk.
    kept: int = 0
    start: int = 0

    @property
    def end(self) -> int:
        return self.now[-1].last + 1 if self.now else 0

    def becoming(self, history: list[Written]) -> None:
        """Something that leads there is under way."""
        self.others.append(history)
        self.kept = min(self.kept, history[-1].last + 1 if history else 0)

    def became(self, history: list[Written]) -> None:
        """It is done: a killed process leaves this."""
        self.others.append(self.now)
        self.now = history

    def flushed(self) -> None:
        self.others.clear()
        self.kept = self.end

    def after_kill(self, *, busy: bool) -> list[History]:
        return [self.now, self.others[-1]] if busy and self.others else [self.now]

    def after_power_cut(self) -> list[History]:
        return [self.now, *reversed(self.others)]


class BrokenPromiseError(AssertionError):
    """A promise that was not kept."""


def stored_batches(log: PartitionLog) -> list[Written]:
    """Read every batch through the log's own reads."""
    found: list[Written] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        data = log.read(offset, max_bytes=700).read()
        if not data:
            raise BrokenPromiseError(f"nothing can be read at {offset} before the end {log.log_end_offset}")
        for position, header in walk_batches(memoryview(data)):
            if found and header.base_offset != found[-1].last + 1:
                raise BrokenPromiseError(f"offset {header.base_offset} follows {found[-1].last}")
            found.append(Written(header.base_offset, header.last_offset, data[position : position + header.size]))
            offset = header.next_offset
    return found


def check_log(log: PartitionLog, histories: Sequence[History], *, at_least: int, start: int) -> History:
    """Raise BrokenPromiseError unless the log holds a beginning of one of the histories, and all that goes with it."""
    stored = stored_batches(log)
    end = log.log_end_offset
    if end < at_least:
        raise BrokenPromiseError(f"the log ends at {end}, promised were {at_least}")
    if log.log_start_offset > start:
        raise BrokenPromiseError(f"the log starts at {log.log_start_offset}, asked for was {start}")
    if stored and not stored[0].base <= log.log_start_offset <= stored[0].last:
        raise BrokenPromiseError(f"the first batch is {stored[0].base} to {stored[0].last}, not {log.log_start_offset}")
    history = next((h for h in histories if _is_part(stored, end, h)), None)
    if history is None:
        raise BrokenPromiseError(f"batches {[w.base for w in stored]} to {end} are not what was written")
    history = [written for written in history if written.last < end]
    if log.has_directory:
        check_indexes(log, stored)
    check_producers(log, history, start)
    check_epochs(log, stored)
    return history


def _is_part(stored: History, end: int, history: History) -> bool:
    if not stored:
        return end == 0 or any(written.last + 1 == end for written in history)
    first = next((i for i, written in enumerate(history) if written.base == stored[0].base), None)
    return first is not None and list(history[first : first + len(stored)]) == list(stored)


def check_indexes(log: PartitionLog, stored: History) -> None:
    """Every offset and every time is found, and every index entry points to its batch."""
    for written in stored:
        for offset in {max(written.base, log.log_start_offset), written.last}:
            data = log.read(offset, max_bytes=1).read()
            if data != written.data:
                raise BrokenPromiseError(f"offset {offset} is not found")
    records = [r for written in stored for r in written.records if r.offset >= log.log_start_offset]
    times = sorted({record.timestamp for record in records})
    for time in times:
        first = next(record.offset for record in records if record.timestamp >= time)
        found = log.offset_for_timestamp(time)
        if found is None or found.offset != first:
            raise BrokenPromiseError(f"the first record at {time} is {first}, found was {found}")
    if times and log.offset_for_timestamp(times[-1] + 1) is not None:
        raise BrokenPromiseError("a record was found after the newest")
    # As in Kafka, the newest time may be that of a deleted record whose segment is still there.
    newest = log.max_timestamp()
    if stored and log.first_segment_offset == log.log_start_offset:
        found_time = -1 if newest is None else newest.timestamp
        if found_time != times[-1]:
            raise BrokenPromiseError(f"the newest time is {times[-1]}, found was {newest}")
    ends = {written.last: written for written in stored}
    for segment in log.segments:
        index = segment.lookups.offset_index
        for relative, position in zip(index.offsets, index.positions, strict=True):
            last = segment.base_offset + relative
            if last in ends:
                data = segment.files.log_file().read_at(position, len(ends[last].data))
                if data != ends[last].data:
                    raise BrokenPromiseError(f"{segment!r} has a wrong index entry for {last}")


@dataclass
class Replayed:
    """The state of producers after a history, worked out the slow way."""

    last: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    open: dict[int, int] = field(default_factory=dict)
    #: Producer, first and last offset of its records, offset of its marker.
    aborted: list[tuple[int, int, int, int]] = field(default_factory=list)


def replayed(history: History) -> Replayed:
    """Replay the batches of a history."""
    state = Replayed()
    for written in history:
        header = written.header
        producer = header.producer_id
        if producer < 0:
            continue
        if not header.is_control:
            state.last[producer] = (header.producer_epoch, header.last_sequence, written.last)
            if header.is_transactional:
                state.open.setdefault(producer, written.base)
            continue
        marker = read_end_txn_marker(written.records[0])
        assert marker is not None
        first = state.open.pop(producer, None)
        if first is not None and not marker.commit:
            state.aborted.append((producer, first, state.last[producer][2], written.base))
    return state


def check_producers(log: PartitionLog, history: History, deleted: int) -> None:
    """The sequences, the open and the aborted transactions are those of the surviving batches.

    Who wrote only what was deleted may be forgotten, even if a crash brings back what he wrote.
    """
    expected = replayed(history)
    start = log.log_start_offset
    known = {p.producer_id: p for p in log.producers}
    for producer_id, (epoch, sequence, last) in expected.last.items():
        producer = known.get(producer_id)
        if producer is None or not producer.batches:
            if last >= max(start, deleted):
                raise BrokenPromiseError(f"producer {producer_id} is forgotten")
            continue
        found = (producer.epoch, producer.batches[-1].last_sequence, producer.batches[-1].last_offset)
        if found != (epoch, sequence, last):
            raise BrokenPromiseError(f"producer {producer_id} is at {found}, not {(epoch, sequence, last)}")
    if unknown := {p for p in known if known[p].batches} - expected.last.keys():  # a marker alone makes one known, too
        raise BrokenPromiseError(f"producers {unknown} never wrote")
    opened = {producer: first for producer, first in expected.open.items() if first >= start}
    if opened.items() - log.producers.open_transactions.items():
        raise BrokenPromiseError(f"open are {opened}, found were {log.producers.open_transactions}")
    if log.producers.open_transactions.keys() - expected.open.keys():
        raise BrokenPromiseError(f"found open were {log.producers.open_transactions}")
    aborted = {(a.producer_id, a.last_offset): a.first_offset for a in log.aborted_transactions(start, 1 << 60)}
    possible = {(producer, last): first for producer, first, _, last in expected.aborted if last >= start}
    # Of a transaction whose beginning was deleted, a replay sees the rest only, if there is one.
    needed = {(producer, last) for producer, _, written, last in expected.aborted if written >= max(start, deleted)}
    exact = {key for key, first in possible.items() if first >= max(start, deleted)}
    if (
        not needed <= aborted.keys() <= possible.keys()
        or any(aborted[key] != possible[key] for key in exact)
        or any(possible[key] > first for key, first in aborted.items())
    ):
        raise BrokenPromiseError(f"aborted were {expected.aborted}, found were {aborted}")


def check_epochs(log: PartitionLog, stored: History) -> None:
    """For each leader epoch of the batches, where it ends is known."""
    starts: dict[int, int] = {}
    for written in stored:
        starts.setdefault(written.header.partition_leader_epoch, max(written.base, log.log_start_offset))
    epochs = sorted(starts)
    for epoch, following in pairwise(epochs):
        if log.end_offset_for_epoch(epoch) != (epoch, starts[following]):
            raise BrokenPromiseError(
                f"epoch {epoch} ended at {starts[following]}, said was {log.end_offset_for_epoch(epoch)}"
            )
    if epochs and log.epochs.latest != epochs[-1]:
        raise BrokenPromiseError(f"the last epoch is {epochs[-1]}, known is {log.epochs.latest}")


def check_goes_on(log: PartitionLog, history: History) -> None:
    """Producers go on where they were, and what they repeat is recognised."""
    for producer, (epoch, sequence, last) in replayed(history).last.items():
        if producer in replayed(history).open or log.producers.producers.get(producer) is None:
            continue
        old = next(written for written in history if written.last == last)
        again = log.append(bytes(8) + old.data[8:], now_ms=NOW)
        if not again.is_duplicate or again.last_offset != last:
            raise BrokenPromiseError(f"a repeated batch of producer {producer} was appended at {again.base_offset}")
        batch = build_batch(
            [Record(None, b"goes on", NOW)],
            producer_id=producer,
            producer_epoch=epoch,
            base_sequence=sequence + 1,
        )
        try:
            end = log.log_end_offset
            if log.append(batch, now_ms=NOW).base_offset != end:
                raise BrokenPromiseError("an append does not go to the end")
        except StorageError as error:
            raise BrokenPromiseError(f"producer {producer} cannot go on: {error}") from error
    end = log.log_end_offset
    batch = build_batch([Record(None, b"next", NOW), Record(None, b"last", NOW)])
    log.append(batch, now_ms=NOW, origin=AppendOrigin.BROKER)
    data = log.read(end, max_bytes=1).read()
    if data != placed(batch, end, log.leader_epoch).data:
        raise BrokenPromiseError("what is appended after a crash cannot be read")
