"""Walk the batches of a segment file in order, reading it in large pieces."""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from kafkalite_storage.files.filesystem import File
from kafkalite_wire.records import HEADER_SIZE, BatchHeader, read_header

#: base offset, batch length and (after eleven bytes) last offset delta: what a walk needs of a header.
WALK: Final = Struct(">qi11xi")
LENGTH_PREFIX: Final = 12
#: Bytes that the length of any batch counts at least.
SMALLEST_LENGTH: Final = HEADER_SIZE - LENGTH_PREFIX

#: A look-up ends within a few batches and a replay goes through all of them, so pieces grow from the one to the other.
_FIRST_PIECE: Final = 8192
_PIECE: Final = 1024 * 1024


def iter_headers(file: File, position: int, end: int) -> Iterator[tuple[int, BatchHeader]]:
    """Yield the position and header of each batch from position on.

    Stops before a batch that does not lie wholly before end or whose length is impossible; nothing else is
    checked.
    """
    for at, header, _ in _walk(file, position, end, whole=False):
        yield at, header


def iter_batches(file: File, position: int, end: int) -> Iterator[tuple[int, BatchHeader, memoryview]]:
    """Like iter_headers, and yield the bytes of each batch too; they are valid beyond the next step."""
    yield from _walk(file, position, end, whole=True)


def whole_batches(data: memoryview) -> Iterator[tuple[int, BatchHeader]]:
    """Yield the position and header of each batch that lies wholly in data, as what a read returned."""
    position = 0
    while len(data) - position >= HEADER_SIZE:
        header = read_header(data, position)
        if header.batch_length < SMALLEST_LENGTH or position + header.size > len(data):
            return
        yield position, header
        position += header.size


def _walk(file: File, position: int, end: int, *, whole: bool) -> Iterator[tuple[int, BatchHeader, memoryview]]:
    piece = memoryview(b"")
    piece_at = position
    piece_size = _FIRST_PIECE
    while end - position >= HEADER_SIZE:
        start = position - piece_at
        if start < 0 or len(piece) - start < HEADER_SIZE:
            piece = memoryview(file.read_at(position, min(piece_size, end - position)))
            piece_size = min(2 * piece_size, _PIECE)
            piece_at = position
            start = 0
            if len(piece) < HEADER_SIZE:
                return
        header = read_header(piece, start)
        size = header.size
        if header.batch_length < SMALLEST_LENGTH or position + size > end:
            return
        if whole and len(piece) - start < size:
            piece = memoryview(file.read_at(position, max(size, min(piece_size, end - position))))
            piece_at = position
            start = 0
            if len(piece) < size:
                return
        yield position, header, piece[start : start + size]
        position += size
