"""Bring the files of a partition into a consistent state when it is opened.

After a clean shutdown the files are trusted. After a crash, what lies past the recovery point (the offset up
to which the log was known to be on disk) is read in full: the log ends at its last whole, sound batch, and
indexes, transaction index and producer state are rebuilt from there. The log is the truth; every other file
is a cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.segment.replacement import finish_replacements
from kafkalite_storage.segment.scan import iter_batches, iter_headers
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.state.producer_snapshot import decode_snapshot
from kafkalite_storage.state.producer_state import ProducerStates
from kafkalite_wire.records import BatchHeader, CorruptBatch, check_batch, iter_records, read_end_txn_marker
from kafkalite_wire.values import value_class

_DISCARDED: Final = (".deleted", ".cleaned", ".tmp")
_INDEXES: Final = ("index", "timeindex", "txnindex")
_DIGITS: Final = 20
#: The number of logs that the summary names.
_TOLD: Final = 3


@value_class(kw_only=True)
class Recovery:
    """What was done to open a partition, for one line in the log."""

    scanned_bytes: int = 0
    truncated_bytes: int = 0
    deleted_segments: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if not self.scanned_bytes and not self.truncated_bytes:
            return "nothing to recover"
        text = f"checked {self.scanned_bytes} bytes past the recovery point"
        if self.truncated_bytes:
            text += f", cut off {self.truncated_bytes} bytes ({self.reason})"
        return text


def summary(recoveries: Mapping[str, Recovery]) -> str:
    """Return one line about what was done to all logs of a directory, given by path."""
    checked = sum(done.scanned_bytes for done in recoveries.values())
    cut = {path: done for path, done in recoveries.items() if done.truncated_bytes}
    line = (
        f"after an unclean stop {len(recoveries)} logs were opened, and {checked} bytes past recovery points checked: "
    )
    if not cut:
        return f"{line}nothing had to be cut off"
    reasons = "; ".join(done.reason for done in list(cut.values())[:_TOLD])
    more = f"; and {len(cut) - _TOLD} more" if len(cut) > _TOLD else ""
    size = sum(done.truncated_bytes for done in cut.values())
    return f"{line}{size} bytes were cut off the ends of {len(cut)} ({reasons}{more})"


@dataclass(slots=True)
class Directory:
    """The segments of a partition's directory, oldest first, and the offsets of its snapshots."""

    segments: list[Segment] = field(default_factory=list[Segment])
    snapshots: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class _Tail:
    """The result of a recovery in progress."""

    end_offset: int
    known_end: int
    may_have_gaps: bool
    was_closed: bool = False
    trusted_offset: int = -1
    scanned: int = 0
    truncated: int = 0
    deleted: int = 0
    kept_aside: bool = False
    reason: str = ""

    def may_continue_at(self, offset: int) -> bool:
        """Return whether a batch or a segment with this base offset may come next."""
        return offset >= self.end_offset if self.may_have_gaps else offset == self.end_offset


def read_directory(fs: FileSystem, files: FileHandleCache, directory: str) -> Directory:
    """Find the segments by their names; complete or remove what a crash left of a deletion or a compaction."""
    found = Directory()
    finish_replacements(fs, directory)
    names = set(fs.list(directory))
    for name in sorted(names):
        stem, _, suffix = name.partition(".")
        if name.endswith(_DISCARDED):
            fs.remove(f"{directory}/{name}")
        elif len(stem) == _DIGITS and stem.isdigit():
            if suffix in _INDEXES and f"{stem}.log" not in names:
                fs.remove(f"{directory}/{name}")
            elif suffix == "log":
                found.segments.append(Segment(fs, files, directory, int(stem)))
            elif suffix == "snapshot":
                found.snapshots.append(int(stem))
    return found


def load_clean(found: Directory) -> int:
    """Return the end offset of a log that was closed in order, without reading more than the tail of its last segment.

    Raises ValueError if the files contradict each other, and CorruptBatch.
    """
    return found.segments[-1].load_tail()


def recover(
    found: Directory,
    start: int,
    interval: int,
    epochs: LeaderEpochs,
    *,
    known_end: int,
    may_have_gaps: bool,
    was_closed: bool = False,
) -> tuple[int, int, Recovery]:
    """Cut the log to its last sound batch, looking from offset start on, and rebuild the indexes from there.

    What was known to be on disk (below known_end) is not thrown away even where it is damaged, but set aside in a file
    whose name ends in `.damaged`: sound batches may follow in it. Offsets must follow each other without gaps, unless
    the log may have some because it was compacted. Nothing was written behind known_end if the log `was_closed` there.

    Return the end offset, the offset from which batches were checked, and what was done. The steps are such that
    another crash in between leaves nothing that this would not find again: what goes, goes from the end on.
    """
    segments = found.segments
    first = max((i for i, segment in enumerate(segments) if segment.base_offset <= start), default=0)
    tail = _Tail(end_offset=segments[first].base_offset, known_end=known_end, may_have_gaps=may_have_gaps)
    tail.was_closed = was_closed
    if first and segments[first].base_offset == start:
        _seal_again(segments[first - 1])
    kept = segments[:first]
    for number in range(first, len(segments)):
        segment = segments[number]
        if not tail.may_continue_at(segment.base_offset):
            if segment.size == 0:  # made by a roll that failed, after which the log went on in the segment before
                segment.files.delete()
                continue
            tail.reason = f"{segment.name} does not begin where the segment before it ends, at offset {tail.end_offset}"
            _delete_from_the_end(segments[number:], tail)
            break
        kept.append(segment)
        size = segment.size
        position = _check_segment(segment, start, interval, tail, epochs)
        if position < size:
            tail.reason = tail.reason or f"{segment.name} ends {size - position} bytes into a batch"
            _delete_from_the_end(segments[number + 1 :], tail)
            tail.truncated += size - position
            if tail.end_offset < known_end:
                segment.files.set_aside(position)
                tail.kept_aside = True
            segment.cut(position)
            # Without it a second crash could leave new records after bytes that were cut off.
            segment.files.sync(indexes=False)
            break
        if number + 1 < len(segments):
            segment.lookups.seal()
    found.segments[:] = kept
    done = Recovery(
        scanned_bytes=tail.scanned,
        truncated_bytes=tail.truncated,
        deleted_segments=tail.deleted,
        reason=f"{tail.reason}; kept in .damaged files" if tail.kept_aside else tail.reason,
    )
    return tail.end_offset, max(tail.trusted_offset, 0), done


