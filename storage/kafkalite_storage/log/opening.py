"""Open a partition's directory: find its files, recover what a crash left, and load what a log knows in memory."""

from dataclasses import replace
from logging import getLogger

from kafkalite_storage.errors import DamagedLog
from kafkalite_storage.files.checkpoints import LOG_START_OFFSETS
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.durability import LogDurability
from kafkalite_storage.log.segments import LogSegments
from kafkalite_storage.log.state import LogState
from kafkalite_storage.recovery.epoch_verifier import correct_epochs
from kafkalite_storage.recovery.recovery import Directory, Recovery, load_clean, load_producers, read_directory, recover
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_wire.records import CorruptBatch

log = getLogger("kafkalite.storage")


def open_directory(
    fs: FileSystem,
    files: FileHandleCache,
    directory: str,
    *,
    index_interval: int,
    recovery_point: int | None,
    clean: bool,
    log_start_offset: int,
    may_have_gaps: bool,
    is_unused: bool,
) -> LogState:
    """Open the directory, making it if it is new; see `PartitionLog.open`. Raises OSError and DamagedLog."""
    if is_unused:
        found = Directory()
    else:
        fs.make_directory(directory)
        found = read_directory(fs, files, directory)
    epochs = LeaderEpochs(fs, directory)
    is_new = not found.segments
    if is_new:
        segment = Segment(fs, files, directory, log_start_offset)
        if is_unused:
            segment.begin_without_file()
        else:
            segment.create()
        found.segments.append(segment)
        end_offset = trusted_offset = log_start_offset
        recovery = Recovery()
    else:
        log_start_offset = _agreed_log_start(epochs, log_start_offset, found.segments[0].base_offset, clean=clean)
        end_offset, trusted_offset, recovery = _load(
            found,
            epochs,
            clean=clean,
            recovery_point=recovery_point,
            index_interval=index_interval,
            may_have_gaps=may_have_gaps,
        )
    if end_offset < log_start_offset:  # all records were deleted: start there, as Kafka does
        for segment in reversed(found.segments):
            segment.files.delete()
        found.segments[:] = [_first_segment(fs, files, directory, log_start_offset)]
        end_offset = trusted_offset = log_start_offset
    if not is_new and not epochs.is_lost:
        correct_epochs(epochs, found.segments, log_start_offset, end_offset)
    epochs.truncate_to(end_offset)
    if not is_new and (epochs.is_lost or epochs.begin_after(log_start_offset)):
        headers = (header for segment in found.segments for header in segment.headers())
        epochs.rebuild(headers, log_start_offset)
    epochs.forget_before(log_start_offset)
    producers = load_producers(
        fs,
        directory,
        found,
        log_start_offset=log_start_offset,
        end_offset=end_offset,
        trusted_offset=trusted_offset,
    )
    segments = LogSegments(fs, files, directory, found.segments)
    point = end_offset if clean else min(recovery_point or 0, end_offset)
    return LogState(
        fs=fs,
        directory=directory,
        segments=segments,
        producers=producers,
        epochs=epochs,
        durability=LogDurability(fs, directory, segments, epochs, point, was_closed=clean),
        recovery=recovery,
        log_start_offset=log_start_offset,
        lacks_indexes=is_new or not clean,
        may_have_gaps=may_have_gaps,
    )


def _first_segment(fs: FileSystem, files: FileHandleCache, directory: str, offset: int) -> Segment:
    segment = Segment(fs, files, directory, offset)
    segment.create()
    return segment


def _load(
    found: Directory,
    epochs: LeaderEpochs,
    *,
    clean: bool,
    recovery_point: int | None,
    index_interval: int,
    may_have_gaps: bool,
) -> tuple[int, int, Recovery]:
    """Return the end offset, the offset from which batches were checked, and what was done."""
    known_end = recovery_point or 0
    if not clean:
        return recover(found, known_end, index_interval, epochs, known_end=known_end, may_have_gaps=may_have_gaps)
    try:
        end_offset = load_clean(found)
        if recovery_point is not None and end_offset != recovery_point:
            raise ValueError(f"{found.segments[-1].name} ends at offset {end_offset}, not at {recovery_point}")
    except (ValueError, CorruptBatch, DamagedLog) as error:
        # The files were changed since: check the whole last segment.
        last = found.segments[-1].base_offset
        end_offset, trusted_offset, recovery = recover(
            found,
            last,
            index_interval,
            epochs,
            known_end=known_end,
            may_have_gaps=may_have_gaps,
            was_closed=recovery_point is not None,
        )
        return end_offset, trusted_offset, replace(recovery, reason=recovery.reason or str(error))
    return end_offset, end_offset, Recovery()


def _agreed_log_start(epochs: LeaderEpochs, said: int, first_offset: int, *, clean: bool) -> int:
    """Return the log start offset, which the checkpoint and the first of the leader epochs both say.

    A deletion of records writes the epochs before the checkpoint, so after a crash the epochs may be ahead. In any
    other case the two must agree, and where they do not, the lower one is taken: a record that comes back is deleted
    once more, one that is hidden by a flipped bit is lost.
    """
    log_start_offset = max(said, first_offset)
    if epochs.is_lost or not epochs.entries:
        return log_start_offset
    beginning = max(epochs.entries[0][1], first_offset)
    if beginning == log_start_offset or (beginning > log_start_offset and not clean):
        return log_start_offset
    lower = min(beginning, log_start_offset)
    log.warning(
        "%s says that a log begins at offset %d, %s says %d: records from %d on are served",
        LOG_START_OFFSETS,
        log_start_offset,
        epochs.path,
        beginning,
        lower,
    )
    return lower
