"""Compare `leader-epoch-checkpoint` with the batches when a log is opened, and find out which of them is damaged.

The CRC of a batch does not cover its epoch, and the checkpoint has no CRC: each can only be checked by the other.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from logging import getLogger

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_wire.records import BatchHeader

log = getLogger("kafkalite.storage")


def correct_epochs(epochs: LeaderEpochs, segments: Sequence[Segment], log_start_offset: int, end_offset: int) -> None:
    """Rebuild the epochs from the batches if the batches contradict them.

    Only the batches around the beginning of each epoch are looked at, and the last one; all headers are read where one
    of these disagrees. A batch that stands alone, against the checkpoint and against those beside it, is left to be
    refused when it is read. Raises OSError.
    """
    problem = _impossible(epochs.entries, end_offset) or _contradiction(epochs, segments, log_start_offset, end_offset)
    if problem is None:
        return
    headers = [
        header
        for segment in segments
        for header in segment.headers()
        if header.last_offset >= log_start_offset and header.base_offset < end_offset
    ]
    if _blames_the_checkpoint(epochs, headers, log_start_offset, end_offset):
        log.warning("%s is damaged: %s; it is rebuilt from the batches", epochs.path, problem)
        epochs.rebuild(headers, log_start_offset)
    else:
        log.warning("%s and a batch contradict each other: %s", epochs.path, problem)


def disorder(entries: Sequence[tuple[int, int]]) -> tuple[int, str] | None:
    """Return the index of the first entry that cannot follow the one before it, and what is wrong with it."""
    for number, (epoch, start) in enumerate(entries):
        if epoch < 0 or start < 0:
            return number, f"leader epoch {epoch} from offset {start} cannot be"
        if number and (epoch <= entries[number - 1][0] or start <= entries[number - 1][1]):
            return number, f"leader epoch {epoch} from offset {start} falls behind the entry before it"
    return None


def _impossible(entries: Sequence[tuple[int, int]], end_offset: int) -> str | None:
    problem = disorder(entries)
    if problem is not None:
        return problem[1]
    if entries and entries[-1][1] > end_offset:
        return f"leader epoch {entries[-1][0]} begins at offset {entries[-1][1]}, but the log ends at {end_offset}"
    return None


def _contradiction(
    epochs: LeaderEpochs, segments: Sequence[Segment], log_start_offset: int, end_offset: int
) -> str | None:
    """Return what a batch at the edge of an epoch says against the epochs."""
    starts = [start for _, start in epochs.entries if start < end_offset]
    for start in starts[1:]:
        header = _batch_at(segments, start)
        if header is not None and header.base_offset < start:
            return f"an epoch begins at offset {start}, inside of the batch at offset {header.base_offset}"
    edges = [log_start_offset, *(edge for start in starts[1:] for edge in (start - 1, start)), end_offset - 1]
    for offset in edges:
        header = _batch_at(segments, max(offset, log_start_offset)) if offset < end_offset else None
        if header is not None and not _agree(epochs, header, log_start_offset):
            return (
                f"it says that leader epoch {_epoch_of(epochs, header, log_start_offset)} wrote the batch at offset "
                f"{header.base_offset}, which says {header.partition_leader_epoch}"
            )
    return None


def _blames_the_checkpoint(
    epochs: LeaderEpochs, headers: Sequence[BatchHeader], log_start_offset: int, end_offset: int
) -> bool:
    """Return whether the checkpoint is more likely wrong than a batch."""
    written = [header.partition_leader_epoch for header in headers]
    if any(epoch < 0 for epoch in written) or sorted(written) != written:
        return False  # epochs never decrease, so a batch is damaged
    if _impossible(epochs.entries, end_offset) is not None:
        return True
    starts = [start for _, start in epochs.entries[1:]]
    for header in headers:
        at = bisect_right(starts, header.base_offset)
        if at < len(starts) and starts[at] <= header.last_offset:
            return True
    alone = [header for header in headers if not _agree(epochs, header, log_start_offset)]
    if len(alone) != 1:
        return bool(alone)
    said = _epoch_of(epochs, alone[0], log_start_offset)
    return all(epoch != said for epoch in written)


def _agree(epochs: LeaderEpochs, header: BatchHeader, log_start_offset: int) -> bool:
    known = _epoch_of(epochs, header, log_start_offset)
    return known < 0 or known == header.partition_leader_epoch


def _epoch_of(epochs: LeaderEpochs, header: BatchHeader, log_start_offset: int) -> int:
    return epochs.epoch_of(max(header.base_offset, log_start_offset))


def _batch_at(segments: Sequence[Segment], offset: int) -> BatchHeader | None:
    """Return the batch that holds an offset, or the next one; None where there is none or damage is in the way."""
    first = max(bisect_right(segments, offset, key=_base_offset) - 1, 0)
    for segment in segments[first:]:
        try:
            header = next(_headers_from(segment, offset), None)
        except DamagedLog:
            return None
        if header is not None:
            return header
    return None


def _headers_from(segment: Segment, offset: int) -> Iterator[BatchHeader]:
    position = 0
    if offset > segment.base_offset:
        located = segment.lookups.locate(offset)
        if located is None:
            return
        position = located[0]
    for _, header in iter_headers(segment.files.log_file(), position, segment.size):
        yield header


def _base_offset(segment: Segment) -> int:
    return segment.base_offset