def _seal_again(segment: Segment) -> None:
    """Repair the last index entry of a closed segment whose records were all on disk."""
    try:
        segment.lookups.check_last_entries()
        segment.load_tail()
    except (ValueError, DamagedLog):
        segment.lookups.rebuild_indexes()
    else:
        segment.lookups.seal()


def _delete_from_the_end(segments: list[Segment], tail: _Tail) -> None:
    for segment in reversed(segments):
        tail.truncated += segment.size
        tail.deleted += 1
        if segment.base_offset < tail.known_end and segment.size:
            segment.files.set_aside(0)
            tail.kept_aside = True
        segment.files.delete()


def _check_segment(segment: Segment, start: int, interval: int, tail: _Tail, epochs: LeaderEpochs) -> int:
    """Add the intact batches of a segment to its indexes and to the epochs; return the position where they end."""
    size = segment.size
    position, end_offset = _trusted_part(segment, start)
    tail.end_offset = max(tail.end_offset, end_offset)
    if tail.trusted_offset < 0:
        tail.trusted_offset = end_offset
        epochs.truncate_to(max(end_offset, start))
    tail.scanned += size - position
    for at, header, batch in iter_batches(segment.files.log_file(), position, size):
        try:
            check_batch(batch)
            is_beyond = (
                tail.was_closed and header.last_offset >= tail.known_end and header.base_offset > tail.end_offset
            )
            if is_beyond or not tail.may_continue_at(header.base_offset):
                raise CorruptBatch(f"offset {header.base_offset} follows offset {tail.end_offset - 1}")
        except CorruptBatch as error:
            tail.reason = f"{segment.name} at byte {at}: {error}"
            break
        segment.note_batch(at, header.size, header.base_offset, header.last_offset, header.max_timestamp, interval)
        epochs.assign(header.partition_leader_epoch, header.base_offset)
        tail.end_offset = header.next_offset
        position = at + header.size
    return position


def _trusted_part(segment: Segment, recovery_point: int) -> tuple[int, int]:
    """Return position and offset up to which a segment need not be read, with indexes that end there."""
    if recovery_point > segment.base_offset:
        segment.lookups.keep_indexes_before(recovery_point)
        try:
            segment.lookups.check_last_entries()
            end_offset = segment.load_tail(until=recovery_point)
        except (ValueError, DamagedLog):
            pass
        else:
            return segment.lookups.last_batch_end, end_offset
    segment.lookups.drop_indexes()
    segment.forget_tail()
    return 0, segment.base_offset


def load_producers(
    fs: FileSystem,
    directory: str,
    found: Directory,
    *,
    log_start_offset: int,
    end_offset: int,
    trusted_offset: int,
) -> ProducerStates:
    """Read the newest snapshot that fits and replay the batches that follow it.

    The transaction index is rebuilt from trusted_offset on; before it, the files are believed.
    """
    states = ProducerStates()
    states.end_offset = log_start_offset
    for offset in sorted(found.snapshots, reverse=True):
        path = f"{directory}/{file_name(offset, '.snapshot')}"
        if log_start_offset <= offset <= min(end_offset, trusted_offset):
            try:
                states = decode_snapshot(fs.read(path), offset)
                break
            except ValueError:
                pass
        fs.remove(path)
        found.snapshots.remove(offset)
    for number, segment in enumerate(found.segments):
        following = found.segments[number + 1].base_offset if number + 1 < len(found.segments) else end_offset
        if following > states.end_offset:
            replay(segment, states, trusted_offset)
    states.end_offset = end_offset
    return states


def reload_producers(
    fs: FileSystem, directory: str, found: Directory, segments: Sequence[Segment], log_start_offset: int, end: int
) -> ProducerStates:
    """Return the producers' states at the end of a log that was cut, from the files of its directory."""
    found.segments = list(segments)
    return load_producers(fs, directory, found, log_start_offset=log_start_offset, end_offset=end, trusted_offset=end)


def replay(segment: Segment, states: ProducerStates, trusted_offset: int) -> None:
    """Apply the batches of a segment that a producer's state does not know yet."""
    position = segment.lookups.offset_index.look_up(states.end_offset - segment.base_offset)
    file = segment.files.log_file()
    for at, header in iter_headers(file, position, segment.size):
        if header.producer_id < 0 or header.last_offset < states.end_offset:
            continue
        if not header.is_control:
            states.record_batch(header, header.base_offset)
            continue
        _replay_marker(segment, states, header, file.read_at(at, header.size), trusted_offset)


def _replay_marker(
    segment: Segment, states: ProducerStates, header: BatchHeader, batch: bytes, trusted_offset: int
) -> None:
    for record in iter_records(batch):
        marker = read_end_txn_marker(record)
        if marker is None:
            continue
        aborted = states.record_marker(header, marker, record.offset)
        if aborted is not None and record.offset >= trusted_offset:
            segment.lookups.transaction_index.append(aborted)
