"""Check batches before they are served, so that consumers get an error instead of damaged data.

Bytes that this process wrote or checked before are not checked again: reads at the end of a log cost nothing, and
older data is checked once.
"""

from collections.abc import Callable

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.checkpoints import LEADER_EPOCHS
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_storage.segment.segment import FetchSlice, Segment
from kafkalite_wire.records import BatchHeader, CorruptBatch, check_batch

#: Returns the leader epoch of an offset, -1 where it is not known.
EpochOf = Callable[[int], int]


def verified_part(
    segment: Segment, piece: FetchSlice, offset: int, *, may_have_gaps: bool, epoch_of: EpochOf
) -> FetchSlice:
    """Return the whole, sound batches at the beginning of a piece that is to be served for an offset.

    Batches are checked for their CRC, and for what lies outside of it: offsets that follow each other (without gaps,
    unless compaction may have made some), and the leader epoch that is known to have written them.

    Raises DamagedLog, naming the file and the byte, when already the first batch is damaged.
    """
    if piece.file is None or segment.lookups.verified.covers(piece.position, piece.position + piece.size):
        return piece
    position = piece.position
    expected = offset
    try:
        for at, header, batch in iter_batches(piece.file, position, position + piece.size):
            check_batch(batch)
            _check_place(header, expected, is_first=at == piece.position, may_have_gaps=may_have_gaps)
            _check_epoch(header, epoch_of)
            segment.holds_transactions |= header.is_transactional
            position = at + header.size
            expected = header.next_offset
    except CorruptBatch as problem:
        if position == piece.position:
            raise DamagedLog(f"{segment.name} is damaged at byte {position}: {problem}") from None
    if position == piece.position:
        raise DamagedLog(f"{segment.name} is damaged at byte {position}: there is no whole batch")
    segment.lookups.verified.add(piece.position, position)
    return FetchSlice(piece.file, piece.position, position - piece.position)


def _check_place(header: BatchHeader, expected: int, *, is_first: bool, may_have_gaps: bool) -> None:
    if is_first:
        fits = header.last_offset >= expected and (may_have_gaps or header.base_offset <= expected)
    else:
        fits = header.base_offset >= expected if may_have_gaps else header.base_offset == expected
    if not fits:
        raise CorruptBatch(f"offsets {header.base_offset} to {header.last_offset} stand where {expected} should be")


def _check_epoch(header: BatchHeader, epoch_of: EpochOf) -> None:
    known = epoch_of(header.base_offset)
    if known >= 0 and header.partition_leader_epoch != known:
        raise CorruptBatch(
            f"the batch at offset {header.base_offset} says leader epoch {header.partition_leader_epoch}, "
            f"{LEADER_EPOCHS} says {known}"
        )
