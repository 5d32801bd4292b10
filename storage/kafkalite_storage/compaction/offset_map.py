"""The newest offset of each key in the dirty part of a log, within a bound of memory."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from kafkalite_wire.record_scan import note_keys

#: Bytes that an entry takes beside its key: the key's object header, two references and a hash in a table that is
#: between a third and two thirds full, the offset, and its place in the set of offsets.
ENTRY_BYTES: Final = 240
_PIECE: Final = 10_000


class OffsetMap:
    """Offsets by key, filled in the order of the log."""

    __slots__ = ("_key_bytes", "_limit", "_newest", "latest_offset", "newest", "offsets")

    def __init__(self, limit: int) -> None:
        self._newest: dict[bytes, int] = {}
        #: Look up the newest offset of a key, with a default: bound once, because every record asks.
        self.newest = self._newest.get
        self._key_bytes = 0
        self._limit = limit
        #: The map speaks for all offsets up to this one.
        self.latest_offset = -1
        #: The offsets in the map, once `seal` is through: to ask whether a record is the newest of its key, without
        #: its key.
        self.offsets: set[int] = set()

    def __len__(self) -> int:
        return len(self._newest)

    @property
    def bytes_used(self) -> int:
        """Memory of keys and entries, estimated from above."""
        return self._key_bytes + len(self._newest) * ENTRY_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the bound is reached."""
        return self._key_bytes + len(self._newest) * ENTRY_BYTES >= self._limit

    def note(self, data: bytes, position: int, count: int, base_offset: int, least: int) -> int:
        """Note the keys of count records at position, of those from the offset least on; return where they end."""
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
        """Make `offsets`, in small steps; nothing may be noted afterwards."""
        values = iter(self._newest.values())
        while piece := tuple(islice(values, _PIECE)):
            self.offsets.update(piece)
            yield
