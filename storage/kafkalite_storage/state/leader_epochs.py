"""Which leader epoch wrote which offsets of a partition (KIP-101), kept in `leader-epoch-checkpoint`."""

from bisect import bisect_right
from collections.abc import Iterable
from logging import getLogger
from typing import Final

from kafkalite_storage.files.checkpoints import LEADER_EPOCHS, decode_epochs, encode_epochs
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_wire.records import BatchHeader

log = getLogger("kafkalite.storage")

#: The answer of OffsetForLeaderEpoch where nothing is known.
UNDEFINED: Final = (-1, -1)


class LeaderEpochs:
    """Pairs of epoch and first offset, both increasing.

    Changes are in memory until `flush`. A crash before it loses none, because recovery assigns the epochs of all
    batches that it checks, and those are at least the ones since the last flush.
    """

    __slots__ = ("_fs", "_saved", "entries", "is_lost", "path")

    def __init__(self, fs: FileSystem, directory: str) -> None:
        self._fs = fs
        self.path = f"{directory}/{LEADER_EPOCHS}"
        #: Replaced as a whole on each change, because `flush` may run in another thread.
        self.entries: list[tuple[int, int]] = []
        #: Whether the file is missing, empty or damaged: the batches hold the same epochs.
        self.is_lost = True
        if fs.exists(self.path):
            try:
                content = fs.read(self.path)
                self.entries = decode_epochs(content)
                self.is_lost = not content
            except ValueError as error:  # a cache: batches carry their epochs themselves
                log.warning("%s is damaged (%s); it is rebuilt from the batches", self.path, error)
                self.entries = []
        self._saved = self.entries

    def begin_after(self, offset: int) -> bool:
        """Return whether no epoch is known for an offset that the log holds.

        So it is after a crash that took back a deletion of records, of which the epochs knew already.
        """
        return not self.entries or self.entries[0][1] > offset

    def rebuild(self, headers: Iterable[BatchHeader], log_start_offset: int) -> None:
        """Learn the epochs from all batches; the first one counts from the start of the log."""
        self.entries = []
        for header in headers:
            offset = header.base_offset if self.entries else min(header.base_offset, log_start_offset)
            self.assign(header.partition_leader_epoch, offset)
        self.is_lost = False

    @property
    def is_saved(self) -> bool:
        """Whether the file is up to date."""
        return self.entries is self._saved

    @property
    def latest(self) -> int:
        """The newest epoch with a batch, -1 if there is none."""
        return self.entries[-1][0] if self.entries else -1

    def assign(self, epoch: int, offset: int) -> None:
        """Note that an epoch starts to write at an offset."""
        if epoch > self.latest:
            self.entries = [*(entry for entry in self.entries if entry[1] < offset), (epoch, offset)]

    def end_offset(self, epoch: int, current: int, log_end_offset: int) -> tuple[int, int]:
        """Return the largest epoch up to the one asked for, and the offset where it ended.

        The current epoch counts from the moment it leads, before it has written anything.
        """
        if epoch < 0 or epoch > current:
            return UNDEFINED
        if epoch == current:
            return epoch, log_end_offset
        entries = self.entries if current <= self.latest else [*self.entries, (current, log_end_offset)]
        following = bisect_right(entries, epoch, key=lambda entry: entry[0])
        if following == 0:
            return epoch, entries[0][1]
        return entries[following - 1][0], entries[following][1]

    def epoch_of(self, offset: int) -> int:
        """Return the epoch that wrote an offset, -1 if that is not known."""
        at = bisect_right(self.entries, offset, key=_start) - 1
        return self.entries[at][0] if at >= 0 else -1

    def truncate_to(self, offset: int) -> None:
        """Forget the epochs that start at or after an offset."""
        kept = [entry for entry in self.entries if entry[1] < offset]
        if len(kept) < len(self.entries):
            self.entries = kept

    def forget_before(self, offset: int) -> None:
        """Forget the epochs that ended at or before an offset; the one that wrote it begins there now."""
        current = sum(start <= offset for _, start in self.entries) - 1
        if current < 0:
            return
        entries = [(self.entries[current][0], offset), *self.entries[current + 1 :]]
        if entries != self.entries:
            self.entries = entries

    def flush(self, *, sync: bool = True) -> None:
        """Write the file if it is out of date, and sync it unless sync is False."""
        entries = self.entries
        if entries is not self._saved:
            self._fs.replace(self.path, encode_epochs(entries), sync=sync)
            self._saved = entries


def _start(entry: tuple[int, int]) -> int:
    return entry[1]
