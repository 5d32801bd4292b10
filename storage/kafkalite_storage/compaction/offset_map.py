"""The newest offset of each key in the dirty part of a log, within a bound of memory."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from kafkalite_wire.record_scan import note_keys

#: Bytes of an entry in addition to its key: the key's object header, two references and a hash in a table that is
#: between a third and two thirds full, the offset, and its place in the set of offsets.
ENTRY_BYTES: Final = 240
_PIECE: Final = 10_000


class OffsetMap:
    """Offsets by key, filled in the order of the log."""

    __slots__ = ("_key_bytes", "_limit", "_newest", "latest_offset", "newest", "offsets")

    def __init__(self, limit: int) -> None:
        self._newest: dict[bytes, int] = {}
        #: `newest(key, default)` returns the newest offset of a key. A bound method: it is called for each record.
        self.newest = self._newest.get
        self._key_bytes = 0
        self._limit = limit
        #: The map covers all offsets up to this one.
        self.latest_offset = -1
        #: The offsets in the map, complete after `seal`: whether a record is the newest of its key can be looked up
        #: without the key.
        self.offsets: set[int] = set()

    def __len__(self) -> int:
        return len(self._newest)

    @property
    def bytes_used(self) -> int:
        """Upper estimate of the memory in bytes."""
        return self._key_bytes + len(self._newest) * ENTRY_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the bound is reached."""
        return self._key_bytes + len(self._newest) * ENTRY_BYTES >= self._limit

    def note(self, data: bytes, position: int, count: int, base_offset: int, least: int) -> int:
        """Add the keys of count records at position whose offsets are at least `least`; return the end position."""
        newest = self._newest
        before = len(newest)
        position = note_keys(data, position, count, base_offset, least, newest)
        added = len(newest) - before
        # New keys are the last ones of a dictionary.
        if added == 1:
            self._key_bytes += len(next(reversed(newest)))
        elif added:
            self._key_bytes += sum(map(len, islice(reversed(newest), added)))
        return position

    def seal(self) -> Iterator[None]:
        """Fill `offsets` in small steps; the map must not change afterwards."""
        values = iter(self._newest.values())
        while piece := tuple(islice(values, _PIECE)):
            self.offsets.update(piece)
            yield
