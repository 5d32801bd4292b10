"""Walk a file of batches and the damage between them, in bounded memory.

`scan` stops before the first bytes that are not a batch. This module describes what is wrong there and searches for the
next intact batch.
"""

from collections.abc import Iterator
from typing import Final

from kafkalite_storage.files.filesystem import Readable
from kafkalite_wire.batch import LENGTH_PREFIX, SMALLEST_LENGTH, batch_size, extend_crc32c
from kafkalite_wire.records import HEADER_SIZE, BatchHeader, CorruptBatch, check_batch, read_header
from kafkalite_wire.values import value_class

_PIECE: Final = 1024 * 1024
#: A batch beyond this is checksummed piece by piece and not looked into.
LARGEST_BATCH: Final = 64 * 1024 * 1024
_MAGIC_AT: Final = 16
_MAGIC: Final = b"\x02"
_CHECKSUMMED_AT: Final = 21


@value_class
class Stretch:
    """Bytes of a file that are one batch, or damage.

    `error` says what is wrong; `header` is the header as it is there, None where it is cut off. `data` is the whole
    batch if it is intact and not larger than LARGEST_BATCH.
    """

    position: int
    size: int
    header: BatchHeader | None
    data: bytes | None = None
    error: str = ""
    #: Whether no intact batch follows, as after a write that was not finished.
    is_torn_end: bool = False


def stretches(file: Readable, end: int) -> Iterator[Stretch]:
    """Yield all bytes of a file before end, as intact batches and the damage between them."""
    window = _Window(file, end)
    position = 0
    while position < end:
        stretch = _at(window, position)
        yield stretch
        position += stretch.size


class _Window:
    """Reads ahead, so that a walk costs one read for each megabyte."""

    def __init__(self, file: Readable, end: int) -> None:
        self._file = file
        self.end = end
        self._data = b""
        self._at = 0

    def read(self, position: int, size: int) -> bytes:
        start = position - self._at
        if start < 0 or start + size > len(self._data):
            self._data = self._file.read_at(position, min(max(size, _PIECE), self.end - position))
            self._at = position
            start = 0
        return self._data[start : start + size]


def _at(window: _Window, position: int) -> Stretch:
    left = window.end - position
    if left < HEADER_SIZE:
        return Stretch(position, left, None, error=f"{left} bytes are too few for a batch", is_torn_end=True)
    head = window.read(position, HEADER_SIZE)
    if len(head) < HEADER_SIZE:  # the file has become shorter
        return Stretch(position, left, None, error="the file ends here", is_torn_end=True)
    header = read_header(head)
    try:
        batch_size(head)
    except CorruptBatch as error:
        return _unsound(window, position, header, str(error))
    if header.size > left:
        return _unsound(window, position, header, f"a batch of {header.size} bytes where {left} bytes are left")
    if header.size > LARGEST_BATCH:
        return _large(window, position, header)
    data = window.read(position, header.size)
    try:
        check_batch(data)
    except CorruptBatch as error:
        return _unsound(window, position, header, str(error))
    return Stretch(position, header.size, header, data)


def _large(window: _Window, position: int, header: BatchHeader) -> Stretch:
    """Check a batch without reading it into memory as a whole."""
    crc = 0
    at, end = position + _CHECKSUMMED_AT, position + header.size
    while at < end:
        piece = window.read(at, min(_PIECE, end - at))
        if not piece:
            break
        crc = extend_crc32c(crc, piece)
        at += len(piece)
    if crc != header.crc:
        return _unsound(
            window,
            position,
            header,
            f"the CRC of the batch at {header.base_offset} is {crc:#010x}, its header says {header.crc:#010x}",
        )
    return Stretch(position, header.size, header)


def _unsound(window: _Window, position: int, header: BatchHeader, error: str) -> Stretch:
    """Return the bytes before the next intact batch as one stretch."""
    following = position + header.size
    if header.batch_length >= SMALLEST_LENGTH:
        is_end = following == window.end
        if is_end or _is_sound(window, following):
            return Stretch(position, header.size, header, error=error, is_torn_end=is_end)
    found = _search(window, position + 1)
    end = window.end if found is None else found
    return Stretch(position, end - position, header, error=error, is_torn_end=found is None)


def _search(window: _Window, position: int) -> int | None:
    """Return the position of the next intact batch."""
    while window.end - position >= HEADER_SIZE:
        piece = window.read(position, min(_PIECE, window.end - position))
        at = piece.find(_MAGIC, _MAGIC_AT)
        while at >= 0:
            start = position + at - _MAGIC_AT
            if _is_sound(window, start):
                return start
            at = piece.find(_MAGIC, at + 1)
        if len(piece) <= _MAGIC_AT:
            return None
        position += len(piece) - _MAGIC_AT
    return None


def _is_sound(window: _Window, position: int) -> bool:
    if window.end - position < HEADER_SIZE:
        return False
    header = read_header(window.read(position, HEADER_SIZE))
    if not (
        # Most bytes of value 2 are no magic; this much of a header leaves few to checksum.
        header.magic == _MAGIC[0]
        and header.base_offset >= 0
        and 0 <= header.attributes < 1 << 7
        and header.last_offset_delta >= 0
        and 0 <= header.records_count <= header.last_offset_delta + 1
        and SMALLEST_LENGTH <= header.batch_length <= min(LARGEST_BATCH, window.end - position - LENGTH_PREFIX)
    ):
        return False
    try:
        check_batch(window.read(position, header.size))
    except CorruptBatch:
        return False
    return True
