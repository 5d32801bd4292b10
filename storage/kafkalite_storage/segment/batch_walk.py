"""Walk the batches of closed segments as compaction reads them: raw headers, a piece of the file at a time.

Like `scan`, but without an object for each header, which would take a third of compaction's time.
"""

from collections.abc import Iterator
from typing import Final

from kafkalite_storage.files.filesystem import File
from kafkalite_storage.segment.scan import LENGTH_PREFIX, SMALLEST_LENGTH
from kafkalite_wire.batch import HEADER, HEADER_SIZE
from kafkalite_wire.records import CorruptBatch

#: The fields of a BatchHeader.
RawHeader = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]

_PIECE: Final = 128 * 1024


def walk_batches(file: File, position: int, end: int) -> Iterator[tuple[bytes, int, RawHeader]]:
    """Yield each batch as a piece of the file, the position in it and the header.

    Raises CorruptBatch where something else than a whole batch follows.
    """
    unpack = HEADER.unpack_from
    wanted = _PIECE
    while position < end:
        piece = file.read_at(position, min(wanted, end - position))
        length = len(piece)
        at = 0
        wanted = _PIECE
        while length - at >= HEADER_SIZE:
            header = unpack(piece, at)
            size = header[1] + LENGTH_PREFIX
            if header[1] < SMALLEST_LENGTH:
                raise CorruptBatch(f"no batch at byte {position + at}")
            if at + size > length:
                wanted = max(size, _PIECE)
                break
            yield piece, at, header
            at += size
        if at == 0 and (wanted <= length or position + wanted > end):
            raise CorruptBatch(f"byte {position} is not the beginning of a whole batch")
        position += at
