"""Which part of a log is on disk: up to which offset, what is left to sync, and what a failed sync may have lost."""

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.segments import LogSegments
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_wire.values import value_class


@value_class
class SyncMark:
    """The state of a log when a sync of the whole disk began: its end, its cuts, its closed segments."""

    end: int
    cuts: int
    sealed: int


class LogDurability:
    """Syncs a log and keeps the offset up to which it is on disk.

    `flush`, `begin_sync` and `end_sync` may run in another thread than appends and reads; they raise OSError.
    """

    __slots__ = (
        "_caches_sync_failed",
        "_cuts",
        "_directory",
        "_epochs",
        "_fs",
        "_log_sync_failed",
        "_sealed",
        "_segments",
        "caches_point",
        "names_unsynced",
        "recovery_point",
    )

    def __init__(
        self,
        fs: FileSystem,
        directory: str,
        segments: LogSegments,
        epochs: LeaderEpochs,
        recovery_point: int,
        *,
        was_closed: bool,
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._segments = segments
        self._epochs = epochs
        #: Everything below is on disk.
        self.recovery_point = recovery_point
        #: Everything below is on disk with its indexes and epochs: a recovery checks the log from here.
        self.caches_point = recovery_point
        #: Whether some name in the directory may not be on disk yet.
        self.names_unsynced = True
        #: Counts the cuts, so that a flush in another thread does not take later records for those that it synced.
        self._cuts = 0
        #: Closed segments whose last index entries are not on disk; after an unclean stop, possibly all.
        self._sealed = (
            []
            if was_closed
            else [
                segment
                for segment, following in zip(segments.all, segments.bases[1:], strict=False)
                if following >= recovery_point
            ]
        )
        #: Whether the last sync failed, of the log and of its caches; see `SegmentFiles.rewrite_log`.
        self._log_sync_failed = self._caches_sync_failed = False

    def note_sealed(self, segment: Segment) -> None:
        """Note that a segment got its last index entries."""
        self._sealed.append(segment)

    def begin_cut(self) -> None:
        """Invalidate syncs in progress, because the end of the log is about to be cut off."""
        self._cuts += 1

    def end_cut(self, end: int) -> None:
        """Note that the log ends at an offset now."""
        self.recovery_point = min(self.recovery_point, end)
        self.caches_point = min(self.caches_point, end)

    def sync_names(self) -> None:
        """Sync the directory if it has new names."""
        if self.names_unsynced:
            self._fs.sync_directory(self._directory)
            self.names_unsynced = False

    def flush(self, end: int, *, caches: bool) -> None:
        """Sync everything up to the end of the log, with caches its indexes and epochs too."""
        done = self.caches_point if caches else self.recovery_point
        sealed = list(self._sealed) if caches else []
        if done >= end and not sealed and (self._epochs.is_saved or not caches):
            return
        cuts = self._cuts
        names_unsynced, self.names_unsynced = self.names_unsynced, False
        try:
            for segment in dict.fromkeys((*sealed, *self._segments.since(done))):
                self._sync_segment(segment, end, caches=caches)
            if caches:
                self._epochs.flush()
            if caches or names_unsynced:
                self._fs.sync_directory(self._directory)
            if self.recovery_point == 0:
                self._fs.sync_directory(self._directory.rpartition("/")[0])
        except OSError:
            self._log_sync_failed = self._caches_sync_failed = self.names_unsynced = True
            raise
        if cuts != self._cuts:
            return
        self._log_sync_failed = False
        if caches:
            del self._sealed[: len(sealed)]
            self._caches_sync_failed = False
            self.caches_point = end
        self.recovery_point = max(self.recovery_point, end)

    def _sync_segment(self, segment: Segment, end: int, *, caches: bool) -> None:
        try:
            if self._log_sync_failed:
                segment.files.rewrite_log(self.recovery_point, end)
            if caches and self._caches_sync_failed:
                segment.files.rewrite_indexes()
            segment.files.sync(indexes=caches)
        except FileNotFoundError:
            if segment in self._segments:  # else its records have been deleted
                raise

    def begin_sync(self, end: int) -> SyncMark | None:
        """Write the caches that a sync of the whole disk covers; None where there is nothing, or `flush` is needed."""
        if self._log_sync_failed or self._caches_sync_failed:
            return None
        if self.caches_point >= end and not self._sealed and self._epochs.is_saved:
            return None
        self._epochs.flush(sync=False)
        return SyncMark(end, self._cuts, len(self._sealed))

    def end_sync(self, mark: SyncMark) -> None:
        """Note that everything up to a mark is on disk, because the disk was synced as a whole."""
        if mark.cuts == self._cuts:
            del self._sealed[: mark.sealed]
            self.caches_point = max(self.caches_point, mark.end)
            self.recovery_point = max(self.recovery_point, mark.end)
