"""Check the batch that a search by offset passed last, before the search says that its offset is in no batch.

A search reads headers only. Where compaction took batches away, a last offset delta that is damaged, or a length,
looks like one more gap, and hides the records that a reader asks for.
"""

from typing import Protocol

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.filesystem import File
from kafkalite_storage.segment.verified_ranges import VerifiedRanges
from kafkalite_wire.records import CorruptBatch, check_batch


class Searched(Protocol):
    """What a search walks through."""

    verified: VerifiedRanges

    @property
    def name(self) -> str:
        """Path of the file."""
        ...

    def log_file(self) -> File:
        """Return the file."""
        ...


def check_passed(searched: Searched, start: int, end: int) -> None:
    """Raise DamagedLog unless the batch from position start to end, if there is one, is sound.

    What was written or served by this process is not read again.
    """
    if start >= end or searched.verified.covers(start, end):
        return
    try:
        check_batch(searched.log_file().read_at(start, end - start))
    except CorruptBatch as problem:
        raise DamagedLog(f"{searched.name} is damaged at byte {start}: {problem}") from None
