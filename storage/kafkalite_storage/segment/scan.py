"""Walk the batches of a segment file in order, reading it in large pieces."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from kafkalite_storage.files.filesystem import File
from kafkalite_wire.batch import (
    HEADER,
    HEADER_SIZE,
    LENGTH_PREFIX,
    SMALLEST_LENGTH,
    RawHeader,
    batch_size,
    walk_raw_headers,
)
from kafkalite_wire.records import BatchHeader, CorruptBatch

#: A look-up ends within a few batches and a replay goes through all of them, so pieces grow from the one to the other.
_FIRST_PIECE: Final = 8192
_PIECE: Final = 1024 * 1024
#: Cleaning is done in short steps, each of which may read a piece.
_CLEANING_PIECE: Final = 128 * 1024


def iter_headers(file: File, position: int, end: int) -> Iterator[tuple[int, BatchHeader]]:
    """Yield the position and header of each batch from position on.

    Stops before a batch that does not lie wholly before end or whose length is impossible; nothing else is
    checked.
    """
    for at, header in iter_raw_headers(file, position, end):
        yield at, BatchHeader._make(header)


def iter_raw_headers(file: File, position: int, end: int) -> Iterator[tuple[int, RawHeader]]:
    """Walk as `iter_headers` does and yield headers as plain tuples, which is faster.

    A batch that is larger than a piece is not read.
    """
    piece_size = _FIRST_PIECE
    while end - position >= HEADER_SIZE:
        piece = file.read_at(position, min(piece_size, end - position))
        if len(piece) < HEADER_SIZE:
            return
        piece_size = min(2 * piece_size, _PIECE)
        following = 0
        for at, header in walk_raw_headers(piece):
            yield position + at, header
            following = at + header[1] + LENGTH_PREFIX
        if len(piece) - following >= HEADER_SIZE:  # the piece ends within a batch
            header = HEADER.unpack_from(piece, following)
            size = header[1] + LENGTH_PREFIX
            if header[1] < SMALLEST_LENGTH or position + following + size > end:
                return
            yield position + following, header
            following += size
        position += following


def iter_batches(file: File, position: int, end: int) -> Iterator[tuple[int, BatchHeader, memoryview]]:
    """Like iter_headers, and yield the bytes of each batch too; they are valid beyond the next step."""
    with suppress(CorruptBatch):
        for piece, at, raw in _walk(file, position, end, _FIRST_PIECE, _PIECE):
            header = BatchHeader._make(raw)
            yield position, header, memoryview(piece)[at : at + header.size]
            position += header.size


def walk_to_clean(file: File, position: int, end: int) -> Iterator[tuple[bytes, int, RawHeader]]:
    """Yield each batch as a piece of the file, the position in it and the header.

    Raises CorruptBatch where something other than a whole batch follows. An object for each header would take a third
    of compaction's time.
    """
    return _walk(file, position, end, _CLEANING_PIECE, _CLEANING_PIECE)


def _walk(file: File, position: int, end: int, piece_size: int, largest: int) -> Iterator[tuple[bytes, int, RawHeader]]:
    wanted = piece_size
    while position < end:
        asked = min(wanted, end - position)
        piece = file.read_at(position, asked)
        following = 0
        for at, header in walk_raw_headers(piece):
            yield piece, at, header
            following = at + header[1] + LENGTH_PREFIX
        position += following
        try:
            size = batch_size(piece, following)
        except CorruptBatch as error:
            raise CorruptBatch(f"no batch at byte {position}: {error}") from None
        # A file that has become shorter answers with less than it was asked for.
        if position != end and (position + size > end or (not following and len(piece) < asked)):
            raise CorruptBatch(f"byte {position} is not the beginning of a whole batch")
        piece_size = min(2 * piece_size, largest)
        wanted = max(size, piece_size)
