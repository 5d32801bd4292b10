"""The `.txnindex` beside a segment: the aborted transactions whose markers lie in it (KIP-98).

A read-committed consumer gets them with its records, so that it can skip what was aborted.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_wire.values import value_class

_ENTRY: Final = Struct(">hqqqq")
TRANSACTION_ENTRY_SIZE: Final = _ENTRY.size
TRANSACTION_ENTRY_VERSION: Final = 0


@value_class(kw_only=True)
class AbortedTransaction:
    """An aborted transaction; last_offset is its marker's, last_stable_offset the log's just after."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class TransactionIndex:
    """The file of one segment; most segments have none."""

    __slots__ = ("_fs", "path")

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self.path = path

    def __iter__(self) -> Iterator[AbortedTransaction]:
        """Yield the entries in the order of their markers."""
        if not self._fs.exists(self.path):
            return
        for _, aborted in decode_transactions(self._fs.read(self.path)):
            yield aborted

    def exists(self) -> bool:
        """Return whether there is a file."""
        return self._fs.exists(self.path)

    def read(self) -> list[AbortedTransaction] | None:
        """Return the entries, none where there is no file; None if the file is damaged."""
        content = self._fs.read(self.path) if self.exists() else b""
        entries = list(decode_transactions(content))
        if len(content) % _ENTRY.size or any(version != TRANSACTION_ENTRY_VERSION for version, _ in entries):
            return None
        return [aborted for _, aborted in entries]

    def replace(self, entries: Iterable[AbortedTransaction]) -> None:
        """Replace all entries."""
        self._fs.replace(self.path, b"".join(map(_packed, entries)), sync=False)

    def append(self, aborted: AbortedTransaction) -> None:
        """Add an entry at the end."""
        self._fs.open(self.path, create=True).append((_packed(aborted),), _ENTRY.size)

    def keep_before(self, offset: int) -> None:
        """Drop the transactions that ended at or after an offset."""
        kept = sum(entry.last_offset < offset for entry in self) * _ENTRY.size
        if not kept:
            self._fs.remove(self.path)
            return
        file = self._fs.open(self.path)
        if file.size() != kept:  # a part of an entry, too, which a failed write left
            file.truncate(kept)


def decode_transactions(content: bytes) -> Iterator[tuple[int, AbortedTransaction]]:
    """Yield version and content of each whole entry of a `.txnindex`."""
    for entry in _ENTRY.iter_unpack(content[: len(content) // _ENTRY.size * _ENTRY.size]):
        version, producer_id, first_offset, last_offset, last_stable_offset = entry
        yield (
            version,
            AbortedTransaction(
                producer_id=producer_id,
                first_offset=first_offset,
                last_offset=last_offset,
                last_stable_offset=last_stable_offset,
            ),
        )


def _packed(aborted: AbortedTransaction) -> bytes:
    return _ENTRY.pack(
        TRANSACTION_ENTRY_VERSION,
        aborted.producer_id,
        aborted.first_offset,
        aborted.last_offset,
        aborted.last_stable_offset,
    )
